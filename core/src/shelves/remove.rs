//! Entries that go: shelves that have become small are put together.

use triomphe::Arc;

use super::{Branch, Entry, Same, Slot, position, shelf::Shelf};
use crate::hash::Hash;
use crate::limits::SHELF_BYTES;
use crate::trie::{BITS, digit, unshare};

/// Removes an entry that is there. At most one level per [`BITS`] of the hash, so the recursion is
/// bounded by 16.
pub(super) fn remove_below(
    slot: &mut Slot,
    hash: Hash,
    shift: u32,
    is: &impl Fn(Entry<'_>) -> bool,
) {
    let at_in = |shelf: &Shelf| {
        let mut same = Same::of(hash, std::slice::from_ref(shelf));
        same.find(|entry| is(*entry)).map(|entry| entry.at)
    };
    match slot {
        Slot::Shelf(shelf) => {
            if let Some(at) = at_in(shelf) {
                *shelf = shelf.without(at);
            }
        }
        Slot::Stack(stack) => {
            let all = stack.slice.iter().enumerate();
            let found = all.filter_map(|(n, shelf)| Some((n, at_in(shelf)?))).next();
            let Some((number, at)) = found else { return };
            let mut all = stack.slice.to_vec();
            if let Some(shelf) = all.get_mut(number) {
                *shelf = shelf.without(at);
            }
            let pair = number..number + 2;
            if let Some([one, next]) = all.get(pair.clone())
                && is_little(one, next)
            {
                all.splice(pair, [joined(one, next)]);
            }
            all.retain(|shelf| !shelf.is_empty());
            *slot = match &*all {
                [one] => Slot::Shelf(one.clone()),
                _ => Slot::Stack(Arc::from_header_and_vec(hash, all)),
            };
        }
        Slot::Branch(branch) => {
            let at = position(branch.header, digit(hash, shift));
            if let Some(child) = unshare(branch).get_mut(at) {
                remove_below(child, hash, shift + BITS, is);
            }
            merge(branch, at);
            if let [Slot::Shelf(_) | Slot::Stack(_)] = &branch.slice
                && let Some(lone) = branch.slice.first().cloned()
            {
                *slot = lone;
            }
        }
    }
}

/// Puts a shelf that has become small together with a neighbour. A branch is no such: the digits
/// below it go on where one digit ends.
fn merge(branch: &mut Branch, at: usize) {
    let Some(Slot::Shelf(shelf)) = branch.slice.get(at) else { return };
    let with = |other: usize| match branch.slice.get(other)? {
        Slot::Shelf(other) if is_little(other, shelf) => Some(Slot::Shelf(joined(other, shelf))),
        Slot::Stack(other) if shelf.is_empty() => Some(Slot::Stack(other.clone())),
        _ => None,
    };
    let before = at.checked_sub(1);
    let Some((other, merged)) =
        [before, Some(at + 1)].into_iter().flatten().find_map(|other| Some((other, with(other)?)))
    else {
        return;
    };
    let (low, high) = (at.min(other), at.max(other));
    let mut slots = branch.slice.to_vec();
    slots.remove(high);
    if let Some(place) = slots.get_mut(low) {
        *place = merged;
    }
    // The later run goes to the earlier: the bit of its beginning is the one of that number.
    let mut begins = branch.header;
    (0..high).for_each(|_| begins &= begins.wrapping_sub(1));
    let begin = begins & begins.wrapping_neg();
    *branch = Arc::from_header_and_vec(branch.header & !begin, slots);
}

/// Whether two shelves are worth putting together: the next entry doesn't part them again.
fn is_little(one: &Shelf, other: &Shelf) -> bool {
    one.bytes() + other.bytes() <= SHELF_BYTES / 2
}

fn joined(one: &Shelf, other: &Shelf) -> Shelf {
    Shelf::of(one.entries().chain(other.entries()))
}
