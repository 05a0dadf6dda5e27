//! The scripts: who asks what, in which order.
//!
//! After Xen's documentation of xenstore paths (`docs/misc/xenstore-paths.pandoc`), what
//! `xenstored`'s trace shows of `xl create`, and of a Linux guest that boots.

pub(super) mod backend;
pub(super) mod guest;
pub(super) mod toolstack;

/// Nodes that lie above those of all guests, for the toolstack to make once.
pub(super) const PARENTS: [&str; 6] = [
    "/local/domain/0/backend/vbd",
    "/local/domain/0/backend/vif",
    "/local/domain/0/backend/console",
    "/local/domain/0/libxl",
    "/vm",
    "/libxl",
];
