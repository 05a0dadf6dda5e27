//! Room in a block: made where something is to be added, given back when an edit is done.

use smallvec::SmallVec;
use triomphe::{Arc, HeaderSlice};

use super::{Block, Head};
use crate::limits::{BLOCK_BYTES, BLOCK_DEAD_BYTES, BLOCK_SLACK_BYTES, BLOCK_SLACK_DIVISOR};
use crate::tree::bytes::cut;

impl Block {
    /// Makes the block our own, with room for so many more bytes and records. True where it was
    /// rebuilt for that, and so all offsets have changed.
    pub(super) fn reserve(&mut self, bytes: usize, records: u16) -> bool {
        let head = self.0.header;
        let used = head.used as usize;
        let fits = used + bytes <= self.heap().len() && head.len + records <= head.cap;
        let own = self.0.is_unique();
        if own && fits {
            return false;
        }
        if head.dead as usize > BLOCK_DEAD_BYTES && head.dead > head.used / 4 {
            self.remove(&vec![false; usize::from(head.len)]);
            self.reserve(bytes, records);
            return true;
        }
        if fits {
            self.0 = Arc::from_header_and_slice(head, &self.0.slice);
            return false;
        }
        // What is ours already is being filled: leave room for the next ones.
        let slack = if own { used / BLOCK_SLACK_DIVISOR + BLOCK_SLACK_BYTES } else { 0 };
        let more = if own { (head.len / 2).max(8) } else { 0 };
        let cap = head.cap.max(head.len + records + more);
        self.0 = self.sized(cap, used + bytes + slack);
        false
    }

    /// A copy with room for so many records and bytes of heap.
    fn sized(&self, cap: u16, heap: usize) -> Arc<HeaderSlice<Head, [u8]>> {
        let head = self.0.header;
        let len = 2 * usize::from(head.len);
        let spare = 2 * usize::from(cap) - len;
        let offsets = self.tags_at() + 2 * usize::from(head.cap);
        let used = head.used as usize;
        let mut slice: SmallVec<[u8; 2 * BLOCK_BYTES]> = SmallVec::new();
        slice.extend_from_slice(cut(&self.0.slice, 0, self.tags_at() + len));
        pad(&mut slice, spare);
        slice.extend_from_slice(cut(&self.0.slice, offsets, len));
        pad(&mut slice, spare);
        slice.extend_from_slice(cut(self.heap(), 0, used));
        pad(&mut slice, heap.saturating_sub(used));
        Arc::from_header_and_slice(Head { cap, ..head }, &slice)
    }

    /// Room for what an edit is likely to add, all at once.
    pub(in crate::tree) fn make_room(&mut self) {
        let cap = self.0.header.cap.max(OPEN_RECORDS);
        if self.heap().len() < BLOCK_BYTES {
            self.0 = self.sized(cap, BLOCK_BYTES);
        }
    }

    /// What stands for a block that has been taken out of its directory: no records, the same
    /// hash, order and name.
    pub(in crate::tree) fn stub(&self) -> Block {
        let head = Head { len: 0, cap: 0, used: 0, dead: 0, ..self.0.header };
        Block(Arc::from_header_and_slice(head, self.name()))
    }

    /// The same block without room to grow, where that is worth a copy.
    pub(in crate::tree) fn without_slack(self) -> Block {
        let head = self.0.header;
        let used = head.used as usize;
        if self.heap().len() - used <= used / BLOCK_SLACK_DIVISOR / 2 {
            return self;
        }
        Block(self.sized(head.len, used))
    }
}

/// Adds zeros, many at a time.
fn pad(slice: &mut SmallVec<[u8; 2 * BLOCK_BYTES]>, mut bytes: usize) {
    const ZEROS: [u8; 512] = [0; 512];
    while bytes > 0 {
        let some = ZEROS.get(..bytes).unwrap_or(&ZEROS);
        slice.extend_from_slice(some);
        bytes -= some.len();
    }
}

/// Records for which a block has room while an edit fills it.
const OPEN_RECORDS: u16 = 64;
