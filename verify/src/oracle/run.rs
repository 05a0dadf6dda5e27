//! Carries out steps on both servers and compares all that comes back.
//!
//! Invariants, between steps: no client has anything left to receive; both servers' states are the
//! same, but for what the table of differences allows; the model is that state.

use std::collections::BTreeMap;

use myriad_core::Errno;
use myriad_ring::v1::{HEADER_LEN, Header, Op};

use super::{
    compare,
    coverage::Coverage,
    differences::{self, Case, TX_IDS},
    exchange::Exchange,
    mutate::Mutation,
    pair::{Pair, Side},
    report::{Failure, History},
    step::{Request, Step, Tx},
    text,
    tree::Answer,
    wire::{Incoming, WireError, encode},
    world::{OpenTx, World},
};
use crate::peer::{DomainChange, PeerError, Server};

/// What a run is about.
#[derive(Debug)]
pub struct Options {
    /// How many clients there are.
    pub clients: usize,
    /// Whether both servers are of one kind, so that no difference is allowed.
    pub twins: bool,
    /// An answer to falsify, to see that it is noticed.
    pub mutation: Option<Mutation>,
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
    /// Where a reply was of another place among the events, or the two replies differ for a reason.
    pub(super) reconciled: bool,
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
            reconciled: false,
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
        self.reconciled = false;
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
        let refused = |op| differences::avoided(&self.world, op, &request.payload);
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
        self.compare_streams(request.client, ids)
    }

    /// The replies as answers; a reply that is none, or repeats the wrong ids, is a failure.
    fn answers(
        &mut self,
        request: &Request,
        replies: &Pair<Incoming>,
        ids: Pair<u32>,
    ) -> Result<Pair<Answer>, Stop> {
        let mut answers = Pair::same(Err(Errno::EIO));
        for side in Side::BOTH {
            let reply = replies.get(side);
            let repeats = matches!(reply, Incoming::Message(m)
                if m.req_id == request.req_id && m.tx_id == *ids.get(side));
            match compare::answer(reply, request.op).filter(|_| repeats) {
                Some(answer) => *answers.get_mut(side) = answer,
                None => return Err(self.fail(&format!("the {} reply is none", side.name()))),
            }
        }
        Ok(answers)
    }

    /// Compares the answers to a request with each other and with the model, and brings the model
    /// up to date.
    fn judge(&mut self, request: &Request, op: Op, answers: &Pair<Answer>) -> Result<(), Stop> {
        let before = self.world.open_tx(request).cloned();
        let lost = matches!(request.tx, Tx::Ended(_) | Tx::Raw(1..)) && op != Op::Watch;
        let model = match (&before, lost) {
            (_, true) => None,
            (Some(_), _) => self.world.apply_in(request.client, request.tx, op, &request.payload),
            (None, _) => self.world.apply(op, &request.payload),
        };
        if answers.left != answers.right {
            let explained = (!self.options.twins).then(|| {
                differences::explain(&Case {
                    world: &self.world,
                    request,
                    op,
                    answers: Pair { left: &answers.left, right: &answers.right },
                    tx: before.as_ref(),
                    model: model.as_ref(),
                })
            });
            match explained.flatten() {
                Some(name) => self.met(name),
                None => return Err(self.fail("the answers differ")),
            }
        }
        if let Some(model) = &model {
            self.check_model(request, op, answers, model, before.as_ref())?;
        }
        if let (Some(tx), Some(_)) = (before, model) {
            let done = self.world.done(&tx.view, op, &request.payload, answers.clone());
            let slot = self.world.slot_mut(request.client, request.tx);
            if let Some(open) = slot.and_then(|slot| slot.open.as_mut()) {
                open.done.push(done);
            }
        } else if answers.left.is_ok() {
            self.note(request, op);
            if let Some(domid) = self.world.hosts.take_woken(op, &request.payload) {
                self.servers.left.wake(domid)?;
                self.servers.right.wake(domid)?;
            }
        }
        Ok(())
    }

    /// Whether the model and the server that follows it agree. In a transaction that is Myriad; C
    /// only while nothing has changed since the start.
    fn check_model(
        &mut self,
        request: &Request,
        op: Op,
        answers: &Pair<Answer>,
        model: &Answer,
        tx: Option<&OpenTx>,
    ) -> Result<(), Stop> {
        let side = match tx {
            Some(tx) if self.options.twins && self.world.moved(tx) => return Ok(()),
            Some(_) if !self.options.twins => Side::Right,
            _ => Side::Left,
        };
        let tree = tx.map_or(&self.world.tree, |tx| &tx.view);
        let real = answers.get(side);
        let agrees = compare::agrees(op, &request.payload, model, real, side, tree);
        let what = format!("the {} answer is not the model's: {model:?}", side.name());
        self.require(agrees, &what)
    }

    /// Notes what a request did that succeeded and is not one on the tree.
    fn note(&mut self, request: &Request, op: Op) {
        let Some(client) = self.world.clients.get_mut(request.client) else { return };
        let strings = text::strings(&request.payload);
        match (op, strings.as_slice()) {
            (Op::Watch, [path, token, ..]) => {
                client.watches.push((path.to_vec(), token.to_vec()));
            }
            (Op::Unwatch, [path, token, ..]) => {
                let full = |p: &[u8]| text::node_path(p).map(std::borrow::Cow::into_owned);
                let same = |p: &[u8]| p == *path || (full(p).is_some() && full(p) == full(path));
                let found = client.watches.iter().position(|(p, t)| t == token && same(p));
                if let Some(at) = found {
                    client.watches.remove(at);
                }
            }
            (Op::ResetWatches, _) => {
                client.watches.clear();
                for slot in &mut client.slots {
                    slot.ended = slot.open.take().map(|tx| tx.ids).or(slot.ended);
                }
            }
            _ => {
                if let Some(domid) = self.world.hosts.note(op, &request.payload) {
                    self.world.bury(domid);
                }
            }
        }
    }

    fn oversized(&mut self, step: &Step, client: usize, op: u32, len: u32) -> Result<(), Stop> {
        self.history.push(step);
        let header = Header { op, req_id: 1, tx_id: 0, len }.to_bytes();
        debug_assert_eq!(header.len(), HEADER_LEN);
        self.exchange.send(client, &Pair::same(header.to_vec()), 1)?;
        let ends = self.exchange.receive(client)?;
        self.coverage.note_closed();
        self.require(ends == Pair::same(Incoming::Closed), "a connection was not closed")?;
        self.compare_streams(client, Pair::same(0))?;
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
        self.compare_streams(usize::MAX, Pair::same(0))
    }

    /// Takes in what every client that watches something still gets.
    pub(super) fn barrier(&mut self) -> Result<(), Stop> {
        let clients = self.world.clients.iter().enumerate();
        let watching: Vec<usize> =
            clients.filter(|(_, c)| !c.watches.is_empty()).map(|(at, _)| at).collect();
        Ok(self.exchange.barrier(&watching)?)
    }

    /// Compares what each client got in this step, in order.
    fn compare_streams(&mut self, sender: usize, ids: Pair<u32>) -> Result<(), Stop> {
        for client in 0..self.exchange.inbox.len() {
            let Some(inbox) = self.exchange.inbox.get_mut(client) else { continue };
            if let Some(mutation) = &mut self.options.mutation {
                mutation.of_events(self.history.requests(), &mut inbox.right);
            }
            let same = if client == sender && self.reconciled {
                let events = |all: &[Incoming]| -> Vec<Incoming> {
                    all.iter().filter(|i| compare::is_event(i)).cloned().collect()
                };
                events(&inbox.left) == events(&inbox.right)
            } else if client == sender && ids.left != ids.right {
                inbox.left == compare::with_tx(&inbox.right, ids.right, ids.left)
            } else {
                inbox.left == inbox.right
            };
            self.require(same, &format!("client {client} got other messages, or in other order"))?;
        }
        Ok(())
    }

    /// Falsifies the right server's reply, if it is time for that.
    fn falsify(&mut self, client: usize, replies: &mut Pair<Incoming>) {
        let requests = self.history.requests();
        let inbox = self.exchange.inbox.get_mut(client);
        if let (Some(mutation), Some(inbox)) = (&mut self.options.mutation, inbox) {
            mutation.of_reply(requests, &mut inbox.right);
            if let Some(last) = inbox.right.last() {
                replies.right = last.clone();
            }
        }
    }

    /// Notes a difference that was met. The replies aren't compared again.
    pub(super) fn met(&mut self, name: &'static str) {
        *self.differences.entry(name).or_default() += 1;
        if name != TX_IDS {
            self.reconciled = true;
        }
    }

    pub(super) fn require(&mut self, holds: bool, otherwise: &str) -> Result<(), Stop> {
        if holds { Ok(()) } else { Err(self.fail(otherwise)) }
    }

    pub(super) fn fail(&self, what: &str) -> Stop {
        Stop::Difference(Box::new(Failure::new(what, &self.history, &self.exchange.inbox)))
    }
}

/// Whether a request queues events if it succeeds.
fn may_fire(op: Op, request: &Request, tx: Option<&OpenTx>) -> bool {
    match op {
        Op::TransactionEnd => request.payload == b"T\0",
        Op::Write | Op::Mkdir | Op::Rm | Op::SetPerms => tx.is_none(),
        Op::Watch | Op::Introduce | Op::Release => true,
        _ => false,
    }
}
