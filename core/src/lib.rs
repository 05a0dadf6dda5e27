//! The xenstore tree as immutable versions behind one atomic pointer.
//!
//! A [`Store`] holds the current *version*: the tree, the domains and their usage, the watches and
//! the indices, all in one immutable value that shares its structure with the versions before.
//! Whoever reads holds a version and needs no lock ([`Store::pin`], [`Store::snapshot`]). Whoever
//! writes builds the next version and swaps it in ([`Store::edit`]); where another was faster, it
//! builds again. A [`Transaction`] reads a snapshot, notes what it was answered by, and commits if
//! those facts still hold, whatever else has changed. A [`Feed`] tells what each publication
//! changed and which watches it fired.
//!
//! No I/O, no clock, no thread, no Xen: everything comes in as an argument.
//!
//! ```
//! use myriad_core::{Caller, Config, FeedItem, Path, Store, Writes, WatchPath, ConnId};
//!
//! let store = Store::new(&Config::default())?;
//! let home = Path::new("/local/domain/1")?;
//! let me = ConnId::new(0, 1);
//! let watch = WatchPath::Node(home);
//! store.edit(|edit| edit.watch(me, &Caller::Control, watch, b"token", None, 0)).result?;
//!
//! let mut feed = store.feed();
//! let name = Path::new("/local/domain/1/name")?;
//! store.edit(|edit| edit.write(&Caller::Control, name, b"web")).result?;
//! let FeedItem::Record(record) = feed.next() else { panic!("one publication") };
//! assert_eq!(record.fires[0].path(), "/local/domain/1/name");
//! assert_eq!(record.fires[0].token(), b"token");
//! # Ok::<(), myriad_core::Error>(())
//! ```
#![deny(unsafe_code)]

mod accounts;
mod acl;
mod caller;
mod cell;
mod check;
mod config;
mod delta;
mod domain;
mod domains;
mod edit;
mod errno;
mod error;
mod feed;
mod footprint;
mod hash;
mod image;
mod index;
mod inner;
pub mod journal;
mod key;
mod lifecycle;
pub mod limits;
mod origin;
mod path;
mod perms;
mod prepared;
mod publish;
mod quota;
mod record;
mod removal;
mod restore;
mod shelves;
mod since;
mod state;
mod store;
mod sync;
mod takeover;
mod together;
mod transaction;
mod tree;
mod trie;
mod version;
mod view;
mod virt;
mod watch;
mod watched;
mod watching;
mod work;

pub use caller::Caller;
pub use config::Config;
pub use delta::{Change, DomainChange, Item, Items, NewWatch, Perms, What};
pub use domain::{DomId, Instance};
pub use domains::{DomainInfo, Seat};
pub use edit::{Edit, Writes};
pub use errno::Errno;
pub use error::{Error, Refusal};
pub use index::BUILT_IN as BUILT_IN_INDICES;
pub use key::escape as escape_key;
pub use origin::Origin;
pub use path::{Components, Path, is_path_byte};
pub use perms::{Access, Perm};
pub use quota::{Quota, Quotas};
pub use record::{Fire, Record};
pub use restore::{Restore, RestoreError};
pub use since::{After, Since};
pub use state::Special;
pub use store::{Outcome, Store};
pub use takeover::FoundPerm;
pub use transaction::Transaction;
pub use view::{Feed, FeedItem, Listing, Match, Reads, Snapshot, Stat, View};
pub use watch::{ConnId, WatchPath};

/// The examples, run as doc tests too.
#[cfg(doctest)]
mod examples {
    #![doc = concat!("```\n", include_str!("../examples/read.rs"), "\n```")]
    #![doc = concat!("```\n", include_str!("../examples/commit.rs"), "\n```")]
    #![doc = concat!("```\n", include_str!("../examples/watch.rs"), "\n```")]
    #![doc = concat!("```\n", include_str!("../examples/lookup.rs"), "\n```")]
}
