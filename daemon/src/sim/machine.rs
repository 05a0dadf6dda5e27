//! The guests' side: a process full of simulated guests.
//!
//! A machine connects to `RUNDIR/sim/machines.socket`, gets the boards of doorbells, and asks for
//! the rings of domains that were introduced. From then on a guest talks through shared memory
//! alone. Whoever may open that socket may be any guest.

use std::{
    fmt, io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::Duration,
};

use myriad_core::DomId;
use myriad_ring::{
    bells::{Bells, Boards},
    page::{Memfd, Page},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, IoSliceMut},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    },
};

use crate::limits::{MACHINE_DESCRIPTORS, MACHINE_MESSAGE};

/// What the daemon says first, before the number of its workers.
pub(crate) const HELLO: &str = "myriad-sim 1 workers ";
/// A request for rings: `attach 5`, or `attach 1-1000`.
pub(crate) const ATTACH: &str = "attach ";
/// Its answer for each domain, with the page …
pub(crate) const RING: &str = "ring ";
/// … or with the reason why there is none.
pub(crate) const REFUSED: &str = "refused ";

/// A process full of guests, connected to a daemon.
#[derive(Debug)]
pub struct Machine {
    socket: OwnedFd,
    /// By which each worker is rung, and what wakes it.
    workers: Vec<(Bells, OwnedFd)>,
    /// By which the guests are rung, and what wakes them.
    guests: Bells,
    wake: OwnedFd,
}

/// Why a machine can't have what it asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// the daemon can't be reached, or the system has no more descriptors or mappings
    #[error("the simulated host can't be reached: {0}; is xenstored running there?")]
    Io(#[from] io::Error),
    /// the daemon speaks otherwise
    #[error("the simulated host says {0:?}: it is of another version")]
    Protocol(String),
    /// there is no ring for the domain
    #[error("domain {0}")]
    Refused(String),
}

impl Machine {
    /// Connects to the simulated host of a daemon by its `machines.socket`.
    ///
    /// # Errors
    /// [`MachineError::Io`], [`MachineError::Protocol`].
    pub fn connect(path: &Path) -> Result<Machine, MachineError> {
        let socket = seqpacket()?;
        let address = SocketAddrUnix::new(path).map_err(io::Error::from)?;
        rustix::net::connect(&socket, &address).map_err(io::Error::from)?;
        let (hello, descriptors) = receive(&socket)?;
        let other = || MachineError::Protocol(hello.clone());
        let workers: u16 =
            hello.strip_prefix(HELLO).and_then(|n| n.parse().ok()).ok_or_else(other)?;
        let mut descriptors = descriptors.into_iter();
        let boards = Boards::from_daemon(descriptors.next().ok_or_else(other)?);
        let wake = descriptors.next().ok_or_else(other)?;
        let guests = Bells::map(&boards, workers)?;
        let bells = (0..workers).map(|worker| Bells::map(&boards, worker));
        let workers: Vec<_> =
            bells.collect::<Result<Vec<_>, _>>()?.into_iter().zip(descriptors).collect();
        Ok(Machine { socket, workers, guests, wake })
    }

    /// Takes the rings of domains that have been introduced, and calls `got` with each; an earlier
    /// holder's doorbell is not heard any more.
    ///
    /// # Errors
    /// [`MachineError::Refused`] for the first one that has none; the others are taken all the
    /// same.
    pub fn attach(
        &mut self,
        first: DomId,
        last: DomId,
        mut got: impl FnMut(DomId, Page),
    ) -> Result<(), MachineError> {
        send(&self.socket, &format!("{ATTACH}{first}-{last}"), &[])?;
        let mut refused = Ok(());
        for _ in first.0..=last.0 {
            let (answer, mut descriptors) = receive(&self.socket)?;
            let ring = answer.strip_prefix(RING).and_then(|domid| domid.parse().ok());
            match (ring, descriptors.pop(), answer.strip_prefix(REFUSED)) {
                (Some(domid), Some(page), _) => {
                    got(DomId(domid), Memfd::from_peer(page)?.map()?);
                }
                (_, _, Some(reason)) => {
                    refused = refused.and(Err(MachineError::Refused(reason.to_owned())));
                }
                _ => return Err(MachineError::Protocol(answer)),
            }
        }
        refused
    }

    /// Rings the daemon's doorbell for a domain.
    ///
    /// # Errors
    /// The system's.
    pub fn ring(&self, domid: DomId) -> io::Result<()> {
        let worker = usize::from(domid.0).checked_rem(self.workers.len()).unwrap_or(0);
        let Some((bells, wake)) = self.workers.get(worker) else { return Ok(()) };
        if bells.ring(domid.0) {
            wake_up(wake)?;
        }
        Ok(())
    }

    /// The doorbells of the guests here, to be heard.
    #[must_use]
    pub fn bells(&self) -> &Bells {
        &self.guests
    }

    /// Sleeps until a doorbell is rung, or was before; forgets that it was woken. For one thread
    /// at a time.
    ///
    /// # Errors
    /// The system's.
    pub fn sleep(&self) -> io::Result<()> {
        self.sleep_beside(&[], None)
    }

    /// Sleeps as [`Machine::sleep`] does, but also no longer than until one of these descriptors
    /// is as said, or until so much time has passed.
    ///
    /// # Errors
    /// The system's.
    pub fn sleep_beside(
        &self,
        others: &[(BorrowedFd<'_>, PollFlags)],
        patience: Option<Duration>,
    ) -> io::Result<()> {
        if !self.guests.sleep() {
            return Ok(());
        }
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        fds.extend(others.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)));
        let patience = patience.and_then(|patience| patience.try_into().ok());
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.guests.awake();
        let mut count = [0; 8];
        match rustix::io::read(&self.wake, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Wakes who sleeps by an eventfd.
pub(crate) fn wake_up(eventfd: &OwnedFd) -> io::Result<()> {
    match rustix::io::write(eventfd, &1u64.to_ne_bytes()) {
        // Full: it is awake, or about to be.
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn seqpacket() -> io::Result<OwnedFd> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

/// Sends a message with descriptors.
pub(crate) fn send(
    socket: impl AsFd,
    text: &str,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space =
        vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MACHINE_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::ArgumentListTooLong.into());
    }
    let pieces = [io::IoSlice::new(text.as_bytes())];
    rustix::net::sendmsg(socket, &pieces, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a message with its descriptors; an empty one is the end.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<(String, Vec<OwnedFd>)> {
    let mut space =
        vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MACHINE_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; MACHINE_MESSAGE];
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut pieces, &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let text = bytes.get(..received.bytes).unwrap_or_default();
    Ok((String::from_utf8_lossy(text).into_owned(), descriptors))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a machine beside {} workers", self.workers.len())
    }
}
