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

/// All that this server offers.
pub const OFFERED: u32 = ERROR | WATCH_DEPTH | DOMID_ANY;
