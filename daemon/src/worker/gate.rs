//! Where machines come in: the threads that hand out boards and rings.
//!
//! A thread takes machines in, and another serves each: they wait for one another's sake alone,
//! and the workers never wait for them.

use std::{
    io,
    sync::{Arc, Weak},
    thread::{Builder, JoinHandle},
};

use myriad_core::{DomId, DomainInfo};
use myriad_ring::{
    page::{Memfd, Page, ServerEnd},
    v1::features,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{Shutdown, SocketAddrUnix, shutdown},
};
use tracing::{info, warn};

use super::{
    Shared,
    doorbell::Doorbell,
    machine::Machine,
    mailbox::{Message, Origin, RingOf},
};
use crate::{
    hypervisor::Hypervisor,
    limits,
    options::DomidRange,
    sim::{
        machine::domain,
        packets::{ATTACH, BACK, HELLO, REATTACH, REFUSED, RING, receive, send, seqpacket},
    },
};

/// The gate, while it is open.
#[derive(Debug)]
pub(super) struct Gate {
    listener: Arc<OwnedFd>,
    thread: JoinHandle<()>,
}

/// A machine that was taken in.
struct Inside {
    /// Closed when its thread ends: then others may need the descriptor.
    socket: Weak<OwnedFd>,
    thread: JoinHandle<()>,
}

impl Gate {
    /// Opens the gate.
    pub(super) fn open(shared: Arc<Shared>) -> io::Result<Gate> {
        let path = shared.sockets.machines();
        let listener = Arc::new(seqpacket()?);
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path)?)?;
        rustix::net::listen(&listener, limits::LISTEN_BACKLOG)?;
        let accepting = Arc::clone(&listener);
        let run = move || accept_all(&shared, &accepting);
        Ok(Gate { listener, thread: Builder::new().name("gate".into()).spawn(run)? })
    }

    /// Closes it, and waits for its threads. The machines see the end of their connections.
    pub(super) fn close(self) {
        // It fails only for what is no socket.
        let _ = shutdown(&self.listener, Shutdown::Both);
        // One that panicked has said so.
        let _ = self.thread.join();
    }
}

/// Takes machines in until the gate is closed.
fn accept_all(shared: &Arc<Shared>, listener: &OwnedFd) {
    let (mut inside, mut logged) = (Vec::new(), false);
    for number in 0.. {
        let socket = loop {
            match rustix::net::accept(listener) {
                Ok(socket) => break socket,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Closed.
                Err(Errno::INVAL) => return inside.into_iter().for_each(Inside::send_away),
                Err(error) => {
                    if !std::mem::replace(&mut logged, true) {
                        warn!(
                            "can't take a machine of simulated guests in: {error}; raise the \
                             limit of open files"
                        );
                    }
                    // Nothing says when there are descriptors again.
                    std::thread::sleep(limits::ACCEPT_PAUSE);
                }
            }
        };
        logged = false;
        inside.retain(|machine: &Inside| !machine.thread.is_finished());
        if inside.len() >= limits::MACHINES {
            // It is told by the end of the connection.
            warn!("a machine is refused: there are {} already", limits::MACHINES);
            continue;
        }
        inside.extend(Inside::take_in(shared, socket, number));
    }
}

impl Inside {
    /// Serves a machine in a thread of its own, if there is one to be had.
    fn take_in(shared: &Arc<Shared>, socket: OwnedFd, number: u64) -> Option<Inside> {
        let (shared, served) = (Arc::clone(shared), Arc::new(socket));
        let socket = Arc::downgrade(&served);
        let run = move || {
            if let Err(error) = serve(&shared, &served, number) {
                info!("a machine of simulated guests is gone: {error}");
            }
            drop(served);
            let gone = |worker| shared.mailboxes.post(worker, Message::MachineGone(number));
            shared.mailboxes.workers().for_each(gone);
        };
        match Builder::new().name(format!("machine-{number}")).spawn(run) {
            Ok(thread) => Some(Inside { socket, thread }),
            Err(error) => {
                warn!("a machine of simulated guests can't be served: {error}");
                None
            }
        }
    }

    fn send_away(self) {
        // It fails only where the machine has gone by itself.
        let _ = self.socket.upgrade().map(|socket| shutdown(&socket, Shutdown::Both));
        let _ = self.thread.join();
    }
}

