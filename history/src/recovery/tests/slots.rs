//! A slot, killed at every store.

use proptest::prelude::*;

use super::tape::{Note, Tape};
use crate::{
    limits::SLOT_OVERFLOW_BYTES,
    recovery::{
        slot::{self, HALF_WORDS, Overflow, SLOT_WORDS, SlotContent, Spot},
        words::{Words, get_bytes},
    },
};

/// Slots of the file here.
const FEW: u32 = 2;

/// What is found in a slot.
fn found(words: &impl Words, spot: Spot) -> Option<SlotContent> {
    let first = spot.word(0);
    let both: Vec<u64> = (0..SLOT_WORDS).map(|word| words.get(first + word)).collect();
    let (seen, half) = slot::see(&both).filter(|(seen, _)| !seen.is_free())?;
    let at = spot.overflow(seen.turn, FEW) as usize / 8;
    let overflow = get_bytes(words, at, usize::from(seen.overflow));
    let half = both.chunks(HALF_WORDS).nth(half).unwrap();
    Some(seen.content(spot, half, overflow).expect("the newest half is whole"))
}

fn contents() -> impl Strategy<Value = Vec<Option<SlotContent>>> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..=most);
    let overflow = prop_oneof![3 => Just(Vec::new()), 2 => bytes(90)];
    let content = (bytes(112), overflow)
        .prop_map(|(inline, overflow)| Some(SlotContent { inline, overflow }));
    prop::collection::vec(prop_oneof![6 => content, 1 => Just(None)], 1..12)
}

proptest! {
    /// S1, S2: the old content or the new one, and never a mix, of each of two slots.
    #[test]
    fn whoever_is_killed_leaves_one_content_or_the_other(contents in contents()) {
        let words = Spot(FEW).overflow(0, FEW) as usize / 8;
        let tape = Tape::new(words);
        let start = tape.words();
        for (number, content) in contents.iter().enumerate() {
            let (spot, turn) = (Spot(number as u32 % FEW), number as u64 / u64::from(FEW) + 1);
            match content {
                None => slot::free(&tape, (spot, FEW), turn, &tape).unwrap(),
                Some(SlotContent { inline, overflow }) => {
                    let content = (&inline[..], &overflow[..]);
                    slot::write(&tape, (spot, FEW), turn, content, &tape).unwrap();
                }
            }
            tape.note(Note::Content { number });
            if content.as_ref().is_none_or(|content| content.overflow.is_empty()) {
                // As the writer does when memory is scarce.
                for half in 0..2 {
                    // A little of it: the tape has a store for each word.
                    let len = SLOT_OVERFLOW_BYTES as u64 / 128;
                    tape.forget(spot.overflow(half, FEW), len).unwrap();
                }
            }
        }
        tape.replay(&start, |image, notes| {
            let done = notes.len();
            for spot in 0..FEW as usize {
                // The last that is done, and the one that may be in the doing.
                let of = |upto: usize| {
                    let mine = (0..upto).rev().find(|n| n % FEW as usize == spot);
                    mine.and_then(|n| contents[n].clone())
                };
                let next = of((done + 1).min(contents.len()));
                let here = found(image, Spot(spot as u32));
                assert!(here == of(done) || here == next, "{here:?} after {done}");
            }
        });
    }
}
