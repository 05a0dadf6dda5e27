//! `libxenstore`: the functions of Xen's `xenstore.h`, over protocol v1. The README.md beside this
//! crate's manifest has the table of what is there, and where it differs.

pub mod abi;
pub mod abi_more;
mod events;
mod exchange;
pub mod handle;
mod perms;
mod restrict;
mod wire;
