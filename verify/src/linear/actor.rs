//! A client: a thread with its link, that plays its part of one history after another.
//!
//! # Synchronization
//! [`Stage`] is three atomics. The time is one counter, raised by each client right before it sends
//! and right after it receives: SeqCst, so that a time that is less was taken before. Of the gate,
//! arrivals are counted with Release and looked at with Acquire: what is done before it by anybody
//! comes before what is done after it by anybody. It is waited for by yielding, and never for
//! longer than [`PATIENCE`]. How far each client is in its part is a hint, relaxed: who has sent
//! waits a moment for those who have not, so that there is something to be concurrent with however
//! fast the daemon is.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
        },
        mpsc::{Receiver, Sender},
    },
    time::Instant,
};

use myriad_ring::v1::Op;

use super::{
    act::{Act, Ask, Reply},
    generate::Batch,
    limits::{PATIENCE, TOGETHER_EVERY, TOGETHER_YIELDS},
    link::{Link, LinkError},
    record::{Call, ClientLog, Event},
};
use crate::oracle::wire::Message;

/// What all clients of a run share.
#[derive(Debug)]
pub(super) struct Stage {
    now: AtomicU64,
    arrived: AtomicU64,
    is_over: AtomicBool,
    clients: u64,
    /// What each client has sent: the gate that it came through, and its batches since.
    sent: Box<[AtomicU64]>,
}

/// A client's part of a history.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) batches: Vec<Batch>,
    /// What is read at last, when all have done their parts.
    pub(super) last: String,
}

/// What a client has to say.
#[derive(Debug)]
pub(super) enum News {
    /// It has played its part: its place, and what it saw.
    Played(usize, ClientLog),
    /// It can't go on.
    Failed(LinkError),
    /// Another can't.
    Abandoned,
}

/// A client.
#[derive(Debug)]
pub(super) struct Actor {
    stage: Arc<Stage>,
    link: Link,
    place: usize,
    domid: u16,
    gates: u64,
    /// The number of the last gate, and how many batches were sent since.
    sent: u64,
    /// The transaction that is open, by its id.
    open: u32,
    /// A transaction has failed in this part.
    has_failed: bool,
    requests: u32,
}

enum Ended {
    Link(LinkError),
    Abandoned,
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Ended {
        Ended::Link(error)
    }
}

