//! What Myriad costs, measured beside its yardsticks.
//!
//! Four ways, from the inside out:
//! - `cargo bench -p myriad-benches`: criterion benches of the store ([`subjects`]), each with its
//!   yardstick in the same run;
//! - `store-ratios`: the same pairs interleaved, as one table of ratios beside the goals, with
//!   allocations per commit and resident bytes;
//! - `hot-paths`: a few paths whose instructions are counted ([`hot`]), a check of the tests;
//! - `myriad-load`: the daemons over their Unix socket ([`load`]), ours and its rivals alike.
//!
//! Nothing here asserts a time. Method and figures are in `BENCHMARKS.md`.

pub mod alloc;
pub mod clock;
pub mod fail;
pub mod fixture;
pub mod floor;
pub mod hot;
pub mod load;
pub mod machine;
pub mod ratios;
pub mod rng;
pub mod stats;
pub mod subject;
pub mod subjects;
pub mod table;
pub mod vm;
