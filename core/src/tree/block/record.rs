//! Records of a block: their layout, read and written. Which stamps stand there is told by the
//! [`Form`].
//!
//! ```text
//! parent 2 │ path length 2 │ name at, form 2 │ value length 2 │ list at 2 │ stamps 1 to 3 × 6 │
//!         path │ value
//! ```

use super::stamps::{Form, Part, Stamps};
use super::{Block, small};
use crate::acl::Acl;
use crate::tree::bytes::{cut, put_u16, put_u48, u16_of, u48_at};

/// A record, borrowed from its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'b> {
    pub(super) block: &'b Block,
    pub(super) heap: &'b [u8],
    pub(super) at: usize,
    fixed: &'b [u8; FIXED],
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
        usize::from(self.name_and_form() & Form::BESIDE)
    }

    #[inline]
    fn name_and_form(self) -> u16 {
        u16_of([self.fixed[4], self.fixed[5]])
    }

    #[inline]
    fn form(self) -> Form {
        Form::beside(self.name_and_form())
    }

    /// Bytes before its path.
    #[inline]
    pub(super) fn head_len(self) -> usize {
        FIXED + STAMP * self.form().more()
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
        cut(self.heap, self.at + self.head_len(), self.below_len())
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
        cut(self.heap, self.at + self.head_len() + self.below_len(), self.value_len())
    }

    #[inline]
    pub(crate) fn acl(self) -> Acl<'b> {
        Acl::at(self.heap.get(self.list()..).unwrap_or_default())
    }

    pub(crate) fn stamp(self, part: Part) -> u64 {
        u48_at(self.heap, self.stamp_at(part))
    }

    /// Where the stamp of a part is in the heap.
    fn stamp_at(self, part: Part) -> usize {
        let form = self.form();
        self.at + STAMPS + STAMP * form.place(part)
    }

    /// Where another stamp of a part can be put; none where the record has to grow for it.
    pub(super) fn place_of_stamp(self, part: Part, stamp: u64) -> Option<usize> {
        let at = self.stamp_at(part);
        let form = self.form();
        let fits = u48_at(self.heap, at) == stamp
            || form.is_full()
            || Form::of(&self.stamps().with(part, stamp)) == form;
        fits.then_some(at)
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
        self.head_len() + self.below_len() + self.value_len()
    }
}

impl Parts<'_> {
    /// Bytes of a record with that path.
    #[inline]
    pub(super) fn size(&self, below: &str) -> usize {
        self.stamps.head_len() + below.len() + self.value.len()
    }
}

/// Writes a record and returns its size. Given: its parent and where its
/// list is; its path and where its name begins there.
#[inline]
pub(super) fn write_record(
    heap: &mut [u8],
    at: usize,
    place: (u16, usize),
    (below, name_at): (&[u8], usize),
    parts: &Parts<'_>,
) -> usize {
    let head = parts.stamps.head_len();
    let size = head + below.len() + parts.value.len();
    let room = heap.get_mut(at..at + size);
    debug_assert!(room.is_some());
    let Some((head, rest)) = room.and_then(|r| r.split_at_mut_checked(head)) else { return 0 };
    write_head(head, place, (below.len(), name_at), parts.value.len(), &parts.stamps);
    if let Some((path, value)) = rest.split_at_mut_checked(below.len()) {
        path.copy_from_slice(below);
        value.copy_from_slice(parts.value);
    }
    size
}

/// Writes what stands before the path of a record.
#[inline]
pub(super) fn write_head(
    head: &mut [u8],
    (parent, list): (u16, usize),
    (below, name_at): (usize, usize),
    value: usize,
    stamps: &Stamps,
) {
    let form = Form::of(stamps);
    debug_assert!(head.len() == FIXED + STAMP * form.more());
    let Some(fixed) = head.first_chunk_mut::<STAMPS>() else { return };
    put_u16(fixed, 0, parent);
    put_u16(fixed, 2, small(below));
    put_u16(fixed, 4, form.with(small(name_at)));
    put_u16(fixed, 6, small(value));
    put_u16(fixed, LIST, small(list));
    let [first, second, third] = form.kept(stamps);
    put_u48(head, STAMPS, first);
    if form.more() > 0 {
        put_u48(head, STAMPS + STAMP, second);
    }
    if form.more() > 1 {
        put_u48(head, STAMPS + 2 * STAMP, third);
    }
}

/// Bytes of a record before its path, or before its second stamp.
pub(super) const FIXED: usize = STAMPS + STAMP;
pub(super) const LIST: usize = 8;
pub(super) const STAMPS: usize = 10;
pub(super) const STAMP: usize = 6;
