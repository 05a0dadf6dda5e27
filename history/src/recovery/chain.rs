//! Which of the records that a kill has left are followed.
//!
//! **J11** Each record that is followed is marked, and names the one before it as its parent; the
//! first names the checkpoint's. A marked record that doesn't hang in this chain can't be left by
//! a killed daemon: it is an error, and nothing is guessed.

use std::fmt;

use super::{
    record::{self, Found, RecordHead, RecordId, Shape},
    words::Words,
};

/// A record of a commit that somebody may have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the old journal.
    pub id: RecordId,
    /// What it says besides its body.
    pub head: RecordHead,
    /// The parts, one after another.
    pub body: Vec<u8>,
}

/// A marked record that doesn't follow from what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    id: RecordId,
    seq: u64,
    what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of publication {}: {}", self.id.to_raw(), self.seq, self.what)
    }
}

/// Every record, wherever it lies.
pub(crate) fn scan(words: &impl Words, shape: Shape, key: u64) -> Vec<Found> {
    let (mut found, mut line) = (Vec::new(), 0);
    while line < shape.total() {
        // The lines of a record are passed over: it's whole (J1). Behind a line without one there
        // may be others: of two that took space, the second may have been faster.
        match record::find(words, shape, key, line) {
            Some(one) => {
                line += one.lines();
                found.push(one);
            }
            None => line += 1,
        }
    }
    found
}

/// The marked records after a checkpoint, of whose publication and record `base` tells; each
/// follows from the one before.
pub(crate) fn chain(
    words: &impl Words,
    (shape, key): (Shape, u64),
    found: &[Found],
    base: (u64, RecordId),
) -> Result<Vec<Record>, Broken> {
    let is_later = |one: &&Found| one.is_marked && one.head.seq > base.0;
    let mut marked: Vec<&Found> = found.iter().filter(is_later).collect();
    marked.sort_by_key(|one| one.head.seq);
    let mut records = Vec::with_capacity(marked.len());
    let (mut seq, mut id) = base;
    for one in marked {
        let what = |what| Broken { id: one.id, seq: one.head.seq, what };
        if one.head.seq == seq {
            return Err(what("another one of this publication is marked too"));
        }
        if one.head.parent != id {
            let parent = found.iter().find(|other| other.id == one.head.parent);
            return Err(what(match parent {
                Some(parent) if !parent.is_marked => "its parent is not marked",
                Some(_) => "its parent is not the one before it",
                None => "its parent is missing",
            }));
        }
        let Some(body) = one.body(words, shape, key) else {
            return Err(what("it is not as it was written"));
        };
        (seq, id) = (one.head.seq, one.id);
        records.push(Record { id, head: one.head, body });
    }
    Ok(records)
}
