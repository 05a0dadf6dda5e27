//! Long listings, kept for the requests that come next.
//!
//! Who reads a directory of ten thousand children by DIRECTORY_PART asks for the same listing some
//! twenty times. What is kept is named by the path and the stamp of its children, and two listings
//! with the same of both are the same (V3): so nothing has to be told of a change, and one that is
//! too old is never found. Whether the caller may see it is decided before, each time.
//! Invariants:
//!
//! 1. There are at most [`LISTINGS_KEPT`], of [`LISTINGS_KEPT_BYTES`] together; of a path one.
//! 2. Who was asked for last stands last; the first goes first.

use std::sync::Arc;

use myriad_core::{Caller, Error, Listing, Path, View};

use crate::v1::limits::{LISTING_KEPT_LEAST, LISTINGS_KEPT, LISTINGS_KEPT_BYTES};

/// The listings that a worker keeps for its next requests, all of one store: bounded in number and
/// bytes, and never stale, since each is named by its path and the stamp of its children.
#[derive(Debug, Default)]
pub struct Listings {
    kept: Vec<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    path: Box<str>,
    listing: Listing,
}

impl Listings {
    /// The children of a node, as [`myriad_core::Reads::list`] tells them.
    pub(crate) fn list(
        &mut self,
        view: &mut View<'_>,
        caller: &Caller,
        path: Path<'_>,
    ) -> Result<Listing, Error> {
        let mut found = false;
        let listing = view.list_or(caller, path, |stamp| {
            let names = self.find(path, stamp);
            found = names.is_some();
            names
        })?;
        if !found && listing.names.len() >= LISTING_KEPT_LEAST {
            self.keep(path, &listing);
        }
        Ok(listing)
    }

    fn find(&mut self, path: Path<'_>, stamp: u64) -> Option<Arc<[u8]>> {
        let is = |kept: &Kept| kept.listing.stamp == stamp && *kept.path == *path.as_str();
        let at = self.kept.iter().rposition(is)?;
        if let Some(from_here) = self.kept.get_mut(at..) {
            from_here.rotate_left(1);
        }
        self.kept.last().map(|kept| Arc::clone(&kept.listing.names))
    }

    fn keep(&mut self, path: Path<'_>, listing: &Listing) {
        if let Some(at) = self.kept.iter().position(|kept| *kept.path == *path.as_str()) {
            self.drop_at(at);
        }
        let Some(room) = LISTINGS_KEPT_BYTES.checked_sub(listing.names.len()) else { return };
        // Ends: each turn drops one.
        while !self.kept.is_empty() && (self.kept.len() >= LISTINGS_KEPT || self.bytes > room) {
            self.drop_at(0);
        }
        self.bytes = self.bytes.saturating_add(listing.names.len());
        self.kept.push(Kept { path: path.as_str().into(), listing: listing.clone() });
    }

