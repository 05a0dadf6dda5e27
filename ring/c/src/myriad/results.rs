//! What calls give to C: the structs of `myriad.h`, each with what its pointers point to.
//!
//! C sees the first field of a [`Held`]; the rest keeps the memory, until the `Box` comes back.

use std::{
    ffi::{c_char, c_void},
    mem::offset_of,
};

use myriad_core::{DomId, Errno, Perm};
use myriad_ring::client::{Child, Event, Match, Message, Node, Told};

use crate::number;

/// A struct for C, and what it points into.
#[derive(Debug)]
#[repr(C)]
pub struct Held<T, K> {
    shown: T,
    keep: K,
}

/// `struct myriad_permission`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Permission {
    /// The domain.
    pub(super) domid: u16,
    pub(super) access: u8,
    pub(super) reserved: u8,
}

/// `struct myriad_got`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Got {
    status: i32,
    perms_count: u32,
    value_size: usize,
    value: *const c_void,
    perms: *const Permission,
    value_stamp: u64,
    perms_stamp: u64,
    children_stamp: u64,
}

type Parts = (Vec<u8>, Vec<Permission>);

/// What `myriad_get` gives.
pub type OneGot = Held<Got, Parts>;

/// `struct myriad_got_many`.
#[derive(Debug)]
#[repr(C)]
pub struct Many {
    count: usize,
    nodes: *const Got,
}

/// What `myriad_get_many` gives.
pub type ManyGot = Held<Many, (Vec<Got>, Vec<Parts>)>;

/// `struct myriad_child`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ChildSeen {
    name: *const c_char,
    name_size: usize,
    value: *const c_void,
    value_size: usize,
    status: i32,
    reserved: u32,
}

/// `struct myriad_listed`.
#[derive(Debug)]
#[repr(C)]
pub struct Children {
    count: usize,
    children: *const ChildSeen,
}

/// What `myriad_list` gives.
pub type Listed = Held<Children, (Vec<ChildSeen>, Vec<(Vec<u8>, Vec<u8>)>)>;

/// `struct myriad_found_node`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MatchSeen {
    captures: *const c_char,
    captures_size: usize,
    owner: u16,
    reserved0: u16,
    reserved1: u32,
}

/// `struct myriad_found`.
#[derive(Debug)]
#[repr(C)]
pub struct Matches {
    count: usize,
    nodes: *const MatchSeen,
}

/// What `myriad_lookup` gives.
pub type Found = Held<Matches, (Vec<MatchSeen>, Vec<Vec<u8>>)>;

/// `struct myriad_fired`.
#[derive(Debug)]
#[repr(C)]
pub struct EventSeen {
    token: u64,
    path: *const c_char,
    path_size: usize,
}

/// What `myriad_next_event` gives.
pub type Fired = Held<EventSeen, Vec<u8>>;

/// `struct myriad_classic_reply`.
#[derive(Debug)]
#[repr(C)]
pub struct Payload {
    op: u32,
    reserved: u32,
    size: usize,
    payload: *const c_void,
}

/// What `myriad_classic` gives.
pub type Reply = Held<Payload, Vec<u8>>;

pub(super) fn hold<T, K>(shown: T, keep: K) -> Box<Held<T, K>> {
    Box::new(Held { shown, keep })
}

/// Bytes with a NUL behind them.
pub(super) fn closed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0);
    bytes
}

/// Bytes without it.
pub(super) fn size(closed: &[u8]) -> usize {
    closed.len().saturating_sub(1)
}

fn parts(node: &mut Node) -> Parts {
    let perm =
        |perm: &Perm| Permission { domid: perm.domid.0, access: perm.access as u8, reserved: 0 };
    (closed(std::mem::take(&mut node.value)), node.perms.iter().map(perm).collect())
}

fn shown(node: &Node, (value, perms): &Parts) -> Got {
    let stamp = |of: fn(&myriad_ring::client::Stamps) -> u64| node.stamps.as_ref().map_or(0, of);
    Got {
        status: 0,
        perms_count: u32::try_from(perms.len()).unwrap_or(u32::MAX),
        value_size: size(value),
        value: value.as_ptr().cast(),
        perms: perms.as_ptr(),
        value_stamp: stamp(|stamps| stamps.value),
        perms_stamp: stamp(|stamps| stamps.perms),
        children_stamp: stamp(|stamps| stamps.children),
    }
}

