//! Watches: the records 3 and 8.
//!
//! The specification gives record 8 twelve fixed bytes: connection, lengths, depth, padding. C
//! xenstored (4.21, `tools/xenstored/watch.c`) writes eight, without the depth, and counts twelve
//! in the record's length, which is then 8 too large or not, as the padding has it. So each form is
//! tried, the specified one first: by its lengths, NULs and padding only one fits.

use zerocopy::ByteOrder;

use super::{
    ALIGN, Depth, Watch, Wrong,
    fields::{DepthPart, WatchHead},
    padded,
    parts::Parts,
};

pub(super) fn plain<O: ByteOrder>(body: &[u8]) -> Result<Watch<'_>, Wrong> {
    let mut parts = Parts { what: "WATCH_DATA", body, at: 0 };
    let head = parts.fixed::<WatchHead<O>>()?;
    texts(&mut parts, &head, Depth::All)
}

/// A record 8 at the beginning of `rest`, whose head says `len`. Gives the bytes that it has.
pub(super) fn extended<O: ByteOrder>(rest: &[u8], len: usize) -> Result<(Watch<'_>, usize), Wrong> {
    let (specified, wrong) = match whole(rest, len).and_then(as_specified::<O>) {
        Ok(watch) => (Some(watch), None),
        Err(wrong) => (None, Some(wrong)),
    };
    if let Some(watch) = specified {
        return Ok((watch, len));
    }
    for len in [len, len.saturating_sub(ALIGN)] {
        if let Ok(watch) = whole(rest, len).and_then(|body| as_c_writes::<O>(body, len)) {
            return Ok((watch, len));
        }
    }
    // What is wrong with it as the specification has it.
    Err(wrong.unwrap_or(Wrong::NoEnd))
}

fn whole(rest: &[u8], len: usize) -> Result<&[u8], Wrong> {
    let missing = len.saturating_sub(rest.len());
    rest.get(..len).ok_or(Wrong::CutOff { what: "a record", missing })
}

fn as_specified<O: ByteOrder>(body: &[u8]) -> Result<Watch<'_>, Wrong> {
    let mut parts = Parts { what: "WATCH_DATA_EXTENDED", body, at: 0 };
    let head = parts.fixed::<WatchHead<O>>()?;
    let depth = parts.fixed::<DepthPart<O>>()?;
    let levels = depth.depth.get();
    let depth = if levels == ALL_LEVELS { Depth::All } else { Depth::Levels(levels) };
    texts(&mut parts, &head, depth)
}

fn as_c_writes<O: ByteOrder>(body: &[u8], len: usize) -> Result<Watch<'_>, Wrong> {
    let mut parts = Parts { what: "WATCH_DATA_EXTENDED", body, at: 0 };
    let head = parts.fixed::<WatchHead<O>>()?;
    let watch = texts(&mut parts, &head, Depth::Lost)?;
    // The padding is C's own zeros.
    let padding = body.get(parts.at..).unwrap_or_default();
    let is_its = padded(parts.at) == len && padding.iter().all(|byte| *byte == 0);
    let wrong = Wrong::Parts { what: parts.what, len, parts: parts.at };
    is_its.then_some(watch).ok_or(wrong)
}

fn texts<'a, O: ByteOrder>(
    parts: &mut Parts<'a>,
    head: &WatchHead<O>,
    depth: Depth,
) -> Result<Watch<'a>, Wrong> {
    let path = parts.text(head.path_len.get().into(), "path")?;
    let token = parts.text(head.token_len.get().into(), "token")?;
    parts.end()?;
    Ok(Watch { conn: head.conn.get(), path, token, depth })
}

/// The depth of a watch without one.
pub(super) const ALL_LEVELS: u16 = 0xffff;
