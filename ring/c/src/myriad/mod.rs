//! `libmyriad`: a client of protocol v2, and of v1 elsewhere. `ring/include/myriad.h` documents it.
//!
//! [`abi`] has the functions, [`handle`] what they do, [`results`] what they give. The feed of
//! commits comes later.

pub mod abi;
pub mod abi_history;
mod calls;
pub mod handle;
pub mod results;
pub mod results_history;
mod steps;
