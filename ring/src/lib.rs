//! The xenstore protocol without I/O: the codec of protocol v1, and the client side.
#![forbid(unsafe_code)]

pub mod client;
pub mod v1;
