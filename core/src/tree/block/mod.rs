//! A packed block: a small subtree in one immutable allocation of plain bytes.
//!
//! ```text
//! head │ name │ tags: 2 × cap │ offsets: 2 × cap │ heap …
//! record: parent 2 │ path length 2 │ name at, form 2 │ value length 2 │ list at 2 │
//!         stamps 1 to 3 × 6 │ path │ value
//! ```
//!
//! Record 0 is the block's root; its name stands at the front, so that whoever comes from a
//! directory compares it in the first cache line. Any other record holds its path from there, of
//! which its name is the end. A record comes after its parent, and siblings stand in order of
//! creation. A tag is 16 bits of the hash of that path: a look-up compares tags, four at a time,
//! and then one path. Permission lists lie in the heap too and are
//! shared by the records that have the same. Offsets count from the start of the heap; what they
//! no longer point to is dead, and left out when the block is next rebuilt.
//!
//! Invariants: B1 a parent's index is smaller than its child's; B2 all offsets lie in the heap;
//! B3 no two records have the same path; B4 `used` bytes of the heap are in use or dead.

mod builder;
mod rebuild;
mod record;
mod room;
mod split;
mod stamps;

use smallvec::SmallVec;
use triomphe::{Arc, HeaderSlice};

pub(crate) use record::{Parts, Record};
pub(crate) use stamps::{Part, Stamps};

use super::bytes::{cut, put, put_u16, put_u48, u16_at, u16_of};
use crate::acl::Acl;
use crate::hash::{Hash, Keys};
use record::{LIST, write_head, write_record};

/// A small subtree. A clone is one counter.
#[derive(Clone, Debug)]
pub(crate) struct Block(Arc<HeaderSlice<Head, [u8]>>);

/// What a look-up that missed a record knows of its place: spares its addition the same search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(super) parent: u16,
    /// The tag of the missing path.
    pub(super) tag: u16,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    /// Hash of the root's path.
    hash: Hash,
    /// When the root was created, relative to its siblings.
    order: u64,
    /// Bytes of the root's name.
    name: u16,
    /// Records.
    len: u16,
    /// Records for which tags and offsets have room.
    cap: u16,
    /// Bytes of the heap in use.
    used: u32,
    /// Bytes of those that nothing points to.
    dead: u32,
}

impl Block {
    /// A block of one record.
    pub(crate) fn single(hash: Hash, order: u64, name: &[u8], parts: &Parts<'_>) -> Block {
        let list = parts.acl.bytes();
        let used = list.len() + parts.size("");
        let mut slice: SmallVec<[u8; 512]> = SmallVec::new();
        slice.extend_from_slice(name);
        // Its tag, which nobody looks for, and where it lies: after its list.
        slice.extend_from_slice(&[0; 2]);
        slice.extend_from_slice(&small(list.len()).to_le_bytes());
        slice.extend_from_slice(list);
        slice.resize(name.len() + 4 + used, 0);
        if let Some(heap) = slice.get_mut(name.len() + 4..) {
            write_record(heap, list.len(), (0, 0), (b"", 0), parts);
        }
        let name = small(name.len());
        let head = Head { hash, order, name, len: 1, cap: 1, used: wide(used), dead: 0 };
        Block(Arc::from_header_and_slice(head, &slice))
    }

    /// The last component of the root's path.
    #[inline]
    pub(crate) fn name(&self) -> &[u8] {
        cut(&self.0.slice, 0, usize::from(self.0.header.name))
    }

    pub(crate) fn hash(&self) -> Hash {
        self.0.header.hash
    }

    pub(crate) fn order(&self) -> u64 {
        self.0.header.order
    }

    /// Number of records, at least one.
    pub(crate) fn len(&self) -> u16 {
        self.0.header.len
    }

    /// Bytes of the heap that are not dead.
    pub(crate) fn live_bytes(&self) -> usize {
        (self.0.header.used - self.0.header.dead) as usize
    }

    /// Bytes of the whole allocation.
    pub(crate) fn bytes(&self) -> usize {
        self.0.slice.len() + size_of::<Head>() + size_of::<usize>()
    }

    fn tags_at(&self) -> usize {
        usize::from(self.0.header.name)
    }

    fn heap_at(&self) -> usize {
        self.tags_at() + 4 * usize::from(self.0.header.cap)
    }

