//! The devices and files of Xen's that a xenstored uses, by name.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};

use super::error::XenError;

/// Event channels.
pub const EVTCHN: &str = "/dev/xen/evtchn";
/// Pages that other domains grant.
pub const GNTDEV: &str = "/dev/xen/gntdev";
/// Hypercalls.
pub const PRIVCMD: &str = "/dev/xen/privcmd";
/// Memory for the arguments of hypercalls.
pub const HYPERCALL: &str = "/dev/xen/hypercall";
/// The control domain's own ring.
pub const XSD_KVA: &str = "/proc/xen/xsd_kva";
/// The event channel of the control domain's own ring.
pub const XSD_PORT: &str = "/proc/xen/xsd_port";
/// What this domain may: `control_d` for the control domain.
pub const CAPABILITIES: &str = "/proc/xen/capabilities";

/// What the hypervisor offers this domain, in hex; from sysfs, whether or not xenfs is mounted.
pub const FEATURES: &str = "/sys/hypervisor/properties/features";

/// What is opened after the start, too: by each domain that is mapped, and for the control domain's
/// own ring.
pub const OPENED_LATER: [&str; 3] = [GNTDEV, XSD_KVA, XSD_PORT];

/// Whether the kernel says that this is Xen's control domain.
#[must_use]
pub fn is_control_domain() -> bool {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    says_control(&read(CAPABILITIES), &read(FEATURES))
}

fn says_control(capabilities: &str, features: &str) -> bool {
    let features = u64::from_str_radix(features.trim(), 16).unwrap_or(0);
    capabilities.split_whitespace().any(|word| word == "control_d") || features & DOM0 != 0
}

/// `XENFEAT_dom0` (`xen/include/public/features.h`), as a bit.
const DOM0: u64 = 1 << 11;

pub(super) fn open_rw(path: &'static str) -> Result<OwnedFd, XenError> {
    try_open(path, OFlags::RDWR).map_err(|source| XenError::Open { path, source })
}

pub(super) fn open_nonblocking(path: &'static str) -> Result<OwnedFd, XenError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    try_open(path, flags).map_err(|source| XenError::Open { path, source })
}

pub(super) fn open_read(path: &'static str) -> Result<OwnedFd, XenError> {
    try_open(path, OFlags::RDONLY).map_err(|source| XenError::Open { path, source })
}

fn try_open(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    open(path, flags | OFlags::CLOEXEC, Mode::empty())
}

/// What a xenstored in the control domain needs, and what for.
pub const NEEDED: [(&str, &str); 6] = [
    (EVTCHN, "event channels"),
    (GNTDEV, "the rings of guests"),
    (PRIVCMD, "asking which domains there are"),
    (HYPERCALL, "memory for hypercalls"),
    (XSD_KVA, "the control domain's own ring"),
    (XSD_PORT, "its event channel"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_domain_is_known_with_and_without_xenfs() {
        assert!(says_control("control_d\n", ""));
        assert!(says_control("", "00002f05\n"));
        assert!(!says_control("", "00002705\n"));
        assert!(!says_control("\n", "") && !says_control("uncontrol_d", "x"));
    }
}
