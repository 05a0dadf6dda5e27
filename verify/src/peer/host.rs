//! How a server learns about domains, and hands out their rings.

use std::{
    cell::RefCell,
    io::Write,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    rc::Rc,
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use rustix::{
    io::IoSliceMut,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};

use super::{PeerError, at, ring::Ring};
use crate::oracle::{
    limits::PATIENCE,
    wire::{Incoming, Link, encode},
};

/// Something that happens to a domain on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainChange {
    /// It appears, running.
    Create(u32),
    /// It shuts down, and still exists.
    ShutDown(u32),
    /// It had shut down, and runs again: news to nobody.
    Resume(u32),
    /// It is gone.
    Destroy(u32),
    /// Nothing: the server is only asked to look.
    Scan,
}

impl DomainChange {
    fn words(self) -> (&'static str, Option<u32>) {
        match self {
            DomainChange::Create(domid) => ("create", Some(domid)),
            DomainChange::ShutDown(domid) => ("shutdown", Some(domid)),
            DomainChange::Resume(domid) => ("resume", Some(domid)),
            DomainChange::Destroy(domid) => ("destroy", Some(domid)),
            DomainChange::Scan => ("scan", None),
        }
    }
}

impl std::fmt::Display for DomainChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.words() {
            (word, Some(domid)) => write!(f, "{word} {domid}"),
            (word, None) => f.write_str(word),
        }
    }
}

/// How the server learns about domains.
#[derive(Debug)]
pub(super) enum Host {
    /// The shim's control channel.
    Shim(UnixStream),
    /// Our daemon's simulated host, through CONTROL; with it the machine that all guests are on.
    Simulated(Simulated),
    /// Nobody can tell it anything.
    OutOfReach,
}

/// The guests of our daemon.
#[derive(Debug)]
pub(super) struct Simulated {
    folder: PathBuf,
    machine: Option<Rc<RefCell<Machine>>>,
}

impl Host {
    /// The control channel of a shim, and what is to be the standard input of its daemon.
    pub(super) fn shim() -> Result<(Host, OwnedFd), PeerError> {
        let failed = at("making the control channel");
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(PATIENCE)).map_err(at("making the control channel"))?;
        Ok((Host::Shim(ours), OwnedFd::from(theirs)))
    }

    /// The host of our daemon, which has its files in `folder`.
    pub(super) fn simulated(folder: &Path) -> Host {
        Host::Simulated(Simulated { folder: folder.to_owned(), machine: None })
    }

    /// Changes a domain on the host of the server on `socket`, and returns when it has dealt
    /// with it.
    pub(super) fn change(&mut self, socket: &Path, change: DomainChange) -> Result<(), PeerError> {
        match self {
            Host::Shim(channel) => command(channel, &change.to_string()).map(drop),
            Host::Simulated(_) => {
                // It is told of each change, so it never has to look.
                let (word, Some(domid)) = change.words() else { return Ok(()) };
                let payload = format!("sim\0{word}\0{domid}\0");
                let refused = || PeerError::Refused(change.to_string());
                let mut link = Link::connect(socket, "right", usize::MAX).map_err(|_| refused())?;
                link.send(&encode(0, 1, 0, payload.as_bytes()), 1).map_err(|_| refused())?;
                match link.receive() {
                    Ok(Incoming::Message(m)) if m.op == 0 => Ok(()),
                    _ => Err(refused()),
                }
            }
            Host::OutOfReach => Err(PeerError::Refused(change.to_string())),
        }
    }

    /// The guest's side of a ring.
    pub(super) fn ring(&mut self, domid: u32) -> Result<Ring, PeerError> {
        match self {
            Host::Shim(channel) => {
                let descriptors = command(channel, &format!("ring {domid}"))?;
                let Ok([page, to_daemon, to_guest]) = <[OwnedFd; 3]>::try_from(descriptors) else {
                    return Err(PeerError::NoRing(domid));
                };
                Ring::of_shim(domid, page, to_daemon, to_guest).map_err(at("mapping a ring"))
            }
            Host::Simulated(simulated) => simulated.ring(domid),
            Host::OutOfReach => Err(PeerError::NoRing(domid)),
        }
    }
}

impl Simulated {
    fn ring(&mut self, domid: u32) -> Result<Ring, PeerError> {
        let refused = |_| PeerError::NoRing(domid);
        let machine = match &self.machine {
            Some(machine) => Rc::clone(machine),
            None => {
                let path = self.folder.join("sim/machines.socket");
                let machine = Machine::connect(&path).map_err(refused)?;
                Rc::clone(self.machine.insert(Rc::new(RefCell::new(machine))))
            }
        };
        let id = DomId(u16::try_from(domid).map_err(|_| PeerError::NoRing(domid))?);
        let mut page = None;
        machine.borrow_mut().attach(id, id, |_, got| page = Some(got)).map_err(refused)?;
        let page = page.ok_or(PeerError::NoRing(domid))?;
        Ok(Ring::of_machine(domid, page, machine))
    }
}

/// Gives the shim a command; what comes with its answer.
fn command(channel: &mut UnixStream, words: &str) -> Result<Vec<OwnedFd>, PeerError> {
    let failed = "talking to the shim";
    writeln!(channel, "{words}").map_err(at(failed))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(RING_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; ANSWER.len()];
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(&*channel, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC);
    let received = received.map_err(|error| at(failed)(error.into()))?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if bytes.get(..received.bytes) == Some(ANSWER) {
        Ok(descriptors)
    } else {
        Err(PeerError::Refused(words.to_owned()))
    }
}

/// What the shim says to each command.
const ANSWER: &[u8] = b"ok\n";
/// What a ring of the shim consists of.
const RING_DESCRIPTORS: usize = 3;
