//! What an earlier daemon has left in the store is brought in line with the host as it is now.
//!
//! Domains may have died, been replaced by others of the same id, or shut down, while no daemon was
//! there to hear of it.

use std::collections::HashMap;

use myriad_core::{DomId, DomainInfo, Instance};
use myriad_ring::v1::connection::Remains;
use rustix::fd::OwnedFd;
use tracing::{info, warn};

use super::{Shared, mailbox::Message, real};
use crate::{
    control,
    hypervisor::{Condition, Hypervisor},
    recovery::{Former, interim},
};

/// Takes up what is left, before any worker runs.
pub(super) fn take_up(shared: &Shared, formers: HashMap<DomId, Former>) {
    if formers.is_empty() && shared.store.pin().domains().len() <= 1 {
        return;
    }
    let control = shared.settings.control;
    let mut gone = Vec::new();
    for domain in shared.store.pin().domains() {
        if domain.domid == control || domain.instance == Instance::CONTROL {
            continue;
        }
        if is_there(shared, &domain) {
            shared.lives.begin(domain.domid, shared.unique_id(domain.domid).unwrap_or(0));
            shared.rings.begun(domain.domid, interim(domain.domid));
        } else {
            gone.push(domain);
        }
    }
    for domain in &gone {
        let conn = Some(interim(domain.domid));
        control::bury(&shared.store, domain.domid, domain.instance, conn);
        // Nobody will ask for it again: the simulated host keeps an id until it is.
        shared.host.buried(domain.domid);
    }
    if !gone.is_empty() {
        let ids: Vec<u16> = gone.iter().map(|domain| domain.domid.0).collect();
        info!("domains {ids:?} have gone while no daemon was there");
    }
    if formers.contains_key(&DomId::ZERO) {
        shared.rings.begun(DomId::ZERO, interim(DomId::ZERO));
    }
    note_shutdowns(shared);
    for (domid, former) in formers {
        let former = Message::Former(domid, Box::new(former));
        shared.mailboxes.post(shared.mailboxes.owner(domid), former);
    }
    if shared.xen.is_some() {
        find_rings(shared);
    }
}

/// Programs go on whose sockets have outlived the daemon.
pub(super) fn take_sockets(shared: &Shared, sockets: Vec<(u32, OwnedFd, Remains)>) {
    let count = sockets.len();
    for (number, socket, remains) in sockets {
        let worker = number.checked_rem(shared.mailboxes.count().into()).unwrap_or(0);
        let remains = Box::new(remains);
        let message = Message::Returned { socket, number, remains };
        shared.mailboxes.post(u16::try_from(worker).unwrap_or(0), message);
    }
    if count > 0 {
        info!("{count} programs go on over the sockets that systemd has kept");
    }
}

/// Whether a domain of the store is the one that has its id now.
fn is_there(shared: &Shared, domain: &DomainInfo) -> bool {
    let known = domain.seat.unique_id;
    shared.unique_id(domain.domid).is_some_and(|now| known == 0 || now == known)
}

fn note_shutdowns(shared: &Shared) {
    let has_stopped = |domid| {
        let state = match &shared.xen {
            Some(xen) => xen.host.domain(domid),
            None => shared.host.domain(domid),
        };
        state.is_some_and(|state| state.condition != Condition::Running)
    };
    let known = shared.store.pin().domains().into_iter();
    let news = known.filter(|d| d.introduced && !d.shutdown_seen).map(|d| d.domid);
    let news: Vec<DomId> = news.filter(|domid| has_stopped(*domid)).collect();
    if !news.is_empty() {
        shared.store.edit(|edit| Ok(edit.shutdown(&news)));
    }
}

/// Maps the rings of real domains again.
fn find_rings(shared: &Shared) {
    for domain in shared.store.pin().domains() {
        let (domid, life) = (domain.domid, domain.instance);
        if life == Instance::CONTROL || !domain.introduced {
            continue;
        }
        match real::found_ring(shared, domid, domain.seat.port) {
            Ok(ring) => {
                let message = Message::Ring { domid, life, ring };
                shared.mailboxes.post(shared.mailboxes.owner(domid), message);
            }
            Err(error) => warn!("domain {domid} can't be reached again: {error}"),
        }
    }
}
