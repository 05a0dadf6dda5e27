//! Which version is where, and the records that its tree is made of.

use crate::file::delta::{CommitHead, Commits, Item};
use crate::file::errors::ReadError;
use crate::file::merge::Merge;
use crate::file::model::{Kept, Node, Tier};
use crate::file::order;
use crate::file::record::{Kind, Moment, Place, Record, Unzip};
use crate::file::snapshot::{NodesAt, read_nodes};
use crate::file::storage::Source;

use super::keys::{Keys, of_interest};
use super::scan::{Base, Block, Index, SegmentIndex};
use super::tree::Tree;

/// A version in a tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) tier: usize,
    /// Its segment, and the one with the base.
    segment: usize,
    root: usize,
    /// Blocks of its segment that may hold changes up to it.
    blocks: usize,
    pub(crate) kept: Kept,
}

/// Reads from a file by its index.
#[derive(Debug)]
pub(crate) struct Reader<'h> {
    pub(crate) source: &'h dyn Source,
    pub(crate) index: &'h Index,
    zip: std::cell::RefCell<Zip>,
}

struct Zip(Unzip);

impl std::fmt::Debug for Zip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Zip")
    }
}

impl<'h> Reader<'h> {
    pub(crate) fn new(source: &'h dyn Source, index: &'h Index) -> Reader<'h> {
        Reader { source, index, zip: std::cell::RefCell::new(Zip(Unzip::new())) }
    }

    /// The newest version up to a generation.
    pub(crate) fn position(&self, generation: u64) -> Result<Option<Position>, ReadError> {
        let mut best: Option<Position> = None;
        for tier in 0..self.index.tiers.len() {
            let found = self.position_in(tier, generation)?;
            let newer = |found: &Position| {
                best.is_none_or(|best| best.kept.generation < found.kept.generation)
            };
            best = found.filter(newer).or(best);
            // None can be nearer.
            if best.is_some_and(|best| best.kept.generation == generation) {
                return Ok(best);
            }
        }
        Ok(best)
    }

    fn position_in(&self, tier: usize, generation: u64) -> Result<Option<Position>, ReadError> {
        let Some(segments) = self.index.tiers.get(tier) else { return Ok(None) };
        for (at, segment) in segments.iter().enumerate().rev() {
            let Some(root) = root(segments, at) else { continue };
            let reached = |block: &Block| block.span.first.generation <= generation;
            let blocks = segment.blocks.partition_point(reached);
            let found = self.newest_of(segment, blocks, generation)?;
            let base = segment.base.as_ref().filter(|base| base.moment.generation <= generation);
            let base = base.map(|base| (base.moment, 0));
            let moment = match (found, base) {
                (Some(found), Some(base)) if found.0.generation < base.0.generation => Some(base),
                (found, base) => found.or(base),
            };
            if let Some((moment, changes)) = moment {
                let kept = kept(segment, moment, changes);
                return Ok(Some(Position { tier, segment: at, root, blocks, kept }));
            }
        }
        Ok(None)
    }

    /// The last commit up to a generation in the first so many blocks of a segment.
    fn newest_of(
        &self,
        segment: &SegmentIndex,
        blocks: usize,
        generation: u64,
    ) -> Result<Option<(Moment, u32)>, ReadError> {
        let blocks = segment.blocks.get(..blocks).unwrap_or_default();
        let Some(block) = blocks.iter().rfind(|block| block.known) else { return Ok(None) };
        let mut found = None;
        self.heads_of(segment, block, |head| {
            if head.moment.generation <= generation {
                found = Some((head.moment, head.changes));
            }
        })?;
        Ok(found)
    }

    /// Goes through the commits of a block: of each its head, then its changes.
    pub(crate) fn commits_of(
        &self,
        segment: &SegmentIndex,
        block: &Block,
        mut show: impl FnMut(&CommitHead, Option<Item<'_>>),
    ) -> Result<(), ReadError> {
        let raw = self.delta(segment, block)?;
        let mut commits = Commits::new(&raw, block.span.first);
        let damaged = |what| ReadError::Damaged { at: block.at, what };
        while commits.next(&mut show).map_err(damaged)?.is_some() {}
        Ok(())
    }

    /// Goes through the heads of the commits of a block.
    pub(crate) fn heads_of(
        &self,
        segment: &SegmentIndex,
        block: &Block,
        mut show: impl FnMut(&CommitHead),
    ) -> Result<(), ReadError> {
        let raw = self.delta(segment, block)?;
        let mut commits = Commits::new(&raw, block.span.first);
        let damaged = |what| ReadError::Damaged { at: block.at, what };
        while let Some(head) = commits.next_head().map_err(damaged)? {
            show(&head);
        }
        Ok(())
    }

    fn delta(&self, segment: &SegmentIndex, block: &Block) -> Result<Vec<u8>, ReadError> {
        let place = segment.place(self.index.block.file, block.number);
        self.raw(segment, &place, block.at, Kind::Delta)
    }

    fn raw(
        &self,
        segment: &SegmentIndex,
        place: &Place,
        at: u64,
        kind: Kind,
    ) -> Result<Vec<u8>, ReadError> {
        let end = segment.entry.offset + segment.entry.len.max(segment.end - segment.entry.offset);
        let record = Record::read(self.source, place, at, end)?.filter(|r| r.kind == kind);
        let record = record.ok_or(ReadError::Overtaken)?;
        let raw = record.raw(&mut self.zip.borrow_mut().0);
        raw.map_err(|what| ReadError::Damaged { at, what })
    }

    /// The segments from the base of a position up to it, each with its blocks.
    fn chain(
        &self,
        position: &Position,
    ) -> impl DoubleEndedIterator<Item = (&'h SegmentIndex, &'h [Block])> {
        let segments = self.index.tiers.get(position.tier).map(Vec::as_slice).unwrap_or_default();
        let chain = segments.get(position.root..=position.segment).unwrap_or_default();
        let (root, segment, blocks) = (position.root, position.segment, position.blocks);
        let upto = move |at: usize, of: &SegmentIndex| {
            if root + at == segment { blocks } else { of.blocks.len() }
        };
        chain.iter().enumerate().map(move |(at, segment)| {
            (segment, segment.blocks.get(..upto(at, segment)).unwrap_or_default())
        })
    }

    /// The changes of the blocks that are known and may concern a path and what is below it, from
    /// the base of a position up to it, in order.
    pub(crate) fn changes_up_to(
        &self,
        position: &Position,
        since: u64,
        top: &str,
        mut show: impl FnMut(Item<'_>),
    ) -> Result<(), ReadError> {
        let keys = Keys::new(top, true);
        let upto = position.kept.generation;
        let within = |head: &CommitHead| (since + 1..=upto).contains(&head.moment.generation);
        for (segment, blocks) in self.chain(position) {
            let late = |block: &&Block| block.known && block.span.last.generation > since;
            for block in blocks.iter().filter(late).filter(|block| keys.may_be_in(block)) {
                self.commits_of(segment, block, |head, item| {
                    item.filter(|_| within(head)).into_iter().for_each(&mut show);
                })?;
            }
        }
        Ok(())
    }

    /// The tree of a position, of a path and what is below it alone.
    pub(crate) fn tree(&self, position: &Position, top: &str) -> Result<Tree, ReadError> {
        let (segment, base) = self.base(position)?;
        let mut nodes: Vec<(Box<str>, Node)> = Vec::new();
        for block in base.index.blocks_of(top) {
            let raw = self.nodes(segment, block)?;
            let read = read_nodes(&raw, base.moment.generation, |path, node| {
                if order::is_within(path, top) {
                    nodes.push((path.into(), node.to_node()));
                }
                true
            });
            let at = segment.entry.offset + block.offset;
            read.map_err(|what| ReadError::Damaged { at, what })?;
        }
        let mut merge = Merge::default();
        self.changes_up_to(position, base.moment.generation, top, |item| {
            let Item::Change(change) = item else { return };
            if let Some(change) = of_interest(&change, top, true) {
                merge.add(&change);
            }
        })?;
        let tree = Tree::new(position.kept, nodes, merge);
        Ok(tree.unknown(base.index.cut.clone(), self.doubts(position)))
    }

    /// The paths below which changes have been left out by then.
    pub(crate) fn doubts(&self, position: &Position) -> Vec<Box<str>> {
        let upto = position.kept.generation;
        let all = self.chain(position).flat_map(|(segment, _)| &segment.left_out);
        let mut doubts: Vec<Box<str>> =
            all.filter(|one| one.from <= upto).map(|one| one.path.as_str().into()).collect();
        doubts.sort_unstable();
        doubts.dedup();
        doubts
    }

    /// The snapshot that a position's tree begins with.
    pub(crate) fn base(
        &self,
        position: &Position,
    ) -> Result<(&'h SegmentIndex, &'h Base), ReadError> {
        let root = self.index.tiers.get(position.tier).and_then(|tier| tier.get(position.root));
        let base = root.and_then(|segment| Some((segment, segment.base.as_ref()?)));
        base.ok_or(ReadError::Empty)
    }

    /// The bytes of a block of a snapshot.
    pub(crate) fn nodes(
        &self,
        segment: &SegmentIndex,
        block: &NodesAt,
    ) -> Result<Vec<u8>, ReadError> {
        let at = segment.entry.offset + block.offset;
        let place = segment.place(self.index.block.file, block.number);
        self.raw(segment, &place, at, Kind::Nodes)
    }

    /// The blocks from a base to a position, newest first, with their segments.
    pub(crate) fn blocks_back(
        &self,
        position: &Position,
    ) -> impl Iterator<Item = (&'h SegmentIndex, &'h Block)> {
        let all = self.chain(position).rev();
        let all = all.flat_map(|(segment, blocks)| blocks.iter().rev().map(move |b| (segment, b)));
        let since = self.base(position).map_or(0, |(_, base)| base.moment.generation);
        all.filter(move |(_, block)| block.known && block.span.last.generation > since)
    }

    /// Whether two positions share a base, so that the changes between them are all in one chain.
    pub(crate) fn share_base(a: &Position, b: &Position) -> bool {
        (a.tier, a.root) == (b.tier, b.root)
    }
}

/// Where the tree of a segment's versions has its base: there, or in one before it.
pub(crate) fn root(segments: &[SegmentIndex], at: usize) -> Option<usize> {
    // Ends: goes down to 0.
    for root in (0..=at).rev() {
        let segment = segments.get(root)?;
        if segment.base.is_some() {
            return Some(root);
        }
        if !segment.chained {
            return None;
        }
    }
    None
}

pub(crate) fn kept(segment: &SegmentIndex, moment: Moment, changes: u32) -> Kept {
    let Moment { generation, seq, at } = moment;
    let (tier, incarnation) = (Tier(segment.entry.tier), segment.entry.incarnation);
    Kept { generation, seq, at, tier, changes, incarnation }
}
