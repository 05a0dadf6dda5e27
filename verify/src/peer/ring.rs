//! A guest on its ring: the same guest's end of the page whichever daemon is at the other end.
//!
//! C's rings are memory files with a pair of eventfds (`verify/peers/xenshim.c`), ours are those
//! of a machine of the simulated host. A ring that the daemon has given up counts as closed.

use std::{
    cell::RefCell,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    time::{Duration, Instant},
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::{
        Memfd, Page, Word,
        guest::{Client, Habits, Liar},
        layout::ERROR_NONE,
    },
    v1::{Header, features},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::oracle::{
    limits::PATIENCE,
    who,
    wire::{Incoming, Message, WireError},
};

/// A guest's end of its ring.
#[derive(Debug)]
pub struct Ring {
    domid: u32,
    side: &'static str,
    page: Page,
    client: Client,
    bell: Bell,
}

/// How the daemon is rung, and heard.
#[derive(Debug)]
enum Bell {
    Shim { to_daemon: OwnedFd, to_guest: OwnedFd },
    Machine(Rc<RefCell<Machine>>),
}

impl Ring {
    /// The ring of a domain of the shim.
    pub(super) fn of_shim(
        domid: u32,
        page: OwnedFd,
        to_daemon: OwnedFd,
        to_guest: OwnedFd,
    ) -> io::Result<Ring> {
        let page = Memfd::from_peer(page)?.map()?;
        // Of a ring that was given up before; C doesn't take it back.
        Liar::new(page.clone()).set(Word::Error, ERROR_NONE);
        Ok(Ring::new(domid, page, Bell::Shim { to_daemon, to_guest }))
    }

    /// The ring of a domain of the simulated host.
    pub(super) fn of_machine(domid: u32, page: Page, machine: Rc<RefCell<Machine>>) -> Ring {
        Ring::new(domid, page, Bell::Machine(machine))
    }

    fn new(domid: u32, page: Page, bell: Bell) -> Ring {
        let habits = match domid % 3 {
            0 => Habits::LINUX,
            1 => Habits::FIRMWARE,
            _ => Habits::default(),
        };
        let side = match bell {
            Bell::Shim { .. } => "C",
            Bell::Machine(_) => "simulated",
        };
        Ring { domid, side, client: Client::new(page.clone(), habits), page, bell }
    }

    /// Sends bytes, in so many pieces with a doorbell each, as far as there is room: the rest goes
    /// while replies are waited for.
    ///
    /// # Errors
    /// [`WireError::Liar`], [`WireError::Io`].
    pub fn send(&mut self, bytes: &[u8], pieces: usize) -> Result<(), WireError> {
        let piece = bytes.len().div_ceil(pieces.max(1)).max(1);
        for part in bytes.chunks(piece) {
            self.client.push(part);
            self.pump()?;
        }
        Ok(())
    }

    /// Waits for the next message, or until the daemon has given the ring up.
    ///
    /// # Errors
    /// [`WireError::Silent`], [`WireError::Liar`], [`WireError::Io`].
    pub fn receive(&mut self) -> Result<Incoming, WireError> {
        self.wait(|ring| {
            if let Some((header, payload)) = ring.client.message() {
                return Some(incoming(header, payload));
            }
            ring.is_given_up().then_some(Incoming::Closed)
        })
    }

    /// Waits until the daemon has taken all that was sent.
    ///
    /// # Errors
    /// [`WireError::Silent`], [`WireError::Liar`], [`WireError::Io`].
    pub fn flush(&mut self) -> Result<(), WireError> {
        self.wait(|ring| {
            let page = Liar::new(ring.page.clone());
            let taken = page.get(Word::RequestsConsumed) == page.get(Word::RequestsProduced);
            (taken && !ring.client.has_output()).then_some(())
        })
    }

    /// Sends bytes, and reads nothing meanwhile: for no more than a full ring and what the daemon
    /// takes of it.
    ///
    /// # Errors
    /// [`WireError::Silent`], [`WireError::Liar`], [`WireError::Io`].
    pub fn flood(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let (begin, mut rest) = (Instant::now(), bytes);
        while !rest.is_empty() {
            let count = self.client.end().send(rest).map_err(|_| WireError::Liar)?;
            rest = rest.get(count..).unwrap_or_default();
            // The daemon takes more as it is rung, and not by our waiting.
            self.ring()?;
            if begin.elapsed() > PATIENCE {
                return Err(WireError::Silent { side: self.side, client: who::guest(self.domid) });
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Claims to have put more requests than fit, and rings.
    ///
    /// # Errors
    /// [`WireError::Io`].
    pub fn lie(&mut self) -> Result<(), WireError> {
        let page = Liar::new(self.page.clone());
        let taken = page.get(Word::RequestsConsumed);
        page.set(Word::RequestsProduced, taken.wrapping_add(TOO_MANY));
        self.ring()
    }

    /// Why the daemon has given the ring up; 0 if it hasn't.
    #[must_use]
    pub fn error(&self) -> u32 {
        Liar::new(self.page.clone()).get(Word::Error)
    }

    /// Whether the daemon says when it gives the ring up; a domain can be refused that.
    #[must_use]
    pub fn tells_errors(&self) -> bool {
        Liar::new(self.page.clone()).get(Word::Features) & features::ERROR != 0
    }

    fn is_given_up(&self) -> bool {
        self.error() != ERROR_NONE
    }

    /// Moves bytes and waits, until `done` says so.
    fn wait<T>(&mut self, mut done: impl FnMut(&mut Ring) -> Option<T>) -> Result<T, WireError> {
        let begin = Instant::now();
        loop {
            // First: what is found from here on is not told of any more.
            self.hear()?;
            if !self.is_given_up() {
                self.pump()?;
            }
            if let Some(result) = done(self) {
                return Ok(result);
            }
            if begin.elapsed() > PATIENCE {
                return Err(WireError::Silent { side: self.side, client: who::guest(self.domid) });
            }
            if self.is_given_up() || !self.client.look_again().map_err(|_| WireError::Liar)? {
                self.sleep()?;
            }
        }
    }

    fn pump(&mut self) -> Result<(), WireError> {
        self.client.pump().map_err(|_| WireError::Liar)?;
        if self.client.take_doorbell() { self.ring() } else { Ok(()) }
    }

    fn ring(&self) -> Result<(), WireError> {
        let rung = match &self.bell {
            Bell::Shim { to_daemon, .. } => {
                rustix::io::write(to_daemon, &1u64.to_ne_bytes()).map(drop).map_err(Into::into)
            }
            Bell::Machine(machine) => machine.borrow().ring(domid(self.domid)),
        };
        rung.map_err(failed)
    }

    fn hear(&self) -> Result<(), WireError> {
        match &self.bell {
            Bell::Shim { to_guest, .. } => match rustix::io::read(to_guest, &mut [0; 8]) {
                Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
                Err(error) => Err(failed(error.into())),
            },
            Bell::Machine(machine) => {
                machine.borrow().bells().hear(|_| {});
                Ok(())
            }
        }
    }

    /// Sleeps until a doorbell, or for a moment: that a ring was given up is told by none.
    fn sleep(&self) -> Result<(), WireError> {
        match &self.bell {
            Bell::Shim { to_guest, .. } => {
                let mut fds = [PollFd::new(to_guest, PollFlags::IN)];
                match poll(&mut fds, Timespec::try_from(MOMENT).ok().as_ref()) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
                    Err(error) => Err(failed(error.into())),
                }
            }
            Bell::Machine(machine) => {
                machine.borrow().sleep_beside(&[], Some(MOMENT)).map_err(failed)
            }
        }
    }
}

fn incoming(header: Header, payload: Vec<u8>) -> Incoming {
    let Header { op, req_id, tx_id, .. } = header;
    Incoming::Message(Message { op, req_id, tx_id, payload })
}

fn failed(source: io::Error) -> WireError {
    WireError::Io { side: "ring's", source }
}

fn domid(domid: u32) -> DomId {
    DomId(u16::try_from(domid).unwrap_or(u16::MAX))
}

/// How long a doorbell is waited for before the page is looked at again.
const MOMENT: Duration = Duration::from_millis(5);
/// Bytes that no ring holds.
const TOO_MANY: u32 = 1025;
