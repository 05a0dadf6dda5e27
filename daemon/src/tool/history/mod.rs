//! The past: what `myriad` tells of a history file, by the words of git.

mod directory;
mod expr;
mod glob;
mod layout;
mod limits;
mod name;
mod past;
mod when;
