//! Where machines come in: the threads that hand out boards and rings.
//!
//! A thread takes machines in, and another serves each: they wait for one another's sake alone,
//! and the workers never wait for them.
//!
//! # Synchronization
//! A count of the machines that are inside, relaxed: it publishes nothing.

use std::{io, sync::Arc, thread::Builder};

use myriad_core::DomId;
use myriad_ring::{
    page::{Memfd, ServerEnd},
    v1::features,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::SocketAddrUnix,
};
use tracing::{info, warn};

use super::{Shared, doorbell::Doorbell, machine::Machine, mailbox::Message};
use crate::{
    hypervisor::Hypervisor,
    limits,
    options::DomidRange,
    sim::machine::{ATTACH, HELLO, REFUSED, RING, receive, send, seqpacket},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// Opens the gate: the threads end with the process.
pub(super) fn open(shared: Arc<Shared>) -> io::Result<()> {
    let path = shared.sockets.machines();
    let listener = seqpacket()?;
    rustix::net::bind(&listener, &SocketAddrUnix::new(&path)?)?;
    rustix::net::listen(&listener, limits::LISTEN_BACKLOG)?;
    let inside = Arc::new(AtomicU64::new(0));
    let accept = move || {
        let mut logged = false;
        for number in 0.. {
            let socket = loop {
                match rustix::net::accept(&listener) {
                    Ok(socket) => break socket,
                    Err(Errno::INTR | Errno::CONNABORTED) => {}
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
            take_in(&shared, socket, number, &inside);
        }
    };
    Builder::new().name("gate".into()).spawn(accept)?;
    Ok(())
}

/// Serves a machine in a thread of its own, unless there are too many.
fn take_in(shared: &Arc<Shared>, socket: OwnedFd, number: u64, inside: &Arc<AtomicU64>) {
    if inside.fetch_add(1, Relaxed) >= limits::MACHINES {
        inside.fetch_sub(1, Relaxed);
        // It is told by the end of the connection.
        warn!("a machine is refused: there are {} already", limits::MACHINES);
        return;
    }
    let (shared, done) = (Arc::clone(shared), Arc::clone(inside));
    let run = move || {
        if let Err(error) = serve(&shared, &socket, number) {
            info!("a machine of simulated guests is gone: {error}");
        }
        let gone = |worker| shared.mailboxes.post(worker, Message::MachineGone(number));
        shared.mailboxes.workers().for_each(gone);
        done.fetch_sub(1, Relaxed);
    };
    if let Err(error) = Builder::new().name(format!("machine-{number}")).spawn(run) {
        inside.fetch_sub(1, Relaxed);
        warn!("a machine of simulated guests can't be served: {error}");
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
        let (text, _) = receive(socket)?;
        if text.is_empty() {
            return Ok(());
        }
        let range = text.strip_prefix(ATTACH).and_then(|range| range.parse::<DomidRange>().ok());
        let Some(range) = range else {
            let text = format!("{REFUSED}{text}: use `attach DOMID[-DOMID]`");
            send(socket, &text, &[])?;
            continue;
        };
        for domid in range.iter() {
            match ring(shared, &machine, domid) {
                Ok(page) => send(socket, &format!("{RING}{domid}"), &[page.as_fd()])?,
                Err(reason) => send(socket, &format!("{REFUSED}{domid} {reason}"), &[])?,
            }
        }
    }
}

/// Makes a ring for a domain, and tells its worker.
fn ring(shared: &Shared, machine: &Arc<Machine>, domid: DomId) -> Result<Memfd, String> {
    shared.host.domain(domid).ok_or("doesn't exist: create it first")?;
    let info = shared.store.pin().domain(domid).filter(|info| info.introduced);
    let info = info.ok_or("was not introduced: introduce it first")?;
    let made = Memfd::create().and_then(|file| Ok((file.map()?, file)));
    let (page, file) = made.map_err(|error| format!("can't get a page: {error}"))?;
    // Before the guest has the page: what it writes there comes after.
    let end = ServerEnd::new(page, info.features | features::RECONNECTION);
    let mut end = Box::new(end.with_doorbells(shared.settings.doorbells));
    end.start();
    let doorbell = Doorbell::Machine(Arc::clone(machine));
    let message = Message::Ring { domid, end, doorbell };
    shared.mailboxes.post(shared.mailboxes.owner(domid), message);
    Ok(file)
}
