//! What is in a file: its segments, and in each the records that hold.
//!
//! **R1** A segment's records are followed from its start while sequence and CRC hold. What comes
//! after the first that doesn't is not there.

use std::path::Path;

use crate::file::codec::Take;
use crate::file::delta::{CommitHead, Commits, Item};
use crate::file::errors::{OpenError, ReadError};
use crate::file::model::{Gap, LeftOut, Tier};
use crate::file::record::{Kind, Moment, Place, Record, Span, Unzip};
use crate::file::snapshot::SnapshotIndex;
use crate::file::storage::Source;
use crate::file::superblock::{BYTES, Segment, Superblock, VERSION};
use crate::file::writer::reason;
use crate::limits::SCANS;

/// What is in a file.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) block: Superblock,
    /// Of each tier its segments, oldest first.
    pub(crate) tiers: Vec<Vec<SegmentIndex>>,
}

/// What is in a segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentIndex {
    pub(crate) entry: Segment,
    pub(crate) base: Option<Base>,
    /// Of commits.
    pub(crate) blocks: Vec<Block>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) left_out: Vec<LeftOut>,
    /// The last version that it tells of.
    pub(crate) last: Option<Moment>,
    /// Where its records end, and how many there are.
    pub(crate) end: u64,
    records: u64,
    /// The tree at its end is known, given its base or that of the segment before it.
    pub(crate) known: bool,
    /// Where the segment before it is what it goes on from.
    pub(crate) chained: bool,
}

/// A snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) moment: Moment,
    pub(crate) index: SnapshotIndex,
    pub(crate) bytes: u64,
}

/// A record of commits.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) at: u64,
    pub(crate) number: u64,
    pub(crate) span: Span,
    pub(crate) filter: Box<[u64]>,
    /// It removes a node.
    pub(crate) removes: bool,
    /// It changes a tree that is known.
    pub(crate) known: bool,
}

/// Reads the superblock of a file, or says what it is instead.
pub(crate) fn superblock(source: &dyn Source, path: &Path) -> Result<Superblock, OpenError> {
    let io = |error| OpenError::Io { path: path.into(), error };
    let found = source.size().map_err(io)?;
    let len = usize::try_from(found).unwrap_or(usize::MAX).min(2 * BYTES);
    let mut start = vec![0; len];
    source.read_at(&mut start, 0).map_err(io)?;
    let Some(block) = Superblock::best(&start) else {
        return Err(match Superblock::version(&start) {
            Some(found) if found != VERSION => {
                OpenError::Version { path: path.into(), found, known: VERSION }
            }
            Some(_) => OpenError::Damaged(path.into()),
            None => OpenError::NotHistory(path.into()),
        });
    };
    if block.size == found {
        return Ok(block);
    }
    Err(OpenError::Size { path: path.into(), expected: block.size, found })
}

/// What is in a file.
pub(crate) fn open(source: &dyn Source, path: &Path) -> Result<Index, OpenError> {
    let block = superblock(source, path)?;
    let index = Index { block, tiers: Vec::new() };
    index.refreshed(source, path).map_err(|error| match error {
        RefreshError::Open(error) => error,
        RefreshError::Io(error) => OpenError::Io { path: path.into(), error },
    })
}

/// Why an index can't be brought up to date.
#[derive(Debug)]
pub(crate) enum RefreshError {
    Open(OpenError),
    Io(std::io::Error),
}

impl Index {
    /// The index as of now; what was read before isn't read again.
    pub(crate) fn refreshed(self, source: &dyn Source, path: &Path) -> Result<Index, RefreshError> {
        let mut index = self;
        // Ends: a daemon that keeps replacing segments faster than they can be listed is left alone
        // after some tries; each record's CRC holds all the same.
        for _ in 0..SCANS {
            let block = superblock(source, path).map_err(RefreshError::Open)?;
            index = index.scan(source, block)?;
            let now = superblock(source, path).map_err(RefreshError::Open)?;
            if now.number == index.block.number {
                break;
            }
        }
        Ok(index)
    }

    fn scan(mut self, source: &dyn Source, block: Superblock) -> Result<Index, RefreshError> {
        let same = block.file == self.block.file;
        let mut tiers = Vec::new();
        for tier in 0..block.tiers.len() {
            let old = self.tiers.get_mut(tier).map(std::mem::take).unwrap_or_default();
            let mut old = if same { old } else { Vec::new() };
            let mut segments: Vec<SegmentIndex> = Vec::new();
            for entry in block.segments.iter().filter(|s| usize::from(s.tier) == tier) {
                let known = old.iter().position(|s| s.entry.number == entry.number);
                let mut segment = match known {
                    Some(at) => old.swap_remove(at),
                    None => SegmentIndex::new(entry),
                };
                segment.entry = *entry;
                segment.follow(source, &block.file)?;
                segment.chained = segments.last().is_some_and(|before| segment.follows(before));
                segments.push(segment);
            }
            tiers.push(segments);
        }
        Ok(Index { block, tiers })
    }
}

