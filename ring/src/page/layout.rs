//! The shared page as `xs_wire.h` lays it out (`struct xenstore_domain_interface`;
//! `docs/misc/xenstore-ring.txt` says what the words mean).
//!
//! Nothing here touches memory. [`DomainInterface`] exists for its offsets: no value or reference
//! of it is ever made over a page.

use std::mem::{align_of, offset_of, size_of};

/// Bytes of the page: one of Xen's.
pub const PAGE_SIZE: usize = 4096;

/// Bytes of each ring, a power of two (`XENSTORE_RING_SIZE`).
pub const RING_SIZE: u32 = 1024;

/// The ring is connected (`XENSTORE_CONNECTED`).
pub const CONNECTED: u32 = 0;
/// The guest asks for the ring to be emptied (`XENSTORE_RECONNECT`).
pub const RECONNECT: u32 = 1;

/// No error (`XENSTORE_ERROR_NONE`).
pub const ERROR_NONE: u32 = 0;
/// The event channel doesn't work (`XENSTORE_ERROR_COMM`).
pub const ERROR_COMM: u32 = 1;
/// An index is impossible (`XENSTORE_ERROR_RINGIDX`).
pub const ERROR_RINGIDX: u32 = 2;
/// The guest broke the protocol (`XENSTORE_ERROR_PROTO`).
pub const ERROR_PROTO: u32 = 3;

/// What the page holds from its beginning; the rest of it is unused.
///
/// | offset | bytes | field | written by |
/// |---|---|---|---|
/// | 0 | 1024 | `req`: requests, a ring | guest |
/// | 1024 | 1024 | `rsp`: replies and watch events, a ring | server |
/// | 2048 | 4 | `req_cons`: index of the next byte to take out | server |
/// | 2052 | 4 | `req_prod`: index of the next byte to put in | guest |
/// | 2056 | 4 | `rsp_cons` | guest |
/// | 2060 | 4 | `rsp_prod` | server |
/// | 2064 | 4 | `server_features`, bits | server |
/// | 2068 | 4 | `connection`: [`CONNECTED`] or [`RECONNECT`] | both |
/// | 2072 | 4 | `error`: [`ERROR_NONE`] and others | server |
/// | 2076 | 4 | `evtchn_port`: the guest's, or 0 | whoever built the domain |
///
/// Words are in the machine's byte order. Indices run freely and wrap at 2³²; byte `i` of the
/// stream lies at `i % 1024`. `evtchn_port` is younger than the rest: it
/// serves domains that were made without a toolstack (dom0less).
#[repr(C)]
#[derive(Debug)]
pub struct DomainInterface {
    req: [u8; RING_SIZE as usize],
    rsp: [u8; RING_SIZE as usize],
    req_cons: u32,
    req_prod: u32,
    rsp_cons: u32,
    rsp_prod: u32,
    server_features: u32,
    connection: u32,
    error: u32,
    evtchn_port: u32,
}

const _: () = {
    assert!(offset_of!(DomainInterface, req) == 0);
    assert!(offset_of!(DomainInterface, rsp) == 1024);
    assert!(offset_of!(DomainInterface, req_cons) == 2048);
    assert!(offset_of!(DomainInterface, req_prod) == 2052);
    assert!(offset_of!(DomainInterface, rsp_cons) == 2056);
    assert!(offset_of!(DomainInterface, rsp_prod) == 2060);
    assert!(offset_of!(DomainInterface, server_features) == 2064);
    assert!(offset_of!(DomainInterface, connection) == 2068);
    assert!(offset_of!(DomainInterface, error) == 2072);
    assert!(offset_of!(DomainInterface, evtchn_port) == 2076);
    assert!(size_of::<DomainInterface>() == 2080 && align_of::<DomainInterface>() == 4);
    assert!(size_of::<DomainInterface>() <= PAGE_SIZE);
    // Indices wrap at 2³²: only a power of two makes `index % RING_SIZE` go on without a gap.
    assert!(RING_SIZE.is_power_of_two());
};

/// A word of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// `req_cons`.
    RequestsConsumed,
    /// `req_prod`.
    RequestsProduced,
    /// `rsp_cons`.
    ResponsesConsumed,
    /// `rsp_prod`.
    ResponsesProduced,
    /// `server_features`.
    Features,
    /// `connection`.
    Connection,
    /// `error`.
    Error,
    /// `evtchn_port`.
    EventChannel,
}

impl Word {
    /// All of them, in the order of the page.
    pub const ALL: [Word; 8] = [
        Word::RequestsConsumed,
        Word::RequestsProduced,
        Word::ResponsesConsumed,
        Word::ResponsesProduced,
        Word::Features,
        Word::Connection,
        Word::Error,
        Word::EventChannel,
    ];

    /// Where it lies: bytes from the beginning of the page, a multiple of 4.
    #[must_use]
    pub const fn offset(self) -> usize {
        match self {
            Word::RequestsConsumed => offset_of!(DomainInterface, req_cons),
            Word::RequestsProduced => offset_of!(DomainInterface, req_prod),
            Word::ResponsesConsumed => offset_of!(DomainInterface, rsp_cons),
            Word::ResponsesProduced => offset_of!(DomainInterface, rsp_prod),
            Word::Features => offset_of!(DomainInterface, server_features),
            Word::Connection => offset_of!(DomainInterface, connection),
            Word::Error => offset_of!(DomainInterface, error),
            Word::EventChannel => offset_of!(DomainInterface, evtchn_port),
        }
    }
}

/// One direction: a ring with its two indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// From the guest to the server.
    Requests,
    /// From the server to the guest: replies and watch events.
    Responses,
}

impl Lane {
    /// Where its ring begins: bytes from the beginning of the page.
    #[must_use]
    pub const fn offset(self) -> usize {
        match self {
            Lane::Requests => offset_of!(DomainInterface, req),
            Lane::Responses => offset_of!(DomainInterface, rsp),
        }
    }

    /// The index of the next byte to be taken out.
    #[must_use]
    pub const fn consumed(self) -> Word {
        match self {
            Lane::Requests => Word::RequestsConsumed,
            Lane::Responses => Word::ResponsesConsumed,
        }
    }

    /// The index of the next byte to be put in.
    #[must_use]
    pub const fn produced(self) -> Word {
        match self {
            Lane::Requests => Word::RequestsProduced,
            Lane::Responses => Word::ResponsesProduced,
        }
    }
}
