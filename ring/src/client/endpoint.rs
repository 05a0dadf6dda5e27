//! Where the daemon is, and the stream to it.

use std::{
    env,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::net::SendFlags;

use super::{Error, rings::RingStream};

/// The daemon's run directory where `XENSTORED_RUNDIR` doesn't say otherwise.
pub const DEFAULT_RUNDIR: &str = "/var/run/xenstored";
/// The kernel's way to the daemon, for a guest or a dom0 without its socket.
pub const DEVICE: &str = "/dev/xen/xenbus";
/// The same on old kernels.
pub const OLD_DEVICE: &str = "/proc/xen/xenbus";

/// A connection to the daemon: its socket, or the kernel's device.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// The daemon's Unix socket.
    Socket(UnixStream),
    /// The kernel's device.
    Device(File),
    /// Rings in a memory file ([`Client::share_rings`](super::Client::share_rings)).
    Rings(Box<RingStream>),
}

impl Stream {
    /// Opens a path: a socket is connected to, anything else opened as a device.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub fn open(path: impl AsRef<Path>) -> Result<Stream, Error> {
        let path = path.as_ref();
        let open = || {
            if std::fs::metadata(path)?.file_type().is_socket() {
                UnixStream::connect(path).map(Stream::Socket)
            } else {
                OpenOptions::new().read(true).write(true).open(path).map(Stream::Device)
            }
        };
        open().map_err(|source| Error::Unreachable { path: path.into(), source })
    }

    /// Opens the first place of [`places`] that answers.
    ///
    /// # Errors
    /// [`Error::Unreachable`], for the last place.
    pub fn open_default() -> Result<Stream, Error> {
        let [first, second] = places();
        Stream::open(first).or_else(|_| Stream::open(second))
    }

    /// Bounds how long a read may wait; a device has no such bound.
    ///
    /// # Errors
    /// For a device, and for a timeout of zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Socket(socket) => socket.set_read_timeout(timeout),
            Stream::Device(_) => Err(io::ErrorKind::Unsupported.into()),
            Stream::Rings(rings) => rings.socket().set_read_timeout(timeout),
        }
    }

    /// Bounds how long a write may wait; a device has no such bound.
    ///
    /// # Errors
    /// As [`Stream::set_read_timeout`].
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Socket(socket) => socket.set_write_timeout(timeout),
            Stream::Device(_) => Err(io::ErrorKind::Unsupported.into()),
            Stream::Rings(rings) => rings.socket().set_write_timeout(timeout),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Socket(socket) => socket.read(buf),
            Stream::Device(device) => device.read(buf),
            Stream::Rings(rings) => rings.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            // A daemon that is gone is an error, and no signal that ends the program.
            Stream::Socket(socket) => Ok(rustix::net::send(socket, buf, SendFlags::NOSIGNAL)?),
            Stream::Device(device) => device.write(buf),
            Stream::Rings(rings) => rings.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Socket(socket) => socket.as_fd(),
            Stream::Device(device) => device.as_fd(),
            Stream::Rings(rings) => rings.socket().as_fd(),
        }
    }
}

/// Where a daemon is looked for, in this order, as libxenstore does: the path in
/// `XENSTORED_PATH`, else `socket` in the directory in `XENSTORED_RUNDIR`, else
/// `/var/run/xenstored/socket`; then `XENSTORED_PATH` again, else the kernel's device.
#[must_use]
pub fn places() -> [PathBuf; 2] {
    let device = if Path::new(DEVICE).exists() { DEVICE } else { OLD_DEVICE };
    places_from(|name| env::var_os(name), device)
}

fn places_from(variable: impl Fn(&str) -> Option<OsString>, device: &str) -> [PathBuf; 2] {
    if let Some(path) = variable("XENSTORED_PATH") {
        let path = PathBuf::from(path);
        return [path.clone(), path];
    }
    let rundir = variable("XENSTORED_RUNDIR").unwrap_or_else(|| DEFAULT_RUNDIR.into());
    [PathBuf::from(rundir).join("socket"), device.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> [PathBuf; 2] {
        let find = |name: &str| vars.iter().find(|v| v.0 == name).map(|v| OsString::from(v.1));
        places_from(find, DEVICE)
    }

    #[test]
    fn the_environment_decides_where_the_daemon_is() {
        let device = PathBuf::from(DEVICE);
        assert_eq!(with(&[]), ["/var/run/xenstored/socket".into(), device.clone()]);
        assert_eq!(with(&[("XENSTORED_RUNDIR", "/r")]), ["/r/socket".into(), device]);
        let both = [("XENSTORED_RUNDIR", "/r"), ("XENSTORED_PATH", "/p")];
        assert_eq!(with(&both), [PathBuf::from("/p"), "/p".into()]);
    }

    #[test]
    fn a_missing_daemon_is_named() {
        let error = Stream::open("/nonexistent/socket").map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("no xenstored at /nonexistent/socket: "));
    }
}
