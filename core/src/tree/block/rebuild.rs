//! Rebuilding a block without some of its records, and without what is dead in its heap.

use smallvec::SmallVec;
use triomphe::Arc;

use super::record::{LIST, Record};
use super::{Block, Head, small, wide};
use crate::acl::Acl;
use crate::limits::BLOCK_BYTES;
use crate::tree::bytes::{cut, put_u16, u16_at};

impl Block {
    /// Removes the records flagged in `gone`: a whole subtree, but never the root. Records are
    /// copied as they are; only their parents and lists lie elsewhere then.
    pub(crate) fn remove(&mut self, gone: &[bool]) {
        let head = self.0.header;
        let left = gone.iter().filter(|gone| !**gone).count();
        let tags = self.tags_at();
        let mut slice: SmallVec<[u8; 2 * BLOCK_BYTES]> = SmallVec::new();
        slice.extend_from_slice(self.name());
        slice.resize(tags + 4 * left, 0);
        let heap_at = slice.len();
        let mut lists = Lists(SmallVec::new());
        // Where each record has gone.
        let mut moved: SmallVec<[u16; 128]> = SmallVec::from_elem(0, gone.len());
        let kept = self.records().zip(gone).filter(|(_, gone)| !**gone).map(|(kept, _)| kept);
        for (next, (index, record)) in kept.enumerate() {
            let list = lists.place(record, &mut slice, heap_at);
            let at = slice.len();
            slice.extend_from_slice(cut(record.heap, record.at, record.size()));
            let parent = moved.get(usize::from(record.parent())).copied().unwrap_or(0);
            debug_assert!(slice.len() >= at + record.head_len());
            put_u16(&mut slice, at, parent);
            put_u16(&mut slice, at + LIST, list);
            let tag = u16_at(&self.0.slice, tags + 2 * usize::from(index));
            put_u16(&mut slice, tags + 2 * next, tag);
            put_u16(&mut slice, tags + 2 * (left + next), small(at - heap_at));
            if let Some(to) = moved.get_mut(usize::from(index)) {
                *to = small(next);
            }
        }
        let used = wide(slice.len() - heap_at);
        let left = small(left);
        let head = Head { len: left, cap: left, used, dead: 0, ..head };
        self.0 = Arc::from_header_and_slice(head, &slice);
    }
}

/// The permission lists of a block that is being rebuilt: where each was, and where it is.
struct Lists(SmallVec<[(usize, u16); 4]>);

impl Lists {
    /// Where a record's list is in the new heap, to which it is added where it isn't there yet.
    fn place(
        &mut self,
        record: Record<'_>,
        slice: &mut SmallVec<[u8; 2 * BLOCK_BYTES]>,
        heap_at: usize,
    ) -> u16 {
        let old = record.list();
        if let Some((_, new)) = self.0.iter().rev().find(|(was, _)| *was == old) {
            return *new;
        }
        let list = record.acl();
        let at = |new: u16| slice.get(heap_at + usize::from(new)..).unwrap_or_default();
        let same = self.0.iter().find(|(_, new)| Acl::at(at(*new)) == list).map(|(_, new)| *new);
        let new = same.unwrap_or_else(|| small(slice.len() - heap_at));
        if same.is_none() {
            slice.extend_from_slice(list.bytes());
        }
        self.0.push((old, new));
        new
    }
}