/// Serves a machine until it goes.
fn serve(shared: &Shared, socket: &OwnedFd, number: u64) -> io::Result<()> {
    let workers = shared.mailboxes.count();
    let machine = Arc::new(Machine::new(number, workers)?);
    for worker in shared.mailboxes.workers() {
        shared.mailboxes.post(worker, Message::Machine(Arc::clone(&machine)));
    }
    send(socket, &format!("{HELLO}{workers}"), &machine.descriptors())?;
    loop {
        let (text, descriptors) = receive(socket)?;
        if text.is_empty() {
            return Ok(());
        }
        if let Some((domid, unique_id)) = text.strip_prefix(REATTACH).and_then(domain) {
            let answer = match take_back(shared, &machine, domid, unique_id, descriptors) {
                Ok(()) => format!("{BACK}{domid}"),
                Err(reason) => format!("{REFUSED}{domid} {reason}"),
            };
            send(socket, &answer, &[])?;
            continue;
        }
        let range = text.strip_prefix(ATTACH).and_then(|range| range.parse::<DomidRange>().ok());
        let Some(range) = range else {
            let help = "use `attach DOMID[-DOMID]`, or `reattach DOMID UNIQUE-ID` with its page";
            send(socket, &format!("{REFUSED}{text}: {help}"), &[])?;
            continue;
        };
        for domid in range.iter() {
            match ring(shared, &machine, domid) {
                Ok((page, unique_id)) => {
                    send(socket, &format!("{RING}{domid} {unique_id}"), &[page.as_fd()])?;
                }
                Err(reason) => send(socket, &format!("{REFUSED}{domid} {reason}"), &[])?,
            }
        }
    }
}

/// A domain that may have a ring.
struct Tenant {
    domid: DomId,
    unique_id: u64,
    info: DomainInfo,
}

impl Tenant {
    fn of(shared: &Shared, domid: DomId) -> Result<Tenant, String> {
        let state = shared.host.domain(domid).ok_or("doesn't exist: create it first")?;
        let info = shared.store.pin().domain(domid).filter(|info| info.introduced);
        let info = info.ok_or("was not introduced: introduce it first")?;
        Ok(Tenant { domid, unique_id: state.unique_id, info })
    }

    /// Its worker's end of a page. Nothing is written yet.
    fn end(&self, shared: &Shared, page: Page) -> Box<ServerEnd> {
        let end = ServerEnd::new(page, self.info.features | features::RECONNECTION | features::V2);
        Box::new(end.with_doorbells(shared.settings.doorbells))
    }

    /// Tells its worker of its ring.
    fn post(&self, shared: &Shared, end: Box<ServerEnd>, machine: &Arc<Machine>, origin: Origin) {
        let doorbell = Doorbell::Machine(Arc::clone(machine));
        let ring = RingOf { end, doorbell, origin };
        let message = Message::Ring { domid: self.domid, life: self.info.instance, ring };
        shared.mailboxes.post(shared.mailboxes.owner(self.domid), message);
    }
}

/// Makes a ring for a domain, and tells its worker.
pub(super) fn ring(
    shared: &Shared,
    machine: &Arc<Machine>,
    domid: DomId,
) -> Result<(Memfd, u64), String> {
    let tenant = Tenant::of(shared, domid)?;
    let made = Memfd::create().and_then(|file| Ok((file.map()?, inode(&file)?, file)));
    let (page, inode, file) = made.map_err(|error| format!("can't get a page: {error}"))?;
    // First: should this process end, the machine has the only page that counts, or none.
    shared.host.note_page(domid, inode).map_err(|error| error.to_string())?;
    // Before the guest has the page: what it writes there comes after.
    let mut end = tenant.end(shared, page);
    end.start();
    tenant.post(shared, end, machine, Origin::New);
    Ok((file, tenant.unique_id))
}

/// Takes a page back which this domain was given by an earlier daemon, and tells its worker.
/// Nothing of the page is changed. What it holds is as hostile as that of any other.
pub(super) fn take_back(
    shared: &Shared,
    machine: &Arc<Machine>,
    domid: DomId,
    unique_id: u64,
    descriptors: Vec<OwnedFd>,
) -> Result<(), String> {
    let tenant = Tenant::of(shared, domid)?;
    if tenant.unique_id != unique_id || !shared.lives.is(domid, unique_id) {
        return Err("is another domain now: attach it".to_owned());
    }
    let one: Result<[OwnedFd; 1], _> = descriptors.try_into();
    let [file] = one.map_err(|_| "has one page, to be given back with the message")?;
    let unusable = |error| format!("has another page: {error}");
    let file = Memfd::from_peer(file).map_err(unusable)?;
    let inode = inode(&file).map_err(unusable)?;
    if !shared.host.has_page(domid, inode) {
        return Err("has no ring in this page: attach it".to_owned());
    }
    let end = tenant.end(shared, file.map().map_err(unusable)?);
    tenant.post(shared, end, machine, Origin::Returned { inode });
    Ok(())
}

/// Which page it is, among all of this boot.
fn inode(page: &Memfd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(page)?.st_ino)
}