/// A node that can't be told.
fn untold(errno: Errno) -> Got {
    Got {
        status: number::named(errno).saturating_neg(),
        perms_count: 0,
        value_size: 0,
        value: std::ptr::null(),
        perms: std::ptr::null(),
        value_stamp: 0,
        perms_stamp: 0,
        children_stamp: 0,
    }
}

pub(super) fn got(mut node: Node) -> Box<OneGot> {
    let keep = parts(&mut node);
    hold(shown(&node, &keep), keep)
}

pub(super) fn got_many(nodes: Vec<Told<Node>>) -> Box<ManyGot> {
    let mut keep = Vec::with_capacity(nodes.len());
    let show = |node: Told<Node>| match node {
        Ok(mut node) => {
            let its = parts(&mut node);
            let got = shown(&node, &its);
            keep.push(its);
            got
        }
        Err(errno) => untold(errno),
    };
    let all: Vec<Got> = nodes.into_iter().map(show).collect();
    hold(Many { count: all.len(), nodes: all.as_ptr() }, (all, keep))
}

pub(super) fn listed(children: Vec<Child>) -> Box<Listed> {
    let mut keep = Vec::with_capacity(children.len());
    let show = |(name, value): Child| {
        let status = value.as_ref().err().map_or(0, |errno| number::named(*errno));
        let (name, value) = (closed(name.into_bytes()), closed(value.unwrap_or_default()));
        let seen = ChildSeen {
            name: name.as_ptr().cast(),
            name_size: size(&name),
            value: value.as_ptr().cast(),
            value_size: size(&value),
            status: status.saturating_neg(),
            reserved: 0,
        };
        keep.push((name, value));
        seen
    };
    let all: Vec<ChildSeen> = children.into_iter().map(show).collect();
    hold(Children { count: all.len(), children: all.as_ptr() }, (all, keep))
}

pub(super) fn found(matches: Vec<Match>) -> Box<Found> {
    let mut keep = Vec::with_capacity(matches.len());
    let show = |found: Match| {
        let (captures, DomId(owner)) = (closed(found.captures.into_bytes()), found.owner);
        let seen = MatchSeen {
            captures: captures.as_ptr().cast(),
            captures_size: size(&captures),
            owner,
            reserved0: 0,
            reserved1: 0,
        };
        keep.push(captures);
        seen
    };
    let all: Vec<MatchSeen> = matches.into_iter().map(show).collect();
    hold(Matches { count: all.len(), nodes: all.as_ptr() }, (all, keep))
}

pub(super) fn fired(event: Event) -> Box<Fired> {
    let path = closed(event.path.into_bytes());
    let token = super::steps::token_from(&event.token);
    hold(EventSeen { token, path: path.as_ptr().cast(), path_size: size(&path) }, path)
}

pub(super) fn reply(message: Message) -> Box<Reply> {
    let keep = closed(message.payload);
    let (op, size) = (message.header.op, size(&keep));
    hold(Payload { op, reserved: 0, size, payload: keep.as_ptr().cast() }, keep)
}

// The layouts that `verify/tests/c/myriad.c` finds in the header.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Got>() == 56 && offset_of!(Got, children_stamp) == 48);
    assert!(size_of::<ChildSeen>() == 40 && offset_of!(ChildSeen, status) == 32);
    assert!(size_of::<MatchSeen>() == 24 && offset_of!(MatchSeen, owner) == 16);
    assert!(size_of::<EventSeen>() == 24 && offset_of!(EventSeen, path_size) == 16);
    assert!(size_of::<Payload>() == 24 && offset_of!(Payload, payload) == 16);
    assert!(size_of::<crate::raw::Step<'_>>() == 40 && size_of::<Permission>() == 4);
    assert!(offset_of!(crate::raw::Step<'_>, stamp) == 32);
    assert!(size_of::<(Many, Children, Matches)>() == 48);
};
