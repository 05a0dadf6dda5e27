//! When two answers count as the same, and when an answer is the model's.

use myriad_core::Errno;
use myriad_ring::v1::{Op, PAYLOAD_MAX};

use super::{
    operate::Effect,
    text,
    tree::Answer,
    wire::{Incoming, Message},
};

/// A reply, as an answer to an operation. None: it is neither of that type nor an error that the
/// protocol knows.
#[must_use]
pub fn answer(reply: &Incoming, op: u32) -> Option<Answer> {
    match reply {
        Incoming::Message(m) if m.op == Op::Error as u32 => {
            let name = text::one_string(&m.payload)?;
            Errno::from_name(name).map(Err)
        }
        Incoming::Message(m) if m.op == op => Some(Ok(m.payload.clone())),
        _ => None,
    }
}

/// Whether an answer is what the model says, which leaves out the generation of a listing.
#[must_use]
pub fn agrees(op: Op, model: &Effect, real: &Answer, ours: bool) -> bool {
    let expected = model.ours.as_ref().filter(|_| ours).unwrap_or(&model.answer);
    match (op, expected, real) {
        (Op::DirectoryPart, Ok(rest), Ok(part)) => is_part(part, rest),
        _ => expected == real,
    }
}

/// Whether an answer, given in a transaction that is committed now, is what the model says now. A
/// domain's end takes its entries away, and that is no conflict.
#[must_use]
pub fn agreed(op: Op, model: &Effect, real: &Answer, ours: bool) -> bool {
    let left_out = |shown: &[u8], all: &[u8]| {
        let mut all = text::strings(all).into_iter();
        text::strings(shown).into_iter().all(|entry| all.any(|other| other == entry))
    };
    match (op, &model.answer, &model.ours, real) {
        (Op::GetPerms, Ok(all), Some(Ok(least)), Ok(real)) if ours => {
            left_out(real, all) && left_out(least, real)
        }
        _ => agrees(op, model, real, ours),
    }
}

/// Whether two parts of one listing differ in no more than the generation, and what follows from
/// how many digits that has.
#[must_use]
pub fn same_part(a: &[u8], b: &[u8]) -> bool {
    let (Some((_, a_names)), Some((_, b_names))) = (text::split_first(a), text::split_first(b))
    else {
        return false;
    };
    let complete = |names: &[u8]| names == b"\0" || names.ends_with(b"\0\0");
    let (long, short, short_message) =
        if a_names.len() >= b_names.len() { (a_names, b_names, b) } else { (b_names, a_names, a) };
    if long == short {
        return true;
    }
    let whole = long.strip_suffix(b"\0").filter(|_| complete(long)).unwrap_or(long);
    !complete(short) && is_full(short_message, short, whole)
}

/// Whether a reply to DIRECTORY_PART shows the beginning of `rest`, as much as fits.
#[must_use]
pub fn is_part(part: &[u8], rest: &[u8]) -> bool {
    let Some((generation, names)) = text::split_first(part) else { return false };
    if generation.is_empty() || !generation.iter().all(u8::is_ascii_digit) {
        return false;
    }
    match names.strip_suffix(b"\0") {
        Some(all) if all == rest => true,
        _ => is_full(part, names, rest),
    }
}

/// Whether `names` begins `rest`, and the next name would not have fitted into the message.
fn is_full(message: &[u8], names: &[u8], rest: &[u8]) -> bool {
    let Some(next) = rest.strip_prefix(names) else { return false };
    let next = next.iter().position(|b| *b == 0).unwrap_or(next.len());
    !names.is_empty() && message.len() + next + 1 >= PAYLOAD_MAX
}

/// The messages of one server as the other would have sent them, where they differ only in the id
/// that a transaction goes by.
#[must_use]
pub fn with_tx(messages: &[Incoming], from: u32, to: u32) -> Vec<Incoming> {
    let renamed = |incoming: &Incoming| match incoming {
        Incoming::Message(m) if m.tx_id == from => {
            Incoming::Message(Message { tx_id: to, ..m.clone() })
        }
        other => other.clone(),
    };
    messages.iter().map(renamed).collect()
}

/// Whether a message is an event.
#[must_use]
pub fn is_event(incoming: &Incoming) -> bool {
    matches!(incoming, Incoming::Message(m) if m.op == Op::WatchEvent as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_listing() {
        assert!(is_part(b"12\0a\0b\0\0", b"a\0b\0") && is_part(b"7\0\0", b""));
        assert!(!is_part(b"12\0a\0", b"a\0b\0"), "b would have fitted");
        assert!(!is_part(b"x\0a\0\0", b"a\0") && !is_part(b"\0a\0\0", b"a\0"));
        let name = |byte: u8, len: usize| [vec![byte; len], vec![0]].concat();
        let (first, second) = (name(b'a', 4000), name(b'b', 100));
        let rest = [first.clone(), second.clone()].concat();
        assert!(is_part(&[b"12\0".as_slice(), &first].concat(), &rest));
    }

    #[test]
    fn a_longer_generation_may_push_a_name_out() {
        let name = |byte: u8, len: usize| [vec![byte; len], vec![0]].concat();
        let (first, second) = (name(b'a', 4000), name(b'b', 90));
        let long = [b"1\0".as_slice(), &first, &second, b"\0"].concat();
        let short = [b"12345\0".as_slice(), &first].concat();
        assert!(same_part(&long, &short) && same_part(&short, &long));
        assert!(same_part(b"1\0a\0\0", b"22\0a\0\0"));
        assert!(!same_part(b"1\0a\0\0", b"22\0\0") && !same_part(b"1\0a\0\0", b"1\0b\0\0"));
    }
}
