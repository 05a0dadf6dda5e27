//! FEED: what subscriptions are told, out of the store's own feed or out of history.
//!
//! A frame tells of one request: its generation, who asked for it, and the changes that a
//! subscription wants. Both sources go through [`Frames`], so that a client can't tell them apart.
//! Invariants:
//!
//! 1. What a frame tells of is the request alone. That several shared a publication isn't told, and
//!    neither is where the publications begin and end.
//! 2. Frames of a subscription have ascending generations. Only parts of one share theirs, and all
//!    but its last say [`PART`].

mod seen;

use myriad_core::{Caller, DomId, Item, Origin, Perm, Record as Publication, What as Became};

use crate::v2::{
    Op,
    body::{count, pad, put},
    frame::{self, EVENT},
    limits::FEED_PART,
    records::{
        self, ALL_LEVELS, CHANGES, CREATED, Feed, GRANTED, PART, REMOVED, Subscription, WITH_PERMS,
        WITH_VALUES, WRITTEN,
    },
    request::permission,
};
pub use seen::{ChangeSeen, FeedSeen, read, read_log};

/// What a subscription wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What its frames say.
    pub token: u64,
    /// An absolute path.
    pub path: String,
    /// Levels below it; none: all.
    pub depth: Option<u32>,
    /// Kinds of change.
    pub kinds: u16,
    /// [`WITH_VALUES`] and [`WITH_PERMS`].
    pub flags: u16,
}

/// One request: which, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its generation.
    pub generation: u64,
    /// When, in nanoseconds since 1970; 0: not known.
    pub time: u64,
    /// Its connection; 0: none.
    pub conn: u64,
    /// The domain.
    pub domid: DomId,
}

impl Asked {
    /// A request of which nothing is known but when it was in the order of all.
    fn unknown(generation: u64) -> Asked {
        Asked { generation, time: 0, conn: 0, domid: DomId::ZERO }
    }
}

/// What became of a node.
#[derive(Clone, Copy, Debug)]
pub enum To<'c, P> {
    /// It is new, with a value and permissions.
    Created(&'c [u8], P),
    /// It has a value.
    Written(&'c [u8]),
    /// It has permissions.
    Granted(P),
    /// It is gone, with all below it.
    Removed,
}

/// Makes the frames of one subscription.
#[derive(Debug)]
pub struct Frames<'f> {
    filter: &'f Filter,
    asked: Asked,
    changes: u32,
    /// The message that is being made; empty where none is.
    open: Vec<u8>,
    done: Vec<Vec<u8>>,
}

impl Filter {
    /// That of a request, below an absolute path.
    #[must_use]
    pub fn new(of: &Subscription, path: &str) -> Filter {
        Filter {
            token: of.token.get(),
            path: path.to_owned(),
            depth: Some(of.depth.get()).filter(|depth| *depth != ALL_LEVELS),
            kinds: Some(of.kinds.get()).filter(|kinds| *kinds != 0).unwrap_or(CHANGES),
            flags: of.flags.get(),
        }
    }

    /// Whether it wants a change of a kind at a path. What was removed with something above it is
    /// a removal of that.
    #[must_use]
    pub fn wants(&self, path: &str, kind: u16) -> bool {
        if self.kinds & kind == 0 {
            return false;
        }
        let is_above = || kind == REMOVED && below(path, &self.path).is_some();
        match below(&self.path, path) {
            Some(rest) => {
                let levels = rest.split('/').filter(|name| !name.is_empty()).count();
                self.depth.is_none_or(|depth| count(levels) <= depth)
            }
            None => is_above(),
        }
    }

    /// A frame that tells of no change: all up to a generation is told, or a gap.
    #[must_use]
    pub fn mark(&self, generation: u64, flags: u16) -> Vec<u8> {
        let asked = Asked::unknown(generation);
        let mut message = frame::begin();
        put(&mut message, &head(self.token, &asked, flags, 0));
        frame::finish(&mut message, Op::Feed as u16, EVENT, 0, 0);
        message
    }
}

