//! Event channels, over `/dev/xen/evtchn`.
//!
//! A port that has fired is masked until [`EventChannels::unmask`]: until then further events of it
//! are held back, and come once after. So each port is pending at most once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use myriad_core::DomId;
use rustix::io::{self, Errno};

use super::{
    device::{self, EVTCHN},
    error::XenError,
    ioctl::{self, BindInterdomain, BindVirq, Notify, Unbind},
    limits::{PORTS_PER_READ, PORTS_PER_UNMASK},
};

/// The event channels of one worker: one descriptor, readable while a port is pending.
///
/// Wait for it level-triggered: the kernel wakes waiters for the first pending port alone.
/// Another thread may notify and unmask.
///
/// Dropping it unbinds all of its ports.
#[derive(Debug)]
pub struct EventChannels {
    device: OwnedFd,
}

/// A port of ours. It means something to the [`EventChannels`] that bound it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalPort(u32);

/// Ports that had fired, each of which waits to be unmasked.
#[derive(Debug)]
pub struct Pending {
    bytes: [u8; BYTES_PER_READ],
    at: usize,
    end: usize,
}

impl EventChannels {
    /// Opens the device anew, without a bound port.
    ///
    /// # Errors
    /// Where the device is missing or may not be opened.
    pub fn open() -> Result<EventChannels, XenError> {
        let device = device::open_nonblocking(EVTCHN)?;
        Ok(EventChannels { device })
    }

    /// Over any descriptor that gives and takes ports as the device does.
    #[cfg(test)]
    pub(crate) fn over(device: OwnedFd) -> EventChannels {
        EventChannels { device }
    }

    /// Binds the event that fires when a domain has shut down or is gone (`VIRQ_DOM_EXC`, `xen.h`),
    /// from Xen 4.21 on also when one is new.
    ///
    /// # Errors
    /// `EEXIST` where another process has bound it: another xenstored.
    pub fn bind_domain_exception(&self) -> Result<LocalPort, XenError> {
        let bound = ioctl::call(self.as_fd(), &mut BindVirq { virq: VIRQ_DOM_EXC });
        bound.map(LocalPort).map_err(|source| XenError::Device {
            device: EVTCHN,
            operation: "binding VIRQ_DOM_EXC",
            source,
            remedy: "is another xenstored running?",
        })
    }

    /// Binds a port that a domain has allocated for us. Xen makes it pending at once.
    ///
    /// # Errors
    /// `EINVAL` where the domain has no such port for us, `ESRCH` where there is no such domain.
    pub fn bind(&self, domid: DomId, remote_port: u32) -> Result<LocalPort, XenError> {
        let mut request = BindInterdomain { remote_domain: domid.0.into(), remote_port };
        let bound = ioctl::call(self.as_fd(), &mut request);
        bound.map(LocalPort).map_err(|source| XenError::OfDomain {
            device: EVTCHN,
            operation: "binding the event channel",
            domid,
            source,
            remedy: "has the domain died, or was a wrong port introduced?",
        })
    }

    /// Sends an event to the other end of a port.
    ///
    /// # Errors
    /// Where the port is not bound here. A closed other end is no error.
    pub fn notify(&self, port: LocalPort) -> Result<(), XenError> {
        let sent = ioctl::call(self.as_fd(), &mut Notify { port: port.0 });
        sent.map(drop).map_err(|source| failed("notifying", source))
    }

    /// The ports that have fired since they were last unmasked: at most 256 of them, so ask
    /// again until there is none, or wait for the descriptor to be readable again.
    ///
    /// # Errors
    /// Where the device fails. The kernel's queue can't overflow: each port is in it once.
    pub fn pending(&self) -> Result<Pending, XenError> {
        let mut pending = Pending { bytes: [0; BYTES_PER_READ], at: 0, end: 0 };
        match io::retry_on_intr(|| io::read(&self.device, &mut pending.bytes)) {
            Ok(len) => pending.end = len,
            Err(Errno::AGAIN) => {}
            Err(source) => return Err(failed("reading the ports", source)),
        }
        Ok(pending)
    }

    /// Lets a port fire again. An event that came meanwhile fires at once.
    ///
    /// # Errors
    /// Where the device fails. A port that is not bound is no error.
    pub fn unmask(&self, port: LocalPort) -> Result<(), XenError> {
        self.unmask_bytes(&port.0.to_ne_bytes())
    }

