//! Messages out of a stream of bytes.
//!
//! It holds at most [`INPUT_MAX`] bytes that have not been looked at, and one message that is being
//! put together of its fragments. A frame that no client may send ends the stream for good: what
//! follows can't be told from a body.

use crate::v2::{
    frame::{BadFrame, FRAME_HEAD, Frame, first},
    limits::{INPUT_KEPT, INPUT_MAX},
};

/// Puts messages together. (The default is for messages of a frame each.)
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// Bytes at the front that are done with.
    done: usize,
    /// A message in several fragments.
    message: Option<Gathered>,
    message_max: usize,
}

/// The fragments of a message so far.
#[derive(Debug)]
struct Gathered {
    frame: Frame,
    body: Vec<u8>,
    /// Bytes of all fragments, those that are dropped too.
    len: usize,
    /// There was no room for it: its fragments are dropped as they come.
    dropped: bool,
    /// The last fragment has come.
    whole: bool,
}

/// What comes next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// More bytes are needed.
    Nothing,
    /// A message.
    Message(Frame, &'a [u8]),
    /// A message for which there was no room: its body is gone.
    Dropped(Frame),
}

impl Input {
    /// For messages of up to so many bytes.
    #[must_use]
    pub fn new(message_max: usize) -> Input {
        Input { bytes: Vec::new(), done: 0, message: None, message_max }
    }

    /// Takes bytes, from the front, as far as there is room; says how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = INPUT_MAX.saturating_sub(self.pending());
        let taken = bytes.get(..room).unwrap_or(bytes);
        if taken.len() > self.bytes.capacity().saturating_sub(self.bytes.len()) {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        self.bytes.extend_from_slice(taken);
        taken.len()
    }

    /// Bytes that have not been looked at.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len().saturating_sub(self.done)
    }

    /// Bytes of a message that is being put together.
    #[must_use]
    pub fn gathered(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.body.len())
    }

    /// Whether [`Input::push`] would take anything.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.pending() < INPUT_MAX
    }

    /// Puts fragments together as far as they are there. `room`: how many bytes of a message in
    /// several fragments can be kept now; one with more is dropped.
    ///
    /// # Errors
    /// [`BadFrame`] and the header: now and ever after.
    pub fn gather(&mut self, room: usize) -> Result<(), (Frame, BadFrame)> {
        // Ends: each turn takes a frame.
        while self.message.as_ref().is_none_or(|message| !message.whole) {
            let Some(frame) = self.front()? else { break };
            if self.message.is_none() && !frame.has_more() {
                // It is served from where it lies.
                break;
            }
            let start = self.done.saturating_add(FRAME_HEAD);
            let end = start.saturating_add(frame.len());
            let Some(body) = self.bytes.get(start..end) else { break };
            let begun =
                || Gathered { frame, body: Vec::new(), len: 0, dropped: false, whole: false };
            let message = self.message.get_or_insert_with(begun);
            message.len = message.len.saturating_add(frame.len());
            message.dropped |= message.len > room;
            if message.dropped {
                message.body = Vec::new();
            } else {
                message.body.extend_from_slice(body);
            }
            message.whole = !frame.has_more();
            self.done = end;
        }
        Ok(())
    }

    /// The next message, after [`Input::gather`].
    ///
    /// # Errors
    /// As [`Input::gather`].
    pub fn message(&self) -> Result<Next<'_>, (Frame, BadFrame)> {
        match &self.message {
            Some(message) if message.whole && message.dropped => Ok(Next::Dropped(message.frame)),
            Some(message) if message.whole => Ok(Next::Message(message.frame, &message.body)),
            Some(_) => Ok(Next::Nothing),
            None => {
                let Some(frame) = self.front()? else { return Ok(Next::Nothing) };
                let start = self.done.saturating_add(FRAME_HEAD);
                let body = self.bytes.get(start..start.saturating_add(frame.len()));
                let body = body.filter(|_| !frame.has_more());
                Ok(body.map_or(Next::Nothing, |body| Next::Message(frame, body)))
            }
        }
    }

    /// Drops the message that [`Input::message`] shows; nothing where it shows none.
    pub fn take(&mut self) {
        match &self.message {
            Some(message) if !message.whole => return,
            Some(_) => self.message = None,
            None => {
                if let Ok(Next::Message(frame, _)) = self.message() {
                    self.done = self.done.saturating_add(FRAME_HEAD).saturating_add(frame.len());
                }
            }
        }
        if self.pending() == 0 {
            self.done = 0;
            self.bytes.clear();
            if self.bytes.capacity() > INPUT_KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Whether nothing has come behind the message that [`Input::message`] shows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        let len = match (&self.message, self.message()) {
            (None, Ok(Next::Message(_, body))) => FRAME_HEAD.saturating_add(body.len()),
            _ => 0,
        };
        self.pending() == len
    }

    /// The header at the front, checked.
    fn front(&self) -> Result<Option<Frame>, (Frame, BadFrame)> {
        let Some(frame) = self.bytes.get(self.done..).and_then(first).copied() else {
            return Ok(None);
        };
        frame.check_request().map_err(|bad| (frame, bad))?;
        if let Some(begun) = &self.message {
            if (begun.frame.op, begun.frame.id) != (frame.op, frame.id) {
                return Err((frame, BadFrame::Broken));
            }
            if begun.len.saturating_add(frame.len()) > self.message_max {
                return Err((frame, BadFrame::MessageTooLong));
            }
        }
        Ok(Some(frame))
    }
}
