//! The guest's end for messages, as a client that doesn't wait.
//!
//! Requests are queued as bytes, back to back, and put into the ring as far as there is room, with
//! one store of the index for all of them. A guest that puts messages whole puts one at a time.

use std::collections::VecDeque;

use super::{
    guest::{GuestEnd, Habits},
    layout::RING_SIZE,
    raw::Page,
    window::BadIndex,
};
use crate::v1::{Assembler, Header, Op, PAYLOAD_MAX};

/// The guest's end, for messages. It doesn't wait: whoever owns it waits for doorbells.
#[derive(Debug)]
pub struct Client {
    end: GuestEnd,
    /// Messages to be put, back to back, and how many of their bytes already are.
    unsent: Vec<u8>,
    sent: usize,
    /// Where each of them ends, for who puts them whole.
    ends: VecDeque<usize>,
    input: Assembler,
    next_id: u32,
}

impl Client {
    /// A client on a page.
    #[must_use]
    pub fn new(page: Page, habits: Habits) -> Client {
        let end = GuestEnd::new(page, habits);
        let (unsent, ends, input) = (Vec::new(), VecDeque::new(), Assembler::default());
        Client { end, unsent, sent: 0, ends, input, next_id: 0 }
    }

    /// The end below.
    pub fn end(&mut self) -> &mut GuestEnd {
        &mut self.end
    }

    /// Queues a request, of up to 4096 bytes of payload, and gives its id, which its reply has.
    pub fn ask(&mut self, op: Op, tx_id: u32, payload: &[u8]) -> u32 {
        let payload = payload.get(..PAYLOAD_MAX).unwrap_or(payload);
        let (req_id, len) = (self.next_id, u32::try_from(payload.len()).unwrap_or(0));
        self.next_id = self.next_id.wrapping_add(1);
        let header = Header { op: op as u32, req_id, tx_id, len };
        self.queue([&header.to_bytes(), payload]);
        req_id
    }

    /// Queues any bytes.
    pub fn push(&mut self, bytes: impl AsRef<[u8]>) {
        self.queue([bytes.as_ref(), &[]]);
    }

    fn queue(&mut self, pieces: [&[u8]; 2]) {
        let before = self.unsent.len();
        pieces.iter().for_each(|piece| self.unsent.extend_from_slice(piece));
        if self.end.puts_whole_messages() && self.unsent.len() > before {
            self.ends.push_back(self.unsent.len());
        }
    }

    /// Whether something is queued that isn't in the ring.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.sent < self.unsent.len()
    }

    /// Moves what can be moved, both ways; says whether anything was.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn pump(&mut self) -> Result<bool, BadIndex> {
        let mut has_moved = self.end.receive(|bytes| self.input.push(bytes))? > 0;
        // Ends: the ring has room for so much and no more.
        while self.has_output() {
            let end = self.next_end()?;
            let piece = self.unsent.get(self.sent..end).unwrap_or_default();
            let count = self.end.send(piece)?;
            if count == 0 {
                break;
            }
            has_moved = true;
            self.sent = self.sent.saturating_add(count);
            self.forget_sent();
        }
        Ok(has_moved)
    }

    /// Up to where bytes may be put: all there are, or a message where there is room for it.
    fn next_end(&mut self) -> Result<usize, BadIndex> {
        let Some(&end) = self.ends.front() else { return Ok(self.unsent.len()) };
        let rest = end.saturating_sub(self.sent);
        let fits = rest > RING_SIZE as usize || self.end.writable()? as usize >= rest;
        Ok(if fits { end } else { self.sent })
    }

    /// Forgets messages that are put, and their bytes where they are the larger part.
    fn forget_sent(&mut self) {
        while self.ends.front().is_some_and(|end| *end <= self.sent) {
            self.ends.pop_front();
        }
        let rest = self.unsent.len().saturating_sub(self.sent);
        if rest == 0 || self.sent > rest.max(RING_SIZE as usize) {
            self.unsent.drain(..self.sent);
            self.ends.iter_mut().for_each(|end| *end = end.saturating_sub(self.sent));
            self.sent = 0;
        }
    }

    /// The next message that is whole: a reply or an event.
    pub fn message(&mut self) -> Option<(Header, Vec<u8>)> {
        let message = self.input.message().ok().flatten()?;
        let message = (message.header, message.payload.to_vec());
        self.input.take();
        Some(message)
    }

    /// The same for who needs only its header.
    pub fn header(&mut self) -> Option<Header> {
        let header = self.input.message().ok().flatten()?.header;
        self.input.take();
        Some(header)
    }

    /// Whether there is something to read, or room for what is queued. Ask before waiting for a
    /// doorbell.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn look_again(&mut self) -> Result<bool, BadIndex> {
        // One that waits for more room than there is waits for the doorbell.
        let has_output = self.has_output() && !self.end.puts_whole_messages();
        self.end.look_again(has_output)
    }

    /// Whether the server's doorbell is to be rung.
    #[must_use]
    pub fn take_doorbell(&mut self) -> bool {
        self.end.take_doorbell()
    }

    /// Asks for the rings to be emptied, and forgets what is on its way.
    pub fn reconnect(&mut self) {
        self.unsent.clear();
        self.ends.clear();
        self.sent = 0;
        self.input.clear();
        self.end.reconnect();
    }
}