impl<'f> Frames<'f> {
    /// None yet.
    #[must_use]
    pub fn new(filter: &'f Filter) -> Frames<'f> {
        let (open, done) = (Vec::new(), Vec::new());
        Frames { filter, asked: Asked::unknown(0), changes: 0, open, done }
    }

    /// What a publication changed by requests after a generation.
    pub fn publication(&mut self, record: &Publication, after: u64) {
        let mut asked = Asked {
            generation: record.first(),
            time: record.origin.at,
            conn: record.origin.conn.0,
            domid: DomId::ZERO,
        };
        for item in record.items() {
            match item {
                Item::Next(Origin { conn, .. }) => {
                    asked.generation = asked.generation.saturating_add(1);
                    asked.conn = conn.0;
                }
                Item::Node(change) if asked.generation > after => {
                    asked.domid = domid(change.author);
                    let to = match change.what {
                        Became::Created(value, perms) => To::Created(value, perms),
                        Became::Written(value) => To::Written(value),
                        Became::Perms(perms) => To::Granted(perms),
                        Became::Removed => To::Removed,
                    };
                    self.change(asked, change.path, to, |perms| perms.entries().map(|one| one.0));
                }
                _ => {}
            }
        }
    }

    /// A change, unless it isn't wanted. `entries`: those of a permission list, the owner first.
    pub fn change<P, I: Iterator<Item = Perm>>(
        &mut self,
        asked: Asked,
        path: &str,
        to: To<'_, P>,
        entries: impl FnOnce(P) -> I,
    ) {
        let (kind, value, perms) = match to {
            To::Created(value, perms) => (CREATED, value, Some(perms)),
            To::Written(value) => (WRITTEN, value, None),
            To::Granted(perms) => (GRANTED, &[][..], Some(perms)),
            To::Removed => (REMOVED, &[][..], None),
        };
        if !self.filter.wants(path, kind) {
            return;
        }
        if self.asked.generation != asked.generation {
            self.finish(0);
        } else if self.open.len() >= FEED_PART {
            self.finish(PART);
        }
        if self.open.is_empty() {
            self.open = frame::begin();
            put(&mut self.open, &Feed::default());
            (self.asked, self.changes) = (asked, 0);
        }
        // What was removed with something above it is gone itself.
        let path = if below(&self.filter.path, path).is_some() { path } else { &self.filter.path };
        let value = if self.filter.flags & WITH_VALUES == 0 { &[] } else { value };
        let perms = perms.filter(|_| self.filter.flags & WITH_PERMS != 0);
        let perms: Vec<Perm> = perms.map(|perms| entries(perms).collect()).unwrap_or_default();
        put_change(&mut self.open, kind, path, value, &perms);
        self.changes = self.changes.saturating_add(1);
    }

    /// The frames, as they are sent.
    #[must_use]
    pub fn into_messages(mut self) -> Vec<Vec<u8>> {
        self.finish(0);
        self.done
    }

    fn finish(&mut self, flags: u16) {
        let mut message = std::mem::take(&mut self.open);
        if message.is_empty() {
            return;
        }
        let head = head(self.filter.token, &self.asked, flags, self.changes);
        let place = message.get_mut(frame::FRAME_HEAD..).and_then(|body| body.first_chunk_mut());
        if let Some(place) = place {
            let place: &mut [u8; size_of::<Feed>()] = place;
            *place = zerocopy::transmute!(head);
        }
        frame::finish(&mut message, Op::Feed as u16, EVENT, 0, 0);
        self.done.push(message);
    }
}

/// Appends one change, as an entry of a log: whose it was, then what.
pub fn put_logged(
    out: &mut Vec<u8>,
    asked: &Asked,
    (kind, path): (u16, &str),
    value: &[u8],
    perms: &[Perm],
) {
    put(out, &head(0, asked, 0, 1));
    put_change(out, kind, path, value, perms);
}

fn put_change(out: &mut Vec<u8>, kind: u16, path: &str, value: &[u8], perms: &[Perm]) {
    let change = records::Change {
        kind: kind.into(),
        path_length: u16::try_from(path.len()).unwrap_or(u16::MAX).into(),
        value_length: count(value.len()).into(),
        perms_count: count(perms.len()).into(),
        reserved: 0.into(),
    };
    put(out, &change);
    out.extend_from_slice(path.as_bytes());
    perms.iter().for_each(|perm| put(out, &permission(perm)));
    out.extend_from_slice(value);
    pad(out);
}

fn head(token: u64, asked: &Asked, flags: u16, changes: u32) -> Feed {
    Feed {
        token: token.into(),
        generation: asked.generation.into(),
        time: asked.time.into(),
        conn: asked.conn.into(),
        domid: asked.domid.0.into(),
        flags: flags.into(),
        count: changes.into(),
    }
}

/// What of a path follows another that it lies at or below.
fn below<'p>(top: &str, path: &'p str) -> Option<&'p str> {
    if top == "/" {
        return Some(path).filter(|path| path.starts_with('/'));
    }
    path.strip_prefix(top).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn domid(caller: Caller) -> DomId {
    caller.guest().map_or(DomId::ZERO, |(domid, _)| domid)
}
