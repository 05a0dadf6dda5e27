//! What a daemon can be put through.

mod basic;
mod connections;
mod events;
mod fairness;
mod glutton;
mod list;
mod memory;
mod open_loop;
mod parallel;
mod rings;
pub mod soak;
mod storm;
mod transacting;
mod transactions;
mod v2;
mod victim;
mod watches;

use clap::{FromArgMatches, Subcommand};
use myriad_ring::v1::Op;

use super::{Context, Error, Figures, Peer, wire::Wire};

/// One of them, with its options.
#[derive(Subcommand, Clone, Debug)]
pub enum Scenario {
    /// Create nodes: rate, and resident bytes of each.
    Create(basic::Create),
    /// Read existing nodes in random order.
    Read(basic::Access),
    /// Write existing nodes in random order.
    Write(basic::Access),
    /// List a directory of many children, in parts where need be; add a child and remove it.
    List(list::List),
    /// Transactions of 5 reads and 5 writes, each client on nodes of its own.
    Transactions(transactions::Transactions),
    /// Transactions of all clients on one counter.
    Counter(transactions::Transactions),
    /// From a write to its event, beside watches that have nothing to do with it; and to many.
    Events(events::Events),
    /// Resident memory per VM and per watch (of a fresh daemon).
    Memory(memory::Memory),
    /// Open connections with 3 watches each; then READ on one.
    Connections(connections::Connections),
    /// Write while watches are registered that have nothing to do with it.
    Watches(watches::Watches),
    /// Create VMs on one connection: 41 nodes in a transaction and 3 watches each.
    Storm(storm::Storm),
    /// Create VMs by requests of protocol v1, then by commits of v2 where the daemon speaks it.
    V2(v2::V2),
    /// Create VMs from many connections at once.
    Parallel(parallel::Parallel),
    /// Round trips of many guests on rings while another one floods its own (needs such a daemon).
    Fairness(fairness::Fairness),
    /// Read and write from simulated guests on rings (needs a daemon that has such).
    Rings(rings::Rings),
    /// Create and destroy simulated domains that deal with each other (needs such a daemon).
    Soak(soak::Soak),
    /// Read on one connection while another one does something big.
    Victim(victim::Victim),
}

impl Scenario {
    /// One round of it against one peer.
    ///
    /// # Errors
    /// What kept it from its end.
    pub fn run(&self, peer: &Peer, context: &Context) -> Result<Figures, Error> {
        if peer.is_floor() && !self.has_floor() {
            return Ok(Figures::new());
        }
        match self {
            Scenario::Create(options) => options.run(peer),
            Scenario::Read(options) => options.run(Op::Read, peer, context),
            Scenario::Write(options) => options.run(Op::Write, peer, context),
            Scenario::List(options) => options.run(peer, context),
            Scenario::Transactions(options) => options.disjoint(peer, context),
            Scenario::Counter(options) => options.counter(peer, context),
            Scenario::Events(options) => options.run(peer, context),
            Scenario::Memory(options) => options.run(peer, context),
            Scenario::Connections(options) => options.run(peer, context),
            Scenario::Watches(options) => options.run(peer, context),
            Scenario::Storm(options) => options.run(peer, context),
            Scenario::V2(options) => options.run(peer, context),
            Scenario::Parallel(options) => options.run(peer, context),
            Scenario::Fairness(options) => options.run(peer, context),
            Scenario::Rings(options) => options.run(peer, context),
            Scenario::Soak(options) => options.run(peer),
            Scenario::Victim(options) => options.run(peer, context),
        }
    }

    /// Whether a peer that keeps nothing can take part.
    #[must_use]
    pub fn has_floor(&self) -> bool {
        use Scenario::{Counter, List, Parallel, Read, Rings, Transactions, Write};
        matches!(
            self,
            Read(_) | Write(_) | List(_) | Transactions(_) | Counter(_) | Parallel(_) | Rings(_)
        )
    }

    /// What these words of a command line say.
    ///
    /// # Errors
    /// They don't name a scenario, or its options.
    pub fn from_words(words: &[&str]) -> Result<Scenario, clap::Error> {
        let command = Scenario::augment_subcommands(clap::Command::new("load"));
        let words = std::iter::once(&"load").chain(words);
        Scenario::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// The name in the report.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Scenario::Create(_) => "create",
            Scenario::Read(_) => "read",
            Scenario::Write(_) => "write",
            Scenario::List(_) => "list",
            Scenario::Transactions(_) => "transactions",
            Scenario::Counter(_) => "counter",
            Scenario::Events(_) => "events",
            Scenario::Memory(_) => "memory",
            Scenario::Connections(_) => "connections",
            Scenario::Watches(_) => "watches",
            Scenario::Storm(options) => options.name(),
            Scenario::V2(_) => "v2",
            Scenario::Parallel(_) => "parallel",
            Scenario::Fairness(_) => "fairness",
            Scenario::Rings(_) => "rings",
            Scenario::Soak(_) => "soak",
            Scenario::Victim(_) => "victim",
        }
    }
}

/// Removes what the scenarios keep below `/load` between rounds.
///
/// # Errors
/// A broken connection.
pub fn clean(peer: &Peer) -> Result<(), Error> {
    match peer.connect()?.ask(Op::Rm, 0, ROOT) {
        Ok(_) => Ok(()),
        Err(error) if error.is_refusal("ENOENT") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Everything but VMs lies below this.
const ROOT: &str = "/load";
/// Nodes below one directory.
const FAN_OUT: u32 = 100;
/// Requests on their way while nodes are made.
const SET_UP_DEPTH: usize = 32;

/// The path of one of the many nodes.
fn node_path(number: u32) -> String {
    format!("{ROOT}/nodes/{}/{}", number / FAN_OUT, number % FAN_OUT)
}

/// Makes `count` nodes in pipelined requests, unless the last one is there already.
fn make_nodes(peer: &Peer, wire: &mut Wire, count: u32) -> Result<(), Error> {
    if count == 0 || wire.ask(Op::Read, 0, &node_path(count - 1)).is_ok() {
        return Ok(());
    }
    let mut next = 0;
    let until = super::pump::Until::Count(u64::from(count));
    super::pump::pump(peer, wire, Op::Write, SET_UP_DEPTH, until, |wire| {
        wire.push(Op::Write, 0, &[node_path(next).as_bytes(), b"\0", &VALUE]);
        next += 1;
    })?;
    Ok(())
}

/// What the nodes hold: 64 bytes.
const VALUE: [u8; 64] = *b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
