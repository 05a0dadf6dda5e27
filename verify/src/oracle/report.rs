//! What a run has sent, and what a person is shown when the servers disagree.

use std::{collections::BTreeMap, fmt};

use myriad_ring::v1::Op;

use super::{
    limits::REPORTED,
    pair::Pair,
    step::{Request, Step, op_name, quote},
    who,
    wire::Incoming,
};

/// The steps of a run that were carried out.
#[derive(Clone, Debug, Default)]
pub struct History {
    steps: Vec<Step>,
    requests: usize,
    of_guests: usize,
}

impl History {
    /// Adds a step.
    pub fn push(&mut self, step: &Step) {
        self.steps.push(step.clone());
        if let Step::Request(Request { client, .. }) | Step::Oversized { client, .. } = step {
            self.requests += 1;
            self.of_guests += usize::from(who::domid(*client).is_some());
        }
    }

    /// How many requests were those of guests.
    #[must_use]
    pub fn of_guests(&self) -> usize {
        self.of_guests
    }

    /// How many of them were requests.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// All of them.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// A disagreement.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong.
    pub what: String,
    /// Which request of the run it was.
    pub request: usize,
    /// The steps up to and with the one that showed it.
    pub steps: Vec<Step>,
    /// What each client got in that step.
    inbox: BTreeMap<usize, Pair<Vec<Incoming>>>,
}

impl Failure {
    /// Describes a disagreement in the last step of `history`.
    #[must_use]
    pub fn new(
        what: &str,
        history: &History,
        inbox: &BTreeMap<usize, Pair<Vec<Incoming>>>,
    ) -> Failure {
        Failure {
            what: what.to_owned(),
            request: history.requests(),
            steps: history.steps().to_vec(),
            inbox: inbox.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request {}: {}", self.request, self.what)?;
        let first = self.steps.len().saturating_sub(REPORTED + 1);
        if first > 0 {
            writeln!(f, "  … after {first} steps:")?;
        }
        for step in self.steps.get(first..).unwrap_or_default() {
            writeln!(f, "  {}", shortened(&step.to_string()))?;
        }
        for (client, inbox) in &self.inbox {
            if inbox.left.is_empty() && inbox.right.is_empty() {
                continue;
            }
            let mark = if inbox.left == inbox.right { "the same" } else { "DIFFERENT" };
            writeln!(f, "  client {} got, {mark}:", who::name(*client))?;
            for (name, messages) in [("left ", &inbox.left), ("right", &inbox.right)] {
                for message in messages {
                    writeln!(f, "    {name} {}", describe(message))?;
                }
            }
        }
        Ok(())
    }
}

fn describe(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Closed => "the connection was closed".to_owned(),
        Incoming::Message(m) if m.op == Op::WatchEvent as u32 => {
            format!("event {}", shortened(&quote(&m.payload)))
        }
        Incoming::Message(m) => {
            let payload = shortened(&quote(&m.payload));
            format!("{} tx {} #{} {payload}", op_name(m.op), m.tx_id, m.req_id)
        }
    }
}

/// Long values in short: their beginning, and how much there was.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}… ({} characters)", text.get(..at).unwrap_or(""), text.len()),
        None => text.to_owned(),
    }
}

/// Characters of a step or message that are shown.
const SHOWN: usize = 200;
