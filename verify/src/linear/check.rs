//! Whether a history can have happened: is there an order of its operations, each at a point
//! between its sending and its answer, in which the sequential specification gives just these
//! answers and events?
//!
//! The search is that of Wing and Gong with Lowe's memory of where it has been. What it may take
//! next is the next request of any client, if no other request was answered before this one was
//! sent; requests of one client are executed in their order, also those that were sent together.
//! So a place in the search is one number a client and a state.
//!
//! - **A START is two points**: the state that it sees, and its answer, which may be queued later.
//! - **Events are a part of the history.** What a client received, answers and events, is one
//!   stream. A change consumes from the stream of each client that it is told to, right then; an
//!   answer can be taken only when it is the next in its stream. So an event that is missing, that
//!   comes twice, or on the wrong side of an answer leaves no order (F3). One that waited unsent
//!   when an identical one was queued is not queued twice: if an identical event had not come yet
//!   when the request was sent, it may stand for this one, too.
//! - **What changes nothing for anybody else is taken at once**, and nothing else is tried there:
//!   whatever may follow without it may follow after it as well. That holds for what could change
//!   nothing wherever it has this answer: reads, errors, and what is done in a transaction.
//! - The search is bounded ([`VISITS`]); where the bound is reached the history counts as wrong.
//!
//! Stateright's tester isn't used: its operations have one invocation and one answer, so a batch,
//! a START of two points, and events between answers have no place in it, and it clones all of its
//! history at each step.

use std::collections::HashSet;

use super::{
    limits::VISITS,
    place::{Lane, Place, Step},
    record::History,
};

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order; so many places were visited.
    Right(usize),
    /// There is none. The longest beginning of one, and why none of the clients can go on there.
    Wrong(Stuck),
    /// The search was given up.
    TooLong,
    /// Its times contradict each other: the recording is at fault.
    Unsound,
}

/// Where the longest order ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// How many requests of each client are executed there.
    pub executed: Vec<usize>,
    /// Why the next request of each can't be; none for a client that is done.
    pub reasons: Vec<Option<String>>,
}

/// Looks for an order.
#[must_use]
pub fn check(history: &History) -> Verdict {
    check_within(history, VISITS)
}

/// The same within so many visits.
#[must_use]
pub fn check_within(history: &History, visits: usize) -> Verdict {
    if !history.is_sound() {
        return Verdict::Unsound;
    }
    let lanes: Vec<Lane<'_>> = history.clients.iter().map(Lane::new).collect();
    let start = Place::first(&history.setup, lanes.len());
    let mut seen = HashSet::from([start.key()]);
    let mut deepest = (0, start.clone());
    let mut stack = vec![next_places(&lanes, &start)];
    if start.is_last(&lanes) {
        return Verdict::Right(1);
    }
    while let Some(top) = stack.last_mut() {
        let Some(place) = top.pop() else {
            stack.pop();
            continue;
        };
        if !seen.insert(place.key()) {
            continue;
        }
        if place.is_last(&lanes) {
            return Verdict::Right(seen.len());
        }
        if seen.len() >= visits {
            return Verdict::TooLong;
        }
        let next = next_places(&lanes, &place);
        let depth = place.depth();
        if depth > deepest.0 {
            deepest = (depth, place);
        }
        stack.push(next);
    }
    Verdict::Wrong(deepest.1.stuck(&lanes))
}

fn next_places(lanes: &[Lane<'_>], place: &Place) -> Vec<Place> {
    let mut all = Vec::new();
    // Those that were answered last are tried last: they are taken from the end.
    let answered = |client: &usize| place.next_answered(lanes, *client).unwrap_or(u64::MAX);
    let mut clients: Vec<usize> = (0..lanes.len()).collect();
    clients.sort_unstable_by_key(|client| std::cmp::Reverse(answered(client)));
    for client in clients {
        match place.next(lanes, client) {
            Ok(Step::Only(place)) => return vec![place],
            Ok(Step::One(place)) => all.push(place),
            Err(_) => {}
        }
    }
    all
}
