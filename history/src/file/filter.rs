//! Which paths a block of changes may speak of: a Bloom filter of 16 bits a key.
//!
//! A key is a path in one of three roles. "No" is certain; "perhaps" is wrong about once in 1700.

use crate::limits::{FILTER_BITS, FILTER_PROBES, FILTER_WORDS};

/// The role of a path in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// It changed itself.
    Changed = 1,
    /// It was removed.
    Removed = 2,
    /// Something below it changed.
    Above = 3,
}

/// The key of a path in a role.
pub(crate) fn key(path: &str, role: Role) -> u64 {
    let crc = crc32c::crc32c(path.as_bytes());
    mix(u64::from(crc) | (role as u64) << 32 | (path.len() as u64) << 40)
}

/// The words of a filter for these keys, which it sorts.
pub(crate) fn build(keys: &mut Vec<u64>) -> Vec<u64> {
    keys.sort_unstable();
    keys.dedup();
    let words = (keys.len() * FILTER_BITS).div_ceil(64).clamp(1, FILTER_WORDS);
    let mut filter = vec![0u64; words];
    for key in keys {
        for bit in probes(*key, words) {
            if let Some(word) = filter.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }
    filter
}

/// Whether the key may be among those of a filter.
pub(crate) fn may_have(filter: &[u64], key: u64) -> bool {
    let set = |bit: usize| filter.get(bit / 64).is_some_and(|word| word & 1 << (bit % 64) != 0);
    filter.is_empty() || probes(key, filter.len()).all(set)
}

fn probes(key: u64, words: usize) -> impl Iterator<Item = usize> {
    let bits = words as u64 * 64;
    let (step, start) = (key >> 32 | 1, key & LOW);
    // The upper part of a product spreads 32 bits over as many as there are.
    let at = move |i: u64| ((start.wrapping_add(i.wrapping_mul(step)) & LOW) * bits) >> 32;
    (0..FILTER_PROBES).map(move |i| usize::try_from(at(i)).unwrap_or(0))
}

const LOW: u64 = 0xffff_ffff;

/// Spreads the bits of a number over all of it (the finalizer of splitmix64, public domain).
fn mix(mut n: u64) -> u64 {
    n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_is_certain_and_perhaps_is_seldom_wrong() {
        let path = |n: u32| format!("/local/domain/{n}/device/vif/0/state");
        let mut keys: Vec<u64> = (0..500).map(|n| key(&path(n), Role::Changed)).collect();
        let filter = build(&mut keys);
        assert!((0..500).all(|n| may_have(&filter, key(&path(n), Role::Changed))));
        let wrong = (500..100_500).filter(|n| may_have(&filter, key(&path(*n), Role::Changed)));
        let wrong = wrong.count();
        let roles = (0..500).filter(|n| may_have(&filter, key(&path(*n), Role::Removed))).count();
        assert!(wrong < 200 && roles < 10, "{wrong} of 100000 {roles}");
    }
}
