//! Linearizability: whether what concurrent clients of the running daemon see can be explained by
//! one order of their operations, each at a point between its sending and its answer.
//!
//! ```text
//!   seed, number ─> generate ─> program ─┬─> actor ─ socket ─┐
//!                                        ├─> actor ─ socket ─┤ daemon, two workers or more
//!                                        ├─> actor ─ ring ───┤
//!                                        └─> actor ─ ring ───┘
//!                                              │ answers and events, in one order of time
//!   verdict <─ check <─ spec, tree  <─ record <┘
//! ```
//!
//! - A **history** is what all clients do in a subtree of its own, and what each of them gets. Its
//!   program is drawn from a seed and its number ([`generate`]); when things happen is the system's
//!   choice, so the same program makes other histories. One that fails is kept as JSON ([`json`])
//!   and can be checked again.
//! - One client of the socket speaks **protocol v2** ([`generate::speaks_v2`]): its transactions
//!   are snapshots, and it makes commits with conditions, reads several nodes as of one moment, and
//!   registers watches by the batch ([`act::Act`]). Its answers are written as v1 would write them.
//! - The **specification** ([`spec`], [`tree`]) executes one request after another: nodes,
//!   permissions, the index of names, transactions, watches and their events. It has a tree of its
//!   own, since the [reference model](crate::model) knows how a state came about (generations,
//!   stamps, lives), and a search wants states that came about otherwise to be equal. The tests
//!   hold it to that model, request by request and event by event.
//! - The **check** ([`check`]) looks for an order that gives the answers and events that were
//!   recorded.

pub mod act;
mod actor;
mod answer;
pub mod check;
pub mod generate;
pub mod item;
pub mod json;
pub mod limits;
mod link;
pub mod node;
mod place;
pub mod record;
pub mod report;
pub mod run;
pub mod spec;
mod speech;
mod together;
pub mod tree;

pub use link::LinkError;
