//! What shows that Myriad is right.
//!
//! [`peer`] starts servers of xenstore, ours and others', without Xen. [`oracle`] sends the same
//! random requests to two of them and compares every answer. [`model`] is the store once more, as
//! plainly as it can be said. [`linear`] plays concurrent histories on ours, and looks for an order
//! that explains each. [`kill`] kills it under load, and looks whether anyone has lost anything.
#![forbid(unsafe_code)]

pub mod kill;
pub mod linear;
pub mod model;
pub mod oracle;
pub mod peer;
pub mod programs;
pub mod progress;
pub mod simulate;

/// README's example is a test too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
