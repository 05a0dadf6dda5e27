//! What the hypercalls about domains look like in memory, as bytes: nothing here calls anything.
//!
//! Three questions are asked (`domctl.h`, `sysctl.h` in Xen's `xen/include/public`):
//!
//! | question | since | version field |
//! |---|---|---|
//! | `XEN_DOMCTL_get_domain_state`, a domain or whichever has changed | 4.21 | 0: stable |
//! | `XEN_DOMCTL_getdomaininfo`, one domain | ever | the release's own |
//! | `XEN_SYSCTL_getdomaininfolist`, all domains | ever | the release's own |
//!
//! The hypervisor refuses a version that is not its own with `EACCES`. `xen_domctl_getdomaininfo`
//! itself is the same in the releases of [`RELEASES`].

use myriad_core::DomId;

use super::domains::{Domain, Reason};

/// The version numbers of a release's interface.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The releases of Xen that have them.
    pub name: &'static str,
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    pub sysctl: u32,
}

/// The releases that are known, each with the layout below.
pub const RELEASES: [Release; 5] = [
    Release { name: "4.17", domctl: 0x15, sysctl: 0x15 },
    Release { name: "4.18", domctl: 0x16, sysctl: 0x15 },
    Release { name: "4.19 or 4.20", domctl: 0x17, sysctl: 0x15 },
    Release { name: "4.21", domctl: 0x17, sysctl: 0x16 },
    Release { name: "4.22", domctl: 0x18, sysctl: 0x16 },
];

/// `struct xen_domctl`, for a question that has no address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Domctl([u8; DOMCTL_BYTES]);

impl Domctl {
    /// Asks for the state of a domain; of [`DomId::INVALID`]: of one that has changed.
    pub(super) fn state(domid: DomId) -> Domctl {
        Domctl::new(GET_DOMAIN_STATE, 0, domid)
    }

    /// Asks, with a release's version, for a domain. Xen 4.17 answers of the next one, where
    /// there is none with this id.
    pub(super) fn info(domctl_version: u32, domid: DomId) -> Domctl {
        Domctl::new(GET_DOMAIN_INFO, domctl_version, domid)
    }

    fn new(command: u32, version: u32, domid: DomId) -> Domctl {
        let mut op = [0; DOMCTL_BYTES];
        put(&mut op, 0, command.to_ne_bytes());
        put(&mut op, 4, version.to_ne_bytes());
        put(&mut op, 8, domid.0.to_ne_bytes());
        Domctl(op)
    }

    /// Its bytes, for the hypervisor.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// `struct xen_sysctl` that asks for the domains from `first` on; entries go to `address`, at
/// most `max` of them.
pub(super) fn list(version: u32, first: DomId, max: u16, address: u64) -> [u8; SYSCTL_BYTES] {
    let mut op = [0; SYSCTL_BYTES];
    put(&mut op, 0, GET_DOMAIN_INFO_LIST.to_ne_bytes());
    put(&mut op, 4, version.to_ne_bytes());
    put(&mut op, 8, first.0.to_ne_bytes());
    put(&mut op, 12, u32::from(max).to_ne_bytes());
    put(&mut op, 16, address.to_ne_bytes());
    op
}

/// How many entries there are now, of a [`list`] that was answered.
pub(super) fn listed(op: &[u8]) -> Option<usize> {
    usize::try_from(u32::from_ne_bytes(get(op, 24)?)).ok()
}

/// The answer to [`Domctl::state`]: of which domain, and it, unless it is gone for good.
pub(super) fn state(op: &[u8]) -> Option<(DomId, Option<Domain>)> {
    let domid = DomId(u16::from_ne_bytes(get(op, 8)?));
    let state = u16::from_ne_bytes(get(op, UNION)?);
    let unique_id = u64::from_ne_bytes(get(op, UNION + 8)?);
    let domain = Domain {
        domid,
        unique_id,
        shutdown: (state & STATE_SHUTDOWN != 0).then_some(Reason::Unsaid),
        dead: state & STATE_DEAD != 0,
    };
    Some((domid, (state & STATE_EXIST != 0).then_some(domain)))
}

/// The answer to [`Domctl::info`].
pub(super) fn info(op: &[u8]) -> Option<Domain> {
    entry(op.get(UNION..)?)
}

/// A `struct xen_domctl_getdomaininfo`.
pub(super) fn entry(bytes: &[u8]) -> Option<Domain> {
    let flags = u32::from_ne_bytes(get(bytes, 4)?);
    let [_, reason, ..] = flags.to_be_bytes(); // XEN_DOMINF_shutdownshift: bits 16 to 23.
    Some(Domain {
        domid: DomId(u16::from_ne_bytes(get(bytes, 0)?)),
        unique_id: of_handle(get(bytes, HANDLE)?),
        shutdown: (flags & INFO_SHUTDOWN != 0).then(|| Reason::from_code(reason)),
        dead: flags & INFO_DYING != 0,
    })
}

/// Stands for the unique id where the hypervisor gives none: both halves of the handle, which
/// toolstacks fill with the VM's UUID.
fn of_handle(handle: [u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, low @ ..] = handle;
    // Turned, so that two equal halves don't give zero.
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).rotate_left(1) ^ u64::from_be_bytes(low)
}

fn put<const N: usize>(op: &mut [u8], at: usize, bytes: [u8; N]) {
    let place = op.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<N>());
    debug_assert!(place.is_some(), "{at} lies in the request");
    if let Some(place) = place {
        *place = bytes;
    }
}

fn get<const N: usize>(op: &[u8], at: usize) -> Option<[u8; N]> {
    op.get(at..)?.first_chunk::<N>().copied()
}

/// Where the part of a `struct xen_domctl` begins that differs by command.
const UNION: usize = 16;
/// Bytes of the union in both structs.
const UNION_BYTES: usize = 128;
/// Bytes of a `struct xen_domctl`: command, version, domain and padding, union.
pub(super) const DOMCTL_BYTES: usize = UNION + UNION_BYTES;
/// Bytes of a `struct xen_sysctl`: command, version, union.
pub(super) const SYSCTL_BYTES: usize = 8 + UNION_BYTES;
/// Bytes of a `struct xen_domctl_getdomaininfo`, which ends in what the architecture needs.
pub(super) const ENTRY_BYTES: usize = if cfg!(target_arch = "x86_64") { 112 } else { 120 };
/// Where the handle is in it.
const HANDLE: usize = 76;

const _: () = {
    // Eight numbers up to the processor time, three more, the handle, the pool, padding.
    assert!(HANDLE == 8 + 7 * 8 + 3 * 4);
    assert!(UNION + ENTRY_BYTES <= DOMCTL_BYTES);
    assert!(ENTRY_BYTES.is_multiple_of(8));
};

const GET_DOMAIN_INFO: u32 = 5;
const GET_DOMAIN_INFO_LIST: u32 = 6;
const GET_DOMAIN_STATE: u32 = 90;

/// `XEN_DOMINF_dying`: despite its name, set once the domain is dead.
const INFO_DYING: u32 = 1 << 0;
const INFO_SHUTDOWN: u32 = 1 << 2;

const STATE_EXIST: u16 = 1 << 0;
const STATE_SHUTDOWN: u16 = 1 << 1;
const STATE_DEAD: u16 = 1 << 3;

#[cfg(test)]
mod tests;
