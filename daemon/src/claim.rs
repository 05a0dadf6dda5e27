//! What a running daemon owns on the file system: its pid file and its socket.
//!
//! Invariants:
//! - at most one process holds a pid file, and at most one a socket's path: each is claimed by a
//!   lock that the kernel drops when the process ends, however it ends;
//! - a running daemon's socket is never removed by another (C's `init_sockets` does that), a dead
//!   one's is;
//! - the socket is never reachable by others than its owner, not even for a moment.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fd::OwnedFd,
    fs::{FlockOperation, Mode, flock},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

mod error;

pub use error::ClaimError;

use crate::limits;

/// A pid file that this process holds. Dropping it removes the file.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Locks the file, and writes the pid of this process to it.
    ///
    /// # Errors
    /// [`ClaimError::PidFileHeld`] by another process; what the system refuses.
    pub fn claim(path: &Path) -> Result<PidFile, ClaimError> {
        let system = |what| move |source| ClaimError::System { what, path: path.into(), source };
        let mut file = lock_file(path)?.ok_or_else(|| ClaimError::PidFileHeld {
            path: path.into(),
            pid: std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()),
        })?;
        file.set_len(0).map_err(system("empty"))?;
        writeln!(file, "{}", std::process::id()).map_err(system("write to"))?;
        Ok(PidFile { path: path.into(), file })
    }

    /// The pid that the file holds.
    ///
    /// # Errors
    /// What the system refuses, and a text that is no number.
    pub fn pid(&mut self) -> io::Result<u32> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text)?;
        text.trim().parse().map_err(io::Error::other)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Gone already, or not ours to remove any more: either way there is nothing left to do.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The listening socket. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: OwnedFd,
    /// Held until the process ends. Its file stays: removing it would let two daemons each lock
    /// a file of that name.
    _lock: File,
}

impl Socket {
    /// Listens on the path, after removing what a dead daemon left there.
    ///
    /// # Errors
    /// [`ClaimError`]: the path is served, or something else, or too long, or refused.
    pub fn claim(path: &Path) -> Result<Socket, ClaimError> {
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let served = || ClaimError::SocketServed { path: path.into() };
        // C's daemon takes no lock, so it's told by its answering.
        let lock = lock_file(Path::new(&lock_path))?.ok_or_else(served)?;
        match std::fs::symlink_metadata(path) {
            Ok(meta) if !meta.file_type().is_socket() => {
                return Err(ClaimError::NoSocket { path: path.into() });
            }
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(served()),
            Ok(_) => std::fs::remove_file(path).map_err(|source| ClaimError::System {
                what: "remove the stale socket",
                path: path.into(),
                source,
            })?,
            Err(_) => {}
        }
        let listener = listen(path)?;
        Ok(Socket { path: path.into(), listener, _lock: lock })
    }

    /// What to accept connections from. It doesn't block.
    #[must_use]
    pub fn listener(&self) -> &OwnedFd {
        &self.listener
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A listening Unix socket at a free path, for its owner alone (mode 0600). It doesn't block.
///
/// It appears there when it listens: who finds it can connect.
///
/// # Errors
/// [`ClaimError::TooLong`], or what the system refuses.
pub fn listen(path: &Path) -> Result<OwnedFd, ClaimError> {
    let system = |what| {
        move |source: Errno| ClaimError::System { what, path: path.into(), source: source.into() }
    };
    let too_long = || ClaimError::TooLong { path: path.into() };
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    let hidden = path.with_file_name(hidden);
    let address = SocketAddrUnix::new(hidden.as_os_str().as_bytes()).map_err(|_| too_long())?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(system("make the socket"))?;
    // On Linux the file gets the mode that the socket has when it is bound.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(system("restrict the socket"))?;
    // Left by a daemon that was killed right here, if it is there at all.
    let _ = std::fs::remove_file(&hidden);
    rustix::net::bind(&socket, &address).map_err(system("bind the socket"))?;
    rustix::net::listen(&socket, limits::LISTEN_BACKLOG).map_err(system("listen on"))?;
    rustix::fs::rename(&hidden, path).map_err(system("put the socket at"))?;
    Ok(socket)
}

/// Opens and locks a file; nothing if another process holds it.
fn lock_file(path: &Path) -> Result<Option<File>, ClaimError> {
    let system = |what| move |source| ClaimError::System { what, path: path.into(), source };
    for _ in 0..limits::LOCK_ATTEMPTS {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(system("open"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(system("lock")(error.into())),
        }
        // Its last holder may have removed the name since it was opened: then lock the new one.
        let named = std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
        let ours = file.metadata().map_err(system("look at"))?;
        if named == Some((ours.dev(), ours.ino())) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pid_file_is_held_by_one_and_removed_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let mut held = PidFile::claim(&path).unwrap();
        assert_eq!(held.pid().unwrap(), std::process::id());
        let error = PidFile::claim(&path).unwrap_err();
        assert!(matches!(&error, ClaimError::PidFileHeld { pid: Some(_), .. }), "{error}");
        assert!(error.to_string().contains(&std::process::id().to_string()));
        drop(held);
        assert!(!path.exists());
        PidFile::claim(&path).unwrap();
    }

    #[test]
    fn a_dead_daemons_pid_file_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        std::fs::write(&path, "123456789\n").unwrap();
        assert_eq!(PidFile::claim(&path).unwrap().pid().unwrap(), std::process::id());
    }

    #[test]
    fn a_socket_is_its_owners_and_a_second_claim_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let held = Socket::claim(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Socket::claim(&path), Err(ClaimError::SocketServed { .. })));
        UnixStream::connect(&path).unwrap();
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_daemons_socket_is_replaced_and_a_live_foreign_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        drop(listen(&path).unwrap());
        assert!(path.exists());
        drop(Socket::claim(&path).unwrap());
        let _foreign = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(Socket::claim(&path), Err(ClaimError::SocketServed { .. })));
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(Socket::claim(&path), Err(ClaimError::NoSocket { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        let long = dir.path().join("x".repeat(120));
        assert!(matches!(listen(&long), Err(ClaimError::TooLong { .. })));
        let all: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(all.iter().all(|name| name == "socket" || name == "socket.lock"), "{all:?}");
    }
}
