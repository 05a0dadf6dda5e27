//! Entry points for a fuzzer: each takes any bytes, and panics where the crate is wrong.

mod codec;
mod connection;

pub use codec::codec;
pub use connection::connection;
