//! What a server answers, read by a client: each length is checked before it is believed.

use myriad_core::{Access, DomId, Errno, Perm};

use crate::v2::{
    body::{BadBody, Body},
    records::{self, Entry, Event, Failure, NO_ITEM, Node, Nodes, Page},
    request::permissions,
    status,
};

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSeen {
    /// Its value, where it was wanted.
    pub value: Vec<u8>,
    /// Its permissions, the owner first, where they were wanted.
    pub perms: Vec<Perm>,
    /// The generation in which its value last changed.
    pub value_stamp: u64,
    /// That of its permissions.
    pub perms_stamp: u64,
    /// That of its set of children.
    pub children_stamp: u64,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSeen {
    /// The generation in which the set of children last changed.
    pub stamp: u64,
    /// Where the next page begins; 0: there is none.
    pub cursor: u32,
    /// The children, in order of creation.
    pub entries: Vec<EntrySeen>,
}

/// A child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySeen {
    /// Its name.
    pub name: String,
    /// Its value and the value's stamp, or why they can't be told; empty and 0 where values weren't
    /// asked for.
    pub value: Result<(Vec<u8>, u64), Errno>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSeen {
    /// Which of its records is to blame, if one is.
    pub item: Option<u32>,
    /// The server's words.
    pub detail: String,
}

/// A watch fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSeen {
    /// The watch's token.
    pub token: u64,
    /// What has changed: relative where the watch was.
    pub path: String,
}

/// The answer to GET.
///
/// # Errors
/// [`BadBody`]; so do all functions here.
pub fn node(body: &[u8]) -> Result<NodeSeen, BadBody> {
    let mut from = Body::new(body);
    let node = one_node(&mut from)?;
    from.end()?;
    node.map_err(|_| BadBody::Meaningless("a node with a status, in an answer with none"))
}

/// The answer to GET_MANY: the generation, and each node or why it can't be told.
///
/// # Errors
/// [`BadBody`].
pub fn nodes(body: &[u8]) -> Result<(u64, Vec<Result<NodeSeen, Errno>>), BadBody> {
    let mut from = Body::new(body);
    let head: Nodes = from.record()?;
    let nodes = (0..head.count.get()).map(|_| one_node(&mut from)).collect::<Result<_, _>>()?;
    from.end()?;
    Ok((head.generation.get(), nodes))
}

fn one_node(from: &mut Body<'_>) -> Result<Result<NodeSeen, Errno>, BadBody> {
    let head: Node = from.record()?;
    let perms = size(head.perms_count.get())?.checked_mul(size_of::<records::Permission>());
    let perms = from.bytes(perms.ok_or(BadBody::Short)?)?;
    let value = from.bytes(size(head.value_length.get())?)?;
    from.pad()?;
    if head.status.get() != 0 {
        return Ok(Err(errno(head.status.get())));
    }
    let perms = if perms.is_empty() { Vec::new() } else { permissions(perms)? };
    Ok(Ok(NodeSeen {
        value: value.to_vec(),
        perms,
        value_stamp: head.value_stamp.get(),
        perms_stamp: head.perms_stamp.get(),
        children_stamp: head.children_stamp.get(),
    }))
}

/// The answer to LIST.
///
/// # Errors
/// [`BadBody`].
pub fn page(body: &[u8]) -> Result<PageSeen, BadBody> {
    let mut from = Body::new(body);
    let head: Page = from.record()?;
    let entry = |_| {
        let entry: Entry = from.record()?;
        let name = from.bytes(entry.name_length.get().into())?;
        let value = from.bytes(size(entry.value_length.get())?)?;
        from.pad()?;
        let value = match entry.status.get() {
            0 => Ok((value.to_vec(), entry.value_stamp.get())),
            status => Err(errno(status)),
        };
        Ok(EntrySeen { name: text(name)?, value })
    };
    let entries = (0..head.count.get()).map(entry).collect::<Result<_, BadBody>>()?;
    from.end()?;
    Ok(PageSeen { stamp: head.stamp.get(), cursor: head.cursor.get(), entries })
}

/// The answer to LOOKUP: what each match captured, and who owns it.
///
/// # Errors
/// [`BadBody`].
pub fn matches(body: &[u8]) -> Result<Vec<(String, DomId)>, BadBody> {
    let mut from = Body::new(body);
    let head: records::Matches = from.record()?;
    let one = |_| {
        let head: records::Match = from.record()?;
        let captures = text(from.bytes(size(head.text_length.get())?)?)?;
        from.pad()?;
        Ok((captures, DomId(head.owner.get())))
    };
    let found = (0..head.count.get()).map(one).collect::<Result<_, BadBody>>()?;
    from.end()?;
    Ok(found)
}

/// What an answer with a status holds.
///
/// # Errors
/// [`BadBody`].
pub fn failure(body: &[u8]) -> Result<FailureSeen, BadBody> {
    let mut from = Body::new(body);
    let head: Failure = from.record()?;
    let detail = text(from.bytes(size(head.detail_length.get())?)?)?;
    from.pad()?;
    from.end()?;
    Ok(FailureSeen { item: Some(head.item.get()).filter(|item| *item != NO_ITEM), detail })
}

/// What a WATCH_EVENT holds.
///
/// # Errors
/// [`BadBody`].
pub fn event(body: &[u8]) -> Result<EventSeen, BadBody> {
    let mut from = Body::new(body);
    let head: Event = from.record()?;
    let path = text(from.bytes(head.path_length.get().into())?)?;
    from.pad()?;
    from.end()?;
    Ok(EventSeen { token: head.token.get(), path })
}

/// A record, and the rest of an answer.
///
/// # Errors
/// [`BadBody`].
pub fn headed<T: super::Record>(body: &[u8]) -> Result<(T, &[u8]), BadBody> {
    let mut from = Body::new(body);
    let record = from.record()?;
    Ok((record, from.rest()))
}

/// A record that is all of an answer.
///
/// # Errors
/// [`BadBody`].
pub fn record<T: super::Record>(body: &[u8]) -> Result<T, BadBody> {
    let mut from = Body::new(body);
    let record = from.record()?;
    from.end()?;
    Ok(record)
}

/// The error of a status; one that isn't known is as good as any, and C's clients say EINVAL.
fn errno(status: u32) -> Errno {
    status::errno(status).unwrap_or(Errno::EINVAL)
}

pub(crate) fn text(bytes: &[u8]) -> Result<String, BadBody> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadBody::Meaningless("text is UTF-8"))?;
    Ok(text.to_owned())
}

pub(crate) fn size(field: u32) -> Result<usize, BadBody> {
    usize::try_from(field).map_err(|_| BadBody::Short)
}

const _: () = assert!(Access::Both as u8 == records::READ | records::WRITE);
