//! Mutations that keep a stream of messages whole.
//!
//! A fuzzer that inserts a byte into a payload leaves its header with the wrong length, and what
//! follows is another stream. Here a message is changed as a message, and its header tells its
//! length; broken streams come from the fuzzer's own mutations of the whole, one time in eight.

use myriad_ring::v1::{HEADER_LEN, Header, PAYLOAD_MAX};

/// Operations that are tried: all there are, and one that is unknown.
const OPS: u32 = 28;

/// Changes the first `size` bytes of `data`, a codec's input, to at most `max_size`, and gives the
/// new size. `mutate` is the fuzzer's own way: bytes, how many are used, how many may be.
pub fn stream(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    mut mutate: impl FnMut(&mut [u8], usize, usize) -> usize,
) -> usize {
    let (kind, seed) = (seed % 8, seed / 8);
    let used = data.get(..size).unwrap_or_default();
    let Some((&step, mut rest)) = used.split_first() else { return mutate(data, size, max_size) };
    let mut messages = Vec::new();
    while let Some(message) = take(&mut rest) {
        messages.push(message);
    }
    let at = usize::try_from(seed).unwrap_or(0).checked_rem(messages.len());
    let Some((at, message)) = at.and_then(|at| Some((at, messages.get_mut(at)?))) else {
        return mutate(data, size, max_size);
    };
    match kind {
        0 => return mutate(data, size, max_size),
        1 => message.0.op = (seed / 16) % OPS,
        2 => message.0.tx_id = (seed / 16) % 3,
        3 => {
            let again = message.clone();
            messages.push(again);
        }
        4 => drop(messages.remove(at)),
        _ => {
            let len = message.1.len();
            message.1.resize(PAYLOAD_MAX, 0);
            let new = mutate(&mut message.1, len, PAYLOAD_MAX);
            message.1.truncate(new);
        }
    }
    let mut new = vec![step];
    for (header, payload) in &messages {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        new.extend(Header { len, ..*header }.to_bytes());
        new.extend(payload);
    }
    new.extend(rest);
    let room = data.len().min(max_size);
    match data.get_mut(..new.len()) {
        Some(place) if new.len() <= room => place.copy_from_slice(&new),
        _ => return mutate(data, size, max_size),
    }
    new.len()
}

/// Takes a whole message off the front.
fn take(rest: &mut &[u8]) -> Option<(Header, Vec<u8>)> {
    let (head, tail) = rest.split_first_chunk::<HEADER_LEN>()?;
    let header = Header::from_bytes(*head);
    let (payload, after) = tail.split_at_checked(usize::try_from(header.len).ok()?)?;
    if payload.len() > PAYLOAD_MAX {
        return None;
    }
    *rest = after;
    Some((header, payload.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    const ROOM: usize = 16384;

    /// Adds a byte, if there is room.
    fn grow(data: &mut [u8], size: usize, max_size: usize) -> usize {
        if size < max_size.min(data.len()) {
            data[size] = b'x';
            size + 1
        } else {
            size
        }
    }

    #[test]
    fn what_was_whole_stays_whole() {
        for (name, bytes) in (TARGETS[0].seeds)() {
            let whole = |mut stream: &[u8]| {
                let count = std::iter::from_fn(|| take(&mut stream)).count();
                (count, stream.len())
            };
            let (before, left) = whole(&bytes[1..]);
            for seed in (0..800).filter(|seed| seed % 8 != 0) {
                let mut data = bytes.clone();
                data.resize(ROOM, 0);
                let size = stream(&mut data, bytes.len(), ROOM, seed, grow);
                let (after, still) = whole(&data[1..size]);
                assert!(after.abs_diff(before) <= 1 && still == left, "{name} {seed}");
            }
        }
    }

    #[test]
    fn a_full_buffer_is_left_to_the_fuzzer() {
        let (_, bytes) = (TARGETS[0].seeds)().remove(0);
        let mut data = bytes.clone();
        for seed in 0..800 {
            let size = stream(&mut data, bytes.len(), bytes.len(), seed, grow);
            assert!(size <= bytes.len());
            data.copy_from_slice(&bytes);
        }
    }
}
