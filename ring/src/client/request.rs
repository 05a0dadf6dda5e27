//! A request under construction: its operation and its payload.
//!
//! Invariant: what [`Request::payload`] gives out has no NUL inside a string and fits into a
//! message.

use super::Error;
use crate::v1::{Op, PAYLOAD_MAX};

/// A request, built string by string.
///
/// ```
/// # use myriad_ring::{client::Request, v1::Op};
/// let request = Request::new(Op::Write).text("/tool/x").bytes("a value");
/// assert_eq!(request.payload()?, b"/tool/x\0a value");
/// # Ok::<(), myriad_ring::client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    op: Op,
    payload: Vec<u8>,
    first: Option<usize>,
    nul: bool,
}

impl Request {
    /// A request without payload.
    #[must_use]
    pub fn new(op: Op) -> Request {
        Request { op, payload: Vec::new(), first: None, nul: false }
    }

    /// Appends a string and its closing NUL.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Request {
        let text = text.as_ref();
        self.nul |= text.contains(&0);
        self.payload.extend_from_slice(text);
        self.first.get_or_insert(text.len());
        self.payload.push(0);
        self
    }

    /// Appends a number as a decimal string.
    #[must_use]
    pub fn number(self, number: impl Into<u64>) -> Request {
        self.text(number.into().to_string())
    }

    /// Appends bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Request {
        self.payload.extend_from_slice(bytes.as_ref());
        self
    }

    /// The operation.
    #[must_use]
    pub fn op(&self) -> Op {
        self.op
    }

    /// What the request is about, for messages: its first string.
    #[must_use]
    pub fn subject(&self) -> String {
        let first = self.first.and_then(|len| self.payload.get(..len)).unwrap_or_default();
        if first.is_empty() { "(nothing)".into() } else { first.escape_ascii().to_string() }
    }

    /// The payload.
    ///
    /// # Errors
    /// [`Error::Nul`], [`Error::TooLong`].
    pub fn payload(&self) -> Result<&[u8], Error> {
        let len = self.payload.len();
        if self.nul {
            Err(Error::Nul { op: self.op, subject: self.subject() })
        } else if len > PAYLOAD_MAX {
            Err(Error::TooLong { op: self.op, subject: self.subject(), len })
        } else {
            Ok(&self.payload)
        }
    }
}
