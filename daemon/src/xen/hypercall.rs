//! The hypercalls about domains, over `/dev/xen/privcmd`.
#![allow(unsafe_code, reason = "a hypercall has no safe form")]

use std::os::fd::{AsFd, OwnedFd};

use myriad_core::DomId;
use rustix::io::Errno;

use super::{
    device::{self, HYPERCALL, PRIVCMD},
    domains::Domain,
    error::XenError,
    ioctl,
    layout::{self, DOMCTL_BYTES, Domctl, ENTRY_BYTES, SYSCTL_BYTES},
    limits::{DOMAINS_PER_LIST, PAGE_BYTES},
    mapping::Buffer,
};

/// The way to the hypervisor. To be opened by the process that uses it: what it maps is not
/// inherited by a fork.
#[derive(Debug)]
pub(super) struct Hypercalls {
    privcmd: OwnedFd,
    buffers: OwnedFd,
}

/// Room for a question and its answer, to be used again.
#[derive(Debug)]
pub(super) struct Question(Buffer);

/// Room for a list.
#[derive(Debug)]
pub(super) struct List {
    question: Buffer,
    entries: Buffer,
}

impl Hypercalls {
    pub(super) fn open() -> Result<Hypercalls, XenError> {
        let privcmd = device::open_rw(PRIVCMD)?;
        let buffers = device::open_rw(HYPERCALL)?;
        Ok(Hypercalls { privcmd, buffers })
    }

    pub(super) fn question(&self) -> Result<Question, XenError> {
        self.buffer(1).map(Question)
    }

    pub(super) fn list(&self) -> Result<List, XenError> {
        Ok(List { question: self.buffer(1)?, entries: self.buffer(LIST_PAGES)? })
    }

    /// The hypervisor's version, as two numbers.
    pub(super) fn version(&self) -> Result<(u16, u16), Errno> {
        // SAFETY: XENVER_version takes no address.
        let version = unsafe { self.call(XEN_VERSION, [XENVER_VERSION, 0, 0, 0, 0]) }?;
        let [major_high, major_low, minor_high, minor_low] = version.to_be_bytes();
        let pair = |high, low| u16::from_be_bytes([high, low]);
        Ok((pair(major_high, major_low), pair(minor_high, minor_low)))
    }

    /// Asks, and gives the answer's bytes.
    pub(super) fn domctl<'q>(
        &self,
        question: &'q mut Question,
        op: &Domctl,
    ) -> Result<&'q [u8], Errno> {
        let buffer = &mut question.0;
        if let Some(place) = buffer.bytes_mut().get_mut(..DOMCTL_BYTES) {
            place.copy_from_slice(op.bytes());
        }
        let arguments = [buffer.address(), 0, 0, 0, 0];
        // SAFETY: the hypervisor reads and writes a `struct xen_domctl` there, for which there is
        // room; a `Domctl` has no further address in it. The memory is the device's, so locked.
        unsafe { self.call(DOMCTL, arguments) }?;
        Ok(buffer.bytes().get(..DOMCTL_BYTES).unwrap_or_default())
    }

    /// Adds the domains from `first` on to `domains`, as many as one call lists; whether there
    /// may be more.
    pub(super) fn domains(
        &self,
        list: &mut List,
        version: u32,
        first: DomId,
        domains: &mut Vec<Domain>,
    ) -> Result<bool, Errno> {
        let op = layout::list(version, first, DOMAINS_PER_LIST, list.entries.address());
        if let Some(place) = list.question.bytes_mut().get_mut(..SYSCTL_BYTES) {
            place.copy_from_slice(&op);
        }
        let arguments = [list.question.address(), 0, 0, 0, 0];
        // SAFETY: the hypervisor reads and writes a `struct xen_sysctl` there, for which there is
        // room, and writes at most `DOMAINS_PER_LIST` entries to the address in it, for which
        // there is room too if they are no longer than they are known to be (they grew with a new
        // interface version, which it would have refused). Both are the device's, so locked.
        unsafe { self.call(SYSCTL, arguments) }?;
        let count = layout::listed(list.question.bytes()).unwrap_or_default();
        let entries = list.entries.bytes().chunks_exact(ENTRY_BYTES).take(count);
        domains.extend(entries.filter_map(layout::entry));
        Ok(count >= usize::from(DOMAINS_PER_LIST))
    }

    fn buffer(&self, pages: usize) -> Result<Buffer, XenError> {
        Buffer::new(&self.buffers, pages).map_err(|source| XenError::Device {
            device: HYPERCALL,
            operation: "getting memory for a hypercall",
            source,
            remedy: "does the control domain have free memory?",
        })
    }

    /// # Safety
    /// As of [`ioctl::hypercall`].
    unsafe fn call(&self, number: u64, arguments: [u64; 5]) -> Result<u32, Errno> {
        // SAFETY: the caller vouches for the same.
        unsafe { ioctl::hypercall(self.privcmd.as_fd(), number, arguments) }
    }
}

const LIST_PAGES: usize = (DOMAINS_PER_LIST as usize * ENTRY_BYTES).div_ceil(PAGE_BYTES);

const XEN_VERSION: u64 = 17;
const XENVER_VERSION: u64 = 0;
const SYSCTL: u64 = 35;
const DOMCTL: u64 = 36;
