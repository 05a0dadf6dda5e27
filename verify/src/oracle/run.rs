//! Carries out steps on both servers and compares all that comes back.
//!
//! Invariants, between steps: no client has anything left to receive; both servers' states are the
//! same, but for what the table of differences allows; the model is that state.

use std::collections::BTreeMap;

use myriad_ring::v1::{HEADER_LEN, Header, Op};

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
    wire::{Incoming, WireError, encode},
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
        Ok(Runner {
            exchange: Exchange::connect(sockets, options.clients)?,
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

    /// Carries out a step. One that must not be sent is left out.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn step(&mut self, step: &Step) -> Result<(), Stop> {
        self.exchange.begin_step();
        self.leeway = Leeway::default();
        match step {
            Step::Request(request) => self.request(step, request)?,
            Step::Oversized { client, op, len } => self.oversized(step, *client, *op, *len)?,
            Step::Reconnect { client, partial } => {
                self.history.push(step);
                self.exchange.send(*client, &Pair::same(partial.clone()), 1)?;
                self.reopen(*client)?;
            }
            Step::Host(change) => self.host(step, *change)?,
        }
        Ok(())
    }

    fn request(&mut self, step: &Step, request: &Request) -> Result<(), Stop> {
        if request.client >= self.options.clients {
            return Ok(());
        }
        let op = request.known_op();
        let refused =
            |op| differences::avoided(&self.world, op, &request.payload, self.options.newer);
        if let Some(name) = op.and_then(refused) {
            *self.differences.entry(name).or_default() += 1;
            return Ok(());
        }
        self.history.push(step);
        if let Some(name) = op.and_then(|op| differences::provoked(op, &request.payload)) {
            *self.differences.entry(name).or_default() += 1;
            self.exchange.provoke(request.client)?;
        }
        let ids = self.world.tx_ids(request);
        let bytes = |id| encode(request.op, request.req_id, id, &request.payload);
        let bytes = Pair { left: bytes(ids.left), right: bytes(ids.right) };
        self.exchange.send(request.client, &bytes, request.pieces)?;
        let mut replies = self.exchange.receive(request.client)?;
        self.falsify(request.client, &mut replies);

        let fires = op.is_some_and(|op| may_fire(op, request, self.world.open_tx(request)));
        let answers = self.answers(request, &replies, ids)?;
        self.coverage.note(request.op, &answers.left);
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

    fn oversized(&mut self, step: &Step, client: usize, op: u32, len: u32) -> Result<(), Stop> {
        self.history.push(step);
        let header = Header { op, req_id: 1, tx_id: 0, len }.to_bytes();
        debug_assert_eq!(header.len(), HEADER_LEN);
        self.exchange.send(client, &Pair::same(header.to_vec()), 1)?;
        let ends = self.exchange.receive(client)?;
        self.coverage.note_closed();
        self.require(ends == Pair::same(Incoming::Closed), "a connection was not closed")?;
        self.compare_streams(client, None, Pair::same(0))?;
        self.reopen(client)
    }

    fn reopen(&mut self, client: usize) -> Result<(), Stop> {
        self.exchange.reconnect(client)?;
        self.world.forget(client);
        Ok(())
    }

    fn host(&mut self, step: &Step, change: DomainChange) -> Result<(), Stop> {
        let reachable = self.servers.left.has_host() && self.servers.right.has_host();
        if !reachable || !self.world.hosts.can_change(change) {
            return Ok(());
        }
        self.history.push(step);
        self.servers.left.domain(change)?;
        self.servers.right.domain(change)?;
        if let Some(domid) = self.world.hosts.note_change(change) {
            self.world.bury(domid);
        }
        self.barrier()?;
        self.compare_streams(usize::MAX, None, Pair::same(0))
    }
}
