//! What a request is executed with, and how it fails.

use std::time::Duration;

use myriad_core::{Errno, Error, Store};

use crate::{
    v1::{
        Host,
        connection::session::Session,
        paths::{Name, PathError, Specials},
    },
    v2::BadRequest,
};

/// What a request needs.
pub(crate) struct Around<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) store: &'a Store,
    pub(crate) host: &'a mut dyn Host,
    pub(crate) now: Duration,
    /// Bytes that wait to be sent to the client.
    pub(crate) waiting: usize,
    /// Nothing has come behind the request yet.
    pub(crate) is_last: bool,
}

/// An error, the publication that it was computed at, and what is to blame.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) errno: Errno,
    pub(super) seq: u64,
    pub(super) item: Option<u32>,
    pub(super) detail: String,
}

impl Failed {
    pub(super) fn new(errno: Errno, detail: impl Into<String>) -> Failed {
        Failed { errno, seq: 0, item: None, detail: detail.into() }
    }

    pub(super) fn at(mut self, item: usize) -> Failed {
        self.item = u32::try_from(item).ok();
        self
    }
}

impl From<BadRequest> for Failed {
    fn from(bad: BadRequest) -> Failed {
        Failed { item: bad.item, ..Failed::new(bad.errno(), bad.reason.to_string()) }
    }
}

impl Around<'_> {
    /// A path as the store knows it.
    pub(super) fn resolve<'b>(
        &mut self,
        path: &'b [u8],
        specials: Specials,
        buffer: &'b mut String,
    ) -> Result<Name<'b>, Failed> {
        let name = self.session.resolve(path, specials, buffer);
        name.map_err(|error| Failed::new(Errno::from(error), error.to_string()))
    }

    pub(super) fn node<'b>(
        &mut self,
        path: &'b [u8],
        buffer: &'b mut String,
    ) -> Result<myriad_core::Path<'b>, Failed> {
        match self.resolve(path, Specials::Refused, buffer)? {
            Name::Node(path) => Ok(path),
            Name::Special(_) => Err(Failed::new(Errno::EINVAL, PathError::Special.to_string())),
        }
    }

    /// What the store has refused.
    pub(super) fn failed(&mut self, error: &Error, seq: u64) -> Failed {
        let mut detail = error.to_string();
        if let Error::Quota(refusal) | Error::OutOfMemory(refusal) = error {
            self.session.refused(*refusal, self.host);
            if self.session.is_guest() {
                // Whose quota it was, and how large that is, is not for every guest to know.
                detail = "a quota is used up".into();
            }
        }
        Failed { errno: Errno::from(error), seq, item: None, detail }
    }
}
