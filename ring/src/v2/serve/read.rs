//! INFO, GET, GET_MANY, LIST and LOOKUP.

use myriad_core::{Caller, Errno, Error, Listing, Path, Reads};

use super::{Around, Done, Failed, Speaker};
use crate::v2::{
    body::{count, pad, put},
    frame::FRAME_HEAD,
    limits::PAGE_MAX,
    permission,
    records::{self, Entry, Info, List, Matches, Node, Nodes, Page},
    status,
};

impl Speaker {
    pub(super) fn info(&self, around: &Around<'_>, out: &mut Vec<u8>) -> u64 {
        let view = around.store.pin();
        let info = Info {
            version: records::VERSION.into(),
            features: self.features.into(),
            generation: view.generation().into(),
            publication: view.seq().into(),
            message_max: count(self.message_max).into(),
            items_max: count(self.items_max).into(),
            snapshots_max: count(self.snapshots_max(around.session)).into(),
            snapshots: count(self.snapshots.len()).into(),
            name_length: count(SERVER.len()).into(),
            ..Default::default()
        };
        put(out, &info);
        out.extend_from_slice(SERVER.as_bytes());
        pad(out);
        view.seq()
    }

    pub(super) fn get(
        &mut self,
        get: &records::Get,
        path: &[u8],
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let mut buffer = String::new();
        let path = around.node(path, &mut buffer)?;
        let done = self.reading(get.snapshot.get(), around, |reads, around, _| {
            let caller = around.session.caller;
            let put = put_node(reads, &caller, path, get.want.get(), out);
            put.map_err(|error| around.failed(&error, 0))
        });
        done.map(|((), seq)| seq)
    }

    pub(super) fn get_many(
        &mut self,
        get: &records::GetMany,
        paths: &[&[u8]],
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let most = self.message_max;
        let done = self.reading(get.snapshot.get(), around, |reads, around, generation| {
            let (generation, count) = (generation.into(), count(paths.len()).into());
            put(out, &Nodes { generation, count, reserved: 0.into() });
            let (caller, mut buffer) = (around.session.caller, String::new());
            for (item, path) in paths.iter().enumerate() {
                let start = out.len();
                let node = around.node(path, &mut buffer).map_err(|failed| failed.errno);
                let put = node.and_then(|path| {
                    let put = put_node(reads, &caller, path, get.want.get(), out);
                    put.map_err(|error| Errno::from(&error))
                });
                if let Err(errno) = put {
                    out.truncate(start);
                    put_refused(errno, out);
                }
                check_room(out, most).map_err(|failed| failed.at(item))?;
            }
            Ok(())
        });
        done.map(|((), seq)| seq)
    }

    pub(super) fn list(
        &mut self,
        list: &List,
        path: &[u8],
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let mut buffer = String::new();
        let (path, most) = (around.node(path, &mut buffer)?, self.items_max);
        let store = around.store;
        let (snapshot, caller) = (list.snapshot.get(), around.session.caller);
        // A long listing of the store as it is is kept for the next page.
        if let (0, Some(kept)) = (snapshot, around.host.listings()) {
            let mut view = store.pin();
            let seq = view.seq();
            let listing = kept.list(&mut view, &caller, path);
            let listing = listing.map_err(|error| around.failed(&error, seq))?;
            put_page(&mut view, &caller, list, (path, &listing), most, out)?;
            return Ok(seq);
        }
        let done = self.reading(snapshot, around, |reads, around, _| {
            let listing = reads.list(&caller, path);
            let listing = listing.map_err(|error| around.failed(&error, 0))?;
            put_page(reads, &caller, list, (path, &listing), most, out)
        });
        done.map(|((), seq)| seq)
    }

    pub(super) fn lookup(
        &mut self,
        snapshot: u32,
        (index, key): (&[u8], &[u8]),
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let index = std::str::from_utf8(index).map_err(|_| no_index())?;
        let most = self.message_max;
        let done = self.reading(snapshot, around, |reads, _, _| {
            let found = reads.lookup(index, key).map_err(|_| no_index())?;
            put(out, &Matches { count: count(found.len()).into(), reserved: 0.into() });
            for one in &found {
                let (owner, text) = (one.owner.0.into(), one.captures.as_bytes());
                let text_length = count(text.len()).into();
                put(out, &records::Match { owner, reserved: 0.into(), text_length });
                out.extend_from_slice(text);
                pad(out);
                check_room(out, most)?;
            }
            Ok(())
        });
        done.map(|((), seq)| seq)
    }
}

