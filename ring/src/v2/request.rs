//! What a client asks for, out of a message's body.

use myriad_core::{Access, DomId, Errno, Perm};

use crate::v1::{HEADER_LEN, Header, PAYLOAD_MAX};
use crate::v2::{
    body::{BadBody, Body},
    op::Op,
    records::{self, Batch, Item, Kind, Name, Permission, Registration, Removal, Subscription},
};

/// A request, understood as far as it can be without the store: its paths and domains are not
/// looked at yet.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Request<'a> {
    Info,
    Get(records::Get, &'a [u8]),
    GetMany(records::GetMany, Vec<&'a [u8]>),
    List(records::List, &'a [u8]),
    Lookup { snapshot: u32, index: &'a [u8], key: &'a [u8] },
    Commit(Vec<Step<'a>>),
    Watch(Vec<(Registration, &'a [u8])>),
    Unwatch(Vec<(Removal, &'a [u8])>),
    Snapshot,
    SnapshotEnd(u32),
    Classic(Header, &'a [u8]),
    Ring(records::RingSizes),
    Subscribe(Subscription, &'a [u8]),
    Unsubscribe(u64),
    History(records::Question, &'a [u8]),
}

/// An item of a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<'a> {
    /// What it does or asks for.
    pub kind: Kind,
    /// Where.
    pub path: &'a [u8],
    /// The value to set or expect.
    pub value: &'a [u8],
    /// The stamp to expect.
    pub stamp: u64,
}

/// Why a message is no request, and which of its records is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// Counted from 0.
    pub item: Option<u32>,
    /// Why.
    pub reason: BadBody,
}

impl BadRequest {
    /// The error of it.
    #[must_use]
    pub fn errno(self) -> Errno {
        if self.reason == BadBody::TooMany { Errno::E2BIG } else { Errno::EINVAL }
    }
}

impl From<BadBody> for BadRequest {
    fn from(reason: BadBody) -> BadRequest {
        BadRequest { item: None, reason }
    }
}

impl<'a> Request<'a> {
    /// Reads the body of a request. `items_max`: how many records it may have.
    ///
    /// # Errors
    /// [`BadRequest`]; an operation that only the server sends is one too.
    pub fn parse(op: Op, body: &'a [u8], items_max: usize) -> Result<Request<'a>, BadRequest> {
        let mut from = Body::new(body);
        let request = match op {
            Op::Info => Request::Info,
            Op::Get => {
                let head: records::Get = from.record()?;
                check_want(head.want.get())?;
                Request::Get(head, path(&mut from, head.path_length.get())?)
            }
            Op::GetMany => {
                let head: records::GetMany = from.record()?;
                check_want(head.want.get())?;
                let name = |from: &mut Body<'a>| {
                    let name: Name = from.record()?;
                    path(from, name.path_length.get())
                };
                Request::GetMany(head, many(&mut from, head.count.get(), items_max, name)?)
            }
            Op::List => {
                let head: records::List = from.record()?;
                if head.flags.get() & !records::VALUES != 0 {
                    return Err(BadBody::Meaningless("LIST knows the flag VALUES alone").into());
                }
                Request::List(head, path(&mut from, head.path_length.get())?)
            }
            Op::Lookup => {
                let head: records::Lookup = from.record()?;
                let index = from.bytes(head.index_length.get().into())?;
                let key = from.bytes(head.key_length.get().into())?;
                from.pad()?;
                Request::Lookup { snapshot: head.snapshot.get(), index, key }
            }
            Op::Commit => Request::Commit(batch(&mut from, items_max, step)?),
            Op::Watch => Request::Watch(batch(&mut from, items_max, registration)?),
            Op::Unwatch => Request::Unwatch(batch(&mut from, items_max, |from| {
                let head: Removal = from.record()?;
                Ok((head, path(from, head.path_length.get())?))
            })?),
            Op::Snapshot => Request::Snapshot,
            Op::SnapshotEnd => {
                let of: records::SnapshotOf = from.record()?;
                if of.generation.get() != 0 {
                    return Err(BadBody::Meaningless("a snapshot is named by its number").into());
                }
                Request::SnapshotEnd(of.snapshot.get())
            }
            Op::Classic => classic(&mut from)?,
            Op::Ring => Request::Ring(from.record()?),
            Op::Subscribe => subscription(&mut from)?,
            Op::Unsubscribe => {
                let head: records::Unsubscription = from.record()?;
                Request::Unsubscribe(head.token.get())
            }
            Op::History => question(&mut from)?,
            Op::WatchEvent | Op::Feed => {
                return Err(BadBody::Meaningless("only the server sends events").into());
            }
        };
        from.end()?;
        Ok(request)
    }
}

fn check_want(want: u16) -> Result<(), BadBody> {
    let known = want & !(records::VALUE | records::PERMS) == 0;
    if known { Ok(()) } else { Err(BadBody::Meaningless("VALUE and PERMS can be wanted alone")) }
}

fn path<'a>(from: &mut Body<'a>, len: u16) -> Result<&'a [u8], BadBody> {
    let path = from.bytes(len.into())?;
    from.pad()?;
    Ok(path)
}

fn batch<'a, T>(
    from: &mut Body<'a>,
    items_max: usize,
    one: impl FnMut(&mut Body<'a>) -> Result<T, BadBody>,
) -> Result<Vec<T>, BadRequest> {
    let head: Batch = from.record()?;
    many(from, head.count.get(), items_max, one)
}

/// As many records as a head has announced; room for them is made as they come.
fn many<'a, T>(
    from: &mut Body<'a>,
    count: u32,
    items_max: usize,
    mut one: impl FnMut(&mut Body<'a>) -> Result<T, BadBody>,
) -> Result<Vec<T>, BadRequest> {
    if usize::try_from(count).map_or(true, |count| count > items_max) {
        return Err(BadBody::TooMany.into());
    }
    let blame = |item| move |reason| BadRequest { item: Some(item), reason };
    (0..count).map(|item| one(from).map_err(blame(item))).collect()
}

fn step<'a>(from: &mut Body<'a>) -> Result<Step<'a>, BadBody> {
    let head: Item = from.record()?;
    let path = from.bytes(head.path_length.get().into())?;
    let len = usize::try_from(head.value_length.get()).map_err(|_| BadBody::Short)?;
    let value = from.bytes(len)?;
    from.pad()?;
    let unknown = BadBody::Meaningless("the item's kind is not known");
    let kind = Kind::from_number(head.kind.get()).ok_or(unknown)?;
    let stamp = head.stamp.get();
    if (!value.is_empty() && !kind.has_value()) || (stamp != 0 && !kind.has_stamp()) {
        return Err(BadBody::Meaningless("an item of this kind has no value, or no stamp"));
    }
    Ok(Step { kind, path, value, stamp })
}

fn registration<'a>(from: &mut Body<'a>) -> Result<(Registration, &'a [u8]), BadBody> {
    let head: Registration = from.record()?;
    let path = path(from, head.path_length.get())?;
    let known = records::QUIET | records::CHANGES << records::KINDS_SHIFT;
    if head.flags.get() & !known != 0 {
        return Err(BadBody::Meaningless("a watch knows the flag QUIET and kinds of change alone"));
    }
    Ok((head, path))
}

fn subscription<'a>(from: &mut Body<'a>) -> Result<Request<'a>, BadBody> {
    let head: Subscription = from.record()?;
    let path = path(from, head.path_length.get())?;
    if head.flags.get() & !(records::WITH_VALUES | records::WITH_PERMS) != 0 {
        return Err(BadBody::Meaningless("SUBSCRIBE knows WITH_VALUES and WITH_PERMS alone"));
    }
    if head.kinds.get() & !records::CHANGES != 0 {
        return Err(BadBody::Meaningless("a kind of change is not known"));
    }
    Ok(Request::Subscribe(head, path))
}

fn question<'a>(from: &mut Body<'a>) -> Result<Request<'a>, BadBody> {
    let head: records::Question = from.record()?;
    let path = path(from, head.path_length.get())?;
    if !(records::ASK_RANGE..=records::ASK_LOG).contains(&head.kind.get()) {
        return Err(BadBody::Meaningless("HISTORY is asked for RANGE, NODE, LIST or LOG"));
    }
    if head.flags.get() & !(records::BELOW | records::AT_TIME) != 0 {
        return Err(BadBody::Meaningless("HISTORY knows BELOW and AT_TIME alone"));
    }
    Ok(Request::History(head, path))
}