    fn drop_at(&mut self, at: usize) {
        let kept = self.kept.remove(at);
        self.bytes = self.bytes.saturating_sub(kept.listing.names.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_core::{Config, DomId, Reads, Store, Writes};

    const ROOT: Caller = Caller::Control;

    fn write(store: &Store, path: &str) {
        let path = Path::new(path).unwrap();
        store.edit(|edit| edit.write(&ROOT, path, b"")).result.unwrap();
    }

    fn rm(store: &Store, path: &str) {
        let path = Path::new(path).unwrap();
        store.edit(|edit| edit.rm(&ROOT, path)).result.unwrap();
    }

    fn list(kept: &mut Listings, store: &Store, path: &str) -> Listing {
        let path = Path::new(path).unwrap();
        let fresh = store.pin().list(&ROOT, path);
        let listing = kept.list(&mut store.pin(), &ROOT, path);
        assert_eq!(listing.as_ref().ok(), fresh.as_ref().ok());
        assert_eq!(kept.bytes, kept.kept.iter().map(|k| k.listing.names.len()).sum::<usize>());
        listing.unwrap()
    }

    #[test]
    fn what_is_kept_is_given_again_and_follows_every_change() {
        let store = Store::new(&Config::default()).unwrap();
        let mut kept = Listings::default();
        (0..400).for_each(|n| write(&store, &format!("/a/child-{n}")));
        let first = list(&mut kept, &store, "/a");
        assert!(Arc::ptr_eq(&first.names, &list(&mut kept, &store, "/a").names));
        write(&store, "/a/child-7");
        write(&store, "/a/child-7/below");
        assert!(
            Arc::ptr_eq(&first.names, &list(&mut kept, &store, "/a").names),
            "not its children"
        );
        write(&store, "/a/new");
        assert_ne!(first, list(&mut kept, &store, "/a"));
        rm(&store, "/a/new");
        let second = list(&mut kept, &store, "/a");
        assert!(second.names == first.names && second.stamp != first.stamp);
        // The same number of the same names, in another order.
        rm(&store, "/a/child-0");
        write(&store, "/a/child-0");
        assert_ne!(second.names, list(&mut kept, &store, "/a").names);
        rm(&store, "/a");
        write(&store, "/a/a-new-one");
        assert_eq!(*list(&mut kept, &store, "/a").names, *b"a-new-one\0");
        assert_eq!(kept.kept.len(), 1, "one of a path");
    }

    #[test]
    fn two_directories_of_one_request_have_a_listing_each() {
        let store = Store::new(&Config::default()).unwrap();
        let mut kept = Listings::default();
        write(&store, "/top/some-directory/some-child");
        let above = list(&mut kept, &store, "/top");
        let below = list(&mut kept, &store, "/top/some-directory");
        assert_eq!(above.stamp, below.stamp);
        assert_eq!(*list(&mut kept, &store, "/top").names, *b"some-directory\0");
        assert_eq!(*list(&mut kept, &store, "/top/some-directory").names, *b"some-child\0");
    }

    #[test]
    fn who_may_not_read_is_not_shown_what_is_kept() {
        let store = Store::new(&Config::default()).unwrap();
        let mut kept = Listings::default();
        write(&store, "/secret/a-child-of-it");
        list(&mut kept, &store, "/secret");
        let (domid, path) = (DomId(7), Path::new("/secret").unwrap());
        store.edit(|edit| Ok(edit.introduce(domid))).result.unwrap();
        let instance = store.pin().domain(domid).unwrap().instance;
        let guest = Caller::Guest { domid, instance };
        let refused = kept.list(&mut store.pin(), &guest, path);
        assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    }

    #[test]
    fn the_bounds_hold_and_the_oldest_goes() {
        let store = Store::new(&Config::default()).unwrap();
        let mut kept = Listings::default();
        let path = |n: usize| format!("/d{n}");
        (0..=LISTINGS_KEPT).for_each(|n| write(&store, &format!("{}/some-child", path(n))));
        for n in 0..LISTINGS_KEPT {
            list(&mut kept, &store, &path(n));
        }
        list(&mut kept, &store, &path(0));
        list(&mut kept, &store, &path(LISTINGS_KEPT));
        assert_eq!(kept.kept.len(), LISTINGS_KEPT);
        let is_kept = |n: usize| kept.kept.iter().any(|k| *k.path == *path(n));
        assert!(is_kept(0) && !is_kept(1) && is_kept(LISTINGS_KEPT));
        // By their bytes.
        let long = |len| Listing { stamp: 1, names: vec![b'x'; len].into() };
        kept.keep(Path::new("/long").unwrap(), &long(LISTINGS_KEPT_BYTES));
        assert!(kept.kept.len() == 1 && kept.bytes == LISTINGS_KEPT_BYTES);
        kept.keep(Path::new("/longer").unwrap(), &long(LISTINGS_KEPT_BYTES + 1));
        assert!(kept.kept.len() == 1 && kept.bytes == LISTINGS_KEPT_BYTES, "it is not kept");
        kept.keep(Path::new("/short").unwrap(), &long(1));
        assert!(kept.kept.len() == 1 && kept.bytes == 1);
    }
}
