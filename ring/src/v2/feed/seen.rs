//! FEED and logs, read by a client: each length is checked before it is believed.

use myriad_core::{DomId, Perm};

use super::Asked;
use crate::v2::{
    answers::{size, text},
    body::{BadBody, Body},
    records::{self, Feed, GAP, PART, REACHED},
    request::permissions,
};

/// A FEED as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedSeen {
    /// The subscription's token.
    pub token: u64,
    /// Which request it tells of.
    pub asked: Asked,
    /// [`GAP`], [`PART`], [`REACHED`].
    pub flags: u16,
    /// What it changed.
    pub changes: Vec<ChangeSeen>,
}

/// A change, as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSeen {
    /// [`CREATED`](records::CREATED) and its like: one of them.
    pub kind: u16,
    /// Where: absolute.
    pub path: String,
    /// Its value, where it was wanted.
    pub value: Vec<u8>,
    /// Its permissions, the owner first, where they were wanted.
    pub perms: Vec<Perm>,
}

/// Reads the body of a FEED.
///
/// # Errors
/// [`BadBody`].
pub fn read(body: &[u8]) -> Result<FeedSeen, BadBody> {
    let mut from = Body::new(body);
    let seen = read_one(&mut from)?;
    from.end()?;
    Ok(seen)
}

/// Reads the answer to a question for a log: the generation to ask with for what is older, and the
/// changes, newest first.
///
/// # Errors
/// [`BadBody`].
pub fn read_log(body: &[u8]) -> Result<(u64, Vec<FeedSeen>), BadBody> {
    let mut from = Body::new(body);
    let head: records::Log = from.record()?;
    let all = (0..head.count.get()).map(|_| read_one(&mut from)).collect::<Result<_, _>>()?;
    from.end()?;
    Ok((head.older.get(), all))
}

fn read_one(from: &mut Body<'_>) -> Result<FeedSeen, BadBody> {
    let head: Feed = from.record()?;
    let flags = head.flags.get();
    if flags & !(GAP | PART | REACHED) != 0 {
        return Err(BadBody::Meaningless("a flag of FEED is not known"));
    }
    let changes = (0..head.count.get()).map(|_| one(from)).collect::<Result<_, _>>()?;
    let asked = Asked {
        generation: head.generation.get(),
        time: head.time.get(),
        conn: head.conn.get(),
        domid: DomId(head.domid.get()),
    };
    Ok(FeedSeen { token: head.token.get(), asked, flags, changes })
}

fn one(from: &mut Body<'_>) -> Result<ChangeSeen, BadBody> {
    let head: records::Change = from.record()?;
    let path = text(from.bytes(head.path_length.get().into())?)?;
    let perms = size(head.perms_count.get())?.checked_mul(size_of::<records::Permission>());
    let perms = from.bytes(perms.ok_or(BadBody::Short)?)?;
    let value = from.bytes(size(head.value_length.get())?)?.to_vec();
    from.pad()?;
    let perms = if perms.is_empty() { Vec::new() } else { permissions(perms)? };
    Ok(ChangeSeen { kind: head.kind.get(), path, value, perms })
}
