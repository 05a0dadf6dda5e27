//! The xenstore protocol without I/O: the codec of protocol v1, the server's connection state
//! machine, and the client side.
#![forbid(unsafe_code)]

pub mod client;
pub mod v1;
