//! Falsifies one answer of the right server, so that it can be seen that the comparison notices.

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    compare, who,
    wire::{Incoming, Message},
};

/// What is falsified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Falsehood {
    /// One byte of a reply's payload.
    ReplyByte,
    /// A reply's request id.
    RequestId,
    /// A reply's type.
    ReplyType,
    /// An event is left out.
    LostEvent,
    /// An event comes twice.
    TwiceEvent,
    /// Two events change places.
    SwappedEvents,
    /// An event comes on the wrong side of a reply.
    LateEvent,
    /// A guest is granted what it may not have.
    Granted,
    /// A guest is refused what it may have.
    Denied,
    /// A guest gets an event of a node that it must not know of.
    Leaked,
}

/// A falsehood, once, at the first chance from some request on.
#[derive(Clone, Debug)]
pub struct Mutation {
    what: Falsehood,
    from: usize,
    told: bool,
}

impl Mutation {
    /// Falsifies `what` in request number `from` or the next where that is possible.
    #[must_use]
    pub fn new(what: Falsehood, from: usize) -> Mutation {
        Mutation { what, from, told: false }
    }

    /// Falsifies the reply that a client just got to an operation, the last of `messages`.
    pub fn of_reply(&mut self, client: usize, op: u32, requests: usize, messages: &mut [Incoming]) {
        let Some(Incoming::Message(reply)) = messages.last_mut() else { return };
        if self.told || requests < self.from {
            return;
        }
        let guests = who::domid(client).is_some();
        let refusal = [Errno::EACCES.name().as_bytes(), b"\0"].concat();
        self.told = match self.what {
            Falsehood::Granted if guests && reply.payload == refusal => {
                (reply.op, reply.payload) = (op, b"OK\0".into());
                true
            }
            Falsehood::Denied if guests && reply.payload == b"OK\0" => {
                (reply.op, reply.payload) = (Op::Error as u32, refusal);
                true
            }
            Falsehood::ReplyByte => {
                let middle = reply.payload.len() / 2;
                reply.payload.get_mut(middle).map(|byte| *byte ^= 1).is_some()
            }
            Falsehood::RequestId => {
                reply.req_id ^= 1;
                true
            }
            Falsehood::ReplyType => {
                reply.op ^= 1;
                true
            }
            _ => false,
        };
    }

    /// Falsifies the events that a client got in a step.
    pub fn of_events(&mut self, client: usize, requests: usize, messages: &mut Vec<Incoming>) {
        if self.told || requests < self.from {
            return;
        }
        if self.what == Falsehood::Leaked && who::domid(client).is_some() {
            let (op, payload) = (Op::WatchEvent as u32, b"/secret\0token\0".to_vec());
            messages.push(Incoming::Message(Message { op, req_id: 0, tx_id: 0, payload }));
            self.told = true;
            return;
        }
        let event = messages.iter().position(compare::is_event);
        let pair = messages.windows(2).position(|w| match w {
            [a, b] => compare::is_event(a) && compare::is_event(b) && a != b,
            _ => false,
        });
        let before_reply = messages.windows(2).position(|w| match w {
            [a, b] => compare::is_event(a) != compare::is_event(b),
            _ => false,
        });
        self.told = match (self.what, event, pair, before_reply) {
            (Falsehood::LostEvent, Some(at), ..) => {
                messages.remove(at);
                true
            }
            (Falsehood::TwiceEvent, Some(at), ..) => {
                if let Some(event) = messages.get(at).cloned() {
                    messages.insert(at, event);
                }
                true
            }
            (Falsehood::SwappedEvents, _, Some(at), _) | (Falsehood::LateEvent, _, _, Some(at)) => {
                messages.swap(at, at + 1);
                true
            }
            _ => false,
        };
    }
}
