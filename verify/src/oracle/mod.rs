//! The oracle: the same random requests to C xenstored and to Myriad, every byte compared.
//!
//! ```text
//!   seed ─> generate, plots ─> step ─> run ─┬─> exchange ─> left:  C xenstored 4.17 (or any)
//!               ^    payload           │    └─> exchange ─> right: Myriad           (or C again)
//!               │                      v
//!               └────── world: tree, hosts, transactions      the model of both
//!                                      │
//!                    compare, transaction, differences        equal, or named in one table
//!                                      │
//!                     report, shrink, coverage
//! ```
//!
//! - A **client** is one of the socket, or a **guest**: a domain that was introduced, on its ring.
//!   Most requests are those of guests. For both servers a guest is the same end of a shared page
//!   ([`ring`](crate::peer::ring)): C's is handed out by the shim, ours by the simulated host.
//! - **Step**: a request of a client, a broken message, a connection that ends, a ring that is
//!   flooded or given up, or a domain that appears, shuts down or dies. Steps can be written down
//!   and left out ([`step`]).
//! - Steps go to both servers one at a time; after each that may cause events a barrier of each
//!   client shows that all have come ([`exchange`]). Then what each client got is compared,
//!   message by message, in order.
//! - **Difference**: where Myriad is meant to answer otherwise, with its reason ([`table`]).
//!   Nothing else may differ.
//! - The model ([`tree`], [`operate`]) says what Myriad must answer inside of transactions, where
//!   C follows another rule, and is itself held to C everywhere else. It knows permissions, targets
//!   and the quotas of nodes.
//! - Quotas are low, and so set that both servers mean the same by them ([`limits`], [`session`]).
//! - In **protocol v2** ours is compared by what the client library makes of both ([`in_v2`]).
//! - A disagreement is reported with its seed, and shortened by leaving out steps ([`shrink`]).
//! - A full run must hit each cell of the table of operations and errors, one half for clients of
//!   the socket and one for guests ([`cells`]).

mod breach;
pub mod cells;
pub mod compare;
mod compose;
pub mod coverage;
pub mod differences;
pub mod exchange;
mod flood;
pub mod generate;
mod guests;
pub mod hosts;
pub mod in_v2;
mod judge;
pub mod limits;
pub mod mutate;
pub mod opened;
pub mod operate;
pub mod pair;
pub mod payload;
mod plots;
mod reasons;
pub mod report;
pub mod rng;
pub mod run;
pub mod session;
pub mod shrink;
pub mod step;
mod streams;
pub mod table;
mod table_guests;
pub mod text;
mod transaction;
pub mod tree;
pub mod who;
pub mod wire;
pub mod world;
