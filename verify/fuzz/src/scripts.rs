//! Seeds of the targets whose inputs are steps: random ones, the same each time.

/// Seeds of `store`: how the store is configured, and steps.
pub(crate) fn store() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("default-quotas", [vec![0], random(1, 600)].concat()),
        ("small-quotas", [vec![1], random(2, 600)].concat()),
        ("orphans-are-kept", [vec![6], random(3, 600)].concat()),
        ("many-steps", [vec![0], random(4, 1800)].concat()),
    ]
}

/// Seeds of `history`: files that are left alone, and some that are changed.
pub(crate) fn history() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![("untouched", file(0, &[], 5))];
    all.push(("damaged-superblock", file(0, &[[0, 0, 20, 0, 9]], 6)));
    all.push(("damaged-record", file(0, &[[1, 2, 90, 0, 9]], 7)));
    all.push(("another-superblock", file(1, &[[0, 0, 52, 0, 3]], 8)));
    all.push(("another-head", file(1, &[[1, 1, 12, 0, 200]], 9)));
    all.push(("another-payload", file(1, &[[2, 3, 4, 0, 5], [2, 1, 9, 0, 77]], 10)));
    all.push(("payload-cut-off", file(1, &[[3, 2, 30, 0, 0]], 11)));
    all
}

/// Seeds of `recovery`: the same for what a killed daemon leaves.
pub(crate) fn recovery() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("untouched", file(0, &[], 12)),
        ("damaged-journal", file(0, &[[0, 0, 0, 2, 9]], 13)),
        ("damaged-checkpoint", file(1, &[[1, 0, 200, 0, 9]], 14)),
        ("journal-cut-off", file(0, &[[0, 255, 0, 16, 9]], 15)),
        ("another-image", file(2, &[[0, 0, 120, 0, 3]], 16)),
        ("another-delta", file(2, &[[1, 2, 7, 0, 1], [1, 5, 3, 0, 200]], 17)),
        ("slots", file(3 | 128, &[[0, 0, 64, 0, 3], [9, 0, 8, 0, 1]], 18)),
        ("remains", file(3, &[], 19)),
    ]
}

fn file(mode: u8, edits: &[[u8; 5]], seed: u64) -> Vec<u8> {
    let count = u8::try_from(edits.len()).unwrap_or(0);
    [vec![mode, count], edits.concat(), random(seed, 500)].concat()
}

/// Bytes that are the same for the same seed.
pub(crate) fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes().get(3).copied()
    };
    std::iter::from_fn(next).take(len).collect()
}
