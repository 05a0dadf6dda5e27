//! Compares what the clients got in a step, message by message, in order.

use myriad_ring::v1::Op;

use super::{
    compare,
    differences::{self, EVENTS_AT_COMMIT, FIRST_ACCESS},
    pair::Pair,
    report::Failure,
    run::{Runner, Stop},
    text,
    tree::Tree,
    who,
    wire::Incoming,
};

/// What need not be the same in a step, since a difference was met that explains it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leeway {
    /// The sender's reply, which was judged by itself, and its place among the sender's events.
    pub(super) reply: bool,
    /// The order of events.
    pub(super) order: bool,
    /// The tree before a commit: a guest's events of nodes whose parents' permissions it changed.
    pub(super) before: Option<Tree>,
}

impl Runner {
    /// Takes in what every client that watches something still gets.
    pub(super) fn barrier(&mut self) -> Result<(), Stop> {
        let clients = self.world.clients.iter();
        let watching: Vec<usize> =
            clients.filter(|(_, c)| !c.watches.is_empty()).map(|(at, _)| *at).collect();
        Ok(self.exchange.barrier(&watching)?)
    }

    /// Compares what each client got in this step, in order.
    pub(super) fn compare_streams(
        &mut self,
        sender: usize,
        op: Option<Op>,
        ids: Pair<u32>,
    ) -> Result<(), Stop> {
        let clients: Vec<usize> = self.exchange.inbox.keys().copied().collect();
        for client in clients {
            let Some(inbox) = self.exchange.inbox.get_mut(&client) else { continue };
            if let Some(mutation) = &mut self.options.mutation {
                mutation.of_events(client, self.history.requests(), &mut inbox.right);
            }
            if inbox.left == inbox.right {
                continue;
            }
            let (left, right) = (events(&inbox.left), events(&inbox.right));
            let replies = inbox.left.len() - left.len() == inbox.right.len() - right.len();
            let is_sender = client == sender && replies;
            let misplaced = op.filter(|_| is_sender && !self.options.twins);
            let misplaced = misplaced.and_then(differences::misplaced);
            let renamed = compare::with_tx(&inbox.right, ids.right, ids.left);
            let met = if inbox.left == renamed || (is_sender && self.leeway.reply && left == right)
            {
                continue;
            } else if misplaced.is_some() && left == right {
                misplaced
            } else if self.leeway.order && replies && sorted(&left) == sorted(&right) {
                Some(FIRST_ACCESS)
            } else {
                let (left, right) = (self.certain(client, &left), self.certain(client, &right));
                let fewer = self.leeway.before.is_some() && sorted(&left) == sorted(&right);
                fewer.then_some(EVENTS_AT_COMMIT)
            };
            match met {
                Some(name) => self.met(name),
                None => {
                    let name = who::name(client);
                    let what = format!("client {name} got other messages, or in other order");
                    return Err(self.fail(&what));
                }
            }
        }
        Ok(())
    }

    /// The events that a guest gets of a commit whether its permissions are those while the commit
    /// is written, node by node, or those after it.
    fn certain(&self, client: usize, events: &[Incoming]) -> Vec<Incoming> {
        let (Some(domid), Some(before)) = (who::domid(client), &self.leeway.before) else {
            return events.to_vec();
        };
        let same_parent = |event: &&Incoming| {
            let Incoming::Message(m) = event else { return true };
            let path = text::split_first(&m.payload).map_or(b"".as_slice(), |(path, _)| path);
            let Some(path) = text::node_path(path, domid) else { return true };
            let parent = text::parent(&path);
            before.entries(parent) == self.world.tree.entries(parent)
        };
        events.iter().filter(same_parent).cloned().collect()
    }

    /// Falsifies the right server's reply, if it is time for that.
    pub(super) fn falsify(&mut self, client: usize, op: u32, replies: &mut Pair<Incoming>) {
        let requests = self.history.requests();
        let inbox = self.exchange.inbox.get_mut(&client);
        if let (Some(mutation), Some(inbox)) = (&mut self.options.mutation, inbox) {
            mutation.of_reply(client, op, requests, &mut inbox.right);
            if let Some(last) = inbox.right.last() {
                replies.right = last.clone();
            }
        }
    }

    /// Notes a difference that was met.
    pub(super) fn met(&mut self, name: &'static str) {
        *self.differences.entry(name).or_default() += 1;
    }

    pub(super) fn require(&mut self, holds: bool, otherwise: &str) -> Result<(), Stop> {
        if holds { Ok(()) } else { Err(self.fail(otherwise)) }
    }

    pub(super) fn fail(&self, what: &str) -> Stop {
        Stop::Difference(Box::new(Failure::new(what, &self.history, &self.exchange.inbox)))
    }
}

fn events(messages: &[Incoming]) -> Vec<Incoming> {
    messages.iter().filter(|message| compare::is_event(message)).cloned().collect()
}

fn sorted(events: &[Incoming]) -> Vec<Incoming> {
    let mut events = events.to_vec();
    events.sort_unstable_by(|a, b| match (a, b) {
        (Incoming::Message(a), Incoming::Message(b)) => a.payload.cmp(&b.payload),
        _ => std::cmp::Ordering::Equal,
    });
    events
}
