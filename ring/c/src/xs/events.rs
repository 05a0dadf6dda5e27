//! Events that nobody has asked for yet.
//!
//! Invariant: `bytes` is the sum of the lengths in the queue.

use std::collections::VecDeque;

use crate::limits::EVENT_BYTES;

/// Payloads of events: the path, the token, each with its NUL.
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Events {
    /// Keeps an event; not past [`EVENT_BYTES`]: then all are dropped.
    #[must_use]
    pub(super) fn push(&mut self, event: Vec<u8>) -> bool {
        self.bytes = self.bytes.saturating_add(event.len());
        self.queue.push_back(event);
        let has_room = self.bytes <= EVENT_BYTES;
        if !has_room {
            *self = Events::default();
        }
        has_room
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let event = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(event.len());
        Some(event)
    }

    /// Drops those for which this holds.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&[u8]) -> bool) {
        self.queue.retain(|event| !is_gone(event));
        self.bytes = self.queue.iter().map(Vec::len).sum();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let event = vec![b'x'; 4096];
        let most = EVENT_BYTES / event.len();
        let mut events = Events::default();
        for _ in 0..most {
            assert!(events.push(event.clone()));
        }
        // What is taken makes room.
        assert_eq!(events.pop(), Some(event.clone()));
        assert!(events.push(event.clone()));
        assert!(!events.push(event.clone()));
        assert!(events.is_empty() && events.pop().is_none());
        assert!(events.push(event));
    }

    #[test]
    fn what_is_forgotten_makes_room() {
        let mut events = Events::default();
        assert!(events.push(b"/a\0t\0".to_vec()) && events.push(b"/b\0t\0".to_vec()));
        events.forget(|event| event.starts_with(b"/a"));
        assert_eq!(events.bytes, 5);
        assert_eq!((events.pop().as_deref(), events.bytes), (Some(&b"/b\0t\0"[..]), 0));
    }
}
