//! Building a block record by record.

use triomphe::Arc;

use super::record::{Parts, write_record};
use super::{Block, Head, small, wide};
use crate::acl::Acl;
use crate::hash::Hash;

/// Builds a block record by record.
pub(super) struct Builder {
    pub(super) hash: Hash,
    order: u64,
    name: Vec<u8>,
    tags: Vec<u16>,
    offsets: Vec<u16>,
    heap: Vec<u8>,
    lists: Vec<usize>,
}

impl Builder {
    pub(super) fn new(hash: Hash, order: u64, name: &[u8]) -> Builder {
        let (tags, offsets, lists) = (Vec::new(), Vec::new(), Vec::new());
        Builder { hash, order, name: name.to_vec(), tags, offsets, heap: Vec::new(), lists }
    }

    pub(super) fn len(&self) -> u16 {
        small(self.tags.len())
    }

    pub(super) fn push(&mut self, tag: u16, parent: u16, below: &str, parts: &Parts<'_>) {
        let same = |at: &&usize| Acl::at(self.heap.get(**at..).unwrap_or_default()) == parts.acl;
        let list = match self.lists.iter().rev().find(same) {
            Some(at) => *at,
            None => {
                self.lists.push(self.heap.len());
                self.heap.extend_from_slice(parts.acl.bytes());
                self.heap.len() - parts.acl.bytes().len()
            }
        };
        let at = self.heap.len();
        self.heap.resize(at + parts.size(below), 0);
        let name_at = below.bytes().rposition(|b| b == b'/').map_or(0, |slash| slash + 1);
        write_record(&mut self.heap, at, (parent, list), (below.as_bytes(), name_at), parts);
        self.tags.push(tag);
        self.offsets.push(small(at));
    }

    pub(super) fn finish(self) -> Block {
        let len = self.len();
        let head = Head {
            hash: self.hash,
            order: self.order,
            name: small(self.name.len()),
            len,
            cap: len,
            used: wide(self.heap.len()),
            dead: 0,
        };
        let mut slice = Vec::with_capacity(self.name.len() + 4 * self.tags.len() + self.heap.len());
        slice.extend_from_slice(&self.name);
        slice.extend(self.tags.iter().chain(&self.offsets).flat_map(|n| n.to_le_bytes()));
        slice.extend_from_slice(&self.heap);
        Block(Arc::from_header_and_vec(head, slice))
    }
}
