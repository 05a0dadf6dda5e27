//! The superblock: what the file is, its tiers, and where the segments of each lie.
//!
//! **S1** There are two, written in turns, each with a number one higher: while one is being
//! written the other is whole. The one with the higher number whose CRC holds is the best.
//! **S2** A segment is in the superblock before its first record is written, and those that it
//! overwrites aren't any more.

use super::codec::Take;
use super::options::Options;
use crate::limits::{TIER_SEGMENTS, TIERS};

/// Bytes of a superblock. The second follows the first, the tiers follow that.
pub(crate) const BYTES: usize = 16 << 10;
/// Version of the format.
pub(crate) const VERSION: u32 = 1;
/// The first bytes of each superblock.
pub(crate) const MAGIC: [u8; 8] = *b"MyriadHi";

const HEAD: usize = 128;
const TIER: usize = 32;
const SEGMENT: usize = 80;
const _: () = assert!(HEAD + TIERS * TIER + TIERS * TIER_SEGMENTS * SEGMENT <= BYTES);
const _: () = assert!(BYTES.is_multiple_of(4096));

/// What a superblock says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) number: u64,
    pub(crate) file: [u8; 16],
    pub(crate) size: u64,
    pub(crate) created: u64,
    pub(crate) incarnation: u32,
    pub(crate) pid: u32,
    pub(crate) tiers: Vec<Extent>,
    /// Of each tier in order of age.
    pub(crate) segments: Vec<Segment>,
}

/// A tier's part of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) period: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// The number of its next segment.
    pub(crate) next: u64,
}

/// A segment: records from one place on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) tier: u8,
    /// Nothing more comes: all its records are within `len`.
    pub(crate) closed: bool,
    /// It goes on where the one before it ended, and needs that one's base.
    pub(crate) continues: bool,
    pub(crate) incarnation: u32,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    /// Bytes that are its own.
    pub(crate) len: u64,
    /// The version that it begins after.
    pub(crate) seq: u64,
    pub(crate) generation: u64,
    /// The last version in it, once it is closed.
    pub(crate) last_seq: u64,
    pub(crate) last_generation: u64,
    pub(crate) last_at: u64,
}

impl Superblock {
    /// That of a new file.
    pub(crate) fn new(options: &Options, file: [u8; 16], created: u64) -> Superblock {
        let room = options.size - 2 * BYTES as u64;
        let shares: u64 = options.tiers.iter().map(|tier| u64::from(tier.share)).sum();
        let mut offset = 2 * BYTES as u64;
        let tiers = options.tiers.iter().map(|tier| {
            let len = room / 4096 * u64::from(tier.share) / shares.max(1) * 4096;
            let extent = Extent { period: tier.period, offset, len, next: 1 };
            offset += len;
            extent
        });
        let tiers = tiers.collect();
        Superblock { number: 0, file, size: options.size, created, tiers, ..Default::default() }
    }

    /// The best of the two at the start of a file.
    pub(crate) fn best(start: &[u8]) -> Option<Superblock> {
        let both = start.chunks(BYTES).take(2).filter_map(Superblock::decode);
        both.max_by_key(|block| block.number)
    }

    /// The version of the format that the start of a file alleges, if it is one of ours.
    pub(crate) fn version(start: &[u8]) -> Option<u32> {
        start.chunks(BYTES).take(2).find_map(|block| {
            let mut take = Take(block);
            (take.array()? == MAGIC).then_some(())?;
            take.u32()
        })
    }

    /// Where its next writing goes.
    pub(crate) fn place(&self) -> u64 {
        (self.number % 2) * BYTES as u64
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.file);
        for n in [self.size, self.created] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let counts = [count(self.tiers.len()), count(self.segments.len())];
        for n in [self.incarnation, self.pid].into_iter().chain(counts) {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.resize(HEAD, 0);
        for tier in &self.tiers {
            for n in [tier.period, tier.offset, tier.len, tier.next] {
                out.extend_from_slice(&n.to_le_bytes());
            }
        }
        out.resize(HEAD + TIERS * TIER, 0);
        self.segments.iter().for_each(|segment| segment.encode(&mut out));
        out.resize(BYTES, 0);
        let crc = crc32c::crc32c(out.get(16..).unwrap_or_default());
        if let Some(field) = out.get_mut(12..16) {
            field.copy_from_slice(&crc.to_le_bytes());
        }
        out
    }

