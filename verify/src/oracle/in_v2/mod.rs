//! The oracle in protocol v2: the same calls of the client library at our daemon, where it speaks
//! v2, and at C xenstored, where it does the same by requests and transactions of v1.
//!
//! Two clients of each server take turns. After each step the answers must be the same: values,
//! permissions, listings, errors, and of a commit which item is to blame; and so must be the events
//! that each client has by its next answer. Where v2 says more (stamps) the condition on a stamp is
//! at C's the one on the value that was seen with it: no value is written twice.
//!
//! Events of one step are compared without their order. In C's transactions it is that of the first
//! access, and v1 has to read what a condition asks for.

mod side;
mod steps;

use std::fmt;

use myriad_ring::client;

use self::{
    side::Side,
    steps::{Dealer, Step},
};
use super::limits::PATIENCE;
use crate::peer::{PeerError, Server};

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What the steps are drawn from.
    pub seed: u64,
    /// How many there are.
    pub steps: usize,
    /// From this step on an answer of ours is falsified, to see that it is noticed.
    pub falsify_from: Option<usize>,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Steps.
    pub steps: usize,
    /// Commits that happened, …
    pub commits: usize,
    /// … and such that did not, by a condition or an error.
    pub refused: usize,
    /// Other answers that were errors.
    pub errors: usize,
    /// Events of one server.
    pub events: usize,
}

/// Why a run has ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Apart {
    /// the two servers differ
    #[error(
        "step {at} of seed {seed}, by client {client}: {step}\n  v2, ours: {ours}\n  \
         v1, C's:  {theirs}"
    )]
    Differ {
        /// Which step.
        at: usize,
        /// What the steps were drawn from.
        seed: u64,
        /// Whose it was.
        client: usize,
        /// The step.
        step: String,
        /// What came of it at ours, …
        ours: String,
        /// … and at C's.
        theirs: String,
    },
    /// a server can't be started
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// a connection fails
    #[error(transparent)]
    Client(#[from] client::Error),
    /// our daemon doesn't speak v2
    #[error("the daemon has no protocol v2: there is nothing to compare")]
    OldDaemon,
}

/// Does a run: until its end, or the first difference.
///
/// # Errors
/// [`Apart`].
pub fn run(plan: &Plan) -> Result<Compared, Apart> {
    let servers = [Server::start_myriad(DOMAINS)?, Server::start_c(DOMAINS)?];
    let mut sides = [Side::connect(servers[0].socket())?, Side::connect(servers[1].socket())?];
    if !sides[0].negotiate()? {
        return Err(Apart::OldDaemon);
    }
    let mut dealer = Dealer::new(plan.seed);
    let mut compared = Compared::default();
    for (at, step) in dealer.setup().into_iter().enumerate() {
        compare(&mut sides, (at, 0), &step, plan, &mut compared)?;
    }
    for at in 0..plan.steps {
        let (client, step) = dealer.deal();
        compare(&mut sides, (at, client), &step, plan, &mut compared)?;
    }
    Ok(compared)
}

fn compare(
    [ours, theirs]: &mut [Side; 2],
    (at, client): (usize, usize),
    step: &Step,
    plan: &Plan,
    compared: &mut Compared,
) -> Result<(), Apart> {
    let mut left = ours.take(client, step)?;
    let right = theirs.take(client, step)?;
    if plan.falsify_from.is_some_and(|from| at >= from) {
        left.answer.push('!');
    }
    compared.steps += 1;
    compared.events += left.events.len();
    let count = match (step, left.is_error) {
        (Step::Commit(_), true) => &mut compared.refused,
        (Step::Commit(_), false) => &mut compared.commits,
        (_, true) => &mut compared.errors,
        _ => &mut 0,
    };
    *count += 1;
    if left == right {
        return Ok(());
    }
    Err(Apart::Differ {
        at,
        seed: plan.seed,
        client,
        step: step.to_string(),
        ours: left.to_string(),
        theirs: right.to_string(),
    })
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    answer: String,
    is_error: bool,
    /// Client, path and token, sorted.
    events: Vec<(usize, String, String)>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { answer, events, .. } = self;
        f.write_str(answer)?;
        let event = |(client, path, token): &(usize, String, String)| {
            format!("; event of client {client}: {path} {token}")
        };
        events.iter().try_for_each(|one| f.write_str(&event(one)))
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compared { steps, commits, refused, errors, events } = self;
        write!(
            f,
            "{steps} steps in v2 and in v1, no difference: {commits} commits and {refused} that \
             were refused, {errors} other errors, {events} events"
        )
    }
}

/// Domains of both hosts, for permissions to name.
const DOMAINS: u32 = 3;
