//! Memory that requests and their replies need for a moment: a thread keeps some for the next ones.
//!
//! A reply in a buffer of its own leaves it when it has been sent; a path that is made absolute
//! needs one until its request is executed.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

use crate::v1::{limits::BUFFER_KEPT, spare::Spares};

thread_local! {
    static REPLIES: RefCell<Spares<Vec<u8>>> = const { RefCell::new(Spares::NONE) };
    static TEXTS: RefCell<Spares<String>> = const { RefCell::new(Spares::NONE) };
}

/// An empty buffer for a reply, with room for `guess` bytes where it is new.
pub(super) fn for_reply(guess: usize) -> Vec<u8> {
    REPLIES.with_borrow_mut(Spares::take).unwrap_or_else(|| Vec::with_capacity(guess))
}

/// Gives the buffer of a reply back.
pub(super) fn done_with(mut reply: Vec<u8>) {
    if (1..=BUFFER_KEPT).contains(&reply.capacity()) {
        reply.clear();
        REPLIES.with_borrow_mut(|spares| spares.give(reply));
    }
}

/// Text that is needed for a moment, empty at first.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn new() -> Text {
        Text(TEXTS.with_borrow_mut(Spares::take).unwrap_or_default())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if (1..=BUFFER_KEPT).contains(&self.0.capacity()) {
            let mut text = std::mem::take(&mut self.0);
            text.clear();
            TEXTS.with_borrow_mut(|spares| spares.give(text));
        }
    }
}

impl Deref for Text {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl DerefMut for Text {
    fn deref_mut(&mut self) -> &mut String {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_large_ones_do_not_stay() {
        let mut reply = for_reply(8);
        reply.extend_from_slice(&[7; 100]);
        let room = reply.capacity();
        done_with(reply);
        let again = for_reply(8);
        assert_eq!((again.len(), again.capacity()), (0, room));
        done_with(vec![7; BUFFER_KEPT + 1]);
        done_with(Vec::new());
        assert_eq!(for_reply(8).capacity(), 8);

        let mut text = Text::new();
        text.push_str("/local/domain/5/name");
        let room = text.capacity();
        drop(text);
        let mut again = Text::new();
        assert_eq!((again.len(), again.capacity()), (0, room));
        again.reserve(BUFFER_KEPT + 1);
        drop(again);
        assert_eq!(Text::new().capacity(), 0);
    }
}
