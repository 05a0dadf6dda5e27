//! The programs `xenstored` and `myriad`, as a library.
#![deny(unsafe_code)]

pub mod claim;
pub mod confine;
pub mod control;
pub mod detach;
pub mod embed;
pub mod history;
pub mod hypervisor;
pub mod limits;
pub mod logs;
pub mod malloc;
pub mod migrate;
pub mod options;
mod past;
pub mod reclaim;
pub mod recovery;
pub mod server;
mod serving;
pub mod sim;
pub mod stored;
mod sync;
pub mod tool;
pub mod tree;
pub mod worker;
pub mod xen;

/// The examples, run as doc tests too.
#[cfg(doctest)]
mod examples {
    #![doc = concat!("```\n", include_str!("../examples/toolstack.rs"), "\n```")]
    #![doc = concat!("```\n", include_str!("../examples/controller.rs"), "\n```")]
    #![doc = concat!("```\n", include_str!("../examples/time_travel.rs"), "\n```")]
}
