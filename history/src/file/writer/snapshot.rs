//! Snapshots: the nodes of a version at the start of a segment.

use super::{TierWriter, Writer, ring};
use crate::file::errors::WriteError;
use crate::file::model::{GapReason, SnapshotNode};
use crate::file::order;
use crate::file::record::{Kind, Moment, Sealed, Span, Zip};
use crate::file::snapshot::{NodeBlock, NodesAt, SnapshotIndex};
use crate::file::storage::Storage;
use crate::file::superblock::Extent;
use crate::limits::{NODES_BYTES, SNAPSHOT_LEVEL};

/// A snapshot on its way into the segments of one tier.
#[derive(Debug)]
struct Copy {
    tier: usize,
    index: SnapshotIndex,
    /// Bytes that it takes, or would take.
    bytes: u64,
    /// Bytes that it may take.
    most: u64,
}

impl<S: Storage> Writer<S> {
    /// Begins segments with a snapshot: the nodes of the version after the last appended commit, in
    /// path order ([`order::compare`]). Where they don't all fit, as many as do; the file says
    /// where it was cut.
    ///
    /// # Errors
    /// [`WriteError::SnapshotSeq`], [`WriteError::Order`], [`WriteError::PathOrder`]; or the
    /// disk's.
    pub fn snapshot<'n>(
        &mut self,
        seq: u64,
        generation: u64,
        at: u64,
        nodes: impl IntoIterator<Item = SnapshotNode<'n>>,
    ) -> Result<(), WriteError> {
        let mut snapshot = self.begin_snapshot(seq, generation, at)?;
        for node in nodes {
            snapshot.node(&node)?;
        }
        snapshot.finish()
    }

    /// The same, one node after the other.
    ///
    /// # Errors
    /// As [`snapshot`](Writer::snapshot).
    pub fn begin_snapshot(
        &mut self,
        seq: u64,
        generation: u64,
        at: u64,
    ) -> Result<Snapshot<'_, S>, WriteError> {
        let last = self.last.unwrap_or_default();
        let known = self.running && self.tiers.iter().all(|tier| tier.gap.is_none());
        if generation < last.generation {
            return Err(WriteError::Order { given: generation, seq, last: last.generation });
        }
        if known && seq != last.seq {
            return Err(WriteError::SnapshotSeq { given: seq, last: last.seq });
        }
        let moment = Moment { seq, generation, at };
        if !self.running && (seq, generation) == (last.seq, last.generation) {
            // It goes on exactly where the last run stopped.
            let restart =
                |t: &&mut TierWriter| t.gap.is_some_and(|gap| gap.reason == GapReason::Restart);
            self.tiers.iter_mut().filter(restart).for_each(|tier| tier.gap = None);
        }
        let wanting = self.tiers.iter().enumerate().filter(|(_, tier)| tier.wants_snapshot());
        let wanting: Vec<usize> = wanting.map(|(tier, _)| tier).collect();
        // What fails here leaves a gap, which the snapshot follows.
        let highest = wanting.last().copied().unwrap_or(0);
        let flushed = self.flush_levels(highest).and(self.write_delta(0));
        self.pause |= flushed.is_err();
        (self.last, self.running) = (Some(moment), true);
        let mut copies = Vec::new();
        for tier in wanting {
            self.begin_copy(tier).inspect_err(|_| self.pause = true)?;
            let extent = self.block.tiers.get(tier).copied().unwrap_or_default();
            let hint = self.tiers.get(tier).map_or(0, |tier| tier.hint);
            let most = snapshot_most(&extent, hint);
            copies.push(Copy { tier, index: SnapshotIndex::default(), bytes: 0, most });
        }
        let (block, zip) = (NodeBlock::default(), Zip::new(SNAPSHOT_LEVEL));
        Ok(Snapshot { writer: self, moment, copies, block, zip, last: None })
    }

    /// Begins the segment, and tells there of a gap before it.
    fn begin_copy(&mut self, tier: usize) -> Result<(), WriteError> {
        let Some(state) = self.tiers.get(tier) else { return Ok(()) };
        let extent = self.block.tiers.get(tier).copied().unwrap_or_default();
        let need = ring::target(&extent, state.hint);
        self.sum_left_out(tier)?;
        if let Some(state) = self.tiers.get_mut(tier) {
            state.known = false;
            state.again = false;
        }
        self.begin(tier, false, (0, need))?;
        self.write_gap(tier)
    }

    /// How many changes of whom the segment that ends hasn't got, as its last commit.
    fn sum_left_out(&mut self, tier: usize) -> Result<(), WriteError> {
        let Some(state) = self.tiers.get_mut(tier).filter(|tier| tier.known) else { return Ok(()) };
        let left_out = state.shares.left_out();
        if left_out.is_empty() {
            return Ok(());
        }
        state.delta.push_left_out(state.written, &left_out);
        self.write_delta(tier)
    }
}

