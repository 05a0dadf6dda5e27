//! What a store keeps resident, each kind in a process of its own.

use myriad_core::Config;

use super::Setup;
use crate::{
    fixture, machine,
    subjects::watches::watch_vms,
    vm::{NODES, WATCHES},
};

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Memory {
    /// The nodes alone: no index sees them, and the feed keeps next to nothing.
    Tree,
    /// The nodes, and the built-in indices.
    Indices,
    /// All that, and three watches to a VM.
    Watches,
    /// All that, and the records that the feed keeps.
    Feed,
    /// A papaya map with the same paths and values.
    Papaya,
    /// A dashmap with the same paths and values.
    Dashmap,
}

impl Memory {
    /// All kinds, in the order in which they build on each other.
    pub const ALL: [Memory; 6] = [
        Memory::Tree,
        Memory::Indices,
        Memory::Watches,
        Memory::Feed,
        Memory::Papaya,
        Memory::Dashmap,
    ];

    /// For a table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Memory::Tree => "tree",
            Memory::Indices => "… and indices",
            Memory::Watches => "… and 3 watches a VM",
            Memory::Feed => "… and the feed's records",
            Memory::Papaya => "papaya by full path",
            Memory::Dashmap => "dashmap by full path",
        }
    }
}

/// Builds it, and gives by how many bytes the process has grown. Call it once in a process:
/// what an earlier one has freed would be used again.
#[must_use]
pub fn resident(what: Memory, setup: Setup) -> u64 {
    let (layout, vms) = (setup.layout, setup.vms);
    let before = machine::resident_bytes(None).unwrap_or(0);
    let grown = |kept: &dyn std::any::Any| {
        let after = machine::resident_bytes(None).unwrap_or(0);
        std::hint::black_box(kept);
        after.saturating_sub(before)
    };
    let no_feed = Config { feed_slots: 2, ..Config::default() };
    let watched = |config: &Config| {
        let store = fixture::store(config, layout, vms);
        watch_vms(&store, u64::from(vms), WATCHES.len());
        store
    };
    match what {
        Memory::Tree => grown(&fixture::store_below(&no_feed, layout, vms, "/elsewhere")),
        Memory::Indices => grown(&fixture::store(&no_feed, layout, vms)),
        Memory::Watches => grown(&watched(&no_feed)),
        Memory::Feed => grown(&watched(&Config::default())),
        Memory::Papaya => grown(&fixture::papaya::<ahash::RandomState>(layout, vms)),
        Memory::Dashmap => grown(&fixture::dash::<ahash::RandomState>(layout, vms)),
    }
}

impl Setup {
    /// Nodes of all VMs.
    #[must_use]
    pub fn nodes(self) -> u64 {
        u64::from(self.vms) * NODES as u64
    }
}
