//! The one door to atomics: always the standard library's, since the shared page's lie in memory
//! that comes from elsewhere. The models of the page bring loom's, behind the trait `Shared`, which
//! is all that the index protocol knows of a page.

#[allow(clippy::disallowed_types)]
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) use std::sync::atomic::AtomicU8;
#[allow(clippy::disallowed_types)]
pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};
