//! A registered watch, as the bytes that lie on its shelf.
//!
//! ```text
//! conn 8 │ order, and prefix in the lowest 16 bits 8 │ path length, with two marks 2
//! a guest's: domid 2, life 8 │ one with a depth: depth 4 │ path │ token
//! ```

use smallvec::SmallVec;

use super::{ConnId, Spec, components};
use crate::caller::Caller;
use crate::delta::NewWatch;
use crate::domain::{DomId, Instance};
use crate::path::Path;
use crate::shelves::{Entry, Held};

/// A registered watch, borrowed from its version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch<'v> {
    bytes: &'v [u8],
    entry: Entry<'v>,
}

impl<'v> Watch<'v> {
    #[inline]
    pub(super) fn of(entry: Entry<'v>) -> Watch<'v> {
        Watch { bytes: entry.bytes(), entry }
    }

    /// The watch that was kept by [`Watch::hold`].
    pub(crate) fn held(held: &'v Held) -> Watch<'v> {
        Watch::of(held.entry())
    }

    /// For as long as it is kept.
    pub(crate) fn hold(self) -> Held {
        self.entry.hold()
    }

    pub(crate) fn conn(self) -> ConnId {
        ConnId(self.u64(0))
    }

    pub(crate) fn caller(self) -> Caller {
        if self.marks() & GUEST == 0 {
            return Caller::Control;
        }
        let domid = DomId(self.u16(HEAD));
        Caller::Guest { domid, instance: Instance(self.u64(HEAD + 2)) }
    }

    pub(crate) fn path(self) -> &'v str {
        let (start, len) = self.text();
        let path = self.bytes.get(start..start + len);
        debug_assert!(path.is_some());
        std::str::from_utf8(path.unwrap_or_default()).unwrap_or_default()
    }

    pub(crate) fn token(self) -> &'v [u8] {
        let (start, len) = self.text();
        self.bytes.get(start + len..).unwrap_or_default()
    }

    /// What it was registered by.
    pub(crate) fn registered(self) -> NewWatch<'v> {
        NewWatch {
            conn: self.conn(),
            caller: self.caller(),
            depth: self.depth(),
            prefix: self.prefix(),
            path: self.path(),
            token: self.token(),
        }
    }

    /// Its place in the order of registration.
    pub(crate) fn order(self) -> u64 {
        self.u64(8) >> PREFIX_BITS
    }

    /// Bytes of an event's path that a relative watch doesn't show.
    fn prefix(self) -> u16 {
        self.u16(8)
    }

    /// Levels below the path that it hears of; `u32::MAX`: all.
    pub(crate) fn depth(self) -> u32 {
        let marks = self.marks();
        if marks & DEPTH == 0 {
            return u32::MAX;
        }
        let at = HEAD + if marks & GUEST == 0 { 0 } else { OF_GUEST };
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    /// How this watch shows a path in an event: without the prefix, and without the `/` after it.
    pub(crate) fn shown(self, path: &str) -> &str {
        let rest = path.get(usize::from(self.prefix())..).unwrap_or_default();
        if self.prefix() == 0 { rest } else { rest.strip_prefix('/').unwrap_or(rest) }
    }

    /// Whether its depth includes a path that lies at or below its own.
    pub(super) fn reaches(self, path: Path<'_>) -> bool {
        self.depth() == u32::MAX || {
            let levels = path.components().count() - components(self.path());
            levels <= self.depth() as usize
        }
    }

    /// Whether it is the connection's watch of this path and token.
    pub(super) fn is(self, conn: ConnId, path: &str, token: &[u8]) -> bool {
        self.conn() == conn && self.path() == path && self.token() == token
    }

    /// Where the path begins, and how long it is.
    fn text(self) -> (usize, usize) {
        let marks = self.marks();
        let guest = if marks & GUEST == 0 { 0 } else { OF_GUEST };
        let depth = if marks & DEPTH == 0 { 0 } else { OF_DEPTH };
        (HEAD + guest + depth, usize::from(marks & LENGTH))
    }

    fn marks(self) -> u16 {
        self.u16(16)
    }

    fn u16(self, at: usize) -> u16 {
        let found = self.bytes.get(at..at + 2).and_then(<[u8]>::first_chunk);
        debug_assert!(found.is_some());
        found.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn u64(self, at: usize) -> u64 {
        let found = self.bytes.get(at..at + 8).and_then(<[u8]>::first_chunk);
        debug_assert!(found.is_some());
        found.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// The bytes of a new watch.
pub(super) fn encoded(spec: &Spec<'_>, order: u64) -> SmallVec<[u8; 256]> {
    let new = spec.registered();
    let mut bytes = SmallVec::new();
    bytes.extend_from_slice(&new.conn.0.to_le_bytes());
    bytes.extend_from_slice(&(order << PREFIX_BITS | u64::from(new.prefix)).to_le_bytes());
    let guest = new.caller.guest();
    let marks = if guest.is_some() { GUEST } else { 0 };
    let marks = marks | if new.depth == u32::MAX { 0 } else { DEPTH };
    // A path comes from a message, so its length leaves the marks free.
    let length = u16::try_from(new.path.len()).unwrap_or(0) & LENGTH;
    debug_assert_eq!(usize::from(length), new.path.len());
    bytes.extend_from_slice(&(marks | length).to_le_bytes());
    if let Some((domid, life)) = guest {
        bytes.extend_from_slice(&domid.0.to_le_bytes());
        bytes.extend_from_slice(&life.0.to_le_bytes());
    }
    if new.depth != u32::MAX {
        bytes.extend_from_slice(&new.depth.to_le_bytes());
    }
    bytes.extend_from_slice(new.path.as_bytes());
    bytes.extend_from_slice(new.token);
    bytes
}

/// Where the order stands above the prefix: 48 bits of it, as many as generations have.
const PREFIX_BITS: u32 = 16;
/// Bytes that every watch has in front.
const HEAD: usize = 18;
/// It is a guest's …
const GUEST: u16 = 1 << 15;
/// … and has these bytes more.
const OF_GUEST: usize = 10;
/// It doesn't hear of all levels …
const DEPTH: u16 = 1 << 14;
/// … and has these bytes more.
const OF_DEPTH: usize = 4;
/// Bits of a path's length.
const LENGTH: u16 = DEPTH - 1;

const _: () = assert!(crate::limits::WATCH_TEXT <= LENGTH as usize);
