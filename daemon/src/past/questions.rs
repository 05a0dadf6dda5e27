//! HISTORY: what a client asks about the past, answered out of the file.
//!
//! Answers are pages of a bounded size; what they say is as of the file's last record.

use myriad_core::{Errno, Perm};
use myriad_history::file::{History, Kept, Node, OwnedChange, OwnedWhat, ReadError};
use myriad_ring::v2::{
    Question,
    body::{pad, put},
    feed::{Asked, put_logged},
    frame, limits, permission,
    records::{
        self, ASK_LIST, ASK_LOG, ASK_NODE, AT_TIME, BELOW, CREATED, GRANTED, REMOVED, WRITTEN,
    },
};

use super::entry;

/// A message that is begun, or why there is none.
pub(crate) type Answer = Result<Vec<u8>, (Errno, String)>;

/// Answers a question.
pub(super) fn answer(history: &History, question: &Question) -> Answer {
    let mut out = frame::begin();
    let generation = moment(history, question)?;
    match question.head.kind.get() {
        ASK_NODE => node(history, generation, &question.path, &mut out)?,
        ASK_LIST => list(history, generation, question, &mut out)?,
        ASK_LOG => log(history, generation, question, &mut out)?,
        _ => range(history, &mut out)?,
    }
    Ok(out)
}

/// The generation that is asked for.
fn moment(history: &History, question: &Question) -> Result<u64, (Errno, String)> {
    let asked = question.head.generation.get();
    if question.head.flags.get() & AT_TIME == 0 {
        return Ok(asked);
    }
    let versions = history.versions();
    let found = versions.iter().rev().find(|version| version.at <= asked);
    found.map(|version| version.generation).ok_or_else(|| {
        let oldest = versions.first().map_or(0, |version| version.at);
        (Errno::EINVAL, format!("nothing is kept of that time; the oldest is of {oldest}"))
    })
}

fn range(history: &History, out: &mut Vec<u8>) -> Result<(), (Errno, String)> {
    let oldest = history.versions().first().ok_or_else(|| failed(&ReadError::Empty))?;
    let every = history.unbroken("/").ok_or_else(|| failed(&ReadError::Empty))?;
    let range = records::Range {
        oldest: oldest.generation.into(),
        oldest_time: oldest.at.into(),
        every: every.after.into(),
        newest: every.upto.into(),
    };
    put(out, &range);
    Ok(())
}

fn node(
    history: &History,
    generation: u64,
    path: &str,
    out: &mut Vec<u8>,
) -> Result<(), (Errno, String)> {
    let tree = history.tree_below(generation, path).map_err(|error| failed(&error))?;
    known(&tree, path)?;
    let found = tree.get(path).ok_or_else(|| missing(path))?;
    put_was(tree.version(), out);
    put_node(found, out);
    Ok(())
}

fn list(
    history: &History,
    generation: u64,
    question: &Question,
    out: &mut Vec<u8>,
) -> Result<(), (Errno, String)> {
    let path = question.path.as_str();
    let tree = history.tree_below(generation, path).map_err(|error| failed(&error))?;
    known(&tree, path)?;
    tree.get(path).ok_or_else(|| missing(path))?;
    put_was(tree.version(), out);
    let start = out.len();
    put(out, &records::Page::default());
    let (first, most) = (size(question.head.cursor.get()), most(question));
    let (mut count, mut cursor) = (0_u32, 0);
    for (place, name) in tree.children(path).enumerate().skip(first) {
        if size(count) >= most || out.len() >= limits::PAST_PAGE {
            cursor = u32::try_from(place).unwrap_or(0);
            break;
        }
        let below = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
        let Some(node) = tree.get(&below) else { continue };
        let entry = records::Entry {
            value_length: length(node.value.len()).into(),
            value_stamp: node.generation.into(),
            name_length: u16::try_from(name.len()).unwrap_or(u16::MAX).into(),
            ..records::Entry::default()
        };
        put(out, &entry);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&node.value);
        pad(out);
        count = count.saturating_add(1);
    }
    let page = records::Page { stamp: 0.into(), cursor: cursor.into(), count: count.into() };
    put_over(out, start, &page);
    Ok(())
}

