//! Floors: what no daemon can be faster than on this machine.
//!
//! They answer in the protocol's form and do nothing else: no path is looked at, nothing is kept.
//! A goal that is missed by less than 1.2 times of them is *at the bound*.

mod answer;
pub mod echo;
pub mod ring;
