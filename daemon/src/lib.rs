//! The programs `xenstored` and `myriad`, as a library.

pub mod tool;
