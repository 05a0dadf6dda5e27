//! Protocol v2: one message says all of a change, one answer all that was asked for.
//!
//! `ring/PROTOCOL-V2.md` has it field by field, and `ring/include/myriad-v2.h` for C, made of the
//! same declarations. A connection begins with v1 and agrees upon v2 by one exchange
//! ([`records::HELLO`]); then both sides send [`frame`]s. Messages come out of a stream by
//! [`Input`], become a [`Request`], and are answered by the server's half of
//! [`Connection`](crate::v1::Connection).

pub mod answers;
pub mod body;
mod encode;
pub mod feed;
pub mod frame;
#[cfg(any(fuzzing, test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod header_c;
mod input;
pub mod limits;
mod numbers;
mod op;
mod past_records;
mod record;
pub mod records;
mod request;
pub(crate) mod serve;
pub mod status;
#[cfg(test)]
mod tests;

pub use frame::{BadFrame, Frame};
pub use input::{Input, Next};
pub use op::Op;
pub use record::{ALIGN, Record, padding};
pub use request::{BadRequest, Request, Step, permission, permissions};
pub use serve::{Executed, Followed, Past, Question, Told};
