//! Opening a file to write it: what the last run left is closed, and a new incarnation begins.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::level::Level;
use super::{Missing, TierWriter, Writer};
use crate::file::delta::Item;
use crate::file::errors::OpenError;
use crate::file::model::GapReason;
use crate::file::options::Options;
use crate::file::reader::position::Reader;
use crate::file::reader::scan::{self, Index};
use crate::file::record::{Moment, Zip};
use crate::file::storage::{Source, Storage};
use crate::file::superblock::{BYTES, Extent, Superblock};
use crate::limits::DELTA_LEVEL;

/// A writer on a storage.
pub(super) fn on<S: Storage>(
    disk: S,
    path: &Path,
    options: &Options,
    new: bool,
) -> Result<Writer<S>, OpenError> {
    let io = |error| OpenError::Io { path: path.into(), error };
    let (block, last, levels) = if new {
        let block = Superblock::new(options, file_id().map_err(io)?, now());
        let levels = new_levels(&block);
        (block, None, levels)
    } else {
        let index = scan::open(&disk, path)?;
        check_settings(path, &index.block, options)?;
        let levels = unpromoted(&disk, &index);
        let (block, last) = close_all(index);
        (block, last, levels)
    };
    let clean = block.pid == 0;
    let tiers = block.tiers.iter().enumerate().map(|(tier, _)| {
        let written = last_of(&block, tier);
        let gap = last.filter(|_| !clean).map(|last| Missing {
            reason: GapReason::Restart,
            from_seq: last.seq.saturating_add(1),
            generation: last.generation,
            at: last.at,
            bridged: false,
            known: false,
        });
        TierWriter { written, gap, ..TierWriter::default() }
    });
    let tiers = tiers.collect();
    let mut next = block.clone();
    next.incarnation = next.incarnation.saturating_add(1);
    next.pid = std::process::id();
    let zip = Zip::new(DELTA_LEVEL);
    let (running, pause, options) = (false, false, options.clone());
    let mut writer = Writer { disk, block, tiers, levels, last, running, pause, zip, options };
    // A new file has both superblocks from the start.
    for _ in 0..if new { 2 } else { 1 } {
        writer.write_block(next.clone()).map_err(|error| match error {
            crate::file::WriteError::Io(error) => io(error),
            other => OpenError::Io { path: path.into(), error: std::io::Error::other(other) },
        })?;
    }
    Ok(writer)
}

/// The file's settings are those asked for. A guest's share may change.
fn check_settings(path: &Path, block: &Superblock, options: &Options) -> Result<(), OpenError> {
    let differ = |what: String| Err(OpenError::Settings { path: path.into(), what });
    if block.size != options.size {
        return differ(format!("a size of {}, not {}", block.size, options.size));
    }
    let wanted = Superblock::new(options, block.file, block.created);
    let same =
        |(a, b): (&Extent, &Extent)| (a.period, a.offset, a.len) == (b.period, b.offset, b.len);
    if wanted.tiers.len() != block.tiers.len() || !wanted.tiers.iter().zip(&block.tiers).all(same) {
        return differ("other tiers, periods or shares".to_owned());
    }
    Ok(())
}

fn new_levels(block: &Superblock) -> Vec<Level> {
    block.tiers.iter().skip(1).map(|extent| Level::new(extent.period)).collect()
}

/// What a run that was killed hadn't promoted: of each tier what the one below it has later.
fn unpromoted(source: &dyn Source, index: &Index) -> Vec<Level> {
    let mut levels = new_levels(&index.block);
    let reader = Reader::new(source, index);
    for (level, tiers) in levels.iter_mut().zip(index.tiers.windows(2)) {
        let [finer, tier] = tiers else { continue };
        let last = tier.iter().filter_map(|segment| segment.last).map(|last| last.generation);
        let last = last.max().unwrap_or(0);
        let blocks = finer.iter().flat_map(|s| s.blocks.iter().map(move |block| (s, block)));
        for (segment, block) in blocks.filter(|(_, block)| block.span.last.generation > last) {
            // What can't be read is missing here as it is there.
            _ = reader.commits_of(segment, block, |head, item| match item {
                Some(Item::Change(change)) if head.moment.generation > last => {
                    level.add(head.moment, &change);
                }
                _ => {}
            });
        }
    }
    levels
}

/// Segments end where their records do. The last version that any of them tells of.
fn close_all(index: Index) -> (Superblock, Option<Moment>) {
    let mut block = index.block;
    let mut newest: Option<Moment> = None;
    for tier in index.tiers {
        for segment in tier {
            let place = |s: &&mut crate::file::superblock::Segment| {
                (s.tier, s.number) == (segment.entry.tier, segment.entry.number)
            };
            let Some(entry) = block.segments.iter_mut().find(place) else { continue };
            let start = Moment { seq: entry.seq, generation: entry.generation, at: 0 };
            let last = segment.last.unwrap_or(start);
            if !entry.closed {
                entry.closed = true;
                entry.len = segment.end - entry.offset;
                entry.last_seq = last.seq;
                entry.last_generation = last.generation;
                entry.last_at = last.at;
            }
            if newest.is_none_or(|newest| newest.generation < last.generation) {
                newest = Some(last);
            }
        }
    }
    block.segments.retain(|segment| segment.len > 0);
    (block, newest)
}

fn last_of(block: &Superblock, tier: usize) -> Moment {
    let newest = block.segments.iter().rfind(|s| usize::from(s.tier) == tier);
    newest.map_or(Moment::default(), |s| Moment {
        seq: s.last_seq,
        generation: s.last_generation,
        at: s.last_at,
    })
}

/// Sixteen random bytes.
fn file_id() -> std::io::Result<[u8; 16]> {
    let mut id = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut id)?;
    Ok(id)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const _: () = assert!(2 * BYTES as u64 * 8 <= crate::limits::FILE_BYTES_MIN);
