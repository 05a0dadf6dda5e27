//! A whole run: servers are started, so many requests drawn from a seed and compared.

use std::{fmt, path::PathBuf, str::FromStr};

use myriad_core::{Quota, Quotas};

use super::{
    generate::Generator,
    limits::{
        CLIENTS, DOMAINS, FULL_RUN, GUEST_NODE_SIZE, GUEST_NODES, GUEST_PERMS,
        GUEST_TRANSACTION_NODES, GUEST_TRANSACTIONS, GUEST_WATCHES,
    },
    mutate::Mutation,
    pair::Pair,
    report::Failure,
    run::{Options, Runner, Stop},
    shrink,
    step::Step,
};
use crate::peer::Server;

/// Which server takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's C xenstored, started for the run.
    C,
    /// Our daemon, started for the run.
    Myriad,
    /// Whoever serves this socket; it must be fresh, and its domains never change.
    Socket(PathBuf),
}

impl FromStr for Kind {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Kind, Self::Err> {
        Ok(match text {
            "c" => Kind::C,
            "myriad" => Kind::Myriad,
            path => Kind::Socket(path.into()),
        })
    }
}

/// A run to come.
#[derive(Clone, Debug)]
pub struct Session {
    /// The two servers.
    pub kinds: Pair<Kind>,
    /// How many requests are sent.
    pub requests: usize,
    /// What they are drawn from.
    pub seed: u64,
    /// How many clients there are.
    pub clients: usize,
    /// Whether to send what 4.17 doesn't know. Both servers must be ours then.
    pub newer: bool,
    /// An answer to falsify.
    pub mutation: Option<Mutation>,
}

impl Session {
    /// C 4.17 on the left and the examined server on the right.
    #[must_use]
    pub fn against_c(right: Kind, requests: usize, seed: u64) -> Session {
        Session {
            kinds: Pair { left: Kind::C, right },
            requests,
            seed,
            clients: CLIENTS,
            newer: false,
            mutation: None,
        }
    }

    /// Starts both servers and connects to them.
    ///
    /// # Errors
    /// [`Stop::Peer`], [`Stop::Wire`].
    pub fn fresh(&self) -> Result<Runner, Stop> {
        let start = |kind: &Kind| match kind {
            Kind::C => Server::start_c_with(DOMAINS, &quotas(kind)),
            Kind::Myriad => Server::start_myriad_with(DOMAINS, &quotas(kind)),
            Kind::Socket(path) => Ok(Server::attach(path)),
        };
        let servers = Pair { left: start(&self.kinds.left)?, right: start(&self.kinds.right)? };
        let options = Options {
            clients: self.clients,
            twins: self.kinds.left == self.kinds.right,
            ours: self.kinds.right != Kind::C,
            newer: self.newer,
            mutation: self.mutation.clone(),
        };
        Runner::new(options, servers)
    }

    /// Sends all requests. What the run saw, if the servers agree.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn run(&self) -> Result<Summary, Stop> {
        let mut runner = self.fresh()?;
        let mut generator = Generator::new(self.seed, self.clients, self.newer);
        while runner.requests() < self.requests {
            let step = generator.next(runner.world());
            runner.step(&step)?;
        }
        Ok(Summary { runner, newer: self.newer, full: self.requests >= FULL_RUN })
    }

    /// Carries out steps that were written down. The disagreement, if there is one.
    ///
    /// # Errors
    /// [`Stop`], but for a disagreement.
    pub fn replay(&self, steps: &[Step]) -> Result<Option<Failure>, Stop> {
        shrink::replay(steps, &mut || self.fresh())
    }

    /// Makes a disagreement shorter; also says how many runs that took.
    ///
    /// # Errors
    /// [`Stop`], but for a disagreement.
    pub fn shrink(&self, failure: Failure) -> Result<(Failure, usize), Stop> {
        shrink::shrink(failure, &mut || self.fresh())
    }
}

/// Values with which a server lets guests have what `limits.rs` says, and no more. 4.17 refuses
/// past the value of a quota, or even later, and Myriad at it, as today's C.
fn quotas(kind: &Kind) -> Quotas {
    let (past, later) = if *kind == Kind::C { (0, -1) } else { (1, 1) };
    let mut quotas = Quotas::default();
    for (quota, most, more) in [
        (Quota::Nodes, GUEST_NODES, past),
        (Quota::NodePermissions, GUEST_PERMS, past),
        (Quota::TransactionNodes, GUEST_TRANSACTION_NODES, past),
        (Quota::NodeSize, GUEST_NODE_SIZE, 0),
        (Quota::Watches, GUEST_WATCHES, later),
        (Quota::Transactions, GUEST_TRANSACTIONS, later),
    ] {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        quotas.set(quota, most.saturating_add_signed(more));
    }
    quotas
}

/// What a run saw in which nothing was wrong.
#[derive(Debug)]
pub struct Summary {
    runner: Runner,
    newer: bool,
    full: bool,
}

impl Summary {
    /// What is wrong with the run's coverage: cells held impossible that were hit, and after a full
    /// run cells that were hit too seldom, or too few requests of guests. The table is C 4.17's: of
    /// a run with what that does not know, nothing is said.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let coverage = &self.runner.coverage;
        if self.newer {
            return Vec::new();
        }
        if !self.full {
            return coverage.surprises();
        }
        let (all, of_guests) = (self.runner.requests(), self.of_guests());
        let few = of_guests < all.div_ceil(2);
        let few = few.then(|| format!("guests sent {of_guests} of {all} requests, half wanted"));
        few.into_iter().chain(coverage.gaps()).collect()
    }

    /// How many requests were those of guests.
    #[must_use]
    pub fn of_guests(&self) -> usize {
        self.runner.of_guests()
    }

    /// How often a difference was met.
    #[must_use]
    pub fn met(&self, difference: &str) -> u64 {
        self.runner.differences.get(difference).copied().unwrap_or(0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, of_guests) = (self.runner.requests(), self.runner.of_guests());
        writeln!(f, "{all} requests, {of_guests} of them of guests, 0 unexplained differences")?;
        writeln!(f, "\n{}", self.runner.coverage)?;
        writeln!(f, "differences met, or requests left out for them:")?;
        for (name, times) in &self.runner.differences {
            writeln!(f, "{times:>9}  {name}")?;
        }
        Ok(())
    }
}
