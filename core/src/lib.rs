//! The xenstore tree as immutable versions behind one atomic pointer.
#![forbid(unsafe_code)]

pub mod api;
pub mod domain;
pub mod errno;
pub mod error;
pub mod path;
pub mod perms;
pub mod quota;

pub use api::*;
pub use domain::{DomId, Instance};
pub use errno::Errno;
pub use error::{Error, Refusal};
pub use path::{Path, is_path_byte};
pub use perms::{Access, Perm};
pub use quota::{Quota, Quotas};
