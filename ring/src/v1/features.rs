//! What the server can do beyond the first version of the protocol (`xs_wire.h`), as bits.

/// The guest may ask for its ring to be reset at any time. GET_FEATURE and SET_FEATURE don't know
/// it, as in C; our rings offer it to all.
pub const RECONNECTION: u32 = 1;
/// The server writes errors into the ring page.
pub const ERROR: u32 = 2;
/// WATCH takes a depth.
pub const WATCH_DEPTH: u32 = 4;
/// A permission may name every domain.
pub const DOMID_ANY: u32 = 8;

/// A ring's guest may ask for protocol v2 ([`crate::v2`]). Only rings have the bit, as
/// [`RECONNECTION`]; far from Xen's own, which are given out from 0 on.
pub const V2: u32 = 1 << 30;
/// The server takes what is in the ring for v2. It is set before the guest sees that v2 was agreed
/// upon, and goes where the ring begins anew: so a server that finds it in a page knows that it
/// can't go on there.
pub const SPEAKS_V2: u32 = 1 << 31;

/// All that this server offers.
pub const OFFERED: u32 = ERROR | WATCH_DEPTH | DOMID_ANY;
