//! Records of a block: their layout, read and written.
//!
//! ```text
//! parent 2 │ path length 2 │ name at 2 │ value length 2 │ list at 2 │ stamps 3 × 6 │ path │ value
//! ```

use super::{Block, small};
use crate::acl::Acl;
use crate::tree::bytes::{cut, put_u16, put_u48, u16_of, u48_of};

/// The three stamps of a node: the generation in which each part last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) value: u64,
    pub(crate) perms: u64,
    pub(crate) children: u64,
}

/// Which stamp.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Value = 0,
    Perms = 1,
    Children = 2,
}

/// A record, borrowed from its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'b> {
    pub(super) block: &'b Block,
    pub(super) heap: &'b [u8],
    pub(super) at: usize,
    pub(super) fixed: &'b [u8; FIXED],
}

/// What a record is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) acl: Acl<'a>,
    pub(crate) stamps: Stamps,
}

impl<'b> Record<'b> {
    /// The record at an offset of the heap.
    #[inline]
    pub(super) fn at(block: &'b Block, heap: &'b [u8], at: usize) -> Record<'b> {
        let fixed = heap.get(at..).and_then(|rest| rest.first_chunk());
        debug_assert!(fixed.is_some());
        Record { block, heap, at, fixed: fixed.unwrap_or(&[0; FIXED]) }
    }

    #[inline]
    pub(crate) fn parent(self) -> u16 {
        u16_of([self.fixed[0], self.fixed[1]])
    }

    #[inline]
    fn below_len(self) -> usize {
        u16_of([self.fixed[2], self.fixed[3]]).into()
    }

    /// Where its name begins in its path.
    #[inline]
    pub(super) fn name_at(self) -> usize {
        u16_of([self.fixed[4], self.fixed[5]]).into()
    }

    #[inline]
    fn value_len(self) -> usize {
        u16_of([self.fixed[6], self.fixed[7]]).into()
    }

    /// Where its permission list is.
    #[inline]
    pub(super) fn list(self) -> usize {
        u16_of([self.fixed[LIST], self.fixed[LIST + 1]]).into()
    }

    /// The path from the block's root; empty for the root itself.
    #[inline]
    pub(in crate::tree) fn below(self) -> &'b [u8] {
        cut(self.heap, self.at + FIXED, self.below_len())
    }

    #[inline]
    pub(crate) fn name(self) -> &'b [u8] {
        match self.below() {
            [] => self.block.name(),
            below => below.get(self.name_at()..).unwrap_or_default(),
        }
    }

    #[inline]
    pub(crate) fn value(self) -> &'b [u8] {
        cut(self.heap, self.at + FIXED + self.below_len(), self.value_len())
    }

    #[inline]
    pub(crate) fn acl(self) -> Acl<'b> {
        Acl::at(self.heap.get(self.list()..).unwrap_or_default())
    }

    pub(crate) fn stamp(self, part: Part) -> u64 {
        let at = STAMPS + 6 * part as usize;
        self.fixed.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |c| u48_of(*c))
    }

    pub(crate) fn stamps(self) -> Stamps {
        Stamps {
            value: self.stamp(Part::Value),
            perms: self.stamp(Part::Perms),
            children: self.stamp(Part::Children),
        }
    }

    pub(super) fn parts(self) -> Parts<'b> {
        Parts { value: self.value(), acl: self.acl(), stamps: self.stamps() }
    }

    pub(super) fn size(self) -> usize {
        FIXED + self.below_len() + self.value_len()
    }
}

/// Writes a record and returns its size. Given: its parent and where its
/// list is; its path and where its name begins there.
#[inline]
pub(super) fn write_record(
    heap: &mut [u8],
    at: usize,
    (parent, list): (u16, usize),
    (below, name_at): (&[u8], usize),
    parts: &Parts<'_>,
) -> usize {
    let size = FIXED + below.len() + parts.value.len();
    let room = heap.get_mut(at..at + size);
    debug_assert!(room.is_some());
    let Some((fixed, rest)) = room.and_then(|r| r.split_first_chunk_mut::<FIXED>()) else {
        return 0;
    };
    put_u16(fixed, 0, parent);
    put_u16(fixed, 2, small(below.len()));
    put_u16(fixed, 4, small(name_at));
    put_u16(fixed, 6, small(parts.value.len()));
    put_u16(fixed, LIST, small(list));
    put_u48(fixed, STAMPS, parts.stamps.value);
    put_u48(fixed, STAMPS + 6, parts.stamps.perms);
    put_u48(fixed, STAMPS + 12, parts.stamps.children);
    if let Some((path, value)) = rest.split_at_mut_checked(below.len()) {
        path.copy_from_slice(below);
        value.copy_from_slice(parts.value);
    }
    size
}

/// Bytes of a record before its path.
pub(super) const FIXED: usize = STAMPS + 3 * 6;
pub(super) const LIST: usize = 8;
pub(super) const STAMPS: usize = 10;
