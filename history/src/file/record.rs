//! A record: what a segment consists of, one behind the other.
//!
//! **C1** Its CRC is salted with the file's id, the tier, the segment's number and the record's
//! number in it. So what an earlier lap left in its place can't pass for it.

use super::codec::Take;
use super::errors::ReadError;
use super::storage::Source;
use crate::limits::{FILTER_WORDS, RECORD_BYTES};

/// Bytes of a record before its filter.
pub(crate) const HEAD: usize = 72;
const _: () = assert!(HEAD.is_multiple_of(8) && HEAD == 4 + 4 + 1 + 1 + 2 + 4 + 6 * 8 + 2 * 4);

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nodes of a snapshot, in path order.
    Nodes = 1,
    /// The end of a snapshot: where its nodes are.
    SnapshotEnd = 2,
    /// Commits.
    Delta = 3,
    /// Commits are missing here.
    Gap = 4,
}

/// What a head says of commits, so that they need not be unpacked to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Changes were left out.
    pub(crate) left_out: bool,
    /// A node was removed.
    pub(crate) removed: bool,
}

/// The head of a record, as far as it isn't about its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: Moment,
    pub(crate) last: Moment,
    pub(crate) commits: u32,
    pub(crate) changes: u32,
}

/// A version, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) seq: u64,
    pub(crate) generation: u64,
    pub(crate) at: u64,
}

/// Which record it is: what its CRC is salted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: [u8; 16],
    pub(crate) tier: u8,
    pub(crate) segment: u64,
    pub(crate) number: u64,
}

impl Place {
    fn salt(&self) -> u32 {
        let salt = crc32c::crc32c(&self.file);
        let salt = crc32c::crc32c_append(salt, &[self.tier]);
        let salt = crc32c::crc32c_append(salt, &self.segment.to_le_bytes());
        crc32c::crc32c_append(salt, &self.number.to_le_bytes())
    }
}

/// A record's bytes but for its CRC, which its place decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    /// A record of these bytes, compressed if that makes them smaller.
    pub(crate) fn new(kind: Kind, span: Span, filter: &[u64], raw: &[u8], zip: &mut Zip) -> Sealed {
        let (coding, payload) = zip.compress(raw);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(HEAD + filter.len() * 8 + payload.len() + 8);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&count(payload.len()));
        out.extend_from_slice(&[kind as u8, coding]);
        out.extend_from_slice(&u16::try_from(filter.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&count(raw.len()));
        let (first, last) = (span.first, span.last);
        let pairs = [first.seq, last.seq, first.generation, last.generation, first.at, last.at];
        pairs.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        out.extend_from_slice(&span.commits.to_le_bytes());
        out.extend_from_slice(&span.changes.to_le_bytes());
        filter.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.extend_from_slice(payload);
        out.resize(out.len().next_multiple_of(8), 0);
        Sealed(out)
    }

    /// With what is to be seen in its head.
    pub(crate) fn with(mut self, flags: Flags) -> Sealed {
        if let Some(byte) = self.0.get_mut(9) {
            *byte |= if flags.left_out { LEFT_OUT } else { 0 };
            *byte |= if flags.removed { REMOVED } else { 0 };
        }
        self
    }

    /// Bytes that it takes in the file.
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Its bytes at a place.
    pub(crate) fn at(&mut self, place: &Place) -> &[u8] {
        let crc = self.0.get(4..).map_or(0, |rest| crc32c::crc32c_append(place.salt(), rest));
        if let Some(field) = self.0.first_chunk_mut::<4>() {
            *field = crc.to_le_bytes();
        }
        &self.0
    }
}

/// A record that was read and whose CRC holds.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) filter: Box<[u64]>,
    /// Bytes that it takes in the file.
    pub(crate) len: u64,
    pub(crate) flags: Flags,
    coding: u8,
    raw_len: usize,
    bytes: Vec<u8>,
    payload: std::ops::Range<usize>,
}

impl Record {
    /// Reads the record at a byte of the file, if there is a whole one before `end`.
    pub(crate) fn read(
        source: &dyn Source,
        place: &Place,
        at: u64,
        end: u64,
    ) -> Result<Option<Record>, ReadError> {
        if at.checked_add(HEAD as u64).is_none_or(|past| past > end) {
            return Ok(None);
        }
        let mut bytes = vec![0; HEAD];
        source.read_at(&mut bytes, at)?;
        let Some(len) = total(&bytes).filter(|len| at + len <= end) else { return Ok(None) };
        let Ok(size) = usize::try_from(len) else { return Ok(None) };
        bytes.resize(size, 0);
        source.read_at(&mut bytes, at)?;
        // The head may have changed meanwhile; the CRC is of what it was taken for.
        if total(&bytes) != Some(len) {
            return Ok(None);
        }
        Ok(Record::parse(bytes, place, len))
    }