/// Bytes that a snapshot may take, given those that the last one took or would have: three quarters
/// of a segment, and half of one where it doesn't fit anyway.
fn snapshot_most(extent: &Extent, hint: u64) -> u64 {
    let most = ring::most(extent) / 4;
    if hint > most * 3 { most * 2 } else { most * 3 }
}

/// A snapshot that is being written.
#[derive(Debug)]
pub struct Snapshot<'w, S: Storage> {
    writer: &'w mut Writer<S>,
    moment: Moment,
    copies: Vec<Copy>,
    block: NodeBlock,
    zip: Zip,
    last: Option<String>,
}

impl<S: Storage> Snapshot<'_, S> {
    /// Adds the next node, in path order.
    ///
    /// # Errors
    /// [`WriteError::PathOrder`], or the disk's: then the snapshot isn't there.
    pub fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), WriteError> {
        let rises = |last: &String| order::compare(last, node.path).is_lt();
        if !self.last.as_ref().is_none_or(rises) {
            return Err(WriteError::PathOrder(node.path.to_owned()));
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(node.path);
        self.block.push(node, self.moment.generation);
        if self.block.raw.len() < NODES_BYTES { Ok(()) } else { self.write_nodes() }
    }

    /// Ends the snapshot: from here on its versions are known.
    ///
    /// # Errors
    /// The disk's: then the snapshot isn't there.
    pub fn finish(mut self) -> Result<(), WriteError> {
        if self.block.nodes > 0 {
            self.write_nodes()?;
        }
        for copy in std::mem::take(&mut self.copies) {
            self.finish_copy(copy).inspect_err(|_| self.writer.pause = true)?;
        }
        Ok(())
    }

    fn write_nodes(&mut self) -> Result<(), WriteError> {
        let (first, last) = (self.moment, self.moment);
        let span = Span { first, last, commits: 0, changes: self.block.nodes };
        let sealed = Sealed::new(Kind::Nodes, span, &[], &self.block.raw, &mut self.zip);
        for copy in &mut self.copies {
            copy.bytes += sealed.len();
            if copy.index.cut.is_some() {
                continue;
            }
            let writer = &mut *self.writer;
            let room = writer.make_room(copy.tier, sealed.len(), copy.most);
            if !room.inspect_err(|_| writer.pause = true)? {
                copy.index.cut = Some(self.block.first.as_str().into());
                continue;
            }
            let open = writer.tiers.get(copy.tier).and_then(|tier| tier.open);
            let lost = WriteError::Internal("a segment that isn't there");
            let open = open.ok_or(lost)?;
            let (number, offset) = (open.records, open.used());
            writer.write(copy.tier, sealed.clone()).inspect_err(|_| writer.pause = true)?;
            let first = self.block.first.as_str().into();
            copy.index.blocks.push(NodesAt { number, offset, first });
            copy.index.nodes += u64::from(self.block.nodes);
        }
        self.block.clear();
        Ok(())
    }

    fn finish_copy(&mut self, copy: Copy) -> Result<(), WriteError> {
        let (first, last) = (self.moment, self.moment);
        let span = Span { first, last, commits: 0, changes: 0 };
        let raw = copy.index.encode();
        let sealed = Sealed::new(Kind::SnapshotEnd, span, &[], &raw, &mut self.zip);
        let bytes = copy.bytes + sealed.len();
        let writer = &mut *self.writer;
        let extent = writer.block.tiers.get(copy.tier).copied().unwrap_or_default();
        let most = ring::most(&extent);
        if !writer.make_room(copy.tier, sealed.len(), most)? {
            return Ok(());
        }
        writer.write(copy.tier, sealed)?;
        let Some(tier) = writer.tiers.get_mut(copy.tier) else { return Ok(()) };
        tier.known = true;
        tier.written = self.moment;
        tier.hint = bytes;
        tier.again = copy.index.cut.is_some() && bytes <= snapshot_most(&extent, bytes);
        let Some(open) = &mut tier.open else { return Ok(()) };
        open.snapshot = open.used();
        open.target = ring::target(&extent, open.snapshot);
        let room = (open.target - open.snapshot.min(open.target)) / 100;
        tier.shares.renew(room * u64::from(writer.options.guest_share));
        Ok(())
    }
}
