//! How a store begins.

use std::sync::Arc;

use crate::domain::DomId;
use crate::error::Error;
use crate::hash::Keys;
use crate::index::Definitions;
use crate::journal::Journal;
use crate::limits::{FEED_BYTES, FEED_SLOTS};
use crate::quota::Quotas;
use crate::state::Env;

/// How a store begins.
#[derive(Clone, Debug)]
pub struct Config {
    /// The control domain beside dom0 (C's `--priv-domid`).
    pub control: DomId,
    /// The global quotas.
    pub quotas: Quotas,
    /// Indices beside the built-in ones: name and pattern, such as `/tool/*/id`.
    pub indices: Vec<(String, String)>,
    /// Records that the commit feed keeps.
    pub feed_slots: usize,
    /// The generation after which it goes on: greater than any that its history has.
    pub generation: u64,
    /// Bytes of the records that the commit feed keeps, about.
    pub feed_bytes: u64,
    /// Who keeps the record of each publication before it happens.
    pub journal: Option<Arc<dyn Journal>>,
    /// Feature bits of domains for which none were set.
    pub features: u32,
    /// Whether the nodes of a domain that dies go to the control domain, instead of being removed
    /// (C's `--keep-orphans`).
    pub keep_orphans: bool,
    /// Whether someone calls [`Store::reclaim`](crate::Store::reclaim): large versions wait for it
    /// then, instead of being freed by whoever lets go of them last.
    pub reclaimer: bool,
    /// Keys of the hashes that are the same in every run, for measurements alone: who knows them
    /// can choose names that collide. None: keys that nobody can know.
    pub hash_seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            control: DomId::ZERO,
            quotas: Quotas::default(),
            indices: Vec::new(),
            feed_slots: FEED_SLOTS,
            feed_bytes: FEED_BYTES,
            generation: 0,
            journal: None,
            features: 0,
            keep_orphans: false,
            reclaimer: false,
            hash_seed: None,
        }
    }
}

impl Config {
    /// What is fixed for the life of a store.
    pub(crate) fn env(&self) -> Result<Env, Error> {
        Ok(Env {
            keys: self.hash_seed.map_or_else(Keys::random, Keys::seeded),
            definitions: Definitions::new(&self.indices)?,
            control: self.control,
            features: self.features,
            keep_orphans: self.keep_orphans,
        })
    }
}
