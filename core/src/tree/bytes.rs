//! Reading and writing little-endian numbers in a slice. Out of range reads give zero and writes
//! do nothing: the offsets are this crate's own (invariant B2), so neither happens.

#[inline]
pub(super) fn cut(bytes: &[u8], at: usize, len: usize) -> &[u8] {
    let found = bytes.get(at..at + len);
    debug_assert!(found.is_some());
    found.unwrap_or_default()
}

#[inline]
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) => u16::from_le_bytes([a, b]),
        _ => 0,
    }
}

#[inline]
pub(super) fn u16_of(bytes: [u8; 2]) -> u16 {
    u16::from_le_bytes(bytes)
}

#[inline]
pub(super) fn u48_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 6) {
        Some(&[a, b, c, d, e, f]) => u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
        _ => 0,
    }
}

#[inline]
pub(super) fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    let place = to.get_mut(at..at + bytes.len());
    debug_assert!(place.is_some());
    if let Some(place) = place {
        place.copy_from_slice(bytes);
    }
}

#[inline]
pub(super) fn put_u16(to: &mut [u8], at: usize, number: u16) {
    put(to, at, &number.to_le_bytes());
}

#[inline]
pub(super) fn put_u48(to: &mut [u8], at: usize, number: u64) {
    debug_assert!(number < 1 << 48);
    let bytes = number.to_le_bytes();
    if let (Some(low), Some(place)) =
        (bytes.first_chunk::<6>(), to.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<6>()))
    {
        *place = *low;
    }
}
