//! Protocol v1, as `xs_wire.h` defines it.

mod header;
mod op;

pub use header::{HEADER_LEN, Header, PAYLOAD_MAX};
pub use op::Op;
