//! `libmyriad`: a client of protocol v2, and of v1 elsewhere. `ring/include/myriad.h` documents it.
//!
//! [`abi`] has the functions, [`handle`] what they do, [`results`] what they give. History and the
//! feed of commits come with the operations of the protocol for them.

pub mod abi;
mod calls;
pub mod handle;
pub mod results;
mod steps;
