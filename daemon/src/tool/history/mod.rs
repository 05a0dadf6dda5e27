//! The past: what `myriad` tells of a history file, by the words of git.

mod expr;
mod glob;
mod layout;
mod limits;
mod name;
mod when;
