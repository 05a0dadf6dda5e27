//! The event channels of one worker: whose they are, and which are left masked.
//!
//! The kernel masks a port when it fires, until it is unmasked. While a ring is hot its port is
//! left so: the worker looks at the ring's indices instead, without a system call. To go cold, the
//! port is unmasked, and the ring looked at once more: what its domain sent before that is found,
//! and of what it sends later the port tells. Invariants:
//!
//! 1. A port that is masked is in the list of the hot ones: none is forgotten.
//! 2. No worker sleeps while a port is hot.
//! 3. At most [`limits::HOT_RINGS`] are hot.

use std::{collections::HashMap, io, sync::Arc};

use ahash::RandomState;

use super::{
    Shared,
    doorbell::Port,
    poll::{Interest, Poll},
};
use crate::{
    limits,
    xen::{DomainWatch, EventChannels, LocalPort, XenError},
};

/// The event channels of one worker.
#[derive(Default)]
pub(super) struct Ports {
    channels: Option<Arc<EventChannels>>,
    /// The client of each port.
    clients: HashMap<u32, u64, RandomState>,
    /// Ports left masked, whose rings are looked at, with their clients.
    hot: Vec<(LocalPort, u64)>,
    /// The first worker's: changes of domains.
    pub(super) changed: Option<(LocalPort, DomainWatch)>,
}

impl Ports {
    /// Those of a worker.
    pub(super) fn of(
        shared: &Shared,
        worker: u16,
        watch: Option<DomainWatch>,
        poll: &Poll,
        token: u64,
    ) -> io::Result<Ports> {
        let Some(xen) = &shared.xen else { return Ok(Ports::default()) };
        let channels = xen.channels(worker).map(Arc::clone);
        if let Some(channels) = &channels {
            poll.add(channels, token, Interest::READ)?;
        }
        let changed = watch.map(|watch| (xen.changed_port(), watch));
        Ok(Ports { channels, changed, ..Ports::default() })
    }

    pub(super) fn begun(&mut self, port: &Port, client: u64) {
        self.clients.insert(port.number(), client);
    }

    pub(super) fn ended(&mut self, port: &Port, client: u64) {
        self.clients.remove(&port.number());
        self.hot.retain(|(_, of)| *of != client);
    }

    /// Hears all that is pending; gives the clients whose it is, and whether domains have changed.
    pub(super) fn hear(&mut self, mut rung: impl FnMut(u64)) -> Result<bool, XenError> {
        let Some(channels) = &self.channels else { return Ok(false) };
        let (mut changed, mut unmask) = (false, Vec::new());
        // Ends: what fires again meanwhile is heard the next time.
        for _ in 0..limits::PORT_READS_PER_SWEEP {
            let pending = channels.pending()?;
            let is_full = pending.is_full();
            for port in pending {
                let client = self.clients.get(&port.number()).copied();
                changed |= self.changed.as_ref().is_some_and(|(at, _)| *at == port);
                match client {
                    Some(client) if self.hot.len() < limits::HOT_RINGS => {
                        self.hot.push((port, client));
                    }
                    _ => unmask.push(port),
                }
                client.into_iter().for_each(&mut rung);
            }
            // Before anything of theirs is read: what fires from now on is told again.
            channels.unmask_all(&unmask)?;
            unmask.clear();
            if !is_full {
                break;
            }
        }
        Ok(changed)
    }

    /// The clients whose rings are to be looked at.
    pub(super) fn hot(&self) -> &[(LocalPort, u64)] {
        &self.hot
    }

    /// Lets the hot ports fire again; gives their clients, whose rings must be looked at once more.
    pub(super) fn cool(&mut self) -> Result<Vec<u64>, XenError> {
        let (ports, clients): (Vec<_>, Vec<_>) = self.hot.drain(..).unzip();
        if let Some(channels) = &self.channels {
            channels.unmask_all(&ports)?;
        }
        Ok(clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io;
    use std::os::unix::net::UnixStream;

    /// Ports of clients by their numbers (port 7 is client 7), and the kernel's end of them.
    fn rig() -> (Ports, UnixStream) {
        let (here, kernel) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        kernel.set_nonblocking(true).unwrap();
        let channels = Some(Arc::new(EventChannels::over(here.into())));
        let clients = (0..500).map(|number| (number, u64::from(number))).collect();
        (Ports { channels, clients, ..Ports::default() }, kernel)
    }

    fn fire(kernel: &UnixStream, ports: &[u32]) {
        let bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_ne_bytes()).collect();
        assert_eq!(io::write(kernel, &bytes).unwrap(), bytes.len());
    }

    fn unmasked(kernel: &UnixStream) -> Vec<u32> {
        let mut bytes = [0; 4096];
        let count = io::read(kernel, &mut bytes).unwrap_or(0);
        bytes[..count].as_chunks().0.iter().map(|port| u32::from_ne_bytes(*port)).collect()
    }

    fn hear(ports: &mut Ports) -> Vec<u64> {
        let mut rung = Vec::new();
        assert!(!ports.hear(|client| rung.push(client)).unwrap());
        rung
    }

    #[test]
    fn a_port_stays_masked_while_it_is_hot_and_fires_again_when_it_is_not() {
        let (mut ports, kernel) = rig();
        fire(&kernel, &[7, 8]);
        assert_eq!((hear(&mut ports), unmasked(&kernel)), (vec![7, 8], vec![]));
        assert_eq!(ports.hot().iter().map(|(_, client)| *client).collect::<Vec<_>>(), [7, 8]);
        assert_eq!((ports.cool().unwrap(), unmasked(&kernel)), (vec![7, 8], vec![7, 8]));
        assert!(ports.hot().is_empty());
    }

    #[test]
    fn ports_beyond_those_that_may_be_hot_fire_again_at_once() {
        let (mut ports, kernel) = rig();
        let all: Vec<u32> = (0..500).collect();
        fire(&kernel, &all);
        assert_eq!(hear(&mut ports).len(), all.len());
        assert_eq!(unmasked(&kernel), all[limits::HOT_RINGS..]);
        assert_eq!(ports.cool().unwrap().len(), limits::HOT_RINGS);
        assert_eq!(unmasked(&kernel), all[..limits::HOT_RINGS]);
    }

    #[test]
    fn a_port_without_a_client_is_not_kept_masked() {
        let (mut ports, kernel) = rig();
        fire(&kernel, &[600, 7]);
        assert_eq!((hear(&mut ports), unmasked(&kernel)), (vec![7], vec![600]));
    }
}
