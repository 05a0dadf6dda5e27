//! The map against a model, and what it costs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Few distinct hashes, alike in their low or their high digits, so that runs are halved to their
/// end, branches nest to the last digit, and equal hashes occur.
fn hash(seed: u8) -> Hash {
    let high = Hash::from(seed / 4);
    match seed % 4 {
        0 => high.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        1 => high << 58,
        2 => high,
        _ => 7,
    }
}

/// Entries of very different sizes; the first byte tells those of one hash apart.
fn entry(id: u8) -> Vec<u8> {
    let size = [1, 20, 60, 400][usize::from(id) % 4];
    vec![id; size]
}

/// Every run has a slot and every entry lies where a look-up goes (the invariants).
fn is_sound(slot: &Slot, path: &dyn Fn(Hash) -> bool, shift: u32) {
    match slot {
        Slot::Shelf(shelf) => assert!(shelf.hashes().all(path)),
        Slot::Stack(stack) => {
            assert!(stack.slice.len() > 1 && path(stack.header));
            for shelf in stack.slice.iter() {
                assert!(!shelf.is_empty() && shelf.is_all(stack.header));
            }
        }
        Slot::Branch(branch) => {
            assert_eq!(branch.header & 1, 1);
            assert_eq!(branch.header.count_ones() as usize, branch.slice.len());
            for (at, child) in branch.slice.iter().enumerate() {
                let own = |h| path(h) && position(branch.header, digit(h, shift)) == at;
                let wide = (0..16).filter(|d| position(branch.header, *d) == at).count() > 1;
                assert!(!(wide && matches!(child, Slot::Branch(_))));
                is_sound(child, &own, shift + BITS);
            }
        }
    }
}

proptest! {
    #[test]
    fn behaves_as_a_multimap(
        ops in proptest::collection::vec((any::<u8>(), 0u8..24, 0u8..6), 1..400)
    ) {
        let mut shelves = Shelves::default();
        let mut model: BTreeMap<(Hash, Vec<u8>), ()> = BTreeMap::new();
        let mut kept = Vec::new();
        for (seed, id, what) in ops {
            let key = (hash(seed), entry(id));
            let there = model.contains_key(&key);
            prop_assert_eq!(shelves.same(key.0).any(|e| e.bytes() == key.1), there);
            if what < 3 {
                let gone = shelves.remove(key.0, |e| e.bytes() == key.1);
                prop_assert_eq!(gone.as_ref().map(|e| e.entry().bytes()), there.then_some(&*key.1));
                model.remove(&key);
            } else if !there {
                shelves.insert(key.0, &key.1);
                model.insert(key, ());
            }
            prop_assert_eq!(shelves.len(), model.len());
            prop_assert_eq!(shelves.is_empty(), model.is_empty());
            if let Some(root) = &shelves.root {
                is_sound(root, &|_| true, 0);
            }
            if what == 5 {
                kept.push((shelves.clone(), model.clone()));
            }
        }
        kept.push((shelves, model));
        for (shelves, model) in kept {
            let mut all: Vec<_> = shelves.hashes().zip(shelves.iter().map(Entry::bytes)).collect();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(model.keys().map(|(h, e)| (*h, &**e))));
        }
    }
}

/// Bytes of all shelves and branches, but for what the allocator adds.
fn bytes(slot: &Slot) -> usize {
    match slot {
        Slot::Shelf(shelf) => 10 + shelf.bytes(),
        Slot::Stack(stack) => {
            16 + stack.slice.iter().map(|s| size_of::<Shelf>() + 10 + s.bytes()).sum::<usize>()
        }
        Slot::Branch(branch) => {
            16 + branch.slice.iter().map(|s| size_of::<Slot>() + bytes(s)).sum::<usize>()
        }
    }
}

#[test]
fn entries_cost_little_more_than_their_bytes_and_leave_little_behind() {
    let keys = crate::hash::Keys::seeded(5);
    for count in [300u16, 700, 1300, 4000] {
        let many = usize::from(count);
        let mut shelves = Shelves::default();
        let entry = [7; 8];
        (0..count).for_each(|n| shelves.insert(keys.number(n.into()), &entry));
        let each = bytes(shelves.root.as_ref().unwrap()) / many;
        // Eight bytes, ten that find them, and their parts of shelf, slot and branch.
        assert!(each < 18 + 18, "{count} entries take {each} bytes each");
        for n in (0..count).filter(|n| n % 8 != 0) {
            assert!(shelves.remove(keys.number(n.into()), |_| true).is_some());
        }
        let left = bytes(shelves.root.as_ref().unwrap()) / (many / 8);
        assert!(left < 4 * (18 + 18), "{count} entries have left {left} bytes for each eighth");
    }
}

#[test]
fn many_of_one_hash_are_a_stack_which_shrinks() {
    let mut shelves = Shelves::default();
    for n in 0..500u32 {
        shelves.insert(7, &n.to_le_bytes());
    }
    shelves.insert(7 + (1 << 8), b"alike in its low digits");
    assert_eq!(shelves.same(7).count(), 500);
    for n in 0..499u32 {
        assert!(shelves.remove(7, |e| e.bytes() == n.to_le_bytes()).is_some());
        assert!(shelves.remove(7, |e| e.bytes() == n.to_le_bytes()).is_none());
    }
    let left: Vec<&[u8]> = shelves.same(7).map(Entry::bytes).collect();
    assert_eq!(left, [499u32.to_le_bytes()]);
    let size = bytes(shelves.root.as_ref().unwrap());
    assert!(size < 1000, "{size} bytes for two entries");
}
