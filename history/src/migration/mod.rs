//! The migration stream: what one xenstored hands to the next, in memory or in a file.
//!
//! The format is Xen's (`docs/designs/xenstore-migration.md`, `tools/xenstored/xenstore_state.h`).
//! Versions 1 and 2 are read in both byte orders; written is little-endian, in either version. What
//! is read borrows from the bytes of the stream; nothing is allocated but lists of quotas.
//! Invariants:
//!
//! 1. Any bytes give records or an error that says where and why: no panic, no endless loop, and no
//!    more memory than the stream has.
//! 2. What is written is read back equal, and has one form: every padding byte is zero.
//! 3. [`Reader`] looks at one record after the other; what they must be to each other is
//!    [`Links`]' affair.
//!
//! ```
//! use myriad_history::migration::{Permission, Reader, Record, Version, Writer, Node};
//!
//! let mut writer = Writer::new(Vec::new(), Version::V1)?;
//! let perms = [Permission { letter: b'n', is_stale: false, domid: 0 }];
//! writer.put(&Record::Node(Node::committed(b"/", b"", &perms)))?;
//! let stream = writer.finish()?;
//! let mut reader = Reader::new(&stream)?;
//! let Some(Record::Node(root)) = reader.next_record()? else { panic!("the root") };
//! assert_eq!((root.path, root.perms().next()), (&b"/"[..], Some(perms[0])));
//! assert!(reader.next_record()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod fields;
mod links;
mod parts;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

pub use error::{StreamError, Wrong};
pub use links::{Counts, Links};
pub use reader::Reader;
pub use record::{
    Connection, Depth, Domain, Global, GlobalQuota, Link, Node, Permission, Permissions, Record,
    Transaction, Watch,
};
pub use writer::{WriteError, Writer};

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Version {
    /// As Xen 4.15 to 4.20 have it.
    V1 = 1,
    /// With features of domains and depths of watches.
    V2 = 2,
}

/// What a stream begins with.
const IDENT: [u8; 8] = *b"xenstore";
/// The flag of a stream whose numbers are big-endian.
const BIG_ENDIAN: u32 = 1;
/// Records are padded to a multiple of this.
const ALIGN: usize = 8;
/// `DOMID_INVALID`: no target.
const NO_TARGET: u16 = 0x7ff4;

/// The length with its padding.
fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}