    fn parse(bytes: Vec<u8>, place: &Place, len: u64) -> Option<Record> {
        let mut take = Take(&bytes);
        let crc = take.u32()?;
        if crc32c::crc32c_append(place.salt(), take.0) != crc {
            return None;
        }
        let stored = usize::try_from(take.u32()?).ok()?;
        let kind = match take.u8()? {
            1 => Kind::Nodes,
            2 => Kind::SnapshotEnd,
            3 => Kind::Delta,
            4 => Kind::Gap,
            _ => return None,
        };
        let flags = take.u8()?;
        let coding = flags & !(LEFT_OUT | REMOVED);
        let flags = Flags { left_out: flags & LEFT_OUT != 0, removed: flags & REMOVED != 0 };
        let words = usize::from(take.u16()?);
        let raw_len = usize::try_from(take.u32()?).ok()?;
        let mut pairs = [0; 6];
        for n in &mut pairs {
            *n = take.u64()?;
        }
        let [first_seq, last_seq, first_generation, last_generation, first_at, last_at] = pairs;
        let first = Moment { seq: first_seq, generation: first_generation, at: first_at };
        let last = Moment { seq: last_seq, generation: last_generation, at: last_at };
        let span = Span { first, last, commits: take.u32()?, changes: take.u32()? };
        let filter = (0..words).map(|_| take.u64()).collect::<Option<_>>()?;
        let start = HEAD + words * 8;
        let payload = start..start + stored;
        take.bytes(stored)?;
        Some(Record { kind, span, filter, len, flags, coding, raw_len, bytes, payload })
    }

    /// What it holds, unpacked.
    pub(crate) fn raw(&self, zip: &mut Unzip) -> Result<Vec<u8>, &'static str> {
        let payload = self.bytes.get(self.payload.clone()).unwrap_or_default();
        match self.coding {
            RAW if payload.len() == self.raw_len => Ok(payload.to_vec()),
            ZSTD if self.raw_len <= RECORD_BYTES => zip.decompress(payload, self.raw_len),
            _ => Err("a record's coding"),
        }
    }
}

/// Bytes of a record, by its head; nothing where that can't be.
fn total(head: &[u8]) -> Option<u64> {
    let mut take = Take(head.get(4..HEAD)?);
    let stored = u64::from(take.u32()?);
    take.u16()?;
    let words = usize::from(take.u16()?);
    let fits = stored <= RECORD_BYTES as u64 && words <= FILTER_WORDS;
    fits.then(|| (HEAD as u64 + words as u64 * 8 + stored).next_multiple_of(8))
}

const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// Beside the coding.
const LEFT_OUT: u8 = 0x80;
const REMOVED: u8 = 0x40;

/// Compresses, with what that needs kept at hand.
pub(crate) struct Zip {
    level: i32,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    out: Vec<u8>,
}

impl std::fmt::Debug for Zip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zip({})", self.level)
    }
}

impl Zip {
    pub(crate) fn new(level: i32) -> Zip {
        Zip { level, zstd: zstd::bulk::Compressor::new(level).ok(), out: Vec::new() }
    }

    /// The coding, and the bytes in it.
    fn compress<'b>(&'b mut self, raw: &'b [u8]) -> (u8, &'b [u8]) {
        let Some(zstd) = self.zstd.as_mut().filter(|_| raw.len() >= 64) else { return (RAW, raw) };
        self.out.clear();
        self.out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        match zstd.compress_to_buffer(raw, &mut self.out) {
            Ok(len) if len < raw.len() => (ZSTD, &self.out),
            _ => (RAW, raw),
        }
    }
}

/// Decompresses, with what that needs kept at hand.
pub(crate) struct Unzip(Option<zstd::bulk::Decompressor<'static>>);

impl Unzip {
    pub(crate) fn new() -> Unzip {
        Unzip(zstd::bulk::Decompressor::new().ok())
    }

    fn decompress(&mut self, packed: &[u8], len: usize) -> Result<Vec<u8>, &'static str> {
        let zstd = self.0.as_mut().ok_or("zstd can't be set up")?;
        let raw = zstd.decompress(packed, len).map_err(|_| "a record's compressed bytes")?;
        if raw.len() == len { Ok(raw) } else { Err("a record's length") }
    }
}
