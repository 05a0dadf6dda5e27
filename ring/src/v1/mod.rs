//! Protocol v1, as `xs_wire.h` defines it.
//!
//! Bytes become messages in [`Assembler`], messages become a [`Request`], its paths become
//! absolute by [`PathRules`], and answers are written by [`reply`]. A [`Connection`] does all of
//! it for one client, against a store.

mod args;
mod assemble;
pub mod connection;
pub mod features;
mod header;
pub mod limits;
mod listings;
mod numbers;
mod op;
pub(crate) mod paths;
pub mod reply;
mod request;
mod spare;
mod strings;

#[cfg(any(fuzzing, test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod tests;
#[cfg(any(fuzzing, test, feature = "fuzz"))]
pub(crate) mod world;

pub use args::{ControlArgs, DomArg, PermArgs, QuotaQuery};
pub use assemble::{Assembler, Message, OverLong};
pub use connection::{Connection, Host};
pub use header::{HEADER_LEN, Header, PAYLOAD_MAX};
pub use listings::Listings;
pub use op::{Op, TransactionUse};
pub use paths::{Name, PathError, PathRules, Specials, is_absolute};
pub use request::{Request, RequestError};
pub use strings::{Strings, strings};
