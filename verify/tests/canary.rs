//! The release of arc-swap that is pinned keeps apart what two cells hold, however addresses are
//! reused: a few rounds of the stress that `verify/canary.sh` runs for longer, and on a release
//! that fails it.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests")]

#[path = "../canary/stress.rs"]
mod stress;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[test]
fn the_pinned_arc_swap_keeps_its_cells_apart() {
    let rounds = AtomicU64::new(0);
    let done = stress::stress(|| rounds.fetch_add(1, Relaxed) < ROUNDS).unwrap();
    assert!(done.loads > ROUNDS && done.stores > 0, "{done:?}");
}

/// Of all readers together.
const ROUNDS: u64 = 20_000;
