//! Real domains: their rings, their event channels, and what the hypervisor says of them.
//!
//! The order at the start is C's: the event of domains that change is bound first, then the domains
//! are listed, then the control domain's own ring is served. A guest's ring is mapped when its
//! toolstack introduces it, and given back when it is released or gone.

use std::{collections::HashMap, io, sync::Arc};

use ahash::RandomState;
use myriad_core::DomId;
use myriad_ring::{
    page::{Mapping, Page, ServerEnd},
    v1::features,
};
use rustix::io::Errno;
use tracing::{info, warn};

use super::{
    Shared,
    doorbell::{Doorbell, Port},
    mailbox::Message,
    poll::{Interest, Poll},
    run::Worker,
};
use crate::{
    control::{self, Effects},
    limits,
    xen::{
        Change, DomainWatch, EventChannels, LocalPort, OwnRing, RingFile, XENSTORE_GRANT, XenError,
        XenHost,
    },
};

/// The hypervisor, and what each worker hears of it.
#[derive(Debug)]
pub struct Xen {
    pub(super) host: Arc<XenHost>,
    channels: Vec<Arc<EventChannels>>,
    /// By which changes of domains are told: of the first worker.
    changed: LocalPort,
}

impl Xen {
    /// Opens Xen's devices for so many workers, and begins to hear of domains that change.
    ///
    /// # Errors
    /// What can't be had, and what to do about it.
    pub fn open(workers: u16) -> Result<(Xen, DomainWatch), XenError> {
        let channels = (0..workers.max(1)).map(|_| EventChannels::open().map(Arc::new));
        let channels = channels.collect::<Result<Vec<_>, _>>()?;
        let first = channels.first().map(Arc::as_ref);
        let changed = first.map(EventChannels::bind_domain_exception).transpose()?;
        let changed = changed.ok_or(XenError::Answer { operation: "starting workers" })?;
        let host = Arc::new(XenHost::open()?);
        info!("serving the domains of {}", host.interface());
        let mut watch = host.watch()?;
        watch.changes(&mut Vec::new())?;
        Ok((Xen { host, channels, changed }, watch))
    }

    pub(super) fn channels(&self, worker: u16) -> Option<&Arc<EventChannels>> {
        self.channels.get(usize::from(worker))
    }
}

/// A ring and its doorbell, for a worker to serve.
pub(super) fn guest_ring(shared: &Shared, domid: DomId, port: u32) -> Result<Message, XenError> {
    let file = RingFile::granted(domid, XENSTORE_GRANT)?;
    let mut end = map(shared, &file, domid)?;
    let remote = end.event_channel().unwrap_or(port);
    end.introduce();
    bind(shared, domid, remote, end)
}

/// The control domain's own.
pub(super) fn own_ring(shared: &Shared) -> Result<Message, XenError> {
    let own = OwnRing::open()?;
    let control = shared.settings.control;
    let mut end = map(shared, &own.file, control)?;
    end.start();
    bind(shared, DomId::ZERO, own.port, end)
}

fn map(shared: &Shared, file: &RingFile, domid: DomId) -> Result<ServerEnd, XenError> {
    let mapping = Mapping::of(file, file.offset());
    let mapping = mapping
        .map_err(|error| file.failed(Errno::from_io_error(&error).unwrap_or(Errno::INVAL)))?;
    let info = shared.store.pin().domain(domid);
    let offered = info.map_or(features::OFFERED, |info| info.features);
    Ok(ServerEnd::new(Page::new(mapping), offered | features::RECONNECTION))
}

fn bind(shared: &Shared, domid: DomId, port: u32, end: ServerEnd) -> Result<Message, XenError> {
    let worker = shared.mailboxes.owner(domid);
    let missing = XenError::Answer { operation: "finding the event channels of a worker" };
    let channels = shared.xen.as_ref().and_then(|xen| xen.channels(worker)).ok_or(missing)?;
    let port = Port::new(Arc::clone(channels), channels.bind(domid, port)?);
    Ok(Message::Ring { domid, end: Box::new(end), doorbell: Doorbell::Port(port) })
}

/// The event channels of one worker, and whose they are.
#[derive(Default)]
pub(super) struct Ports {
    channels: Option<Arc<EventChannels>>,
    clients: HashMap<u32, u64, RandomState>,
    /// The first worker's: changes of domains.
    changed: Option<(LocalPort, DomainWatch)>,
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
        let changed = watch.map(|watch| (xen.changed, watch));
        Ok(Ports { channels, clients: HashMap::default(), changed })
    }

    pub(super) fn begun(&mut self, port: &Port, client: u64) {
        self.clients.insert(port.number(), client);
    }

    pub(super) fn ended(&mut self, port: &Port) {
        self.clients.remove(&port.number());
    }

    /// Hears all that is pending, and lets it fire again; gives the clients whose it is, and
    /// whether domains have changed.
    fn hear(&self, mut rung: impl FnMut(u64)) -> Result<bool, XenError> {
        let Some(channels) = &self.channels else { return Ok(false) };
        let mut changed = false;
        // Ends: what fires again meanwhile is heard the next time.
        for _ in 0..limits::PORT_READS_PER_SWEEP {
            let pending = channels.pending()?;
            let is_full = pending.is_full();
            let ports: Vec<LocalPort> = pending.collect();
            channels.unmask_all(&ports)?;
            for port in ports {
                changed |= self.changed.as_ref().is_some_and(|(at, _)| *at == port);
                if let Some(client) = self.clients.get(&port.number()) {
                    rung(*client);
                }
            }
            if !is_full {
                break;
            }
        }
        Ok(changed)
    }
}

impl Worker {
    /// An event channel has fired.
    pub(super) fn hear_ports(&mut self) {
        let clients = &mut self.clients;
        match self.ports.hear(|number| clients.note_busy(number)) {
            Ok(false) => {}
            Ok(true) => self.look_at_domains(),
            Err(error) => warn!("event channels can't be heard: {error}"),
        }
    }

    /// Domains have shut down, or are gone.
    fn look_at_domains(&mut self) {
        let Some((_, watch)) = &mut self.ports.changed else { return };
        // Whose shutdown the store hasn't seen, or has forgotten (RESUME): it is news again.
        for domain in self.shared.store.pin().domains() {
            if domain.introduced && !domain.shutdown_seen {
                watch.resumed(domain.domid);
            }
        }
        let mut changes = Vec::new();
        if let Err(error) = watch.changes(&mut changes) {
            warn!("what has become of domains can't be found out: {error}");
        }
        for change in changes {
            match change {
                Change::Appeared(_) => {}
                Change::ShutDown(domain) => {
                    let shut_down = self.shared.store.edit(|e| Ok(e.shutdown(&[domain.domid])));
                    if let Err(error) = shut_down.result {
                        warn!("the shutdown of domain {} is not told: {error}", domain.domid);
                    }
                }
                Change::Gone { domid, .. } => self.bury(domid),
            }
        }
        // Nobody has asked for this: all look for its events.
        self.shared.mailboxes.workers().for_each(|w| self.shared.mailboxes.wake(w));
    }

    fn bury(&mut self, domid: DomId) {
        control::bury(&self.shared.store, domid, self.shared.rings.get(domid));
        self.around.domain_gone(domid);
    }
}
