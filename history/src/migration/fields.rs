//! The fixed parts of records, in either byte order.

use zerocopy::{ByteOrder, FromBytes, I32, Immutable, IntoBytes, KnownLayout, U16, U32, Unaligned};

macro_rules! fields {
    ($($(#[doc = $doc:literal])* $name:ident[$size:literal] { $($field:ident: $type:ty,)* })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
            #[repr(C)]
            pub(super) struct $name<O: ByteOrder> { $(pub(super) $field: $type,)* }

            const _: () = assert!(size_of::<$name<zerocopy::LittleEndian>>() == $size);
        )*
    };
}

fields! {
    /// Before each record.
    Head[8] { kind: U32<O>, len: U32<O>, }
    GlobalHead[8] { socket: I32<O>, evtchn: I32<O>, }
    ConnectionHead[24] {
        id: U32<O>,
        kind: U16<O>,
        fields: U16<O>,
        spec: [u8; 8],
        in_len: U16<O>,
        partial_len: U16<O>,
        out_len: U32<O>,
    }
    /// `spec` of a ring.
    RingSpec[8] { domid: U16<O>, target: U16<O>, evtchn: U32<O>, }
    /// `spec` of a socket.
    SocketSpec[8] { fd: I32<O>, pad: U32<O>, }
    WatchHead[8] { conn: U32<O>, path_len: U16<O>, token_len: U16<O>, }
    DepthPart[4] { depth: U16<O>, pad: U16<O>, }
    TransactionHead[8] { conn: U32<O>, id: U32<O>, }
    NodeHead[16] {
        conn: U32<O>,
        tx: U32<O>,
        path_len: U16<O>,
        value_len: U16<O>,
        access: U16<O>,
        perms: U16<O>,
    }
    PermissionPart[4] { letter: u8, flags: u8, domid: U16<O>, }
    QuotaHead[4] { per_domain: U16<O>, global: U16<O>, }
    DomainHead[8] { domid: U16<O>, quotas: U16<O>, features: U32<O>, }
}

/// A connection's `kind`s.
pub(super) const RING: u16 = 0;
pub(super) const SOCKET: u16 = 1;
/// A connection's `fields`: the unique id follows.
pub(super) const UNIQUE_ID: u16 = 1;
/// A permission's `flags`: it belongs to a domain that is no more.
pub(super) const STALE: u8 = 1;
