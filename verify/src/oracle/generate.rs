//! Draws the steps of a run from its seed and from what is known of the servers.
//!
//! Most requests would succeed, or fail as requests in the field do; one in eight is drawn to reach
//! the rare cells of the table of coverage; and some come as a plot of several (`plots.rs`).

use std::collections::VecDeque;

use myriad_ring::v1::{Op, PAYLOAD_MAX};

use super::{
    limits::{DOMAINS, GUESTS_WANTED, SLOTS},
    payload,
    rng::Rng,
    step::{Request, Step, Tx},
    who,
    world::{UNKNOWN_TX, World},
};
use crate::peer::DomainChange;

/// A source of steps.
#[derive(Debug)]
pub struct Generator {
    pub(super) rng: Rng,
    pub(super) queue: VecDeque<Step>,
    clients: usize,
    pub(super) newer: bool,
}

/// How a request is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    /// As clients send it.
    Good,
    /// With a payload that is none.
    Malformed,
    /// In a transaction that there is not.
    LostTx,
}

const USUAL: &[(usize, Op)] = &[
    (100, Op::Read),
    (60, Op::Directory),
    (40, Op::GetPerms),
    (25, Op::DirectoryPart),
    (170, Op::Write),
    (70, Op::Mkdir),
    (50, Op::Rm),
    (60, Op::SetPerms),
    (60, Op::TransactionStart),
    (50, Op::TransactionEnd),
    (40, Op::Watch),
    (25, Op::Unwatch),
    (5, Op::ResetWatches),
    (25, Op::Introduce),
    (14, Op::Release),
    (8, Op::IsDomainIntroduced),
    (8, Op::Resume),
    (12, Op::SetTarget),
    (8, Op::GetDomainPath),
    (8, Op::Control),
];

/// What guests send, and now and then what is not theirs.
const OF_GUESTS: &[(usize, Op)] = &[
    (100, Op::Read),
    (60, Op::Directory),
    (50, Op::GetPerms),
    (25, Op::DirectoryPart),
    (150, Op::Write),
    (60, Op::Mkdir),
    (45, Op::Rm),
    (90, Op::SetPerms),
    (60, Op::TransactionStart),
    (50, Op::TransactionEnd),
    (40, Op::Watch),
    (25, Op::Unwatch),
    (5, Op::ResetWatches),
    (3, Op::Introduce),
    (3, Op::Release),
    (3, Op::IsDomainIntroduced),
    (3, Op::Resume),
    (3, Op::SetTarget),
    (32, Op::GetDomainPath),
    (3, Op::Control),
];

const NEWER: &[(usize, Op)] = &[
    (1, Op::GetFeature),
    (1, Op::SetFeature),
    (1, Op::GetQuota),
    (1, Op::SetQuota),
    (2, Op::Watch),
];

impl Generator {
    /// The source of a seed, for so many clients. `newer`: also what 4.17 doesn't know.
    #[must_use]
    pub fn new(seed: u64, clients: usize, newer: bool) -> Generator {
        Generator { rng: Rng::new(seed), queue: VecDeque::new(), clients, newer }
    }

    /// The next step.
    pub fn next(&mut self, world: &World) -> Step {
        loop {
            if let Some(step) = self.queue.pop_front() {
                return step;
            }
            let few = world.hosts.guests().count() < GUESTS_WANTED;
            if few && self.rng.permille(500) {
                self.boot(world);
                continue;
            }
            let kinds = [(7, 0), (4, 1), (4, 2), (1, 6), (40, 3), (240, 4), (760, 5), (1, 7)];
            match self.rng.weighted(&kinds) {
                Some(0) => return self.host(world),
                Some(1) => return self.reconnect(world),
                Some(2) => return self.oversized(world),
                Some(3) => self.plot(world),
                Some(6) => return Step::Lie { client: self.client(world) },
                Some(7) => return Step::Flood { client: self.client(world) },
                Some(4) => return self.directed(world),
                _ => return self.usual(world),
            }
        }
    }

    /// A request as clients send it, of an operation.
    pub(super) fn request(&mut self, client: usize, op: Op, tx: Tx, payload: Vec<u8>) -> Step {
        let pieces = if self.rng.permille(30) { self.rng.range(2, 4) } else { 1 };
        let req_id = if self.rng.permille(20) { u32::MAX } else { self.rng.word() };
        Step::Request(Request { client, op: op as u32, tx, req_id, pieces, payload })
    }

    /// A slot of a client's that is free, or not.
    pub(super) fn find_slot(&mut self, world: &World, client: usize, open: bool) -> Option<usize> {
        let slots = world.clients.get(&client)?.slots.iter().enumerate();
        let fitting: Vec<usize> =
            slots.filter(|(_, slot)| slot.open.is_some() == open).map(|(at, _)| at).collect();
        fitting.first().map(|first| *self.rng.pick(first, &fitting))
    }

    /// A client; more than half of them are guests, where there are any.
    pub(super) fn client(&mut self, world: &World) -> usize {
        let guest = if self.rng.permille(640) { self.guest(world) } else { None };
        guest.unwrap_or_else(|| self.socket())
    }

    /// A client of the socket.
    pub(super) fn socket(&mut self) -> usize {
        self.rng.below(self.clients)
    }

