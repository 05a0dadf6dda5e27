//! What shows that Myriad is right.
//!
//! [`peer`] starts servers of xenstore, ours and others', without Xen. [`oracle`] sends the same
//! random requests to two of them and compares every answer. [`kill`] kills ours under load, and
//! looks whether anyone has lost anything. [`linear`] plays
//! concurrent histories on it, and looks for an order that explains each.
#![forbid(unsafe_code)]

pub mod kill;
pub mod linear;
pub mod oracle;
pub mod peer;
pub mod programs;

/// README's example is a test too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
