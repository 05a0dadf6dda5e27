//! Carries out steps on both servers and compares all that comes back.
//!
//! Invariants, between steps: no client has anything left to receive; both servers' states are the
//! same, but for what the table of differences allows; the model is that state.

use std::collections::BTreeMap;

use myriad_ring::v1::Op;

use super::{
    coverage::Coverage,
    differences,
    exchange::Exchange,
    judge::may_fire,
    mutate::Mutation,
    pair::{Pair, Side},
    report::{Failure, History},
    step::{Request, Step},
    streams::Leeway,
    who,
    wire::{WireError, encode},
    world::World,
};
use crate::peer::{DomainChange, PeerError, Server};

/// What a run is about.
#[derive(Debug)]
pub struct Options {
    /// How many clients there are.
    pub clients: usize,
    /// Whether both servers are of one kind, so that no difference is allowed.
    pub twins: bool,
    /// Whether the right server follows Myriad's rules for transactions, and not C's.
    pub ours: bool,
    /// Whether both servers know what 4.17 does not.
    pub newer: bool,
    /// An answer to falsify, to see that it is noticed.
    pub mutation: Option<Mutation>,
}

impl Options {
    /// Whether a server follows Myriad's rules.
    pub(super) fn is_ours(&self, side: Side) -> bool {
        self.ours && (self.twins || side == Side::Right)
    }
}

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// the servers disagree
    #[error("{0}")]
    Difference(Box<Failure>),
    /// a server can't be talked to
    #[error("{0}")]
    Wire(#[from] WireError),
    /// a server's host can't be changed
    #[error("{0}")]
    Peer(#[from] PeerError),
}

/// Two servers, and what has been sent to them.
#[derive(Debug)]
pub struct Runner {
    pub(super) options: Options,
    pub(super) servers: Pair<Server>,
    pub(super) exchange: Exchange,
    pub(super) world: World,
    pub(super) history: History,
    pub(super) leeway: Leeway,
    /// How often each operation gave each answer.
    pub coverage: Coverage,
    /// How often each difference was met.
    pub differences: BTreeMap<&'static str, u64>,
}

impl Runner {
    /// Connects to both servers, which have just started.
    ///
    /// # Errors
    /// [`Stop::Wire`].
    pub fn new(options: Options, servers: Pair<Server>) -> Result<Runner, Stop> {
        let sockets = Pair {
            left: servers.left.socket().to_owned(),
            right: servers.right.socket().to_owned(),
        };
        let mut exchange = Exchange::connect(sockets, options.clients)?;
        // Today's C lets everyone read this from the start, 4.17 nobody.
        let alike = encode(Op::SetPerms as u32, 1, 0, b"@releaseDomain\0n0\0");
        for side in Side::BOTH {
            exchange.aside_ask(side, &alike)?;
        }
        Ok(Runner {
            exchange,
            world: World::new(options.clients),
            history: History::default(),
            leeway: Leeway::default(),
            coverage: Coverage::default(),
            differences: BTreeMap::new(),
            options,
            servers,
        })
    }

    /// What is known of the servers, to make steps from.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Requests sent so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.history.requests()
    }

    /// How many of them were those of guests.
    #[must_use]
    pub fn of_guests(&self) -> usize {
        self.history.of_guests()
    }

    /// Carries out a step. One that must not be sent is left out.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match self.carry_out_step(step) {
            // What was sent belongs to that as to any other disagreement.
            Err(Stop::Wire(error @ WireError::Silent { .. })) => {
                let (left, right) = (self.servers.left.state(), self.servers.right.state());
                Err(self.fail(&format!("{error}\nleft: {left}\nright: {right}")))
            }
            other => other,
        }
    }

    fn carry_out_step(&mut self, step: &Step) -> Result<(), Stop> {
        self.begin();
        match step {
            Step::Request(request) => self.request(step, request),
            Step::Host(change) => self.host(step, *change),
            Step::Flood { client } => self.flood(step, *client),
            Step::Oversized { client, .. }
            | Step::Reconnect { client, .. }
            | Step::Lie { client } => match who::domid(*client) {
                Some(domid) => self.breach(step, domid),
                None => self.on_socket(step),
            },
        }
    }

    pub(super) fn begin(&mut self) {
        self.exchange.begin_step();
        self.leeway = Leeway::default();
    }

    fn request(&mut self, step: &Step, request: &Request) -> Result<(), Stop> {
        if !self.world.clients.contains_key(&request.client) {
            return Ok(());
        }
        let op = request.known_op();
        let refused = |op| differences::avoided(&self.world, request, op, self.options.newer);
        if let Some(name) = op.and_then(refused) {
            self.met(name);
            return Ok(());
        }
        self.history.push(step);
        match op.and_then(|op| self.aborted(request, op)) {
            Some((name, abort)) => {
                self.met(name);
                self.carry_out(&abort)
            }
            None => self.carry_out(request),
        }
    }

    /// The end of a transaction that must not be committed: why, and what is sent instead.
    fn aborted(&self, request: &Request, op: Op) -> Option<(&'static str, Request)> {
        let tx = self.world.open_tx(request)?;
        let commits = op == Op::TransactionEnd && request.payload == b"T\0";
        let why = differences::uncommitted(&self.world, tx).filter(|_| commits)?;
        Some((why, Request { payload: b"F\0".to_vec(), ..request.clone() }))
    }

    /// Sends a request to both servers, and compares all that comes of it.
    pub(super) fn carry_out(&mut self, request: &Request) -> Result<(), Stop> {
        let op = request.known_op();
        if let Some(name) =
            op.and_then(|op| differences::provoked(request.client, op, &request.payload))
        {
            self.met(name);
            self.exchange.provoke(request.client)?;
        }
        let ids = self.world.tx_ids(request);
        let bytes = |id| encode(request.op, request.req_id, id, &request.payload);
        let bytes = Pair { left: bytes(ids.left), right: bytes(ids.right) };
        self.exchange.send(request.client, &bytes, request.pieces)?;
        let mut replies = self.exchange.receive(request.client)?;
        self.falsify(request.client, request.op, &mut replies);

        let fires = op.is_some_and(|op| may_fire(op, request, self.world.open_tx(request)));
        let answers = self.answers(request, &replies, ids)?;
        self.coverage.note(request.client, request.op, &answers.left);
        match op {
            Some(Op::TransactionStart) if answers.left.is_ok() => self.start(request, &answers)?,
            Some(Op::TransactionEnd) => self.end(request, &answers)?,
            Some(op) => self.judge(request, op, &answers)?,
            None => self.require(answers.left == answers.right, "the answers differ")?,
        }
        if fires && (answers.left.is_ok() || answers.right.is_ok()) {
            self.barrier()?;
        }
        self.compare_streams(request.client, op, ids)
    }

    fn host(&mut self, step: &Step, change: DomainChange) -> Result<(), Stop> {
        if !self.has_hosts() || !self.world.hosts.can_change(change) {
            return Ok(());
        }
        self.history.push(step);
        self.servers.left.domain(change)?;
        self.servers.right.domain(change)?;
        if let Some(domid) = self.world.note_change(change) {
            self.exchange.detach(who::guest(domid));
            self.age()?;
        }
        self.barrier()?;
        self.compare_streams(usize::MAX, None, Pair::same(0))
    }

    pub(super) fn has_hosts(&self) -> bool {
        self.servers.left.has_host() && self.servers.right.has_host()
    }

    /// A domain was introduced: from now on it speaks for itself, if it didn't.
    pub(super) fn introduced(&mut self, domid: u32) -> Result<(), Stop> {
        if domid == 0 || !self.has_hosts() {
            return Ok(());
        }
        let rings =
            Pair { left: self.servers.left.ring(domid)?, right: self.servers.right.ring(domid)? };
        self.exchange.attach(who::guest(domid), rings);
        self.world.forget(who::guest(domid));
        Ok(())
    }

    /// A domain was released, or is gone.
    pub(super) fn ended(&mut self, domid: u32) -> Result<(), Stop> {
        self.world.bury(domid);
        self.exchange.detach(who::guest(domid));
        self.age()
    }

    /// Has C count on. It tells whether an entry is older than a domain by a number that only
    /// changes of the tree raise, so that one of a life before, right before, would count.
    pub(super) fn age(&mut self) -> Result<(), Stop> {
        for side in Side::BOTH {
            if !self.options.is_ours(side) {
                self.exchange.age(side)?;
            }
        }
        Ok(())
    }
}
