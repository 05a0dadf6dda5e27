//! How records are declared: once, for Rust and for C.
//!
//! [`records!`] makes each a struct whose bytes are those on the wire, little-endian and without
//! padding, and notes its fields for the C header (`ring/include/myriad-v2.h`). Invariants:
//!
//! 1. A record's size is a multiple of 8 (of 4 for the entries of a permission list).
//! 2. A field whose name begins with `reserved` is zero; [`Record::is_clean`] says whether it is.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A record of the protocol.
pub trait Record: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy {
    /// Whether all of its reserved fields are zero.
    fn is_clean(&self) -> bool;
}

/// What the C header shows of a record.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) docs: &'static [&'static str],
    pub(crate) size: usize,
    /// Name, type, and words of each field.
    pub(crate) fields: &'static [(&'static str, &'static str, &'static [&'static str])],
}

macro_rules! records {
    ($list:ident: $(
        $(#[doc = $doc:literal])*
        $name:ident = $c:literal {
            $( $(#[doc = $words:literal])* $field:ident: $type:ident, )*
        }
    )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(
                Clone, Copy, Debug, Default, PartialEq, Eq,
                zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout,
                zerocopy::Immutable, zerocopy::Unaligned,
            )]
            #[repr(C)]
            pub struct $name {
                $( $(#[doc = $words])* pub $field: $type, )*
            }

            impl $crate::v2::record::Record for $name {
                fn is_clean(&self) -> bool {
                    $(
                        (!$crate::v2::record::is_reserved(stringify!($field))
                            || zerocopy::IntoBytes::as_bytes(&self.$field).iter().all(|b| *b == 0))
                    )&&*
                }
            }

            const _: () = assert!(size_of::<$name>() % 4 == 0);
        )*

        /// For the C header.
        #[cfg(test)]
        pub(crate) const $list: &[$crate::v2::record::Shape] = &[$(
            $crate::v2::record::Shape {
                name: $c,
                docs: &[$($doc),*],
                size: size_of::<$name>(),
                fields: &[$((stringify!($field), stringify!($type), &[$($words),*])),*],
            }
        ),*];
    };
}
pub(crate) use records;

pub(crate) fn is_reserved(field: &str) -> bool {
    field.starts_with("reserved")
}

/// Zeros that bring a length to the next multiple of [`ALIGN`].
#[must_use]
pub fn padding(len: usize) -> usize {
    len.wrapping_neg() % ALIGN
}

/// Records begin at multiples of this, counted from the beginning of a message's body.
pub const ALIGN: usize = 8;