impl Stage {
    pub(super) fn new(clients: usize) -> Stage {
        let sent = (0..clients).map(|_| AtomicU64::new(0)).collect();
        let clients = u64::try_from(clients).unwrap_or(u64::MAX);
        let (now, arrived) = (AtomicU64::new(0), AtomicU64::new(0));
        Stage { now, arrived, is_over: AtomicBool::new(false), clients, sent }
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    fn tick(&self) -> u64 {
        self.now.fetch_add(1, SeqCst)
    }

    /// A client has sent so much; waits a moment for those who are behind, now and then.
    fn has_sent(&self, place: usize, sent: u64) {
        if let Some(own) = self.sent.get(place) {
            own.store(sent, Relaxed);
        }
        if !sent.is_multiple_of(TOGETHER_EVERY) {
            return;
        }
        let is_behind = |other: &AtomicU64| other.load(Relaxed) < sent;
        for _ in 0..TOGETHER_YIELDS {
            if !self.sent.iter().any(is_behind) {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Waits until all have come to the gate of this number.
    fn wait(&self, gate: u64) -> Result<(), Ended> {
        // Release: pairs with the Acquire below.
        self.arrived.fetch_add(1, Release);
        let begin = Instant::now();
        while self.arrived.load(Acquire) < gate.saturating_mul(self.clients) {
            if self.is_over.load(Relaxed) || begin.elapsed() > PATIENCE {
                return Err(Ended::Abandoned);
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Actor {
    pub(super) fn new(stage: Arc<Stage>, link: Link, place: usize, domid: u16) -> Actor {
        let (gates, sent, open, has_failed, requests) = (0, 0, 0, false, 0);
        Actor { stage, link, place, domid, gates, sent, open, has_failed, requests }
    }

    /// Plays parts for as long as there are any.
    pub(super) fn run(mut self, parts: &Receiver<Part>, news: &Sender<News>) {
        while let Ok(part) = parts.recv() {
            let done = match self.play(part) {
                Ok(log) => News::Played(self.place, log),
                Err(Ended::Abandoned) => News::Abandoned,
                Err(Ended::Link(error)) => {
                    self.stage.end();
                    News::Failed(error)
                }
            };
            let goes_on = matches!(done, News::Played(..));
            if news.send(done).is_err() || !goes_on {
                return;
            }
        }
    }

    fn play(&mut self, part: Part) -> Result<ClientLog, Ended> {
        let mut log = ClientLog { domid: self.domid, ..ClientLog::default() };
        self.gate()?;
        for batch in part.batches {
            self.sent += 1;
            self.batch(batch, &mut log)?;
        }
        // Nobody waits for one that has done its part.
        self.sent = ((self.gates + 1) << 32) - 1;
        self.stage.has_sent(self.place, self.sent);
        self.gate()?;
        // Now all is done: whatever event is due comes before this answer, and none after it.
        let last = Ask { act: Act::Read(part.last), tx: false };
        self.batch(vec![last], &mut log)?;
        self.send(Op::ResetWatches, b"\0")?;
        loop {
            match self.receive()? {
                (message, at) if message.op == Op::WatchEvent as u32 => {
                    log.after.push(event(&message, at));
                }
                _ => break,
            }
        }
        // One whose transaction has failed has to wait before its next, for the sake of those whom
        // guests keep from committing. A new connection hasn't.
        if std::mem::take(&mut self.has_failed) {
            self.link.reconnect()?;
        }
        Ok(log)
    }

    fn gate(&mut self) -> Result<(), Ended> {
        self.gates += 1;
        self.sent = self.gates << 32;
        self.stage.wait(self.gates)
    }

    /// Sends all of a batch, then waits for its answers.
    fn batch(&mut self, batch: Batch, log: &mut ClientLog) -> Result<(), Ended> {
        let (mut bytes, mut times) = (Vec::new(), Vec::with_capacity(batch.len()));
        for ask in &batch {
            times.push(self.stage.tick());
            self.requests = self.requests.wrapping_add(1);
            bytes.extend(self.link.encode(ask, self.requests, self.open));
        }
        self.link.send(bytes)?;
        self.stage.has_sent(self.place, self.sent);
        for (ask, invoked) in batch.into_iter().zip(times) {
            let mut events = Vec::new();
            let (message, answered) = loop {
                match self.receive()? {
                    (message, at) if message.op == Op::WatchEvent as u32 => {
                        events.push(event(&message, at));
                    }
                    answer => break answer,
                }
            };
            let reply = reply(message);
            self.note(&ask.act, &reply);
            log.calls.push(Call { ask, invoked, answered, reply, events });
        }
        Ok(())
    }

    /// Which transaction is open.
    fn note(&mut self, act: &Act, reply: &Reply) {
        match (act, reply) {
            (Act::Start, Ok(id)) => {
                let id = id.strip_suffix(b"\0").and_then(|id| std::str::from_utf8(id).ok());
                self.open = id.and_then(|id| id.parse().ok()).unwrap_or(0);
            }
            (Act::End(_), Err(_)) => self.has_failed = true,
            _ => {}
        }
    }

    fn send(&mut self, op: Op, payload: &[u8]) -> Result<(), LinkError> {
        self.requests = self.requests.wrapping_add(1);
        let request = self.link.encode_old(op, self.requests, payload);
        self.link.send(request)
    }

    fn receive(&mut self) -> Result<(Message, u64), LinkError> {
        let message = self.link.receive()?;
        Ok((message, self.stage.tick()))
    }
}

fn reply(message: Message) -> Reply {
    if message.op == Op::Error as u32 {
        let name = message.payload.strip_suffix(b"\0").unwrap_or(&message.payload);
        Err(String::from_utf8_lossy(name).into_owned())
    } else {
        Ok(message.payload)
    }
}

fn event(message: &Message, at: u64) -> Event {
    let mut strings = message.payload.split(|byte| *byte == 0);
    let mut next = || String::from_utf8_lossy(strings.next().unwrap_or_default()).into_owned();
    Event { path: next(), token: next(), at }
}