    /// Lets many ports fire again, with one system call for every 256.
    ///
    /// # Errors
    /// As of [`EventChannels::unmask`].
    pub fn unmask_all(&self, ports: &[LocalPort]) -> Result<(), XenError> {
        let mut bytes = Vec::with_capacity(ports.len().min(PORTS_PER_UNMASK) * PORT_BYTES);
        for chunk in ports.chunks(PORTS_PER_UNMASK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|port| port.0.to_ne_bytes()));
            self.unmask_bytes(&bytes)?;
        }
        Ok(())
    }

    /// Gives a port back. What it had pending is dropped, except what [`Pending`] already took.
    ///
    /// # Errors
    /// Where the port is not bound here.
    pub fn unbind(&self, port: LocalPort) -> Result<(), XenError> {
        let unbound = ioctl::call(self.as_fd(), &mut Unbind { port: port.0 });
        unbound.map(drop).map_err(|source| failed("unbinding", source))
    }

    fn unmask_bytes(&self, bytes: &[u8]) -> Result<(), XenError> {
        match io::retry_on_intr(|| io::write(&self.device, bytes)) {
            Ok(len) if len == bytes.len() => Ok(()),
            Ok(_) => Err(failed("unmasking", Errno::IO)),
            Err(source) => Err(failed("unmasking", source)),
        }
    }
}

impl AsFd for EventChannels {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl LocalPort {
    /// Its number, to use it as a key.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Pending {
    /// Whether there may be more ports than these.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.end == BYTES_PER_READ
    }
}

impl Iterator for Pending {
    type Item = LocalPort;

    fn next(&mut self) -> Option<LocalPort> {
        let port = self.bytes.get(self.at..self.end)?.first_chunk::<PORT_BYTES>()?;
        self.at += PORT_BYTES;
        Some(LocalPort(u32::from_ne_bytes(*port)))
    }
}

fn failed(operation: &'static str, source: Errno) -> XenError {
    let remedy = match source {
        Errno::NOTCONN => "the port is not bound by this worker; report this",
        _ => "see the kernel's log, and report this",
    };
    XenError::Device { device: EVTCHN, operation, source, remedy }
}

/// `VIRQ_DOM_EXC` (`xen.h`).
const VIRQ_DOM_EXC: u32 = 3;
const PORT_BYTES: usize = size_of::<u32>();
const BYTES_PER_READ: usize = PORTS_PER_READ * PORT_BYTES;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_setfl};

    /// Over a pipe, which gives and takes bytes as the device does.
    fn over_pipe() -> (EventChannels, EventChannels) {
        let (read, write) = std::io::pipe().unwrap();
        fcntl_setfl(&read, OFlags::NONBLOCK).unwrap();
        (EventChannels { device: read.into() }, EventChannels { device: write.into() })
    }

    #[test]
    fn ports_are_read_as_they_were_written() {
        let (read, write) = over_pipe();
        assert_eq!(read.pending().unwrap().count(), 0);
        let ports: Vec<LocalPort> = (0..300).map(|n| LocalPort(n * 77_777)).collect();
        write.unmask_all(&ports).unwrap();
        let first = read.pending().unwrap();
        assert!(first.is_full());
        let second = read.pending().unwrap();
        assert!(!second.is_full());
        assert_eq!(first.chain(second).collect::<Vec<_>>(), ports);
        write.unmask(LocalPort(9)).unwrap();
        assert_eq!(read.pending().unwrap().map(LocalPort::number).collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn half_a_port_is_none() {
        let (read, write) = over_pipe();
        io::write(&write.device, &[1, 0, 0, 0, 2, 0]).unwrap();
        assert_eq!(read.pending().unwrap().collect::<Vec<_>>(), [LocalPort(1)]);
    }

    #[test]
    fn what_fails_names_the_device_and_the_domain() {
        let (read, _write) = over_pipe();
        let error = read.bind(DomId(5), 3).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NOTTY));
        assert!(
            error.to_string().contains("/dev/xen/evtchn: binding the event channel of domain 5")
        );
        assert_eq!(read.notify(LocalPort(1)).unwrap_err().errno(), Some(Errno::NOTTY));
        assert_eq!(read.unmask(LocalPort(1)).unwrap_err().errno(), Some(Errno::BADF));
    }
}
