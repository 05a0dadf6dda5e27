//! Who is at work already: at the socket, and by the pid file.
//!
//! Nothing is locked, since a daemon that starts at that moment would find it locked: who holds a
//! lock is asked of the kernel.

use std::{
    fmt, fs,
    io::{Read, Write},
    os::unix::{fs::FileTypeExt, fs::MetadataExt, net::UnixStream},
    path::Path,
};

use myriad_ring::v1::{HEADER_LEN, Header, Op};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::socket_peercred,
    },
};

use crate::xen::limits::ANSWER_WITHIN;

/// Who answers at the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// It doesn't exist.
    Absent,
    /// It is left over: nobody listens.
    Stale,
    /// Something else lies there.
    NoSocket,
    /// A process listens.
    Served {
        /// Its id.
        pid: i32,
        /// Its program's name.
        name: String,
        /// Whether it answers a request in time.
        answers: bool,
    },
    /// It can't be told.
    Unknown(Errno),
}

/// Whom the pid file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PidFileState {
    /// It doesn't exist.
    Absent,
    /// A process holds a lock on it: its id and program.
    Held(i32, String),
    /// Nobody holds it, though the process that it names may run.
    Stale(String),
    /// It can't be told.
    Unknown(String),
}

impl SocketState {
    pub(super) fn of(path: &Path) -> SocketState {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return SocketState::NoSocket,
            _ => {}
        }
        match connect_to(path) {
            Ok(state) => state,
            Err(Errno::NOENT) => SocketState::Absent,
            Err(Errno::CONNREFUSED) => SocketState::Stale,
            Err(errno) => SocketState::Unknown(errno),
        }
    }
}

fn connect_to(path: &Path) -> Result<SocketState, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address)?;
    let pid = socket_peercred(&socket)?.pid.as_raw_nonzero().get();
    let answers = asks(UnixStream::from(socket)).is_ok();
    Ok(SocketState::Served { pid, name: program(pid), answers })
}

/// Asks for the root's value: what any xenstored has.
fn asks(mut socket: UnixStream) -> std::io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN))?;
    socket.set_write_timeout(Some(ANSWER_WITHIN))?;
    let header = Header { op: Op::Read as u32, req_id: 1, tx_id: 0, len: 2 };
    socket.write_all(&[&header.to_bytes()[..], b"/\0"].concat())?;
    let mut reply = [0; HEADER_LEN];
    socket.read_exact(&mut reply)?;
    let is_right = Header::from_bytes(reply).op == Op::Read as u32;
    if is_right { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}

/// The name of a process's program.
fn program(pid: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|error| error.to_string(), |name| name.trim_end().to_owned())
}

impl PidFileState {
    pub(super) fn of(path: &Path) -> PidFileState {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return PidFileState::Absent;
            }
            Err(error) => return PidFileState::Unknown(error.to_string()),
        };
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        if let Some(pid) = holder(&locks, found.ino()) {
            return PidFileState::Held(pid, program(pid));
        }
        match fs::read_to_string(path) {
            Ok(text) => PidFileState::Stale(text.trim().escape_default().to_string()),
            Err(error) => PidFileState::Unknown(error.to_string()),
        }
    }
}

/// Who holds a lock on a file, by its inode, as `/proc/locks` tells it.
pub(super) fn holder(locks: &str, inode: u64) -> Option<i32> {
    locks.lines().find_map(|line| {
        // 1: FLOCK  ADVISORY  WRITE 708 00:13:1022 0 EOF
        let mut words = line.split_ascii_whitespace().skip(4);
        let (pid, file) = (words.next()?, words.next()?);
        let is_it = file.rsplit(':').next()?.parse() == Ok(inode);
        is_it.then(|| pid.parse().ok())?
    })
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketState::Absent => f.write_str("absent"),
            SocketState::Stale => f.write_str("left over, nobody listens"),
            SocketState::NoSocket => f.write_str("is no socket"),
            SocketState::Served { pid, name, answers } => {
                let how = if *answers { "which answers" } else { "which doesn't answer" };
                write!(f, "served by process {pid} ({name}), {how}")
            }
            SocketState::Unknown(errno) => write!(f, "can't be told: {errno}"),
        }
    }
}

impl fmt::Display for PidFileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PidFileState::Absent => f.write_str("absent"),
            PidFileState::Held(pid, name) => write!(f, "held by process {pid} ({name})"),
            PidFileState::Stale(text) => write!(f, "left over from process {text}"),
            PidFileState::Unknown(error) => write!(f, "can't be told: {error}"),
        }
    }
}
