//! The pages of rings: those that guests grant, and the control domain's own.
//!
//! Each granted page has an open file of `/dev/xen/gntdev` to itself, whose descriptor is closed
//! once the page is mapped: the mapping keeps the file, and when it is unmapped the kernel closes
//! the file and gives the grant back, in this order. So nothing but the mapping is held (no
//! descriptor per guest), nothing is left if the daemon dies, and the kernel never searches a long
//! list: it keeps the grants of one file in a list, which would make each of 10,000 guests slower
//! to add than the last.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use myriad_core::DomId;
use rustix::io::Errno;

use super::{
    device::{self, GNTDEV, XSD_KVA, XSD_PORT},
    error::XenError,
    ioctl::{self, MapGrantRef},
    limits::PORT_TEXT_MAX,
    mapping::Mapped,
};

/// The grant reference of every guest's xenstore ring (`GNTTAB_RESERVED_XENSTORE`,
/// `grant_table.h`).
pub const XENSTORE_GRANT: u32 = 1;

/// A page that can be mapped, once: of this file, at [`RingFile::offset`], shared.
///
/// The mapping outlives this, and ends with munmap alone.
#[derive(Debug)]
pub struct RingFile {
    file: OwnedFd,
    offset: u64,
    /// Whose grant it is; none for the control domain's own.
    domid: Option<DomId>,
}

/// The control domain's own ring.
#[derive(Debug)]
pub struct OwnRing {
    /// Its page.
    pub file: RingFile,
    /// The port at its other end, which is the control domain's too: to be bound, of domain 0.
    pub port: u32,
}

impl RingFile {
    /// A page that a domain grants to this one. Xen is asked when it is mapped.
    ///
    /// # Errors
    /// Where the device can't be opened, such as for want of descriptors.
    pub fn granted(domid: DomId, grant_ref: u32) -> Result<RingFile, XenError> {
        let mut ring = RingFile { file: device::open_rw(GNTDEV)?, offset: 0, domid: Some(domid) };
        let mut request =
            MapGrantRef { count: 1, pad: 0, index: 0, domid: domid.0.into(), grant_ref };
        ioctl::call(ring.as_fd(), &mut request).map_err(|source| ring.failed(source))?;
        ring.offset = request.index;
        Ok(ring)
    }

    /// Where the page is in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Maps it here.
    ///
    /// # Errors
    /// `EINVAL` where the domain is gone, or never granted it; `ENOMEM` where the process may have
    /// no more mappings (`vm.max_map_count`).
    pub fn map(&self) -> Result<Mapped, XenError> {
        Mapped::new(&self.file, self.offset, 1).map_err(|source| self.failed(source))
    }

    /// What to say where mapping it failed.
    #[must_use]
    pub fn failed(&self, source: Errno) -> XenError {
        match self.domid {
            Some(domid) => XenError::OfDomain {
                device: GNTDEV,
                operation: "mapping the granted ring page",
                domid,
                source,
                remedy: remedy(source),
            },
            None => XenError::Device {
                device: XSD_KVA,
                operation: "mapping the control domain's own ring",
                source,
                remedy: "only the control domain has it",
            },
        }
    }
}

impl AsFd for RingFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl OwnRing {
    /// Opens it.
    ///
    /// # Errors
    /// Where this is not the control domain, or its xenstored is meant to run in another domain.
    pub fn open() -> Result<OwnRing, XenError> {
        let mut text = String::new();
        let file = File::from(device::open_read(XSD_PORT)?);
        let no_port = || XenError::NoPort { path: XSD_PORT.into() };
        file.take(PORT_TEXT_MAX).read_to_string(&mut text).map_err(|_| no_port())?;
        let port = parse_port(&text).ok_or_else(no_port)?;
        let file = RingFile { file: device::open_rw(XSD_KVA)?, offset: 0, domid: None };
        Ok(OwnRing { file, port })
    }
}

fn remedy(source: Errno) -> &'static str {
    match source {
        Errno::NOMEM => "raise vm.max_map_count, or give the control domain more memory",
        Errno::NOSPC => {
            "the control domain has no grant handle left: raise Xen's gnttab_max_*frames"
        }
        _ => "has the domain died, or has its builder not granted it?",
    }
}

/// A port that can be: zero never is.
fn parse_port(text: &str) -> Option<u32> {
    text.trim_end().parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_remedy() {
        assert!(remedy(Errno::NOMEM).contains("vm.max_map_count"));
        assert!(remedy(Errno::INVAL).contains("died"));
    }

    #[test]
    fn a_failure_names_whose_page_it_is() {
        let file = || File::open("/dev/null").unwrap().into();
        let granted = RingFile { file: file(), offset: 0, domid: Some(DomId(7)) };
        let error = granted.map().unwrap_err().to_string();
        assert!(error.contains("mapping the granted ring page of domain 7 failed"), "{error}");
        let own = RingFile { file: file(), offset: 0, domid: None };
        let error = own.map().unwrap_err().to_string();
        assert!(
            error.starts_with("/proc/xen/xsd_kva: mapping the control domain's own"),
            "{error}"
        );
    }

    #[test]
    fn a_port_is_a_number_that_is_not_zero() {
        assert_eq!(parse_port("2"), Some(2));
        assert_eq!(parse_port("17\n"), Some(17));
        for text in ["", "0", "-1", "x", "4294967296", "1 2"] {
            assert_eq!(parse_port(text), None, "{text:?}");
        }
    }
}
