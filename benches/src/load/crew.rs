//! A crew: simulated guests on their rings, all in this process, who act together.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::guest::{Client, Habits},
    v1::Op,
};

use super::{Error, Peer, wire::Reply};

/// The way to a daemon's simulated host, with the doorbells of all guests here.
#[derive(Debug)]
pub struct Crew {
    machine: Machine,
}

/// One of the guests.
#[derive(Debug)]
pub struct Member {
    /// Its domain.
    pub domid: u16,
    client: Client,
    /// Replies that it waits for.
    waits: usize,
    answers: VecDeque<(u32, Vec<u8>)>,
    events: u64,
}

impl Crew {
    /// Connects to the daemon's simulated host: at `machines`, or where it is beside its socket.
    ///
    /// # Errors
    /// [`Error::Machine`].
    pub fn connect(peer: &Peer, machines: Option<&Path>) -> Result<Crew, Error> {
        let beside = || peer.socket.parent().map(|dir| dir.join("sim/machines.socket"));
        let path = machines.map(PathBuf::from).or_else(beside).unwrap_or_default();
        Ok(Crew { machine: Machine::connect(&path).map_err(broken)? })
    }

    /// Takes the rings of domains that have been introduced.
    ///
    /// # Errors
    /// [`Error::Machine`] where one of them has none.
    pub fn attach(&mut self, first: u16, last: u16) -> Result<Vec<Member>, Error> {
        let mut members = Vec::new();
        let got = |domid: DomId, page| {
            let (client, answers) = (Client::new(page, Habits::LINUX), VecDeque::new());
            members.push(Member { domid: domid.0, client, waits: 0, answers, events: 0 });
        };
        self.machine.attach(DomId(first), DomId(last), got).map_err(broken)?;
        Ok(members)
    }

    /// Moves requests and replies until nobody waits for a reply any more.
    ///
    /// # Errors
    /// [`Error::Machine`]: a ring is broken.
    pub fn exchange(&self, members: &mut [Member]) -> Result<(), Error> {
        loop {
            let (mut moved, mut waits) = (false, false);
            for member in members.iter_mut().filter(|member| member.waits > 0) {
                moved |= self.pump(member)?;
                waits |= member.waits > 0;
            }
            if !waits {
                return Ok(());
            }
            if !moved {
                self.rest(members)?;
            }
        }
    }

    /// Sleeps until one of those who wait may have something, unless there is something already.
    ///
    /// # Errors
    /// [`Error::Machine`]: a ring is broken.
    pub fn rest(&self, members: &mut [Member]) -> Result<(), Error> {
        // First: what is found from here on is not told of any more.
        self.machine.bells().hear(|_| {});
        for member in members.iter_mut().filter(|member| member.waits > 0) {
            if member.client.look_again().map_err(broken)? {
                return Ok(());
            }
        }
        self.machine.sleep().map_err(broken)
    }

    /// Moves what can be moved for one of them; says whether anything was.
    ///
    /// # Errors
    /// [`Error::Machine`]: its ring is broken.
    pub fn pump(&self, member: &mut Member) -> Result<bool, Error> {
        let moved = member.client.pump().map_err(broken)?;
        if member.client.take_doorbell() {
            self.machine.ring(DomId(member.domid)).map_err(broken)?;
        }
        while let Some((header, payload)) = member.client.message() {
            if header.op == Op::WatchEvent as u32 {
                member.events += 1;
            } else {
                member.answers.push_back((header.op, payload));
                member.waits = member.waits.saturating_sub(1);
            }
        }
        Ok(moved)
    }
}

impl Member {
    /// Asks for something at the next exchange.
    pub fn ask(&mut self, op: Op, payload: &str) {
        self.ask_in(0, op, payload);
    }

    /// The same in a transaction.
    pub fn ask_in(&mut self, tx_id: u32, op: Op, payload: &str) {
        self.client.ask(op, tx_id, payload.as_bytes());
        self.waits += 1;
    }

    /// The answer to the first request that hasn't been looked at, which was of this kind.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Garbage`].
    pub fn answer(&mut self, op: Op) -> Result<Vec<u8>, Error> {
        let (answered, payload) = self.answers.pop_front().ok_or(Error::Garbage)?;
        Reply { op: answered, payload: &payload }.accepted(op).map(<[u8]>::to_vec)
    }

    /// Replies that it waits for.
    #[must_use]
    pub fn waits(&self) -> usize {
        self.waits
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Machine(error.to_string())
}