fn classic<'a>(from: &mut Body<'a>) -> Result<Request<'a>, BadBody> {
    let head = from.bytes(HEADER_LEN)?.first_chunk().ok_or(BadBody::Short)?;
    let header = Header::from_bytes(*head);
    let len = usize::try_from(header.len).ok().filter(|len| *len <= PAYLOAD_MAX);
    let len = len.ok_or(BadBody::Meaningless("a message of v1 has at most 4096 bytes"))?;
    Ok(Request::Classic(header, from.bytes(len)?))
}

/// The permission list that is the value of an item: the owner first.
///
/// # Errors
/// [`BadBody`].
pub fn permissions(value: &[u8]) -> Result<Vec<Perm>, BadBody> {
    let mut from = Body::new(value);
    let mut perms = Vec::with_capacity(value.len() / size_of::<Permission>());
    while !from.rest().is_empty() {
        let perm: Permission = from.record()?;
        let letter = match perm.access {
            0 => Access::None,
            records::READ => Access::Read,
            records::WRITE => Access::Write,
            BOTH => Access::Both,
            _ => return Err(BadBody::Meaningless("an access is of READ and WRITE")),
        };
        perms.push(Perm { access: letter, domid: DomId(perm.domid.get()) });
    }
    if perms.is_empty() {
        return Err(BadBody::Meaningless("a permission list names the owner first"));
    }
    Ok(perms)
}

/// A permission list as it stands in a message.
#[must_use]
pub fn permission(perm: &Perm) -> Permission {
    Permission { domid: perm.domid.0.into(), access: perm.access as u8, reserved: 0 }
}

const BOTH: u8 = records::READ | records::WRITE;