impl SegmentIndex {
    fn new(entry: &Segment) -> SegmentIndex {
        SegmentIndex {
            entry: *entry,
            base: None,
            blocks: Vec::new(),
            gaps: Vec::new(),
            left_out: Vec::new(),
            last: None,
            end: entry.offset,
            records: 0,
            known: entry.continues,
            chained: false,
        }
    }

    /// Where a record of it is.
    pub(crate) fn place(&self, file: [u8; 16], number: u64) -> Place {
        Place { file, tier: self.entry.tier, segment: self.entry.number, number }
    }

    /// Reads the records behind those that are known.
    fn follow(&mut self, source: &dyn Source, file: &[u8; 16]) -> Result<(), RefreshError> {
        let end = self.entry.offset + self.entry.len;
        let mut zip = Unzip::new();
        // Ends: each turn moves `end` on by a record's length, which isn't 0.
        loop {
            let place = self.place(*file, self.records);
            let record = Record::read(source, &place, self.end, end);
            let record = record.map_err(|error| match error {
                ReadError::Io(error) => RefreshError::Io(error),
                other => RefreshError::Io(std::io::Error::other(other)),
            })?;
            let Some(record) = record else { return Ok(()) };
            if self.take(&record, &mut zip).is_none() {
                return Ok(());
            }
            self.end += record.len;
            self.records += 1;
        }
    }

    /// Nothing if it isn't what it should be.
    fn take(&mut self, record: &Record, zip: &mut Unzip) -> Option<()> {
        let (at, number, span) = (self.end, self.records, record.span);
        if let (Kind::SnapshotEnd | Kind::Delta, Some(gap)) = (record.kind, self.gaps.last_mut())
            && gap.to_seq == 0
            && span.first.generation > gap.generation
        {
            gap.to_seq = span.first.seq;
        }
        match record.kind {
            Kind::Nodes => {}
            Kind::SnapshotEnd => {
                let index = SnapshotIndex::decode(&record.raw(zip).ok()?)?;
                let bytes = at + record.len - self.entry.offset;
                self.base = Some(Base { moment: span.last, index, bytes });
                self.known = true;
                self.last = Some(span.last);
            }
            Kind::Delta => {
                if record.flags.left_out {
                    self.read_left_out(&record.raw(zip).ok()?, span.first);
                }
                let (filter, known) = (record.filter.clone(), self.known);
                let removes = record.flags.removed;
                self.blocks.push(Block { at, number, span, filter, removes, known });
                self.last = Some(span.last);
            }
            Kind::Gap => {
                let gap = self.read_gap(&record.raw(zip).ok()?, span.first)?;
                self.gaps.push(gap);
            }
        }
        Some(())
    }

    fn read_gap(&mut self, raw: &[u8], moment: Moment) -> Option<Gap> {
        let mut take = Take(raw);
        let reason = reason(take.u8()?);
        self.known &= take.u8()? != 0;
        let from_seq = take.number()?;
        let Moment { generation, at, .. } = moment;
        Some(Gap { reason, from_seq, to_seq: 0, generation, at })
    }

    fn read_left_out(&mut self, raw: &[u8], first: Moment) {
        let mut commits = Commits::new(raw, first);
        let tier = Tier(self.entry.tier);
        let all = &mut self.left_out;
        let mut show = |from: u64, item: Item<'_>| {
            let Item::LeftOut(author, changes, path) = item else { return };
            let (domid, instance) = (author.domid, author.instance);
            if path.is_empty() {
                let same = all.iter_mut().filter(|one| one.instance == instance);
                return same.for_each(|one| one.changes = changes);
            }
            all.push(LeftOut { domid, instance, path: path.into(), from, to: 0, tier, changes });
        };
        let mut shown = |head: &CommitHead, item: Option<Item<'_>>| {
            item.into_iter().for_each(|item| show(head.moment.generation, item));
        };
        while let Ok(Some(_)) = commits.next(&mut shown) {}
    }

    /// Whether it goes on exactly where another ended.
    fn follows(&self, before: &SegmentIndex) -> bool {
        let whole = before.entry.closed && before.end == before.entry.offset + before.entry.len;
        let next = before.entry.number + 1 == self.entry.number;
        let last = before.last.map(|last| last.generation) == Some(self.entry.generation);
        self.entry.continues && whole && next && last && before.known
    }
}
