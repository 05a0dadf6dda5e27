//! Turns options into a running log.

use std::{io, path::PathBuf};

use tracing::Metadata;
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use super::{
    Destination,
    sink::{Logs, Stream},
    syslog::Severity,
};
use crate::options::{AccessLog, LogFormat, Options};

/// Why the logs could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// the file of an option can't be opened
    #[error("can't open {path}, named by {option}: {source}; create its directory or name another")]
    Open {
        /// The option that named it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// the thread that writes them can't be started
    #[error("can't start the thread that writes the log: {0}")]
    Thread(io::Error),
    /// the process logs already
    #[error("the process has a log already: {0}")]
    Twice(#[from] TryInitError),
}

/// Opens the logs that the options ask for, and sends the process's messages there.
///
/// # Errors
/// [`LogError`]: a file can't be opened, or the process has logs already.
pub fn install(options: &Options) -> Result<Logs, LogError> {
    let main = match &options.trace_file {
        Some(path) => Destination::file(path).map_err(|source| LogError::Open {
            option: "--trace-file",
            path: path.clone(),
            source,
        })?,
        None if options.no_fork => Destination::Stderr,
        None => Destination::syslog(),
    };
    let access = match &options.access_log {
        AccessLog::Off => None,
        AccessLog::File(path) => Some(Destination::file(path).map_err(|source| {
            LogError::Open { option: "--access-log", path: path.clone(), source }
        })?),
    };
    let timed = !matches!(main, Destination::Syslog(_));
    let logs = Logs::start(main, access).map_err(LogError::Thread)?;
    logs.set_json(options.log_format == LogFormat::Json);
    for switch in &options.trace_control {
        logs.set_switch(switch.index, switch.on);
    }
    let level = if options.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let lines = Lines(logs.clone());
    let layer = fmt::layer().with_writer(lines).with_ansi(false).with_target(false);
    let layer = match (options.log_format, timed) {
        (LogFormat::Json, _) => layer.json().flatten_event(true).boxed(),
        (LogFormat::Text, true) => layer.boxed(),
        (LogFormat::Text, false) => layer.without_time().with_level(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(level)).try_init()?;
    Ok(logs)
}

/// Hands lines that `tracing` has formatted to the writer thread.
struct Lines(Logs);

struct Line<'a> {
    logs: &'a Logs,
    severity: Severity,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { logs: &self.0, severity: Severity::Info }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line { logs: &self.0, severity: Severity::of(*meta.level()) }
    }
}

impl io::Write for Line<'_> {
    /// `tracing` writes a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.logs.send(Stream::Main, self.severity, line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
