//! What stands in the place of the system, of arc-swap and of `myriad-core` for the daemon's
//! tables.

use std::sync::Arc;

use crate::loom_support::{self, Guard};

/// A domain's id; there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomId(pub u16);

impl DomId {
    pub const SELF: DomId = DomId(4);
}

/// arc-swap's cell, as the daemon uses it.
#[derive(Debug)]
pub struct ArcSwap<T>(loom_support::ArcSwap<T>);

impl<T: Default> Default for ArcSwap<T> {
    fn default() -> ArcSwap<T> {
        ArcSwap(loom_support::ArcSwap::from_pointee(T::default()))
    }
}

impl<T> ArcSwap<T> {
    pub fn load(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    pub fn store(&self, new: Arc<T>) {
        self.rcu(|_| Arc::clone(&new));
    }

    /// Replaces the value by one that is made of it, again until nobody came between.
    pub fn rcu<R: Into<Arc<T>>>(&self, mut next: impl FnMut(&Arc<T>) -> R) -> Arc<T> {
        loop {
            let current = Arc::clone(&self.0.load());
            let new = next(&current).into();
            if Arc::ptr_eq(&self.0.compare_and_swap(&current, new), &current) {
                return current;
            }
        }
    }
}

/// Linux's eventfd.
pub mod event {
    use super::fd::OwnedFd;

    pub struct EventfdFlags;

    impl EventfdFlags {
        pub const CLOEXEC: EventfdFlags = EventfdFlags;
        pub const NONBLOCK: EventfdFlags = EventfdFlags;
    }

    impl std::ops::BitOr for EventfdFlags {
        type Output = EventfdFlags;

        fn bitor(self, _: EventfdFlags) -> EventfdFlags {
            self
        }
    }

    pub fn eventfd(_: u32, _: EventfdFlags) -> std::io::Result<OwnedFd> {
        Ok(OwnedFd(loom::sync::Notify::new()))
    }
}

pub mod fd {
    /// An event that stays pending until it is waited for.
    pub struct OwnedFd(pub(super) loom::sync::Notify);

    impl OwnedFd {
        pub fn wait(&self) {
            self.0.wait();
        }
    }

    impl std::fmt::Debug for OwnedFd {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("OwnedFd")
        }
    }
}

pub mod io {
    use super::fd::OwnedFd;

    pub fn write(event: &OwnedFd, _: &[u8]) -> std::io::Result<usize> {
        event.0.notify();
        Ok(8)
    }
}

/// As `daemon/src/sync.rs` gives, with loads and stores of the model's kind.
pub(crate) mod sync {
    pub(crate) use loom::sync::atomic::{Ordering, fence};

    use crate::loom_support::{Loads, loads};

    macro_rules! atomic {
        ($name:ident, $of:ty, $load:expr) => {
            #[derive(Debug)]
            pub(crate) struct $name(loom::sync::atomic::$name);

            impl $name {
                pub(crate) fn new(value: $of) -> $name {
                    $name(loom::sync::atomic::$name::new(value))
                }

                pub(crate) fn load(&self, ordering: Ordering) -> $of {
                    match loads() {
                        Loads::Newest => $load(&self.0, ordering),
                        Loads::Older => self.0.load(ordering),
                    }
                }

                pub(crate) fn store(&self, value: $of, ordering: Ordering) {
                    match loads() {
                        Loads::Newest => drop(self.0.swap(value, ordering)),
                        Loads::Older => self.0.store(value, ordering),
                    }
                }

                #[allow(dead_code)]
                pub(crate) fn compare_exchange(
                    &self,
                    old: $of,
                    new: $of,
                    ok: Ordering,
                    no: Ordering,
                ) -> Result<$of, $of> {
                    self.0.compare_exchange(old, new, ok, no)
                }
            }

            impl Default for $name {
                fn default() -> $name {
                    $name::new(<$of>::default())
                }
            }
        };
    }

    atomic!(AtomicBool, bool, |of: &loom::sync::atomic::AtomicBool, ordering| of
        .fetch_or(false, ordering));
    atomic!(AtomicU64, u64, |of: &loom::sync::atomic::AtomicU64, ordering| of
        .fetch_add(0, ordering));

    impl AtomicU64 {
        pub(crate) fn fetch_max(&self, value: u64, ordering: Ordering) -> u64 {
            self.0.fetch_max(value, ordering)
        }
    }
}
