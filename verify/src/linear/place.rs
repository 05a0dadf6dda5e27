//! A place in the search for an order: how far each client is, and the state there.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{
    act::Act,
    check::Stuck,
    record::{ClientLog, Event},
    spec::{Asker, Due, Effects, State},
};

/// A client's stream.
pub(super) struct Lane<'h> {
    log: &'h ClientLog,
    items: Vec<Item<'h>>,
}

#[derive(Clone, Copy, Debug)]
enum Item<'h> {
    Event(&'h Event),
    /// The answer to the next request.
    Answer,
}

impl<'h> Lane<'h> {
    pub(super) fn new(log: &'h ClientLog) -> Lane<'h> {
        let answers =
            log.calls.iter().flat_map(|c| c.events.iter().map(Item::Event).chain([Item::Answer]));
        let items = answers.chain(log.after.iter().map(Item::Event)).collect();
        Lane { log, items }
    }
}

/// How far a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Cursor {
    call: usize,
    item: usize,
    /// The START that is next has seen its state.
    has_begun: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Place {
    state: State,
    at: Vec<Cursor>,
}

/// A place that follows.
pub(super) enum Step {
    /// The only one that has to be looked at.
    Only(Place),
    One(Place),
}

impl Place {
    /// Where nothing has happened but what the control domain did.
    pub(super) fn first(setup: &[Act], clients: usize) -> Place {
        Place { state: State::after(setup, clients), at: vec![Cursor::default(); clients] }
    }

    /// Two keys are as good as never equal.
    pub(super) fn key(&self) -> (u64, u64) {
        let mut hasher = DefaultHasher::new();
        self.at.hash(&mut hasher);
        let at = hasher.finish();
        self.state.hash(&mut hasher);
        (at, hasher.finish())
    }

    pub(super) fn depth(&self) -> usize {
        self.at.iter().map(|cursor| cursor.call).sum()
    }

    pub(super) fn is_last(&self, lanes: &[Lane<'_>]) -> bool {
        lanes.iter().zip(&self.at).all(|(lane, cursor)| cursor.item == lane.items.len())
    }

    pub(super) fn next_answered(&self, lanes: &[Lane<'_>], client: usize) -> Option<u64> {
        let call = lanes.get(client)?.log.calls.get(self.at.get(client)?.call)?;
        Some(call.answered)
    }

    /// Takes the next request of a client.
    pub(super) fn next(&self, lanes: &[Lane<'_>], client: usize) -> Result<Step, String> {
        let done = || "has no request left, and an event that nothing explains".to_owned();
        let lane = lanes.get(client).ok_or_else(done)?;
        let cursor = self.at.get(client).copied().ok_or_else(done)?;
        let call = lane.log.calls.get(cursor.call).ok_or_else(done)?;
        let soonest = (0..lanes.len()).filter_map(|other| self.next_answered(lanes, other)).min();
        if soonest.is_some_and(|soonest| soonest < call.invoked) {
            return Err("was sent when another's next request had its answer".into());
        }
        let mut place = self.clone();
        let begins = call.ask.act == Act::Start && call.reply.is_ok();
        if begins && !cursor.has_begun {
            place.state.begin(Asker { client, log: lane.log }, cursor.call)?;
            place.set(client, Cursor { has_begun: true, ..cursor });
            return Ok(Step::One(place));
        }
        let effects = place
            .state
            .step(Asker { client, log: lane.log }, cursor.call)
            .map_err(|right| format!("should be answered {right}"))?;
        let may_change = effects.may_change;
        // A client's own events come before the answer, but for the first of a watch.
        if matches!(call.ask.act, Act::Watch(..) | Act::WatchAll(_)) {
            place.answer(lane, client)?;
            place.deliver(lanes, effects, call.invoked)?;
        } else {
            place.deliver(lanes, effects, call.invoked)?;
            place.answer(lane, client)?;
        }
        Ok(if may_change { Step::One(place) } else { Step::Only(place) })
    }

    /// Takes the answer to a client's next request from its stream.
    fn answer(&mut self, lane: &Lane<'_>, client: usize) -> Result<(), String> {
        let Some(cursor) = self.at.get_mut(client) else { return Ok(()) };
        match lane.items.get(cursor.item) {
            Some(Item::Answer) => {
                let (call, item) = (cursor.call + 1, cursor.item + 1);
                *cursor = Cursor { call, item, has_begun: false };
                Ok(())
            }
            Some(Item::Event(event)) => {
                Err(format!("had the event {} {} before", event.path, event.token))
            }
            None => Err("has no answer".into()),
        }
    }

    fn set(&mut self, client: usize, cursor: Cursor) {
        if let Some(at) = self.at.get_mut(client) {
            *at = cursor;
        }
    }

    /// Takes the events of a change from the streams.
    fn deliver(
        &mut self,
        lanes: &[Lane<'_>],
        effects: Effects,
        invoked: u64,
    ) -> Result<(), String> {
        let mut left = effects.due;
        if !effects.is_ordered {
            // As long as the next in a stream is one of them, it is it.
            while let Some(found) = left.iter().position(|due| self.is_next(lanes, due)) {
                let due = left.swap_remove(found);
                self.take(&due);
            }
        }
        for due in left {
            if self.is_next(lanes, &due) {
                self.take(&due);
            } else if !self.is_merged(lanes, &due, invoked) {
                let Due { client, path, token } = due;
                return Err(format!("would be told to client {client} by {path} {token} then"));
            }
        }
        Ok(())
    }

    fn is_next(&self, lanes: &[Lane<'_>], due: &Due) -> bool {
        let item = self.at.get(due.client).map_or(usize::MAX, |cursor| cursor.item);
        let item = lanes.get(due.client).and_then(|lane| lane.items.get(item));
        matches!(item, Some(Item::Event(event)) if is(event, due))
    }

    fn take(&mut self, due: &Due) {
        if let Some(cursor) = self.at.get_mut(due.client) {
            cursor.item += 1;
        }
    }

    /// Whether the same may have waited unsent when this one was due.
    fn is_merged(&self, lanes: &[Lane<'_>], due: &Due, invoked: u64) -> bool {
        let item = self.at.get(due.client).map_or(0, |cursor| cursor.item);
        let before = lanes.get(due.client).and_then(|lane| lane.items.get(..item));
        before.unwrap_or_default().iter().rev().any(|item| match item {
            Item::Event(event) => event.at > invoked && is(event, due),
            Item::Answer => false,
        })
    }

    pub(super) fn stuck(&self, lanes: &[Lane<'_>]) -> Stuck {
        let executed = self.at.iter().map(|cursor| cursor.call).collect();
        let is_done = |client: usize| {
            let (lane, cursor) = (lanes.get(client), self.at.get(client));
            lane.zip(cursor).is_none_or(|(lane, cursor)| cursor.item == lane.items.len())
        };
        let reason = |client: usize| match self.next(lanes, client) {
            _ if is_done(client) => None,
            Ok(_) => Some("can go on, but all that follows fails".to_owned()),
            Err(why) => Some(why),
        };
        Stuck { executed, reasons: (0..lanes.len()).map(reason).collect() }
    }
}

fn is(event: &Event, due: &Due) -> bool {
    *event.path == *due.path && *event.token == *due.token
}
