//! The guests' side: a process full of simulated guests.
//!
//! A machine connects to `RUNDIR/sim/machines.socket`, gets the boards of doorbells, and asks for
//! the rings of domains that were introduced. From then on a guest talks through shared memory
//! alone. Whoever may open that socket may be any guest.
//!
//! A machine outlives the daemon, if it [keeps](Machine::keeping_pages) its pages: it is told of
//! the daemon's end by [`Machine::sleep`], and [`Machine::reconnect`] gives the pages to the next
//! one. Nothing in a page is touched by that: to a guest it is a pause.

use std::{
    collections::BTreeMap,
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use myriad_core::DomId;
use myriad_ring::{
    bells::{Bells, Boards},
    page::{Memfd, Page},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::SocketAddrUnix,
};

use super::packets::{ATTACH, BACK, HELLO, REATTACH, REFUSED, RING, receive, send, seqpacket};
use crate::limits::RECONNECT_PAUSE;

/// A process full of guests, connected to a daemon.
#[derive(Debug)]
pub struct Machine {
    path: PathBuf,
    line: Line,
    /// The pages that the next daemon gets, of those domains that had them.
    pages: BTreeMap<DomId, (u64, Memfd)>,
    keeps_pages: bool,
}

/// What a machine has of one daemon.
#[derive(Debug)]
struct Line {
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
        let line = Line::connect(path)?;
        Ok(Machine { path: path.into(), line, pages: BTreeMap::new(), keeps_pages: false })
    }

    /// Keeps the pages that are attached from now on, a descriptor each, so that
    /// [`Machine::reconnect`] can give them back.
    #[must_use]
    pub fn keeping_pages(mut self) -> Machine {
        self.keeps_pages = true;
        self
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
        send(&self.line.socket, &format!("{ATTACH}{first}-{last}"), &[])?;
        let mut refused = Ok(());
        for _ in first.0..=last.0 {
            let (answer, mut descriptors) = self.line.receive()?;
            let ring = answer.strip_prefix(RING).and_then(domain);
            match (ring, descriptors.pop(), answer.strip_prefix(REFUSED)) {
                (Some((domid, unique_id)), Some(page), _) => {
                    let page = Memfd::from_peer(page)?;
                    got(domid, page.map()?);
                    if self.keeps_pages {
                        self.pages.insert(domid, (unique_id, page));
                    }
                }
                (_, _, Some(reason)) => {
                    refused = refused.and(Err(MachineError::Refused(reason.to_owned())));
                }
                _ => return Err(MachineError::Protocol(answer)),
            }
        }
        refused
    }

    /// Connects to the next daemon, waiting for it no longer than so; gives it the pages that were
    /// kept, and calls `refused` with each domain whose page it doesn't take, and why: that one has
    /// died, or has to be attached anew. Then it rings for each, and their guests must look at
    /// their rings: the daemon may have.
    ///
    /// # Errors
    /// [`MachineError::Io`] if there is none yet, or it ends as well: nothing is lost, and it can
    /// be tried again. [`MachineError::Protocol`].
    pub fn reconnect(
        &mut self,
        patience: Duration,
        mut refused: impl FnMut(DomId, &str),
    ) -> Result<(), MachineError> {
        let begin = Instant::now();
        self.line = loop {
            match Line::connect(&self.path) {
                Err(MachineError::Io(_)) if begin.elapsed() < patience => {
                    // Nothing says when it is there.
                    std::thread::sleep(RECONNECT_PAUSE);
                }
                done => break done?,
            }
        };
        let mut gone = Vec::new();
        for (domid, (unique_id, page)) in &self.pages {
            let text = format!("{REATTACH}{domid} {unique_id}");
            send(&self.line.socket, &text, &[page.as_fd()])?;
            let (answer, _) = self.line.receive()?;
            match (answer.strip_prefix(BACK), answer.strip_prefix(REFUSED)) {
                (Some(back), _) if back.parse() == Ok(domid.0) => self.ring(*domid)?,
                (_, Some(reason)) => {
                    refused(*domid, reason);
                    gone.push(*domid);
                }
                _ => return Err(MachineError::Protocol(answer)),
            }
        }
        self.pages.retain(|domid, _| !gone.contains(domid));
        Ok(())
    }

    /// Whether the daemon has ended.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let mut fds = [PollFd::new(&self.line.socket, PollFlags::empty())];
        poll(&mut fds, Some(&rustix::time::Timespec::default())).is_ok_and(|count| count > 0)
    }

    /// Rings the daemon's doorbell for a domain.
    ///
    /// # Errors
    /// The system's.
    pub fn ring(&self, domid: DomId) -> io::Result<()> {
        let worker = usize::from(domid.0).checked_rem(self.line.workers.len()).unwrap_or(0);
        let Some((bells, wake)) = self.line.workers.get(worker) else { return Ok(()) };
        if bells.ring(domid.0) {
            wake_up(wake)?;
        }
        Ok(())
    }

    /// The doorbells of the guests here, to be heard.
    #[must_use]
    pub fn bells(&self) -> &Bells {
        &self.line.guests
    }

    /// Sleeps until a doorbell is rung, or was before; forgets that it was woken. For one thread
    /// at a time.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionReset`] where the daemon has ended and nothing was rung; the
    /// system's.
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
        let Line { socket, guests, wake, .. } = &self.line;
        if !guests.sleep() {
            return Ok(());
        }
        let mut fds = vec![PollFd::new(wake, PollFlags::IN), PollFd::new(socket, LOST)];
        fds.extend(others.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)));
        let patience = patience.and_then(|patience| patience.try_into().ok());
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        guests.awake();
        let news: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if matches!(news.as_slice(), [false, true, others @ ..] if !others.contains(&true)) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut count = [0; 8];
        match rustix::io::read(wake, &mut count) {
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Line {
    fn connect(path: &Path) -> Result<Line, MachineError> {
        let socket = seqpacket()?;
        let address = SocketAddrUnix::new(path).map_err(io::Error::from)?;
        rustix::net::connect(&socket, &address).map_err(io::Error::from)?;
        let (hello, descriptors) = receive(&socket)?;
        if hello.is_empty() {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
        }
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
        Ok(Line { socket, workers, guests, wake })
    }

    /// The daemon's next message.
    fn receive(&self) -> io::Result<(String, Vec<OwnedFd>)> {
        let (text, descriptors) = receive(&self.socket)?;
        if text.is_empty() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok((text, descriptors))
        }
    }
}

/// What is told of a socket whose other end is closed, whatever is asked.
const LOST: PollFlags = PollFlags::empty();

/// A domain's id and unique id.
pub(crate) fn domain(text: &str) -> Option<(DomId, u64)> {
    let (domid, unique_id) = text.split_once(' ')?;
    Some((DomId(domid.parse().ok()?), unique_id.parse().ok()?))
}

/// Wakes who sleeps by an eventfd.
pub(crate) fn wake_up(eventfd: &OwnedFd) -> io::Result<()> {
    match rustix::io::write(eventfd, &1u64.to_ne_bytes()) {
        // Full: it is awake, or about to be.
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a machine beside {} workers", self.line.workers.len())
    }
}
