//! Real domains: their rings, their event channels, and what the hypervisor says of them.
//!
//! The order at the start is C's: the event of domains that change is bound first, then the domains
//! are listed, then the control domain's own ring is served. A guest's ring is mapped when its
//! toolstack introduces it, and given back when it is released or gone.

use std::sync::Arc;

use myriad_core::{DomId, Instance};
use myriad_ring::{
    page::{Mapping, Page, ServerEnd},
    v1::features,
};
use rustix::io::Errno;
use tracing::{info, warn};

use super::{
    Shared,
    doorbell::{Doorbell, Port},
    mailbox::{Message, Origin, RingOf},
    run::Worker,
};
use crate::{
    control::{self, Effects},
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

    /// The port by which the first worker hears of domains that change.
    pub(super) fn changed_port(&self) -> LocalPort {
        self.changed
    }

    pub(super) fn channels(&self, worker: u16) -> Option<&Arc<EventChannels>> {
        self.channels.get(usize::from(worker))
    }
}

/// A domain's ring and its doorbell, for a worker to serve.
pub(super) fn guest_ring(shared: &Shared, domid: DomId, port: u32) -> Result<RingOf, XenError> {
    let file = RingFile::granted(domid, XENSTORE_GRANT)?;
    let mut end = Box::new(map(shared, &file, domid)?);
    let remote = end.event_channel().unwrap_or(port);
    end.introduce();
    let doorbell = doorbell(shared, domid, remote)?;
    Ok(RingOf { end, doorbell, origin: Origin::New })
}

/// A ring that an earlier daemon has served: nothing of it is changed.
pub(super) fn found_ring(shared: &Shared, domid: DomId, port: u32) -> Result<RingOf, XenError> {
    let file = RingFile::granted(domid, XENSTORE_GRANT)?;
    let end = Box::new(map(shared, &file, domid)?);
    let remote = end.event_channel().unwrap_or(port);
    let doorbell = doorbell(shared, domid, remote)?;
    Ok(RingOf { end, doorbell, origin: Origin::Found })
}

/// The control domain's own; `found`: an earlier daemon has served it.
pub(super) fn own_ring(shared: &Shared, found: bool) -> Result<Message, XenError> {
    let own = OwnRing::open()?;
    let control = shared.settings.control;
    let mut end = Box::new(map(shared, &own.file, control)?);
    end.start();
    let doorbell = doorbell(shared, DomId::ZERO, own.port)?;
    let origin = if found { Origin::Found } else { Origin::New };
    let ring = RingOf { end, doorbell, origin };
    Ok(Message::Ring { domid: DomId::ZERO, life: Instance::CONTROL, ring })
}

fn map(shared: &Shared, file: &RingFile, domid: DomId) -> Result<ServerEnd, XenError> {
    let mapping = Mapping::of(file, file.offset());
    let mapping = mapping
        .map_err(|error| file.failed(Errno::from_io_error(&error).unwrap_or(Errno::INVAL)))?;
    let info = shared.store.pin().domain(domid);
    let offered = info.map_or(features::OFFERED, |info| info.features);
    let end = ServerEnd::new(Page::new(mapping), offered | features::RECONNECTION | features::V2);
    Ok(end.with_doorbells(shared.settings.doorbells))
}

/// Binds a domain's port at the worker that serves it.
pub(super) fn doorbell(shared: &Shared, domid: DomId, port: u32) -> Result<Doorbell, XenError> {
    let worker = shared.mailboxes.owner(domid);
    let missing = XenError::Answer { operation: "finding the event channels of a worker" };
    let channels = shared.xen.as_ref().and_then(|xen| xen.channels(worker)).ok_or(missing)?;
    Ok(Doorbell::Port(Port::new(Arc::clone(channels), channels.bind(domid, port)?)))
}

impl Worker {
    /// An event channel has fired.
    pub(super) fn hear_ports(&mut self) {
        let clients = &mut self.clients;
        let heard = self.ports.hear(|number| clients.note_busy(number));
        self.warm();
        match heard {
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
        let mut shut_down = Vec::new();
        for change in changes {
            match change {
                Change::Appeared(_) => {}
                Change::ShutDown(domain) => shut_down.push(domain.domid),
                Change::Gone { domid, unique_id } => self.bury(domid, unique_id),
            }
        }
        // Together: it is one look, and one event of it (C's `check_domains`).
        let told = self.shared.store.edit(|edit| Ok(edit.shutdown(&shut_down)));
        if let Err(error) = told.result {
            warn!("the shutdown of domains {shut_down:?} is not told: {error}");
        }
        self.bury_the_unknown();
        // Nobody has asked for this: all look for its events.
        self.shared.mailboxes.workers().for_each(|w| self.shared.mailboxes.wake(w));
    }

    /// A domain is gone. The one that the store knows may be the next of its id.
    fn bury(&mut self, domid: DomId, unique_id: u64) {
        // First the life, then whose it is: see `lives.rs`.
        let Some(known) = self.shared.store.pin().domain(domid) else { return };
        let lives = &self.shared.lives;
        if lives.is(domid, unique_id) || lives.is_none(domid) {
            self.end(domid, known.instance);
        }
    }

    /// Those that were introduced since the last look, and are gone: nobody has seen them alive, so
    /// that their end was no change.
    fn bury_the_unknown(&mut self) {
        let Some((_, watch)) = &self.ports.changed else { return };
        let domains = self.shared.store.pin().domains();
        let introduced = domains.into_iter().filter(|domain| domain.introduced);
        let lives = introduced.map(|domain| (domain.domid, domain.instance));
        let unknown: Vec<_> = lives.filter(|(domid, _)| !watch.known().has(*domid)).collect();
        for (domid, life) in unknown {
            if !self.shared.has_domain(domid) {
                self.end(domid, life);
            }
        }
    }

    fn end(&mut self, domid: DomId, life: Instance) {
        control::bury(&self.shared.store, domid, life, self.shared.rings.get(domid));
        self.around.domain_gone(domid, life);
    }
}
