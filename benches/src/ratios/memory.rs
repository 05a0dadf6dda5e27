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
    /// The nodes alone.
    Tree,
    /// The nodes and the indices of a default configuration.
    Indices,
    /// All that, and three watches to a VM.
    Watches,
    /// A papaya map with the same paths and values.
    Papaya,
    /// A dashmap with the same paths and values.
    Dashmap,
}

impl Memory {
    /// All kinds, in the order in which they build on each other.
    pub const ALL: [Memory; 5] =
        [Memory::Tree, Memory::Indices, Memory::Watches, Memory::Papaya, Memory::Dashmap];

    /// For a table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Memory::Tree => "tree",
            Memory::Indices => "tree and indices",
            Memory::Watches => "tree, indices, 3 watches a VM",
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
    match what {
        Memory::Tree => grown(&fixture::store(fixture::without_indices(), layout, vms)),
        Memory::Indices => grown(&fixture::store(Config::default(), layout, vms)),
        Memory::Watches => {
            let store = fixture::store(Config::default(), layout, vms);
            watch_vms(&store, u64::from(vms), WATCHES.len());
            grown(&store)
        }
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
