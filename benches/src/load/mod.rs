//! Load on a daemon over its Unix socket, the same for ours and for its rivals.
//!
//! A [`scenario`] runs against each peer in turn, several rounds; its figures come out as
//! medians and ranges with the ratio to the first peer.

pub mod crew;
pub mod goals;
pub mod plot;
pub mod pump;
pub mod report;
pub mod saved;
pub mod scenario;
pub mod swarm;
pub mod vms;
pub mod wire;

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use myriad_ring::v1::Op;

use crate::machine;

/// Why a scenario could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// nobody serves the socket
    #[error("{path}: {source}: is the daemon running?")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// the connection broke
    #[error("the connection to the daemon broke: {0}")]
    Io(io::Error),
    /// the daemon refused a request that the scenario needs
    #[error("the daemon refused {} with {name}", op.name())]
    Refused {
        /// The request.
        op: Op,
        /// The error's name.
        name: String,
    },
    /// what came back is no answer to what was asked
    #[error("the daemon's answer is not one to the request")]
    Garbage,
    /// others' commits made each attempt fail
    #[error("a transaction failed {0} times in a row")]
    Starved(u32),
    /// the simulated host refused, or a ring broke
    #[error("the simulated guests: {0}")]
    Machine(String),
    /// something of a domain was there when it was not any more
    #[error("it has outlived its domain: {0}")]
    Outlived(String),
    /// it would take too long
    #[error("not done within {0:?}")]
    TooLong(Duration),
}

impl Error {
    /// Whether it is that refusal.
    #[must_use]
    pub fn is_refusal(&self, wanted: &str) -> bool {
        matches!(self, Error::Refused { name, .. } if name == wanted)
    }
}

/// What a peer is measured for; its name says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `myriad…`: what the goals speak of.
    Ours,
    /// `floor…`: answers without doing anything; nobody can be faster.
    Floor,
    /// All others.
    Rival,
}

impl Role {
    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Role {
        match name {
            _ if name.starts_with("myriad") => Role::Ours,
            _ if name.starts_with("floor") => Role::Floor,
            _ => Role::Rival,
        }
    }
}

/// A daemon.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it is called in the report.
    pub name: String,
    /// Its socket.
    pub socket: PathBuf,
    /// Its process.
    pub pid: Option<u32>,
}

impl Peer {
    /// Asks the socket whose it is, unless told. A floor of rings has no socket: it is a program.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn new(name: &str, socket: &Path, pid: Option<u32>) -> Result<Peer, Error> {
        if Role::of(name) == Role::Floor && socket.is_file() {
            return Ok(Peer { name: name.to_owned(), socket: socket.to_owned(), pid: None });
        }
        let pid = pid.or(Wire::connect(socket)?.peer_pid());
        Ok(Peer { name: name.to_owned(), socket: socket.to_owned(), pid })
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn connect(&self) -> Result<Wire, Error> {
        Wire::connect(&self.socket)
    }

    /// Whether it only answers, and keeps nothing.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        Role::of(&self.name) == Role::Floor
    }

    /// Bytes that the daemon keeps resident.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        machine::resident_bytes(Some(self.pid?))
    }

    /// Starts to measure.
    #[must_use]
    pub fn meter(&self) -> Meter {
        let pid = self.pid;
        Meter { pid, cpu_ns: pid.and_then(machine::cpu_ns), start: Instant::now() }
    }
}

pub use wire::Wire;

/// A span of the daemon's processor time.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    pid: Option<u32>,
    cpu_ns: Option<u64>,
    start: Instant,
}

impl Meter {
    /// Seconds since it was started.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Microseconds of the daemon's processor time since; NaN where it can't be read.
    #[must_use]
    pub fn cpu_us(&self) -> f64 {
        let now = self.pid.and_then(machine::cpu_ns);
        match (self.cpu_ns, now) {
            (Some(before), Some(now)) => crate::stats::float(now.saturating_sub(before)) / 1000.0,
            _ => f64::NAN,
        }
    }
}

/// What every scenario is told.
#[derive(Clone, Debug)]
pub struct Context {
    /// The seed of every order.
    pub seed: u64,
    /// How long each measurement is.
    pub time: Duration,
    /// How long the daemon is warmed up before.
    pub warm_up: Duration,
    /// CONTROL words that create a domain before it is named, with `{domid}` for its id; none
    /// where the daemon takes any.
    pub domain_command: Option<String>,
}

impl Context {
    /// Makes a domain known to the daemon's host, where that takes a command.
    ///
    /// # Errors
    /// The daemon's refusal.
    pub fn create_domain(&self, wire: &mut Wire, domid: u16) -> Result<(), Error> {
        let Some(command) = &self.domain_command else { return Ok(()) };
        let words = command.replace("{domid}", &domid.to_string()).replace(' ', "\0");
        wire.call(Op::Control, 0, &[words.as_bytes(), b"\0"]).map(drop)
    }

    /// A connection to a peer that knows the domains 1 to `vms` and has their nodes' parents.
    ///
    /// # Errors
    /// The daemon's refusal.
    pub fn with_domains(&self, peer: &Peer, vms: u16) -> Result<Wire, Error> {
        let mut wire = peer.connect()?;
        vms::create_parents(&mut wire)?;
        for domid in 1..=vms {
            self.create_domain(&mut wire, domid)?;
        }
        Ok(wire)
    }
}

/// What one round of a scenario found: a name, its unit included, and a number.
pub type Figures = Vec<(String, f64)>;
