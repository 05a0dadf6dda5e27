//! Where the lines of a log go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::syslog::{Severity, Syslog};

/// Where the lines of a log go.
#[derive(Debug)]
pub enum Destination {
    /// Standard error.
    Stderr,
    /// The system's log.
    Syslog(SystemLog),
    /// A file, appended to.
    File {
        /// Its name, for when it is opened again.
        path: PathBuf,
        /// It, while it's open.
        file: Option<File>,
    },
}

/// The way to the system's log.
#[derive(Debug, Default)]
pub struct SystemLog(Syslog);

impl Destination {
    /// The system's log.
    #[must_use]
    pub fn syslog() -> Destination {
        Destination::Syslog(SystemLog::default())
    }

    /// A file, opened now.
    ///
    /// # Errors
    /// What the system says.
    pub fn file(path: &Path) -> io::Result<Destination> {
        let file = Some(open(path)?);
        Ok(Destination::File { path: path.into(), file })
    }

    pub(super) fn reopen(&mut self) {
        if let Destination::File { path, file } = self {
            match open(path) {
                Ok(new) => *file = Some(new),
                // The old one goes on: lines in a renamed file beat no lines.
                Err(error) => note(file, &format!("can't reopen {}: {error}", path.display())),
            }
        }
    }

    pub(super) fn write(&mut self, severity: Severity, line: &[u8]) {
        match self {
            // A log that can't be written has nowhere to say so.
            Destination::Stderr => drop(io::stderr().write_all(line)),
            Destination::Syslog(log) => log.0.send(severity, line),
            Destination::File { file: Some(file), .. } => drop(file.write_all(line)),
            Destination::File { file: None, .. } => {}
        }
    }
}

/// Opens a log to append to, readable by root alone; never waits, even for a pipe's reader.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

fn note(file: &mut Option<File>, text: &str) {
    if let Some(file) = file {
        let _ = writeln!(file, "{text}");
    }
}