/// Whether an answer is not too long yet.
fn check_room(out: &[u8], most: usize) -> Result<(), Failed> {
    if out.len() <= FRAME_HEAD.saturating_add(most) {
        return Ok(());
    }
    Err(Failed::new(Errno::E2BIG, "the answer does not fit into one message: ask for less"))
}

fn put_node(
    reads: &mut dyn Reads,
    caller: &Caller,
    path: Path<'_>,
    want: u16,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let wants = |flag| want & flag != 0;
    let perms = wants(records::PERMS).then(|| reads.get_perms(caller, path)).transpose()?;
    let perms = perms.unwrap_or_default();
    let stat = reads.stat(caller, path)?;
    let value = if wants(records::VALUE) { stat.value } else { &[] };
    let node = Node {
        value_length: count(value.len()).into(),
        perms_count: count(perms.len()).into(),
        value_stamp: stat.value_stamp.into(),
        perms_stamp: stat.perms_stamp.into(),
        children_stamp: stat.children_stamp.into(),
        ..Default::default()
    };
    put(out, &node);
    perms.iter().for_each(|perm| put(out, &permission(perm)));
    out.extend_from_slice(value);
    pad(out);
    Ok(())
}

/// A node that can't be told.
fn put_refused(errno: Errno, out: &mut Vec<u8>) {
    put(out, &Node { status: status::number(errno).into(), ..Default::default() });
}

/// The entries of a listing from the cursor on, as many as there is room for.
fn put_page(
    reads: &mut dyn Reads,
    caller: &Caller,
    list: &List,
    (path, listing): (Path<'_>, &Listing),
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    let cursor = usize::try_from(list.cursor.get()).unwrap_or(usize::MAX);
    if cursor > 0 && list.stamp.get() != listing.stamp {
        return Err(Failed::new(Errno::EAGAIN, "the listing has changed: begin again"));
    }
    let before = cursor.checked_sub(1).map(|at| listing.names.get(at));
    if before.is_some_and(|byte| byte != Some(&0)) || (cursor == 0 && list.stamp.get() != 0) {
        return Err(Failed::new(Errno::EINVAL, "the cursor is none that a page has said"));
    }
    let wanted = usize::try_from(list.count_max.get()).unwrap_or(usize::MAX);
    let most = if wanted == 0 { most } else { wanted.min(most) };
    let head = out.len();
    put(out, &Page::default());
    let (mut at, mut entries, mut child) = (cursor, 0, String::new());
    let names = listing.names.get(cursor..).unwrap_or_default();
    for name in names.split_inclusive(|byte| *byte == 0) {
        if entries == most || out.len().saturating_sub(head) >= PAGE_MAX {
            break;
        }
        at = at.saturating_add(name.len());
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        let wants = list.flags.get() & records::VALUES != 0;
        let below = wants.then(|| below(path, name, &mut child)).flatten();
        put_entry(reads, caller, below, name, out);
        entries = entries.saturating_add(1);
    }
    let next = if at < listing.names.len() { count(at) } else { 0 };
    let page =
        Page { stamp: listing.stamp.into(), cursor: next.into(), count: count(entries).into() };
    let room = out.get_mut(head..).and_then(|out| out.first_chunk_mut::<{ size_of::<Page>() }>());
    if let Some(room) = room {
        room.copy_from_slice(zerocopy::IntoBytes::as_bytes(&page));
    }
    Ok(())
}

/// The path of a child.
fn below<'b>(path: Path<'_>, name: &[u8], buffer: &'b mut String) -> Option<Path<'b>> {
    buffer.clear();
    buffer.push_str(if path.is_root() { "" } else { path.as_str() });
    buffer.push('/');
    buffer.push_str(std::str::from_utf8(name).ok()?);
    Path::new(buffer).ok()
}

/// A child, with its value where its path is given.
fn put_entry(
    reads: &mut dyn Reads,
    caller: &Caller,
    path: Option<Path<'_>>,
    name: &[u8],
    out: &mut Vec<u8>,
) {
    let found = path.map(|path| reads.stat(caller, path));
    let mut entry =
        Entry { name_length: u16::try_from(name.len()).unwrap_or(0).into(), ..Default::default() };
    let mut value = &[][..];
    match found {
        None => {}
        Some(Ok(stat)) => {
            value = stat.value;
            entry.value_stamp = stat.value_stamp.into();
            entry.value_length = count(value.len()).into();
        }
        Some(Err(error)) => entry.status = status::number(Errno::from(&error)).into(),
    }
    put(out, &entry);
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    pad(out);
}

fn no_index() -> Failed {
    Failed::new(Errno::ENOENT, "there is no such index")
}

/// The name that INFO gives.
const SERVER: &str = concat!("myriad ", env!("CARGO_PKG_VERSION"));