    /// A guest that has a ring.
    pub(super) fn guest(&mut self, world: &World) -> Option<usize> {
        let ringed = |client: &usize| who::domid(*client).is_some();
        let guests: Vec<usize> = world.clients.keys().copied().filter(ringed).collect();
        guests.first().map(|first| *self.rng.pick(first, &guests))
    }

    fn usual(&mut self, world: &World) -> Step {
        let newer = self.newer && self.rng.permille(100);
        let client = self.client(world);
        let usual = if who::domid(client).is_some() { OF_GUESTS } else { USUAL };
        let op = self.rng.weighted(if newer { NEWER } else { usual }).unwrap_or(Op::Read);
        let intent = if self.rng.permille(40) { Intent::Malformed } else { Intent::Good };
        self.compose(world, client, op, intent)
    }

    /// Any operation, or none, in any way: each as often as the others.
    fn directed(&mut self, world: &World) -> Step {
        let at = self.rng.below(USUAL.len() + 1);
        // Of the clients of the socket there are fewer requests, and as many cells.
        let socket = self.rng.permille(500);
        let intent = *self.rng.pick(&Intent::Good, &[Intent::Malformed, Intent::LostTx]);
        let client = if socket { self.socket() } else { self.client(world) };
        match USUAL.get(at) {
            Some((_, op)) => self.compose(world, client, *op, intent),
            None => self.no_operation(client),
        }
    }

    fn compose(&mut self, world: &World, client: usize, op: Op, intent: Intent) -> Step {
        let (op, tx) = self.transaction(world, client, op, intent);
        let view = match tx {
            Tx::Slot(at) => world
                .clients
                .get(&client)
                .and_then(|c| c.slots.get(at)?.open.as_ref())
                .map_or(&world.tree, |open| &open.view),
            _ => &world.tree,
        };
        let payload = if intent == Intent::Malformed {
            self.malformed(world.asker(client), op, view)
        } else {
            self.good(world, client, op, view)
        };
        self.request(client, op, tx, payload)
    }

    fn transaction(&mut self, world: &World, client: usize, op: Op, intent: Intent) -> (Op, Tx) {
        let open = self.find_slot(world, client, true);
        let free = self.find_slot(world, client, false);
        if intent == Intent::LostTx || self.rng.permille(5) {
            let at = self.rng.below(SLOTS);
            let raw = Tx::Raw(UNKNOWN_TX | (self.rng.word() & 0xFF));
            return (op, *self.rng.pick(&raw, &[Tx::Ended(at)]));
        }
        match (op, open, free) {
            (Op::TransactionStart, Some(open), _) if self.rng.permille(80) => (op, Tx::Slot(open)),
            (Op::TransactionStart, _, Some(free)) => (op, Tx::Slot(free)),
            (Op::TransactionStart, Some(open), None) => (Op::TransactionEnd, Tx::Slot(open)),
            (Op::TransactionEnd, Some(open), _) => (op, Tx::Slot(open)),
            (Op::TransactionEnd, None, Some(free)) if self.rng.permille(900) => {
                (Op::TransactionStart, Tx::Slot(free))
            }
            (_, Some(open), _) if self.rng.permille(550) => (op, Tx::Slot(open)),
            _ => (op, Tx::None),
        }
    }

    fn no_operation(&mut self, client: usize) -> Step {
        let any = self.rng.word() | 64;
        let op = *self.rng.pick(&any, &[15, 16, 20, 27, 28, 29, 30, 0xFFFF, u32::MAX]);
        let payload = vec![b'x'; self.rng.below(40)];
        let tx = *self.rng.pick(&Tx::None, &[Tx::Raw(UNKNOWN_TX)]);
        Step::Request(Request { client, op, tx, req_id: self.rng.word(), pieces: 1, payload })
    }

    fn oversized(&mut self, world: &World) -> Step {
        let limit = u32::try_from(PAYLOAD_MAX).unwrap_or(u32::MAX);
        let len = *self.rng.pick(&(limit + 1), &[limit + 2, 1 << 30, 1 << 31, u32::MAX]);
        Step::Oversized { client: self.client(world), op: self.rng.word() % 30, len }
    }

    fn reconnect(&mut self, world: &World) -> Step {
        let whole = super::wire::encode(Op::Write as u32, 1, 0, b"/a/never\0value");
        let length = self.rng.below(whole.len());
        let partial = whole.get(..length).unwrap_or_default().to_vec();
        Step::Reconnect { client: self.client(world), partial }
    }

    fn host(&mut self, world: &World) -> Step {
        let (rng, hosts) = (&mut self.rng, &world.hosts);
        let dead = (1..=DOMAINS).any(|d| !hosts.exists(d));
        Step::Host(match rng.below(10) {
            0..4 if dead => DomainChange::Create(payload::domid(rng, |d| !hosts.exists(d))),
            4 => DomainChange::Scan,
            5 | 6 => DomainChange::ShutDown(payload::domid(rng, |d| hosts.exists(d))),
            _ => DomainChange::Destroy(payload::domid(rng, |d| {
                hosts.exists(d) && !hosts.is_target(d)
            })),
        })
    }
}

/// A string with its NUL.
pub(super) fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    [text.as_ref(), &[0]].concat()
}
