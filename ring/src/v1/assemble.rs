//! Messages out of a stream of bytes.
//!
//! An [`Assembler`] takes bytes as they come, in pieces of any size, and gives whole messages.
//! It holds at most [`INPUT_MAX`] bytes, and no buffer while it holds none. A header that claims
//! more than [`PAYLOAD_MAX`] bytes of payload ends the stream for good: what follows can't be told
//! from payload (XSA-420).

use std::cell::RefCell;

use crate::v1::{
    header::{HEADER_LEN, Header, PAYLOAD_MAX},
    limits::{INPUT_KEPT, INPUT_MAX},
    spare::Spares,
};

thread_local! {
    static SPARES: RefCell<Spares<Vec<u8>>> = const { RefCell::new(Spares::NONE) };
}

/// Puts messages together.
///
/// ```
/// # use myriad_ring::v1::{Assembler, Header};
/// let mut input = Assembler::default();
/// let bytes = [&Header { op: 2, req_id: 1, tx_id: 0, len: 2 }.to_bytes()[..], b"/\0"].concat();
/// assert_eq!(input.push(&bytes[..5]), 5);
/// assert!(input.message()?.is_none());
/// assert_eq!(input.push(&bytes[5..]), 13);
/// let message = input.message()?.expect("it is whole");
/// assert_eq!((message.header.req_id, message.payload), (1, &b"/\0"[..]));
/// input.take();
/// assert!(input.message()?.is_none());
/// # Ok::<(), myriad_ring::v1::OverLong>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    /// Bytes at the front that are done with.
    done: usize,
}

/// A whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its header.
    pub header: Header,
    /// As many bytes as the header says.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// Its bytes in the stream, header and payload.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.size() as u64
    }

    pub(crate) fn size(&self) -> usize {
        HEADER_LEN.saturating_add(self.payload.len())
    }

    /// Never: there is a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// the client's header claims more payload than a message may have: close its connection
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a message claims {claimed} bytes of payload, over the limit of 4096: close the connection"
)]
pub struct OverLong {
    /// What the header says.
    pub claimed: u32,
}

impl Assembler {
    /// Takes bytes, from the front, as far as there is room; says how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = INPUT_MAX.saturating_sub(self.pending());
        let taken = bytes.get(..room).unwrap_or(bytes);
        if self.bytes.capacity() == 0 {
            self.bytes = SPARES.with_borrow_mut(Spares::take).unwrap_or_default();
        }
        if taken.len() > self.bytes.capacity().saturating_sub(self.bytes.len()) {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        self.bytes.extend_from_slice(taken);
        taken.len()
    }

    /// The next message, where it is whole.
    ///
    /// # Errors
    /// [`OverLong`], now and ever after.
    pub fn message(&self) -> Result<Option<Message<'_>>, OverLong> {
        first(self.bytes())
    }

    /// All messages that are whole, from the front; where one claims too much, those before it.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let mut pending = self.bytes();
        std::iter::from_fn(move || {
            let message = first(pending).ok().flatten()?;
            pending = pending.get(HEADER_LEN + message.payload.len()..).unwrap_or_default();
            Some(message)
        })
    }

    /// Drops the message that [`Assembler::message`] shows; nothing where it shows none.
    pub fn take(&mut self) {
        let len = self.message().ok().flatten().map_or(0, |message| message.size());
        self.skip(len);
    }

    /// Drops so many bytes from the front, of messages that were looked at.
    pub(crate) fn skip(&mut self, len: usize) {
        self.done = self.done.saturating_add(len).min(self.bytes.len());
        if self.pending() == 0 {
            self.clear();
        }
    }

    /// Forgets all bytes, as when a ring is reset.
    pub fn clear(&mut self) {
        self.done = 0;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        if (1..=INPUT_KEPT).contains(&bytes.capacity()) {
            SPARES.with_borrow_mut(|spares| spares.give(bytes));
        }
    }

    /// Whether [`Assembler::push`] would take anything.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.pending() < INPUT_MAX
    }

    /// Bytes held, those of whole messages included.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len().saturating_sub(self.done)
    }

    /// The bytes held: what a restarted server must begin with.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.done..).unwrap_or_default()
    }
}

fn first(pending: &[u8]) -> Result<Option<Message<'_>>, OverLong> {
    let Some((header, rest)) = pending.split_first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let header = Header::from_bytes(*header);
    match usize::try_from(header.len) {
        Ok(len) if len <= PAYLOAD_MAX => {
            Ok(rest.get(..len).map(|payload| Message { header, payload }))
        }
        _ => Err(OverLong { claimed: header.len }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(req_id: u32, len: usize) -> Vec<u8> {
        let header = Header { op: 2, req_id, tx_id: 0, len: u32::try_from(len).unwrap() };
        [&header.to_bytes()[..], &vec![b'x'; len]].concat()
    }

    #[test]
    fn an_empty_payload_is_a_message() {
        let mut input = Assembler::default();
        input.push(&message(3, 0));
        assert_eq!(input.message().unwrap().unwrap().payload, b"");
        input.take();
        assert_eq!(input.pending(), 0);
    }

    #[test]
    fn the_longest_message_passes_and_one_byte_more_ends_the_stream() {
        let mut input = Assembler::default();
        let longest = message(1, PAYLOAD_MAX);
        assert_eq!(input.push(&longest), longest.len());
        assert_eq!(input.message().unwrap().unwrap().payload.len(), PAYLOAD_MAX);
        input.take();
        for claimed in [4097, 1 << 30, u32::MAX] {
            let mut input = Assembler::default();
            let header = Header { op: 2, req_id: 1, tx_id: 0, len: claimed };
            input.push(&header.to_bytes()[..HEADER_LEN - 1]);
            assert_eq!(input.message(), Ok(None));
            input.push(&header.to_bytes()[HEADER_LEN - 1..]);
            assert_eq!(input.message(), Err(OverLong { claimed }));
            input.take();
            assert_eq!(input.message(), Err(OverLong { claimed }));
        }
    }

    #[test]
    fn it_holds_no_more_than_its_bound() {
        let mut input = Assembler::default();
        let flood = message(1, 100).repeat(INPUT_MAX);
        let mut taken = 0;
        for _ in 0..10 {
            taken += input.push(&flood[taken..]);
        }
        assert_eq!(taken, INPUT_MAX);
        assert!(input.bytes.capacity() <= 2 * INPUT_MAX);
        input.take();
        assert_eq!(input.push(&flood[taken..]), 116);
    }

    #[test]
    fn an_idle_assembler_keeps_little_memory() {
        let mut input = Assembler::default();
        input.push(&message(1, PAYLOAD_MAX));
        input.take();
        assert!(input.bytes.capacity() <= INPUT_KEPT);
    }
}
