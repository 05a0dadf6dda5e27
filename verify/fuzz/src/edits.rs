//! Bytes of a file that a fuzzer changes, and what the file is made from: the common form of the
//! inputs `history` and `recovery`.
//!
//! ```text
//! mode 1 │ edits 1 │ edits × (kind 1, item 1, place 2, value 1) │ steps, see `steps.rs`
//! ```

use crate::steps::Input;

/// A change of one byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    /// What is changed: each target has its own kinds.
    pub(crate) kind: u8,
    /// Which of the file's things.
    pub(crate) item: usize,
    /// Where in it; past its end it goes on at its start.
    pub(crate) place: usize,
    /// The new byte.
    pub(crate) value: u8,
}

/// An input in its parts.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) mode: u8,
    pub(crate) edits: Vec<Edit>,
    pub(crate) steps: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(data: &'a [u8]) -> Option<Parts<'a>> {
        let mut input = Input(data);
        let (mode, count) = (input.byte()?, input.byte()? % EDITS);
        let edits = (0..count).map_while(|_| {
            let (kind, item) = (input.byte()?, input.byte()?.into());
            let place = u16::from_le_bytes([input.byte()?, input.byte()?]).into();
            Some(Edit { kind, item, place, value: input.byte()? })
        });
        let edits = edits.collect();
        Some(Parts { mode, edits, steps: input.0 })
    }
}

impl Edit {
    /// Makes it in some bytes.
    pub(crate) fn make(&self, bytes: &mut [u8]) {
        let at = self.place.checked_rem(bytes.len());
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
            *byte = self.value;
        }
    }
}

/// More edits than an input has.
const EDITS: u8 = 32;
