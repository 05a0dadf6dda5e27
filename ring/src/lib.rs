//! The xenstore protocol without I/O: the codecs of protocols v1 and v2, the server's connection
//! as a state machine, the client side, and the page of memory that a guest shares with the server.
#![deny(unsafe_code)] // Allowed in `page/{raw,copy,region}.rs` alone.

pub mod bells;
mod board;
pub mod client;
pub mod limits;
pub mod page;
pub mod shm;
mod sync;
pub mod v1;
pub mod v2;
