//! Kills the daemon again and again, under load, and looks whether anyone has lost anything.
//!
//! Socket clients ([`Subtree`]) change subtrees of their own, by single requests and transactions,
//! and guests on rings ([`Ledger`]) do what guests do, on one machine that outlives the daemon. A
//! run begins the daemon, kills it, at a named [`Point`] of its own code or at random, begins it
//! again, and so on; while it is down some domains die, and ids get other tenants. Everybody knows
//! what must be there, and a [`Fault`] is whatever isn't:
//!
//! - an acknowledged change is there, one that was under way wholly or not at all;
//! - each request of a guest is answered once, in order, and was executed once;
//! - no guest needs anything but patience; each of its watches fires after a restart, and no watch
//!   is lost;
//! - what is accounted is what is there (CONTROL `check`), and domains and permissions are as they
//!   were.
//!
//! What may be found is decided by [`Subtree`] and [`Ledger`], which do no I/O: their tests give
//! them histories with a fault of each kind.

mod client;
mod daemon;
mod fault;
mod guests;
pub mod ledger;
pub mod limits;
mod lives;
mod overseer;
mod point;
mod report;
mod run;
mod seat;
mod setup;
mod stage;
pub mod subtree;
pub mod tree;
mod wire;

pub use fault::{Fault, Kind};
pub use ledger::Ledger;
pub use point::{Point, UnknownPoint};
pub use report::{AtPoint, Summary};
pub use run::{KillError, Observer, Plan, run};
pub use subtree::Subtree;
