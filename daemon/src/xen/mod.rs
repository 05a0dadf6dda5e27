//! The real hypervisor, reached from its control domain through Linux's devices.
//!
//! | file | what |
//! |---|---|
//! | `evtchn.rs` | event channels: one descriptor per worker |
//! | `grant.rs` | the pages of rings: granted ones, and the control domain's own |
//! | `host.rs` | which domains there are, and what has changed: [`XenHost`], [`DomainWatch`] |
//! | `domains.rs`, `layout.rs` | what is told of domains, in what layout: pure |
//! | `doctor.rs` | what is there, who is at work, and what would happen on start, for people |
//! | `device.rs`, `hypercall.rs`, `ioctl.rs`, `mapping.rs` | the system calls |
//!
//! The order at the start (xenstore-ring.txt, and what C xenstored does): bind
//! [`EventChannels::bind_domain_exception`]; then [`XenHost::watch`] and its first look, which
//! tells of all domains; then rings, the control domain's first. A change that comes between
//! the two is then pending, and not lost.
//!
//! Only the files `ioctl.rs`, `mapping.rs` and `hypercall.rs` have `unsafe`.

pub mod device;
mod doctor;
mod domains;
mod error;
mod evtchn;
mod grant;
mod host;
mod hypercall;
mod ioctl;
mod layout;
pub mod limits;
mod mapping;

use std::path::Path;

use rustix::io::Errno;

pub use device::OPENED_LATER;
pub use doctor::{
    Access, Diagnosis, Finding, Limits, PidFileState, RunDir, SocketState, Verdict, probe,
};
pub use domains::{Change, Domain, Known, Reason};
pub use error::XenError;
pub use evtchn::{EventChannels, LocalPort, Pending};
pub use grant::{OwnRing, RingFile, XENSTORE_GRANT};
pub use host::{DomainWatch, Interface, XenHost};
pub use ioctl::REQUESTS;
pub use layout::{RELEASES, Release};
pub use mapping::Mapped;

/// Whether the real hypervisor is to be used: this is Xen's control domain, or all that its
/// xenstored needs is there. ([`probe`] says what is missing.)
///
/// # Errors
/// [`XenError::Open`] in a control domain where something is missing, which is never taken for a
/// host without Xen: its guests would have no xenstore.
pub fn is_here() -> Result<bool, XenError> {
    let missing = device::NEEDED.iter().find(|(path, _)| !Path::new(path).exists());
    match missing {
        None => Ok(true),
        Some(_) if !device::is_control_domain() => Ok(false),
        Some((path, _)) => Err(XenError::Open { path, source: Errno::NOENT }),
    }
}
