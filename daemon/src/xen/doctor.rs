//! What `myriad doctor` finds: whether a xenstored could serve this host, and if not, why.
//!
//! Nothing is changed: devices are opened and closed again, and the socket's owner is known from
//! the kernel, without a request.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::socket_peercred,
    },
};
use serde_json::{Value, json};

use super::{
    device::{CAPABILITIES, NEEDED, XSD_PORT},
    host::{Interface, XenHost},
};

/// What was found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Each device and file.
    pub devices: Vec<Finding>,
    /// Whether the kernel says that this is the control domain.
    pub control_domain: bool,
    /// What the hypervisor answered to, or why it didn't, in words.
    pub interface: Result<Interface, String>,
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Who owns it.
    pub owner: SocketState,
}

/// One device or file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// Its path.
    pub path: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// Mode bits, user and group, where it exists.
    pub owner: Option<(u32, u32, u32)>,
    /// Whether this process may use it.
    pub access: Access,
}

/// Whether something can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be opened.
    Usable,
    /// It isn't there.
    Missing,
    /// It is there, and can't be opened.
    Refused(Errno),
}

/// Who answers at the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// It doesn't exist.
    Absent,
    /// It is left over: nobody listens.
    Stale,
    /// A process listens: its id and name.
    Served(i32, String),
    /// It can't be told.
    Unknown(Errno),
}

/// What would happen if a xenstored were started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would serve this host.
    Serves,
    /// It would find another one at work.
    Occupied,
    /// It would fail: something is missing or refused.
    Fails,
    /// There is no Xen here: it would serve simulated guests alone.
    NoXen,
}

/// Looks at everything; `socket` is the daemon's.
#[must_use]
pub fn probe(socket: &Path) -> Diagnosis {
    let devices = NEEDED.map(|(path, purpose)| Finding::of(path, purpose)).into();
    let capabilities = fs::read_to_string(CAPABILITIES).unwrap_or_default();
    Diagnosis {
        devices,
        control_domain: capabilities.split_whitespace().any(|word| word == "control_d"),
        interface: XenHost::open().map(|host| host.interface()).map_err(|e| e.to_string()),
        socket: socket.into(),
        owner: SocketState::of(socket),
    }
}

impl Diagnosis {
    /// What would happen on start.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is = |access| move |finding: &Finding| finding.access == access;
        if self.devices.iter().all(is(Access::Missing)) {
            Verdict::NoXen
        } else if matches!(self.owner, SocketState::Served(..)) {
            Verdict::Occupied
        } else if self.interface.is_ok() && self.devices.iter().all(is(Access::Usable)) {
            Verdict::Serves
        } else {
            Verdict::Fails
        }
    }

    /// All of it, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let devices = self.devices.iter().map(|finding| {
            json!({
                "path": finding.path,
                "purpose": finding.purpose,
                "access": finding.access.to_string(),
                "mode": finding.owner.map(|(mode, ..)| format!("{mode:04o}")),
                "uid": finding.owner.map(|(_, uid, _)| uid),
                "gid": finding.owner.map(|(.., gid)| gid),
            })
        });
        let (xen, interface) = match &self.interface {
            Ok(found) => (Some(format!("{}.{}", found.xen.0, found.xen.1)), found.to_string()),
            Err(error) => (None, error.clone()),
        };
        let process = match &self.owner {
            SocketState::Served(pid, name) => Some(json!({ "pid": pid, "name": name })),
            _ => None,
        };
        json!({
            "verdict": self.verdict().name(),
            "devices": devices.collect::<Vec<_>>(),
            "control_domain": self.control_domain,
            "xen": xen,
            "interface": interface,
            "socket": { "path": self.socket.to_string_lossy(), "served_by": process,
                        "state": self.owner.to_string() },
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { path, purpose, owner, access } in &self.devices {
            write!(f, "{path:<20} {access}")?;
            if let Some((mode, uid, gid)) = owner {
                write!(f, " (mode {mode:04o}, user {uid}, group {gid})")?;
            }
            writeln!(f, ": {purpose}")?;
        }
        let control = if self.control_domain { "yes" } else { "no" };
        writeln!(f, "{:<20} {control}", "control domain")?;
        match &self.interface {
            Ok(interface) => writeln!(f, "{:<20} {interface}", "hypervisor")?,
            Err(error) => writeln!(f, "{:<20} {error}", "hypervisor")?,
        }
        writeln!(f, "{:<20} {}: {}", "socket", self.socket.display(), self.owner)?;
        writeln!(f, "{:<20} {}", "on start", self.verdict())
    }
}

impl Finding {
    fn of(path: &'static str, purpose: &'static str) -> Finding {
        let metadata = fs::metadata(path).ok();
        let owner = metadata.map(|found| (found.mode() & 0o7777, found.uid(), found.gid()));
        let flags = if path == XSD_PORT { OFlags::RDONLY } else { OFlags::RDWR };
        let access = match open(path, flags | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()) {
            Ok(_) => Access::Usable,
            Err(Errno::NOENT) => Access::Missing,
            Err(errno) => Access::Refused(errno),
        };
        Finding { path, purpose, owner, access }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Access::Usable => f.write_str("usable"),
            Access::Missing => f.write_str("missing"),
            Access::Refused(errno) => write!(f, "refused: {errno}"),
        }
    }
}

impl SocketState {
    fn of(path: &Path) -> SocketState {
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
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    let name = name.unwrap_or_else(|error: io::Error| error.to_string());
    Ok(SocketState::Served(pid, name.trim_end().to_owned()))
}

impl fmt::Display for SocketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketState::Absent => f.write_str("absent"),
            SocketState::Stale => f.write_str("left over, nobody listens"),
            SocketState::Served(pid, name) => write!(f, "served by process {pid} ({name})"),
            SocketState::Unknown(errno) => write!(f, "can't be told: {errno}"),
        }
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Serves => "serves",
            Verdict::Occupied => "occupied",
            Verdict::Fails => "fails",
            Verdict::NoXen => "no-xen",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Serves => "would serve this host",
            Verdict::Occupied => {
                "would refuse to start: another xenstored is at work; stop it first"
            }
            Verdict::Fails => "would fail: see above for what is missing or refused",
            Verdict::NoXen => "no Xen here: would serve sockets and simulated guests alone",
        })
    }
}

#[cfg(test)]
mod tests;
