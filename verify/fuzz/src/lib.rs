//! What the fuzzers start from: inputs made of requests as real clients send them.
//!
//! The targets stand in `targets/`. Inputs of `codec`, `connection`, `v2` and `page` are what
//! `myriad_ring`'s `v1::fuzz`, `v2::fuzz` and `page::fuzz` take; those of [`store`], [`history`]
//! and [`recovery`] are steps (`src/steps.rs`), which the store and its reference model both take,
//! and changes of files; those of [`migration`]
//! are streams. The seeds lie in `seeds/`, one file each, so that a fuzzer can read them;
//! `cargo run -p myriad-fuzz --bin fuzz-seeds` writes them again after a change here. An input that
//! made a target fail is kept there too, once it is mended, under a name that says what it was: the
//! tests run every file.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

mod codec;
mod connection;
mod edits;
pub mod history;
pub mod migration;
// The reference model, of the same sources as `myriad_verify::model`: a fuzz target is built with
// its own flags, and so with as little as it needs.
#[path = "../../src/model/mod.rs"]
pub mod model;
pub mod mutate;
mod page;
mod records;
pub mod recovery;
mod scripts;
pub mod steps;
pub mod store;
mod v2;

/// A target and what it starts from.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and its folder's below `seeds`.
    pub name: &'static str,
    /// Runs an input.
    pub run: fn(&[u8]),
    /// The seeds, by name.
    pub seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "codec", run: myriad_ring::v1::fuzz::codec, seeds: codec::seeds },
    Target { name: "connection", run: myriad_ring::v1::fuzz::connection, seeds: connection::seeds },
    Target { name: "v2", run: myriad_ring::v2::fuzz::v2, seeds: v2::seeds },
    Target { name: "page", run: myriad_ring::page::fuzz, seeds: page::seeds },
    Target { name: "store", run: store::run, seeds: scripts::store },
    Target { name: "history", run: history::run, seeds: scripts::history },
    Target { name: "recovery", run: recovery::run, seeds: scripts::recovery },
    Target { name: "migration", run: migration::run, seeds: migration::seeds },
];

impl Target {
    /// Where its seeds lie in the repository.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(self.name)
    }
}
