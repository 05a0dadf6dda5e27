//! What workers begin with.

use std::collections::HashMap;

use myriad_core::{DomId, Store};
use myriad_ring::v1::connection::Remains;
use rustix::fd::OwnedFd;

use crate::{
    past,
    recovery::{Former, Kept},
};

/// The store, what an earlier daemon has left of rings, and what is kept for the next one.
#[derive(Debug)]
pub struct Content {
    /// The store.
    pub store: Store,
    /// What is kept, where anything is.
    pub kept: Option<Kept>,
    /// What the rings were about to do.
    pub formers: HashMap<DomId, Former>,
    /// Programs' sockets that have outlived the daemon before, by their places; none where systemd
    /// keeps none, or keeps this process's and not a daemon's.
    pub sockets: Option<Vec<(u32, OwnedFd, Remains)>>,
    /// By what its generations are told from those of another store.
    pub store_number: u64,
    /// Where the past is to be had, where it is kept.
    pub past: Option<past::Source>,
}
