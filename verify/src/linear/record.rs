//! A history: what each client asked for and was told, in one order of time.
//!
//! Time is a counter of the whole run. It is taken right before a request is sent and right after
//! its answer has come, so of two requests of which the first was answered before the second was
//! sent the first has happened before. Invariants, which [`History::is_sound`] holds: a client's
//! requests are sent, and answered, in their order; each is answered after it was sent.

use super::act::{Act, Ask, Reply};

/// An event as a client got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its path.
    pub path: String,
    /// Its token.
    pub token: String,
    /// When it had come.
    pub at: u64,
}

/// A request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The request.
    pub ask: Ask,
    /// When it was about to be sent.
    pub invoked: u64,
    /// When its answer had come.
    pub answered: u64,
    /// The answer.
    pub reply: Reply,
    /// The events that came between the answer before and this one.
    pub events: Vec<Event>,
}

/// One client's part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLog {
    /// Its domain: 0 for one of the socket.
    pub domid: u16,
    /// Its requests, in order.
    pub calls: Vec<Call>,
    /// Events after the last answer.
    pub after: Vec<Event>,
}

/// What all clients did in one subtree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What its program is drawn from, with its number.
    pub seed: u64,
    /// Which of the run it is.
    pub number: u64,
    /// What the control domain did before it.
    pub setup: Vec<Act>,
    /// The clients.
    pub clients: Vec<ClientLog>,
}

/// How much of a history, or of several, was concurrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Requests.
    pub requests: u64,
    /// Those on nodes: these may conflict.
    pub operations: u64,
    /// Of these, those that overlap in time with another client's on the same path (for RM, at or
    /// below it), where one of the two changes something. In a transaction an operation lasts from
    /// START to END.
    pub conflicts: u64,
}

impl Overlap {
    /// Of 100 operations, how many overlap with one that conflicts with it.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let of = |n: u64| u32::try_from(n).map_or(f64::MAX, f64::from);
        if self.operations == 0 { 0.0 } else { 100.0 * of(self.conflicts) / of(self.operations) }
    }

    /// Adds another's.
    pub fn add(&mut self, other: Overlap) {
        self.requests += other.requests;
        self.operations += other.operations;
        self.conflicts += other.conflicts;
    }
}

impl History {
    /// Whether its times can be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let ordered = |pair: &[Call]| match pair {
            [a, b] => a.invoked < b.invoked && a.answered < b.answered,
            _ => true,
        };
        self.clients.iter().all(|client| {
            let calls = &client.calls;
            calls.windows(2).all(ordered) && calls.iter().all(|call| call.invoked < call.answered)
        })
    }

    /// Transactions that committed while others' changes lay between their START and their END.
    #[must_use]
    pub fn commits_on_top(&self) -> usize {
        let mut count = 0;
        for (at, client) in self.clients.iter().enumerate() {
            let mut start = u64::MAX;
            let others = || self.clients.iter().enumerate().filter(|(other, _)| *other != at);
            for call in &client.calls {
                let lies_between = |other: &Call| {
                    let ask = &other.ask;
                    let changes = ask.act.changes() && !ask.tx || ask.act == Act::End(true);
                    let between = other.invoked > start && other.answered < call.invoked;
                    changes && between && other.reply.is_ok()
                };
                match &call.ask.act {
                    Act::Start => start = call.answered,
                    Act::End(true) if call.reply.is_ok() => {
                        let mut calls = others().flat_map(|(_, other)| &other.calls);
                        count += usize::from(calls.any(lies_between));
                    }
                    _ => {}
                }
            }
        }
        count
    }

    /// How much of it was concurrent.
    #[must_use]
    pub fn overlap(&self) -> Overlap {
        let mut overlap = Overlap::default();
        let spans: Vec<Vec<Span<'_>>> = self.clients.iter().map(spans).collect();
        overlap.requests = self.clients.iter().map(|c| count(c.calls.len())).sum();
        for (at, own) in spans.iter().enumerate() {
            overlap.operations += count(own.len());
            let others = || spans.iter().enumerate().filter(|(other, _)| *other != at);
            let meets = |span: &&Span<'_>| {
                others().flat_map(|(_, spans)| spans).any(|other| span.conflicts(other))
            };
            overlap.conflicts += count(own.iter().filter(meets).count());
        }
        overlap
    }
}

/// An operation on a node, and when it can have happened.
struct Span<'h> {
    act: &'h Act,
    path: &'h str,
    from: u64,
    to: u64,
}

impl Span<'_> {
    fn conflicts(&self, other: &Span<'_>) -> bool {
        let touches = |one: &Span<'_>, other: &Span<'_>| {
            let below = || other.path.strip_prefix(one.path).is_some_and(|r| r.starts_with('/'));
            one.path == other.path || matches!(one.act, Act::Rm(_)) && below()
        };
        self.from < other.to
            && other.from < self.to
            && (self.act.changes() || other.act.changes())
            && (touches(self, other) || touches(other, self))
    }
}

fn spans(client: &ClientLog) -> Vec<Span<'_>> {
    let (mut spans, mut start): (Vec<Span<'_>>, u64) = (Vec::new(), 0);
    let mut open = Vec::new();
    for call in &client.calls {
        let (from, to) = (call.invoked, call.answered);
        match (&call.ask.act, call.ask.act.path()) {
            (Act::Start, _) => start = from,
            (Act::End(_), _) => {
                open.drain(..).for_each(|at: usize| {
                    if let Some(span) = spans.get_mut(at) {
                        span.to = to;
                    }
                });
            }
            (Act::Watch(..) | Act::Unwatch(..), _) | (_, None) => {}
            (act, Some(path)) => {
                if call.ask.tx {
                    open.push(spans.len());
                }
                spans.push(Span { act, path, from: if call.ask.tx { start } else { from }, to });
            }
        }
    }
    spans
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
