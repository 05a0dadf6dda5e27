//! What C programs link: `libmyriad.so.0`, a client of both protocols, and `libxenstore.so.4`, the
//! interface of Xen's library of that name over protocol v1.
//!
//! `ring/include/myriad.h` documents the first function by function, the folder's README.md says
//! what the second has and hasn't. `link.sh` makes both of this crate's archive.
//!
//! How C is kept from Rust's assumptions:
//!
//! 1. All functions are exported by one macro ([`raw`]), so that none lets a panic out: it becomes
//!    an error. (Rust would end the program where one got through.)
//! 2. What comes from C has types that Rust alone can't make, with NULL among their values, and is
//!    read by `raw`. The header is what C promises about it.
//! 3. What is given to C is a `Box` that comes back to be dropped, or memory of `malloc` where the
//!    interface wants `free`.
//! 4. Nothing is global: no thread, no signal, no hook, no static that changes.
#![deny(unsafe_code)] // Allowed in `raw.rs` and the files named `abi.rs`.

pub mod limits;
pub mod myriad;
mod number;
mod poll;
pub mod raw;
mod sync;
pub mod xs;