fn log(
    history: &History,
    generation: u64,
    question: &Question,
    out: &mut Vec<u8>,
) -> Result<(), (Errno, String)> {
    let start = out.len();
    put(out, &records::Log::default());
    let (most, after) = (most(question), question.head.after.get());
    let below = question.head.flags.get() & BELOW != 0;
    let (mut count, mut older, mut last) = (0_u32, 0, 0);
    for change in history.changes_of(&question.path, below) {
        let (head, change) = change.map_err(|error| failed(&error))?;
        if change.generation > generation || matches!(change.what, OwnedWhat::Noted(_)) {
            continue;
        }
        if change.generation <= after {
            break;
        }
        // A page ends between requests.
        let is_full = size(count) >= most || out.len() >= limits::PAST_PAGE;
        if is_full && change.generation != last {
            older = change.generation;
            break;
        }
        if out.len() >= limits::MESSAGE_MAX / 2 {
            let why = "one request has changed too much there; ask for a path below";
            return Err((Errno::E2BIG, why.into()));
        }
        last = change.generation;
        put_one(head.at, &change, out);
        count = count.saturating_add(1);
    }
    let log = records::Log { older: older.into(), count: count.into(), reserved: 0.into() };
    put_over(out, start, &log);
    Ok(())
}

fn put_one(time: u64, change: &OwnedChange, out: &mut Vec<u8>) {
    let asked = Asked {
        generation: change.generation,
        time,
        conn: change.author.conn,
        domid: myriad_core::DomId(change.author.domid),
    };
    let (kind, value, perms) = match &change.what {
        OwnedWhat::Created { value, perms } => (CREATED, value.as_slice(), &perms[..]),
        OwnedWhat::Written { value } => (WRITTEN, value.as_slice(), &[][..]),
        OwnedWhat::Perms(perms) => (GRANTED, &[][..], &perms[..]),
        OwnedWhat::Removed | OwnedWhat::Noted(_) => (REMOVED, &[][..], &[][..]),
    };
    let perms: Vec<Perm> = perms.iter().map(entry).collect();
    put_logged(out, &asked, (kind, &change.path), value, &perms);
}

fn put_was(version: &Kept, out: &mut Vec<u8>) {
    put(out, &records::Was { generation: version.generation.into(), time: version.at.into() });
}

fn put_node(node: &Node, out: &mut Vec<u8>) {
    let head = records::Node {
        value_length: length(node.value.len()).into(),
        perms_count: length(node.perms.len()).into(),
        value_stamp: node.generation.into(),
        perms_stamp: node.generation.into(),
        ..records::Node::default()
    };
    put(out, &head);
    node.perms.iter().for_each(|perm| put(out, &permission(&entry(perm))));
    out.extend_from_slice(&node.value);
    pad(out);
}

/// Puts a record where one of its size was put before.
fn put_over<T: myriad_ring::v2::Record>(out: &mut [u8], at: usize, record: &T) {
    let mut bytes = Vec::with_capacity(size_of::<T>());
    put(&mut bytes, record);
    if let Some(place) = out.get_mut(at..at.saturating_add(bytes.len())) {
        place.copy_from_slice(&bytes);
    }
}

/// How many entries at most.
fn most(question: &Question) -> usize {
    match question.head.count_max.get() {
        0 => limits::ITEMS_MAX,
        most => size(most).min(limits::ITEMS_MAX),
    }
}

fn known(tree: &myriad_history::file::Tree, path: &str) -> Result<(), (Errno, String)> {
    let unknown = || (Errno::EIO, format!("what {path} was then isn't known: history had no room"));
    if tree.knows(path) { Ok(()) } else { Err(unknown()) }
}

fn missing(path: &str) -> (Errno, String) {
    (Errno::ENOENT, format!("there was no {path} then"))
}

pub(super) fn failed(error: &ReadError) -> (Errno, String) {
    let errno = match error {
        ReadError::TooOld { .. } | ReadError::Empty => Errno::EINVAL,
        ReadError::Overtaken => Errno::EAGAIN,
        _ => Errno::EIO,
    };
    (errno, error.to_string())
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn size(field: u32) -> usize {
    usize::try_from(field).unwrap_or(usize::MAX)
}
