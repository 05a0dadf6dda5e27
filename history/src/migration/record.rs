//! The records of a stream, as they are read and written.

use zerocopy::{BigEndian, ByteOrder, LittleEndian, U16};

use super::fields::STALE;

/// A record. Texts are without their NULs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Type 1.
    Global(Global),
    /// Type 2.
    Connection(Connection<'a>),
    /// Types 3 and 8.
    Watch(Watch<'a>),
    /// Type 4.
    Transaction(Transaction),
    /// Type 5.
    Node(Node<'a>),
    /// Type 6.
    GlobalQuota(GlobalQuota<'a>),
    /// Type 7.
    Domain(Domain<'a>),
}

/// The descriptors of the daemon, which the next one inherits; none: −1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    /// The socket at which clients arrive.
    pub socket: Option<i32>,
    /// The event channels' device.
    pub evtchn: Option<i32>,
}

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// What other records call it; not 0.
    pub id: u32,
    /// By what it is reached.
    pub link: Link,
    /// Read and not yet processed.
    pub input: &'a [u8],
    /// To be sent; the first `partial` bytes are the rest of a reply that was begun.
    pub output: &'a [u8],
    /// Bytes of a reply that was begun.
    pub partial: u16,
    /// Which of those that have had its id the domain is (Xen 4.20 and up).
    pub unique_id: Option<u64>,
}

/// By what a client is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A domain's ring.
    Ring {
        /// The domain.
        domid: u16,
        /// The domain that it acts for (SET_TARGET).
        target: Option<u16>,
        /// The daemon's end of the event channel.
        evtchn: u32,
    },
    /// A socket.
    Socket {
        /// Its descriptor.
        fd: i32,
    },
}

/// A watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch<'a> {
    /// Whose it is.
    pub conn: u32,
    /// The path as it was registered: relative ones are.
    pub path: &'a [u8],
    /// Its token.
    pub token: &'a [u8],
    /// How far below the path it hears.
    pub depth: Depth,
}

/// How far below its path a watch hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All the way (type 3, or 0xffff).
    All,
    /// So many levels.
    Levels(u16),
    /// It has one, which C xenstored 4.21 forgets to write.
    Lost,
}

/// A transaction that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Whose it is.
    pub conn: u32,
    /// What its client calls it.
    pub id: u32,
}

/// A node: of the store (`conn` 0), or as a transaction has it.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The transaction's connection, or 0.
    pub conn: u32,
    /// The transaction; of no meaning where `conn` is 0.
    pub tx: u32,
    /// Its path.
    pub path: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// What the transaction did to it: 1 read, 2 written; both 0: deleted.
    pub access: u16,
    pub(super) perms: Permissions<'a>,
}

/// An entry of a permission list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `n`, `r`, `w` or `b`.
    pub letter: u8,
    /// The domain was gone before the list was written down: it counts for nothing.
    pub is_stale: bool,
    /// The domain.
    pub domid: u16,
}

/// A permission list: as the stream has it, or as it is to be written.
#[derive(Clone, Debug)]
pub struct Permissions<'a>(pub(super) Entries<'a>);

#[derive(Clone, Debug)]
pub(super) enum Entries<'a> {
    /// Four bytes each.
    Raw {
        bytes: &'a [u8],
        big_endian: bool,
    },
    List(&'a [Permission]),
}

/// The quotas of the daemon. 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalQuota<'a> {
    /// Of each domain that has none of its own.
    pub per_domain: Vec<(&'a [u8], u32)>,
    /// Of all together.
    pub global: Vec<(&'a [u8], u32)>,
}

/// What a domain has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain<'a> {
    /// The domain.
    pub domid: u16,
    /// The features that its page offers; none in version 1.
    pub features: Option<u32>,
    /// Its quotas. 0 is no limit.
    pub quotas: Vec<(&'a [u8], u32)>,
}

impl Record<'_> {
    /// Its name in Xen's documentation.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Record::Global(_) => "GLOBAL_DATA",
            Record::Connection(_) => "CONNECTION_DATA",
            Record::Watch(watch) if watch.depth == Depth::All => "WATCH_DATA",
            Record::Watch(_) => "WATCH_DATA_EXTENDED",
            Record::Transaction(_) => "TRANSACTION_DATA",
            Record::Node(_) => "NODE_DATA",
            Record::GlobalQuota(_) => "GLOBAL_QUOTA_DATA",
            Record::Domain(_) => "DOMAIN_DATA",
        }
    }
}

impl<'a> Node<'a> {
    /// A node of the store.
    #[must_use]
    pub fn committed(path: &'a [u8], value: &'a [u8], perms: &'a [Permission]) -> Node<'a> {
        let perms = Permissions(Entries::List(perms));
        Node { conn: 0, tx: 0, path, value, access: 0, perms }
    }

    /// The same as a transaction has it, which has read (1) or written (2) it, or neither: deleted.
    #[must_use]
    pub fn pending(self, conn: u32, tx: u32, access: u16) -> Node<'a> {
        Node { conn, tx, access, ..self }
    }

    /// Its permissions, the owner first.
    #[must_use]
    pub fn perms(&self) -> Permissions<'a> {
        self.perms.clone()
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        let place = |node: &Self| (node.conn, if node.conn == 0 { 0 } else { node.tx });
        place(self) == place(other)
            && (self.path, self.value, self.access) == (other.path, other.value, other.access)
            && self.perms().eq(other.perms())
    }
}

impl Eq for Node<'_> {}

impl Permissions<'_> {
    /// How many entries are left.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::Raw { bytes, .. } => bytes.len() / PERMISSION,
            Entries::List(list) => list.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Iterator for Permissions<'_> {
    type Item = Permission;

    fn next(&mut self) -> Option<Permission> {
        match &mut self.0 {
            Entries::Raw { bytes, big_endian } => {
                let (entry, rest) = bytes.split_first_chunk::<PERMISSION>()?;
                *bytes = rest;
                let [letter, flags, domid @ ..] = *entry;
                let domid = match big_endian {
                    true => number::<BigEndian>(domid),
                    false => number::<LittleEndian>(domid),
                };
                Some(Permission { letter, is_stale: flags & STALE != 0, domid })
            }
            Entries::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
        }
    }
}

fn number<O: ByteOrder>(bytes: [u8; 2]) -> u16 {
    U16::<O>::from_bytes(bytes).get()
}

/// Bytes of an entry of a permission list.
pub(super) const PERMISSION: usize = 4;
