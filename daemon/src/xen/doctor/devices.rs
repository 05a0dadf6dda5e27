//! Xen's devices and files, one by one.

use std::{fmt, fs, os::unix::fs::MetadataExt};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};

use crate::xen::device::{EVTCHN, GNTDEV, HYPERCALL, PRIVCMD, XSD_KVA, XSD_PORT};

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

impl Finding {
    pub(super) fn of(path: &'static str, purpose: &'static str) -> Finding {
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

    /// What to do about it, where it can't be used and there is a Xen.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match (self.access, self.path) {
            (Access::Usable, _) => None,
            (Access::Refused(Errno::ACCESS | Errno::PERM), _) => Some("run as root"),
            (Access::Refused(Errno::NOENT | Errno::NODEV | Errno::NXIO), _) => {
                Some("the kernel has the device, but no Xen below it")
            }
            (Access::Refused(_), _) => Some("is another xenstored at work?"),
            (Access::Missing, EVTCHN) => Some("modprobe xen-evtchn"),
            (Access::Missing, GNTDEV) => Some("modprobe xen-gntdev"),
            (Access::Missing, PRIVCMD | HYPERCALL) => Some("modprobe xen-privcmd"),
            (Access::Missing, XSD_KVA | XSD_PORT) => Some("mount -t xenfs xenfs /proc/xen"),
            (Access::Missing, _) => Some("see the kernel's configuration"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {}", self.path, self.access)?;
        if let Some((mode, uid, gid)) = self.owner {
            write!(f, " (mode {mode:04o}, user {uid}, group {gid})")?;
        }
        write!(f, ": {}", self.purpose)
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
