//! What goes wrong with Xen's devices: which device, which domain, and what to do.

use std::path::PathBuf;

use myriad_core::DomId;
use rustix::io::Errno;

/// Why something could not be had from Xen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XenError {
    /// A device or file can't be opened.
    #[error("{path} can't be opened: {source}; {}", remedy_of_open(*source))]
    Open {
        /// The device or file.
        path: &'static str,
        /// What the kernel says.
        source: Errno,
    },
    /// A device refused something.
    #[error("{device}: {operation} failed: {source}; {remedy}")]
    Device {
        /// The device.
        device: &'static str,
        /// What was asked of it.
        operation: &'static str,
        /// What the kernel says.
        source: Errno,
        /// What to do.
        remedy: &'static str,
    },
    /// A device refused something that concerns a domain.
    #[error("{device}: {operation} of domain {domid} failed: {source}; {remedy}")]
    OfDomain {
        /// The device.
        device: &'static str,
        /// What was asked of it.
        operation: &'static str,
        /// The domain.
        domid: DomId,
        /// What the kernel or the hypervisor says.
        source: Errno,
        /// What to do.
        remedy: &'static str,
    },
    /// The file doesn't hold the number of a port.
    #[error(
        "{path} holds no event channel port; does another xenstored run in a domain of its own?"
    )]
    NoPort {
        /// The file.
        path: PathBuf,
    },
    /// The hypervisor knows none of the interface versions.
    #[error(
        "Xen {major}.{minor} answers to none of the interfaces of Xen 4.17 to 4.22 ({source}); \
         is this the control domain, and this daemon as new as the hypervisor?"
    )]
    Interface {
        /// The hypervisor's version.
        major: u16,
        /// Its second number.
        minor: u16,
        /// What it said last.
        source: Errno,
    },
    /// The hypervisor answered something else than its headers say.
    #[error("the hypervisor's answer to {operation} is not as Xen's headers say; report this")]
    Answer {
        /// What was asked.
        operation: &'static str,
    },
}

impl XenError {
    /// The system's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            XenError::Open { source, .. }
            | XenError::Device { source, .. }
            | XenError::OfDomain { source, .. }
            | XenError::Interface { source, .. } => Some(*source),
            XenError::NoPort { .. } | XenError::Answer { .. } => None,
        }
    }
}

fn remedy_of_open(source: Errno) -> &'static str {
    match source {
        Errno::NOENT | Errno::NXIO | Errno::NODEV => {
            "this must be Xen's control domain, with xenfs on /proc/xen and the modules \
             xen-evtchn, xen-gntdev and xen-privcmd loaded"
        }
        Errno::ACCESS | Errno::PERM => "only root of Xen's control domain may",
        Errno::MFILE | Errno::NFILE => "raise the limit of open files (LimitNOFILE=)",
        _ => "see the kernel's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_failed_and_what_to_do() {
        let open = XenError::Open { path: "/dev/xen/evtchn", source: Errno::NOENT };
        let text = open.to_string();
        assert!(text.starts_with("/dev/xen/evtchn can't be opened: No such file"), "{text}");
        assert!(text.ends_with("xen-privcmd loaded"), "{text}");
        assert_eq!(open.errno(), Some(Errno::NOENT));
        let device = XenError::OfDomain {
            device: "/dev/xen/gntdev",
            operation: "mapping grant 1",
            domid: DomId(7),
            source: Errno::INVAL,
            remedy: "the domain may have died",
        };
        let text = device.to_string();
        assert!(text.starts_with("/dev/xen/gntdev: mapping grant 1 of domain 7 failed"), "{text}");
        let interface = XenError::Interface { major: 5, minor: 0, source: Errno::ACCESS };
        assert!(interface.to_string().starts_with("Xen 5.0 answers to none"));
        assert_eq!(XenError::Answer { operation: "x" }.errno(), None);
    }
}
