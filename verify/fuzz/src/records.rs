//! The superblocks and records of a history file (`history/FORMAT.md`), so that they can be changed
//! and their checksums be right: a fuzzer alone would never get past those.

use crate::edits::Edit;

/// A record in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    at: usize,
    len: usize,
    salt: u32,
}

/// Where the better superblock is.
pub(crate) fn superblock(file: &[u8]) -> Option<usize> {
    let is_whole = |at: &usize| {
        let crc = file.get(at + 16..at + SUPERBLOCK).map(crc32c::crc32c);
        file.get(*at..at + 8) == Some(b"MyriadHi") && crc == u32_at(file, at + 12)
    };
    let number = |at: &usize| u64_at(file, at + 16);
    [0, SUPERBLOCK].into_iter().filter(is_whole).max_by_key(number)
}

/// The records that a reader finds by it.
pub(crate) fn records(file: &[u8]) -> Vec<Record> {
    let Some(block) = superblock(file) else { return Vec::new() };
    let count = u32_at(file, block + 68).unwrap_or(0);
    let mut all = Vec::new();
    for entry in (0..count).filter_map(|n| Some(block + 384 + 80 * usize::try_from(n).ok()?)) {
        let (Some(tier), Some(segment)) = (file.get(entry), file.get(entry + 8..entry + 16)) else {
            break;
        };
        let salt = crc32c::crc32c(file.get(block + 24..block + 40).unwrap_or_default());
        let salt = crc32c::crc32c_append(crc32c::crc32c_append(salt, &[*tier]), segment);
        let offset = u64_at(file, entry + 16).and_then(|at| usize::try_from(at).ok());
        let mut at = offset.unwrap_or(usize::MAX);
        for number in 0u64.. {
            let salt = crc32c::crc32c_append(salt, &number.to_le_bytes());
            let Some(len) = whole(file, at, salt) else { break };
            all.push(Record { at, len, salt });
            at += len;
        }
    }
    all
}

impl Record {
    /// Changes a byte of its head or filter, and makes it whole again.
    pub(crate) fn edit_head(&self, file: &mut [u8], edit: &Edit) {
        let words = u16_at(file, self.at + 10).unwrap_or(0);
        let head = HEAD + 8 * usize::from(words);
        if let Some(bytes) = file.get_mut(self.at + 4..self.at + head.min(self.len)) {
            edit.make(bytes);
        }
        self.seal(file, self.len);
    }

    /// Changes a byte of its payload, or cuts it off, and stores it without compression.
    pub(crate) fn edit_payload(&self, file: &mut [u8], edit: &Edit, cuts: bool) {
        let Some(mut payload) = self.payload(file) else { return };
        match cuts {
            true => payload.truncate(edit.place.checked_rem(payload.len()).unwrap_or(0)),
            false => edit.make(&mut payload),
        }
        let words = u16_at(file, self.at + 10).unwrap_or(0);
        let head = HEAD + 8 * usize::from(words);
        let len = (head + payload.len()).next_multiple_of(8);
        let Some(record) = file.get_mut(self.at..self.at + len) else { return };
        record.iter_mut().skip(head).for_each(|byte| *byte = 0);
        record.iter_mut().skip(head).zip(&payload).for_each(|(to, from)| *to = *from);
        let count = u32::try_from(payload.len()).unwrap_or(0).to_le_bytes();
        for (field, at) in [(count, 4), (count, 12)] {
            record.iter_mut().skip(at).zip(field).for_each(|(to, from)| *to = from);
        }
        if let Some(coding) = record.get_mut(9) {
            *coding &= !CODING;
        }
        self.seal(file, len);
    }

    /// Any byte of it, which it is no longer whole by.
    pub(crate) fn damage(&self, file: &mut [u8], edit: &Edit) {
        if let Some(bytes) = file.get_mut(self.at..self.at + self.len) {
            edit.make(bytes);
        }
    }

    fn payload(&self, file: &[u8]) -> Option<Vec<u8>> {
        let stored = usize::try_from(u32_at(file, self.at + 4)?).ok()?;
        let words = usize::from(u16_at(file, self.at + 10)?);
        let from = self.at + HEAD + 8 * words;
        let bytes = file.get(from..from + stored)?;
        match file.get(self.at + 9)? & CODING {
            0 => Some(bytes.to_vec()),
            _ => zstd::bulk::decompress(bytes, PAYLOAD).ok(),
        }
    }

    fn seal(&self, file: &mut [u8], len: usize) {
        let rest = file.get(self.at + 4..self.at + len).unwrap_or_default();
        let crc = crc32c::crc32c_append(self.salt, rest).to_le_bytes();
        file.iter_mut().skip(self.at).zip(crc).for_each(|(to, from)| *to = from);
    }
}

/// Changes a byte of a superblock, and makes it whole again.
pub(crate) fn edit_superblock(file: &mut [u8], edit: &Edit) {
    let Some(at) = superblock(file) else { return };
    if let Some(bytes) = file.get_mut(at + 16..at + 16 + USED) {
        edit.make(bytes);
    }
    let crc = file.get(at + 16..at + SUPERBLOCK).map_or(0, crc32c::crc32c).to_le_bytes();
    file.iter_mut().skip(at + 12).zip(crc).for_each(|(to, from)| *to = from);
}

/// The length of a record that is whole.
fn whole(file: &[u8], at: usize, salt: u32) -> Option<usize> {
    let stored = usize::try_from(u32_at(file, at.checked_add(4)?)?).ok()?;
    let words = usize::from(u16_at(file, at + 10)?);
    let len = (HEAD + 8 * words).checked_add(stored)?.checked_next_multiple_of(8)?;
    let crc = crc32c::crc32c_append(salt, file.get(at + 4..at.checked_add(len)?)?);
    (u32_at(file, at)? == crc).then_some(len)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Bytes of a superblock, and those of it that a small file uses.
const SUPERBLOCK: usize = 16 << 10;
const USED: usize = 384 + 12 * 80;
/// Bytes of a record's head before its filter.
const HEAD: usize = 72;
/// Bits of the payload's form that say how it is compressed.
const CODING: u8 = 0x3f;
/// Bytes of a payload at most.
const PAYLOAD: usize = 1 << 20;
