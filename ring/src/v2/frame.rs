//! Frames: a header of 24 bytes and a body of up to [`FRAGMENT_MAX`]. A message is one frame, or
//! several with the same operation and id, of which all but the last say [`MORE`] and are full.

use zerocopy::{
    FromBytes, IntoBytes,
    little_endian::{U16, U32, U64},
};

use crate::v2::{
    limits::FRAGMENT_MAX,
    op::Op,
    record::{Record, records},
};

records! { SHAPES:
    /// What each frame begins with.
    Frame = "myriad_frame" {
        /// Bytes of body that follow, at most 4096.
        length: U32,
        /// The operation.
        op: U16,
        /// MYRIAD_REPLY, MYRIAD_EVENT, MYRIAD_MORE.
        flags: U16,
        /// Chosen by the client, the same in the answer; 0 in events.
        id: U64,
        /// 0, or the error's number; 0 in requests.
        status: U32,
        /// Zero.
        reserved: U32,
    }
}

/// Bytes of a frame's header.
pub const FRAME_HEAD: usize = size_of::<Frame>();
const _: () = assert!(FRAME_HEAD == 24);

/// Flag: the answer to a request.
pub const REPLY: u16 = 1;
/// Flag: nobody's answer.
pub const EVENT: u16 = 2;
/// Flag: the message goes on in the next frame.
pub const MORE: u16 = 4;

/// Writes a message as frames. `at` is where its body begins in `out`, which holds nothing else
/// behind it.
///
/// ```
/// # use myriad_ring::v2::{Op, frame::{self, FRAME_HEAD, REPLY}};
/// let mut out = frame::begin();
/// out.extend_from_slice(&[7; 16]);
/// frame::finish(&mut out, Op::Get as u16, REPLY, 5, 0);
/// assert_eq!((out.len(), out[0], out[4], out[8]), (FRAME_HEAD + 16, 16, Op::Get as u8, 5));
/// ```
pub fn finish(out: &mut Vec<u8>, op: u16, flags: u16, id: u64, status: u32) {
    let frame = |len: usize, more: u16| Frame {
        length: u32::try_from(len).unwrap_or(u32::MAX).into(),
        op: op.into(),
        flags: (flags | more).into(),
        id: id.into(),
        status: status.into(),
        reserved: 0.into(),
    };
    let len = out.len().saturating_sub(FRAME_HEAD);
    if len <= FRAGMENT_MAX {
        put(out, &frame(len, 0));
        return;
    }
    // Rarely: the body moves apart, so that each fragment has its header.
    let body = out.split_off(FRAME_HEAD);
    out.clear();
    out.reserve(body.len() + body.len().div_ceil(FRAGMENT_MAX) * FRAME_HEAD);
    let mut pieces = body.chunks(FRAGMENT_MAX).peekable();
    while let Some(piece) = pieces.next() {
        let more = if pieces.peek().is_some() { MORE } else { 0 };
        out.extend_from_slice(frame(piece.len(), more).as_bytes());
        out.extend_from_slice(piece);
    }
}

/// An empty message: room for the header. Its body is appended, then [`finish`] is called.
#[must_use]
pub fn begin() -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_HEAD + BODY_GUESS);
    out.resize(FRAME_HEAD, 0);
    out
}

/// The first header in some bytes.
#[must_use]
pub fn first(bytes: &[u8]) -> Option<&Frame> {
    Frame::ref_from_prefix(bytes).ok().map(|(frame, _)| frame)
}

/// A frame's header that is not what a client may send, or its follow-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFrame {
    /// more body than a frame may have
    #[error("a frame has at most 4096 bytes of body")]
    TooLong,
    /// a flag, status or reserved bit that a client has no use for
    #[error("a request has no flag but MORE, and no status or reserved bit")]
    NotClean,
    /// a fragment that is not full, or not of the message that was begun
    #[error("a fragment before the last has 4096 bytes, and all have one operation and id")]
    Broken,
    /// a message of more bytes than was agreed upon
    #[error("the message is longer than the limit that the server has named")]
    MessageTooLong,
}

impl Frame {
    /// Checks a request's header by itself.
    ///
    /// # Errors
    /// [`BadFrame`].
    pub fn check_request(&self) -> Result<(), BadFrame> {
        let len = self.len();
        if len > FRAGMENT_MAX {
            return Err(BadFrame::TooLong);
        }
        if self.flags.get() & !MORE != 0 || self.status.get() != 0 || !self.is_clean() {
            return Err(BadFrame::NotClean);
        }
        if self.has_more() && len != FRAGMENT_MAX {
            return Err(BadFrame::Broken);
        }
        Ok(())
    }

    /// Bytes of body, alleged until [`Frame::check_request`] has seen them.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.length.get()).unwrap_or(usize::MAX)
    }

    /// Whether there is no body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length.get() == 0
    }

    /// Whether another fragment follows.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.flags.get() & MORE != 0
    }

    /// The operation, where the number is one.
    #[must_use]
    pub fn operation(&self) -> Option<Op> {
        Op::from_number(self.op.get())
    }
}

fn put(out: &mut [u8], frame: &Frame) {
    if let Some(room) = out.first_chunk_mut::<FRAME_HEAD>() {
        room.copy_from_slice(frame.as_bytes());
    }
}

/// Bytes that most bodies fit into.
const BODY_GUESS: usize = 64;
