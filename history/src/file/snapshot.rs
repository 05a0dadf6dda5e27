//! Snapshots: the nodes of a version in path order, in blocks, and where each block begins.
//!
//! ```text
//! node: bytes in common with the path before · bytes · value · flags 1 · [permissions] · age
//! end: nodes · cut 1 [path] · blocks · for each: place · record · bytes in common · bytes
//! ```
//!
//! Age is the snapshot's generation less the node's, plus 1; 0: not known.

use std::sync::Arc;

use super::codec::{Take, put, put_bytes};
use super::delta::{put_perms, read_perms};
use super::model::{Node, Perm, SnapshotNode};
use super::order;

/// Nodes that wait to become a record.
#[derive(Debug, Default)]
pub(crate) struct NodeBlock {
    pub(crate) raw: Vec<u8>,
    pub(crate) nodes: u32,
    pub(crate) first: String,
    path: String,
    perms: Option<Vec<Perm>>,
}

impl NodeBlock {
    /// Adds a node; `generation` is the snapshot's.
    pub(crate) fn push(&mut self, node: &SnapshotNode<'_>, generation: u64) {
        if self.nodes == 0 {
            self.first.clear();
            self.first.push_str(node.path);
        }
        let path = put_path(&mut self.raw, self.path.as_bytes(), node.path);
        debug_assert!(path <= node.path.len());
        put_bytes(&mut self.raw, node.value);
        let same = self.perms.as_deref() == Some(node.perms);
        self.raw.push(u8::from(same));
        if !same {
            put_perms(&mut self.raw, node.perms);
            self.perms = Some(node.perms.to_vec());
        }
        let age = generation.saturating_sub(node.generation).saturating_add(1);
        put(&mut self.raw, if node.generation == 0 { 0 } else { age });
        self.path.clear();
        self.path.push_str(node.path);
        self.nodes += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.raw.clear();
        self.nodes = 0;
        self.path.clear();
        self.perms = None;
    }
}

/// A node in an unpacked block.
#[derive(Clone, Debug)]
pub(crate) struct StoredNode<'a> {
    value: &'a [u8],
    perms: Arc<[Perm]>,
    generation: u64,
}

impl StoredNode<'_> {
    pub(crate) fn to_node(&self) -> Node {
        let (perms, generation) = (self.perms.clone(), self.generation);
        Node { value: self.value.into(), perms, generation }
    }
}

/// Reads the nodes of an unpacked block, in order, until one isn't wanted any more.
pub(crate) fn read_nodes(
    raw: &[u8],
    generation: u64,
    mut show: impl FnMut(&str, StoredNode<'_>) -> bool,
) -> Result<(), &'static str> {
    let mut take = Take(raw);
    let (mut path, mut list) = (Vec::new(), Vec::new());
    let mut perms: Arc<[Perm]> = Arc::from([]);
    while !take.0.is_empty() {
        let node = read_node(&mut take, generation, &mut path, &mut list, &mut perms);
        let node = node.ok_or("a snapshot's node")?;
        let path = str::from_utf8(&path).map_err(|_| "a snapshot's path")?;
        if !show(path, node) {
            return Ok(());
        }
    }
    Ok(())
}

fn read_node<'a>(
    take: &mut Take<'a>,
    now: u64,
    path: &mut Vec<u8>,
    list: &mut Vec<Perm>,
    perms: &mut Arc<[Perm]>,
) -> Option<StoredNode<'a>> {
    read_path(take, path)?;
    let value = take.counted()?;
    if take.u8()? == 0 {
        read_perms(take, list)?;
        *perms = Arc::from(list.as_slice());
    }
    let generation = match take.number()? {
        0 => 0,
        age => now.checked_sub(age - 1)?,
    };
    Some(StoredNode { value, perms: perms.clone(), generation })
}

/// Where the blocks of a snapshot are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotIndex {
    pub(crate) nodes: u64,
    /// The first path that there was no room for.
    pub(crate) cut: Option<Box<str>>,
    pub(crate) blocks: Vec<NodesAt>,
}

/// Where a block of nodes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodesAt {
    /// Its record, counted from the segment's first.
    pub(crate) number: u64,
    /// Its first byte, counted from the segment's.
    pub(crate) offset: u64,
    /// The path of its first node.
    pub(crate) first: Box<str>,
}

impl SnapshotIndex {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.nodes);
        out.push(u8::from(self.cut.is_some()));
        if let Some(cut) = &self.cut {
            put_bytes(&mut out, cut.as_bytes());
        }
        put(&mut out, self.blocks.len() as u64);
        let mut path: &[u8] = &[];
        for block in &self.blocks {
            put(&mut out, block.offset);
            put(&mut out, block.number);
            put_path(&mut out, path, &block.first);
            path = block.first.as_bytes();
        }
        out
    }

    pub(crate) fn decode(raw: &[u8]) -> Option<SnapshotIndex> {
        let mut take = Take(raw);
        let nodes = take.number()?;
        let cut = match take.u8()? {
            0 => None,
            _ => Some(str::from_utf8(take.counted()?).ok()?.into()),
        };
        let count: usize = take.small()?;
        let mut blocks = Vec::with_capacity(count.min(raw.len()));
        let mut path = Vec::new();
        for _ in 0..count {
            let (offset, number) = (take.number()?, take.number()?);
            read_path(&mut take, &mut path)?;
            blocks.push(NodesAt { number, offset, first: str::from_utf8(&path).ok()?.into() });
        }
        Some(SnapshotIndex { nodes, cut, blocks })
    }

    /// The blocks that may hold a path, or what is below it.
    pub(crate) fn blocks_of(&self, top: &str) -> &[NodesAt] {
        let before = |block: &NodesAt| order::compare(&block.first, top).is_le();
        let start = self.blocks.partition_point(before).saturating_sub(1);
        let rest = self.blocks.get(start..).unwrap_or_default();
        let within = |block: &NodesAt| before(block) || order::is_within(&block.first, top);
        rest.get(..rest.partition_point(within)).unwrap_or_default()
    }
}

/// Appends a path by what it has in common with the one before.
fn put_path(out: &mut Vec<u8>, before: &[u8], path: &str) -> usize {
    let common = order::common(before, path.as_bytes());
    put(out, common as u64);
    put_bytes(out, path.as_bytes().get(common..).unwrap_or_default());
    common
}

fn read_path(take: &mut Take<'_>, path: &mut Vec<u8>) -> Option<()> {
    let common = take.small()?;
    let rest = take.counted()?;
    path.get(common..)?;
    path.truncate(common);
    path.extend_from_slice(rest);
    Some(())
}