    fn heap(&self) -> &[u8] {
        self.0.slice.get(self.heap_at()..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn record(&self, index: u16) -> Record<'_> {
        let at = self.tags_at() + 2 * (usize::from(self.0.header.cap) + usize::from(index));
        Record::at(self, self.heap(), usize::from(u16_at(&self.0.slice, at)))
    }

    pub(crate) fn root(&self) -> Record<'_> {
        self.record(0)
    }

    /// All records with their indices; parents first, siblings in order of creation.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u16, Record<'_>)> {
        let heap = self.heap();
        let offsets = self.tags_at() + 2 * usize::from(self.0.header.cap);
        let offsets = cut(&self.0.slice, offsets, 2 * usize::from(self.len()));
        let record =
            move |(i, at): (u16, &[u8; 2])| (i, Record::at(self, heap, usize::from(u16_of(*at))));
        (0..self.len()).zip(offsets.as_chunks::<2>().0).map(record)
    }

    /// Visits the distinct permission lists (some perhaps more than once), and how many records
    /// in a row have each.
    pub(crate) fn each_list(&self, mut visit: impl FnMut(Acl<'_>, u32)) {
        let mut run = (self.root().list(), 0);
        let acl = |at| Acl::at(self.heap().get(at..).unwrap_or_default());
        for (_, record) in self.records() {
            if record.list() != run.0 {
                visit(acl(run.0), run.1);
                run = (record.list(), 0);
            }
            run.1 += 1;
        }
        visit(acl(run.0), run.1);
    }

    /// The record of a path below the root of the block (not empty, no leading `/`).
    #[inline]
    pub(crate) fn find(&self, keys: &Keys, below: &str) -> Option<u16> {
        self.search(keys, below).ok()
    }

    /// The same, or the tag that it would have.
    #[inline]
    pub(super) fn search(&self, keys: &Keys, below: &str) -> Result<u16, u16> {
        let tag = tag(keys, self.hash(), below);
        let len = self.len();
        // Four tags at a time: a lane of `hit` is non-zero where the tag is equal.
        let pattern = u64::from(tag) * LANES;
        let tags = cut(&self.0.slice, self.tags_at(), 2 * usize::from(len));
        let (words, rest) = tags.as_chunks::<8>();
        let mut base = 0u32;
        for word in words {
            let x = u64::from_le_bytes(*word) ^ pattern;
            let mut hit = x.wrapping_sub(LANES) & !x & (LANES << 15);
            while hit != 0 {
                let index = u16::try_from(base + hit.trailing_zeros() / 16).unwrap_or(0);
                if self.is_at(index, below) {
                    return Ok(index);
                }
                hit &= hit - 1;
            }
            base += 4;
        }
        for pair in rest.as_chunks::<2>().0 {
            let index = u16::try_from(base).unwrap_or(0);
            if u16::from_le_bytes(*pair) == tag && self.is_at(index, below) {
                return Ok(index);
            }
            base += 1;
        }
        Err(tag)
    }

    #[inline]
    fn is_at(&self, index: u16, below: &str) -> bool {
        self.record(index).below() == below.as_bytes()
    }

    /// Which records lie at or below `index`, as a list of flags.
    pub(crate) fn subtree(&self, index: u16) -> Vec<bool> {
        let mut inside = vec![false; usize::from(self.len())];
        for (i, record) in self.records().skip(usize::from(index)) {
            let within =
                i == index || inside.get(usize::from(record.parent())).copied().unwrap_or(false);
            if let Some(flag) = inside.get_mut(usize::from(i)) {
                // The root is its own parent.
                *flag = within;
            }
        }
        inside
    }

    /// The names of a record's children, in order of creation.
    pub(crate) fn children(&self, index: u16) -> impl Iterator<Item = (u16, &[u8])> {
        self.records().skip(1).filter(move |(_, r)| r.parent() == index).map(|(i, r)| (i, r.name()))
    }

    /// Adds a record, the last one, whose parent is there: `below` is its path below the block's
    /// root, `name` the length of the last component. The parent's children have changed. With a
    /// `spot` it gets the parent's permissions.
    pub(super) fn add(
        &mut self,
        keys: &Keys,
        (below, name): (&str, usize),
        parts: &Parts<'_>,
        spot: Option<Spot>,
    ) -> bool {
        let name_at = below.len() - name;
        let above = name_at.checked_sub(1).and_then(|end| below.get(..end));
        let parent = match (spot, above) {
            (Some(spot), _) => spot.parent,
            (None, None) => 0,
            (None, Some(above)) => match self.find_parent(keys, above) {
                Some(parent) => parent,
                None => return false,
            },
        };
        let tag = spot.map_or_else(|| tag(keys, self.hash(), below), |spot| spot.tag);
        debug_assert!(self.is_at(parent, above.unwrap_or_default()), "a spot of another path");
        debug_assert_eq!(self.search(keys, below), Err(tag), "a spot of another path");
        let shared = |block: &Block| match spot {
            Some(_) => Some(block.record(parent).list()),
            None => block.find_acl(parent, parts.acl),
        };
        let mut list_at = shared(self);
        let list = if list_at.is_some() { 0 } else { parts.acl.bytes().len() };
        let above = self.record(parent);
        // What is made in one go finds the stamp there.
        let stamped = above.stamp(Part::Children) == parts.stamps.children;
        let more =
            if stamped { 0 } else { self.growth(parent, Part::Children, parts.stamps.children) };
        if self.reserve(list + parts.size(below) + more, 1) {
            // The lists have moved.
            list_at = list_at.and_then(|_| shared(self));
        }
        if !stamped {
            self.restamp(parent, Part::Children, parts.stamps.children);
        }
        let (tags, heap_at) = (self.tags_at(), self.heap_at());
        let cap = usize::from(self.0.header.cap);
        let Some(own) = Arc::get_mut(&mut self.0) else { return false };
        let index = usize::from(own.header.len);
        let Some((tables, heap)) = own.slice.split_at_mut_checked(heap_at) else { return false };
        let mut used = own.header.used as usize;
        let list_at = list_at.unwrap_or_else(|| {
            put(heap, used, parts.acl.bytes());
            used += list;
            used - list
        });
        put_u16(tables, tags + 2 * index, tag);
        put_u16(tables, tags + 2 * (cap + index), small(used));
        used += write_record(heap, used, (parent, list_at), (below.as_bytes(), name_at), parts);
        own.header.len += 1;
        own.header.used = wide(used);
        true
    }

    /// The record of a path at which something is created. Siblings are often created one after
    /// another, and children right after their parent: the last record and its parent are looked
    /// at first.
    #[inline]
    pub(super) fn find_parent(&self, keys: &Keys, above: &str) -> Option<u16> {
        let last = self.len().saturating_sub(1);
        let before = self.record(last).parent();
        if self.is_at(before, above) {
            return Some(before);
        }
        if self.is_at(last, above) { Some(last) } else { self.find(keys, above) }
    }

    /// Sets a value and its stamp.
    pub(crate) fn set_value(&mut self, index: u16, value: &[u8], stamp: u64) {
        let old = self.record(index);
        if old.value().len() == value.len() && self.growth(index, Part::Value, stamp) == 0 {
            self.reserve(0, 0);
            self.put_stamp(index, Part::Value, stamp);
            let record = self.record(index);
            let at = record.at + record.size() - value.len();
            if let Some(heap) = self.own_heap() {
                put(heap, at, value);
            }
            return;
        }
        let stamps = old.stamps().with(Part::Value, stamp);
        if self.len() == 1 {
            let parts = Parts { value, stamps, ..old.parts() };
            *self = Block::single(self.hash(), self.order(), self.name(), &parts);
            return;
        }
        self.rewrite(index, stamps, Some(value));
    }

    /// Writes a record of another length at the end of the heap: with these stamps, and with
    /// another value where there is one. The old one is dead.
    fn rewrite(&mut self, index: u16, stamps: Stamps, value: Option<&[u8]>) {
        let old = self.record(index);
        let (below, kept) = (old.below().len(), old.value().len());
        let (head, length) = (stamps.head_len(), value.map_or(kept, <[u8]>::len));
        let size = head + below + length;
        self.reserve(size, 0);
        let offsets = self.tags_at() + 2 * usize::from(self.0.header.cap);
        let heap_at = self.heap_at();
        let old = self.record(index);
        let (place, name) = ((old.parent(), old.list()), (below, old.name_at()));
        let (gone, text) = (old.size(), old.at + old.head_len());
        let Some(own) = Arc::get_mut(&mut self.0) else { return };
        let Some((tables, heap)) = own.slice.split_at_mut_checked(heap_at) else { return };
        let at = own.header.used as usize;
        let copied = below + if value.is_none() { kept } else { 0 };
        debug_assert!(text + copied <= at && at + size <= heap.len());
        heap.copy_within(text..text + copied, at + head);
        if let Some(value) = value {
            put(heap, at + head + below, value);
        }
        if let Some(room) = heap.get_mut(at..at + head) {
            write_head(room, place, name, length, &stamps);
        }
        put_u16(tables, offsets + 2 * usize::from(index), small(at));
        own.header.used += wide(size);
        own.header.dead += wide(gone);
    }

    /// Sets a permission list and its stamp.
    pub(crate) fn set_acl(&mut self, index: u16, acl: Acl<'_>, stamp: u64) {
        if self.len() == 1 {
            let old = self.root();
            let stamps = Stamps { perms: stamp, ..old.stamps() };
            let parts = Parts { acl, stamps, ..old.parts() };
            *self = Block::single(self.hash(), self.order(), self.name(), &parts);
            return;
        }
        let gone = self.record(index).acl().bytes().len();
        let shared = self.find_acl(index, acl);
        let list = if shared.is_some() { 0 } else { acl.bytes().len() };
        self.reserve(list + self.growth(index, Part::Perms, stamp), 0);
        let shared = shared.and_then(|_| self.find_acl(index, acl));
        self.restamp(index, Part::Perms, stamp);
        let (at, used) = (self.record(index).at, self.0.header.used as usize);
        let Some(heap) = self.own_heap() else { return };
        if shared.is_none() {
            put(heap, used, acl.bytes());
        }
        put_u16(heap, at + LIST, small(shared.unwrap_or(used)));
        if let (Some(own), None) = (Arc::get_mut(&mut self.0), shared) {
            own.header.used += wide(list);
            // Others may still share it: then it's counted too early, and a rebuild comes early.
            own.header.dead += wide(gone);
        }
    }

    /// Sets one stamp.
    pub(crate) fn set_stamp(&mut self, index: u16, part: Part, stamp: u64) {
        if self.len() == 1 && self.growth(index, part, stamp) > 0 {
            let old = self.root();
            let parts = Parts { stamps: old.stamps().with(part, stamp), ..old.parts() };
            *self = Block::single(self.hash(), self.order(), self.name(), &parts);
            return;
        }
        self.restamp(index, part, stamp);
    }

    /// The same, where the block keeps the room that has been made.
    fn restamp(&mut self, index: u16, part: Part, stamp: u64) {
        if self.growth(index, part, stamp) == 0 {
            self.reserve(0, 0);
            self.put_stamp(index, part, stamp);
            return;
        }
        let stamps = self.record(index).stamps().with(part, stamp);
        self.rewrite(index, stamps, None);
    }

    /// Bytes of the heap that another stamp takes: that of the record, where it has to grow.
    fn growth(&self, index: u16, part: Part, stamp: u64) -> usize {
        let record = self.record(index);
        match record.place_of_stamp(part, stamp) {
            Some(_) => 0,
            None => {
                record.size() - record.head_len() + record.stamps().with(part, stamp).head_len()
            }
        }
    }

    /// Sets a stamp for which there is room, in a block that is our own.
    fn put_stamp(&mut self, index: u16, part: Part, stamp: u64) {
        let at = self.record(index).place_of_stamp(part, stamp);
        if let (Some(at), Some(heap)) = (at, self.own_heap()) {
            put_u48(heap, at, stamp);
        }
    }

    /// The list equal to `acl`, where a record already has it; `near` is looked at first.
    fn find_acl(&self, near: u16, acl: Acl<'_>) -> Option<usize> {
        let list = |i: u16| {
            let record = self.record(i);
            (record.acl() == acl).then(|| record.list())
        };
        list(near).or_else(|| (0..self.len()).rev().find_map(list))
    }

    fn own_heap(&mut self) -> Option<&mut [u8]> {
        let at = self.heap_at();
        Arc::get_mut(&mut self.0)?.slice.get_mut(at..)
    }
}

/// Names were checked when they came in as paths.
fn text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}

/// Sixteen bits of the hash of a path below a block's root.
#[inline]
fn tag(keys: &Keys, block: Hash, below: &str) -> u16 {
    (keys.child(block, below.as_bytes()) & 0xFFFF) as u16
}

/// For offsets and lengths in a block: its size is bounded far below 64 KiB by
/// [`crate::limits::BLOCK_BYTES`] and the bounds of a single node.
fn small(n: usize) -> u16 {
    debug_assert!(n <= usize::from(u16::MAX));
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn wide(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A one in each 16-bit lane.
const LANES: u64 = 0x0001_0001_0001_0001;
