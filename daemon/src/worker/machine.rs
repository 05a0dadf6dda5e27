//! Machines: processes full of simulated guests, and the doorbells between them and the workers.
//!
//! A machine has a board for each worker, by which its guests ring that worker, and one by which
//! all workers ring its guests. A board's reader that sleeps is woken by an eventfd. Everything
//! that a machine writes into its boards concerns its own guests alone.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use myriad_core::DomId;
use myriad_ring::bells::{Bells, Boards};
use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
};

use super::poll::Poll;
use crate::sim::machine::wake_up;

/// A machine.
#[derive(Debug)]
pub(super) struct Machine {
    number: u64,
    boards: Boards,
    /// By which the guests are rung, and woken.
    guests: Bells,
    wake_guests: OwnedFd,
    /// By which the workers are woken.
    wake_workers: Vec<OwnedFd>,
}

impl Machine {
    /// A new machine beside so many workers.
    pub(super) fn new(number: u64, workers: u16) -> io::Result<Machine> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let boards = Boards::create(workers.saturating_add(1))?;
        let guests = Bells::map(&boards, workers)?;
        let wake_workers = (0..workers).map(|_| eventfd(0, flags));
        Ok(Machine {
            number,
            guests,
            wake_guests: eventfd(0, flags)?,
            wake_workers: wake_workers.collect::<Result<_, _>>()?,
            boards,
        })
    }

    /// Its number among all.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What its process needs: the boards (one for each worker, then the guests'), what wakes the
    /// guests, and what wakes each worker.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let workers = self.wake_workers.iter().map(AsFd::as_fd);
        [self.boards.as_fd(), self.wake_guests.as_fd()].into_iter().chain(workers).collect()
    }

    /// The boards, to be mapped by who is both sides.
    pub(super) fn boards(&self) -> &Boards {
        &self.boards
    }

    /// By which a worker is woken.
    pub(super) fn wake_of(&self, worker: u16) -> Option<&OwnedFd> {
        self.wake_workers.get(usize::from(worker))
    }

    /// Rings a guest's doorbell.
    pub(super) fn ring(&self, domid: DomId) {
        if self.guests.ring(domid.0) {
            // If this fails, the machine is not to be helped.
            let _ = wake_up(&self.wake_guests);
        }
    }

    fn worker(&self, worker: u16) -> io::Result<(Bells, &OwnedFd)> {
        let wake = self.wake_of(worker).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((Bells::map(&self.boards, worker)?, wake))
    }
}

/// The machines as one worker sees them: what rings it, and whom each doorbell means.
#[derive(Default)]
pub(super) struct Neighbours {
    all: Vec<Neighbour>,
}

struct Neighbour {
    machine: Arc<Machine>,
    bells: Bells,
}

impl Neighbours {
    /// A machine has come. Its doorbells wake this worker from now on.
    pub(super) fn add(
        &mut self,
        machine: Arc<Machine>,
        worker: u16,
        poll: &Poll,
        token: u64,
    ) -> io::Result<()> {
        let (bells, wake) = machine.worker(worker)?;
        poll.add_bell(wake, token)?;
        self.all.push(Neighbour { machine, bells });
        Ok(())
    }

    /// A machine has gone.
    pub(super) fn remove(&mut self, number: u64, worker: u16, poll: &Poll) {
        if let Some(at) = self.all.iter().position(|n| n.machine.number() == number) {
            let gone = self.all.swap_remove(at);
            if let Ok((_, wake)) = gone.machine.worker(worker) {
                // It isn't waited for any more, whether or not the system agrees.
                let _ = poll.remove(wake);
            }
        }
    }

    /// Hears all doorbells: gives the machine whose it is, and the domain.
    pub(super) fn hear(&self, mut rung: impl FnMut(&Machine, DomId)) {
        for neighbour in &self.all {
            neighbour.bells.hear(|domid| rung(&neighbour.machine, DomId(domid)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a doorbell may have been rung.
    pub(super) fn has_news(&self) -> bool {
        self.all.iter().any(|neighbour| neighbour.bells.has_news())
    }

    /// The worker is about to sleep. False where it must not: a doorbell was rung.
    pub(super) fn sleep(&self) -> bool {
        let all_quiet = self.all.iter().all(|neighbour| neighbour.bells.sleep());
        if !all_quiet {
            self.awake();
        }
        all_quiet
    }

    pub(super) fn awake(&self) {
        self.all.iter().for_each(|neighbour| neighbour.bells.awake());
    }
}