    fn decode(block: &[u8]) -> Option<Superblock> {
        let mut take = Take(block.get(..BYTES)?);
        (take.array()? == MAGIC && take.u32()? == VERSION).then_some(())?;
        let crc = take.u32()?;
        (crc32c::crc32c(take.0) == crc).then_some(())?;
        let (number, file) = (take.u64()?, take.array()?);
        let (size, created) = (take.u64()?, take.u64()?);
        let (incarnation, pid) = (take.u32()?, take.u32()?);
        let (tiers, segments) = (take.u32()?, take.u32()?);
        let mut take = Take(block.get(HEAD..)?);
        let tiers: Vec<Extent> =
            (0..tiers).map(|_| Extent::decode(&mut take)).collect::<Option<_>>()?;
        let mut take = Take(block.get(HEAD + TIERS * TIER..BYTES)?);
        let segments: Vec<Segment> =
            (0..segments).map(|_| Segment::decode(&mut take)).collect::<Option<_>>()?;
        let block = Superblock { number, file, size, created, incarnation, pid, tiers, segments };
        block.is_possible().then_some(block)
    }

    /// Whether all lies within the file, and each segment within its tier.
    fn is_possible(&self) -> bool {
        let within = |offset: u64, len: u64, start: u64, end: u64| {
            offset >= start && offset.checked_add(len).is_some_and(|past| past <= end)
        };
        let start = 2 * BYTES as u64;
        let tiers = self.tiers.iter().all(|t| within(t.offset, t.len, start, self.size));
        let segment = |s: &Segment| {
            let tier = self.tiers.get(usize::from(s.tier));
            tier.is_some_and(|t| within(s.offset, s.len, t.offset, t.offset + t.len))
        };
        let count = (1..=TIERS).contains(&self.tiers.len());
        count && tiers && self.segments.iter().all(segment)
    }
}

impl Extent {
    fn decode(take: &mut Take<'_>) -> Option<Extent> {
        let (period, offset) = (take.u64()?, take.u64()?);
        Some(Extent { period, offset, len: take.u64()?, next: take.u64()? })
    }
}

impl Segment {
    fn encode(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.closed) | u8::from(self.continues) << 1;
        out.extend_from_slice(&[self.tier, flags, 0, 0]);
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        let numbers = [self.number, self.offset, self.len, self.seq, self.generation];
        let last = [self.last_seq, self.last_generation, self.last_at, 0];
        for n in numbers.iter().chain(&last) {
            out.extend_from_slice(&n.to_le_bytes());
        }
    }

    fn decode(take: &mut Take<'_>) -> Option<Segment> {
        let [tier, flags, _, _] = take.array()?;
        let incarnation = take.u32()?;
        let mut n = [0; 9];
        for n in &mut n {
            *n = take.u64()?;
        }
        let [number, offset, len, seq, generation, last_seq, last_generation, last_at, _] = n;
        let (closed, continues) = (flags & 1 != 0, flags & 2 != 0);
        Some(Segment {
            tier,
            closed,
            continues,
            incarnation,
            number,
            offset,
            len,
            seq,
            generation,
            last_seq,
            last_generation,
            last_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_of_two_that_hold_is_taken() {
        let mut block = Superblock::new(&Options::default(), [7; 16], 5);
        block.segments.push(Segment { offset: 40 << 10, len: 80, number: 9, ..Default::default() });
        let mut start = block.encode();
        block.number = 1;
        start.extend_from_slice(&block.encode());
        assert_eq!(Superblock::best(&start), Some(block.clone()));
        start[BYTES + 300] ^= 1;
        assert_eq!(Superblock::best(&start).map(|best| best.number), Some(0));
        start[20] ^= 1;
        assert_eq!(Superblock::best(&start), None);
        assert_eq!(Superblock::version(&start), Some(VERSION));
        assert_eq!(Superblock::best(&start[..100]), None);
    }

    #[test]
    fn tiers_lie_behind_each_other_within_the_file() {
        for size in [1 << 20, 64 << 20, 1 << 30] {
            let block = Superblock::new(&Options::sized(size), [0; 16], 0);
            let end = block.tiers.iter().fold(2 * BYTES as u64, |end, tier| {
                assert_eq!(tier.offset, end);
                end + tier.len
            });
            assert!(end <= size && size - end < size / 50, "{size} {end}");
        }
    }
}
