//! The pages of rings: those that guests grant, and the control domain's own.
//!
//! Each granted page has an open file of `/dev/xen/gntdev` to itself, whose descriptor is closed
//! once the page is mapped: the mapping keeps the file, and when it is unmapped the kernel closes
//! the file and gives the grant back, in this order. So nothing but the mapping is held (no
//! descriptor per guest), nothing is left if the daemon dies, and the kernel never searches a long
//! list: it keeps the grants of one file in a list, which would make each of 10,000 guests slower
//! to add than the last.

use std::{fs::File, io::Read, os::fd::AsFd};

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

/// Maps a page that a domain grants to this one.
///
/// # Errors
/// Where the domain is gone, or never granted it; where the process may have no more mappings
/// (`ENOMEM`, `vm.max_map_count`) or descriptors.
pub fn map_granted(domid: DomId, grant_ref: u32) -> Result<Mapped, XenError> {
    let device = device::open_rw(GNTDEV)?;
    let mut request = MapGrantRef { count: 1, pad: 0, index: 0, domid: domid.0.into(), grant_ref };
    let mapped = ioctl::call(device.as_fd(), &mut request)
        .and_then(|_| Mapped::new(&device, request.index, 1));
    mapped.map_err(|source| XenError::OfDomain {
        device: GNTDEV,
        operation: "mapping the granted ring page",
        domid,
        source,
        remedy: remedy(source),
    })
}

/// The control domain's own ring, and the port at its other end, which is also the control
/// domain's.
#[derive(Debug)]
pub struct OwnRing {
    /// Its page.
    pub page: Mapped,
    /// The port to bind, of domain 0.
    pub port: u32,
}

impl OwnRing {
    /// Maps it.
    ///
    /// # Errors
    /// Where this is not the control domain, or its xenstored is meant to run in another domain.
    pub fn map() -> Result<OwnRing, XenError> {
        let mut text = String::new();
        let file = File::from(device::open_read(XSD_PORT)?);
        let no_port = || XenError::NoPort { path: XSD_PORT.into() };
        file.take(PORT_TEXT_MAX).read_to_string(&mut text).map_err(|_| no_port())?;
        let port = parse_port(&text).ok_or_else(no_port)?;
        let device = device::open_rw(XSD_KVA)?;
        let page = Mapped::new(&device, 0, 1).map_err(|source| XenError::Device {
            device: XSD_KVA,
            operation: "mapping the control domain's own ring",
            source,
            remedy: "only the control domain has it",
        })?;
        Ok(OwnRing { page, port })
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
    fn a_port_is_a_number_that_is_not_zero() {
        assert_eq!(parse_port("2"), Some(2));
        assert_eq!(parse_port("17\n"), Some(17));
        for text in ["", "0", "-1", "x", "4294967296", "1 2"] {
            assert_eq!(parse_port(text), None, "{text:?}");
        }
    }
}
