//! Numbers that stand in records: flags, features, kinds of items. [`crate::v2::records`] gives
//! them out.

/// [`Get::want`](crate::v2::records::Get::want): the value.
pub const VALUE: u16 = 1;
/// [`Get::want`](crate::v2::records::Get::want): the permissions.
pub const PERMS: u16 = 2;
/// [`List::flags`](crate::v2::records::List::flags): values, too.
pub const VALUES: u16 = 1;
/// [`Permission::access`](crate::v2::records::Permission::access): read and list.
pub const READ: u8 = 1;
/// [`Permission::access`](crate::v2::records::Permission::access): write, create below, remove.
pub const WRITE: u8 = 2;
/// [`Registration::flags`](crate::v2::records::Registration::flags): no event right away.
pub const QUIET: u16 = 1;
/// [`Registration::depth`](crate::v2::records::Registration::depth): all levels.
pub const ALL_LEVELS: u32 = u32::MAX;
/// [`Failure::item`](crate::v2::records::Failure::item): none of them.
pub const NO_ITEM: u32 = u32::MAX;

/// The number of the v1 message that asks for v2: `MYR2`. No Xen has it; one that doesn't know it
/// says ENOSYS or closes the connection.
pub const HELLO: u32 = 0x3252_594D;
/// The version that this is.
pub const VERSION: u16 = 2;

/// Feature: WATCH, UNWATCH and their events.
pub const WATCHES: u32 = 1;
/// Feature: SNAPSHOT and SNAPSHOT_END.
pub const SNAPSHOTS: u32 = 2;
/// Feature: LOOKUP. For privileged clients.
pub const LOOKUPS: u32 = 4;
/// Feature: CLASSIC.
pub const CLASSICS: u32 = 8;
/// Feature: RING. For privileged clients on sockets.
pub const RINGS: u32 = 0x100;
/// All that this server has.
pub const OFFERED: u32 = WATCHES | SNAPSHOTS | LOOKUPS | CLASSICS | RINGS;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What an item of a COMMIT does or asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Kind { $($(#[doc = $doc])* $name = $number,)* }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The kind of a number.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Kind> {
                match number { $($number => Some(Kind::$name),)* _ => None }
            }

            /// The name as the protocol's documentation writes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }

            /// What it does, in a line.
            #[cfg(test)]
            pub(crate) fn words(self) -> &'static str {
                match self { $(Kind::$name => concat!($($doc),*),)* }
            }
        }
    };
}

kinds! {
    /// Sets the value; creates the node and its parents where they are missing.
    SetValue = 1, "SET_VALUE";
    /// Creates the node without a value, unless it is there.
    Create = 2, "CREATE";
    /// Removes the node and all below it.
    Remove = 3, "REMOVE";
    /// Sets the permissions.
    SetPerms = 4, "SET_PERMS";
    /// Unless the value's stamp is this: EAGAIN.
    IfValueStamp = 16, "IF_VALUE_STAMP";
    /// Unless the permissions' stamp is this: EAGAIN.
    IfPermsStamp = 17, "IF_PERMS_STAMP";
    /// Unless the stamp of the set of children is this: EAGAIN.
    IfChildrenStamp = 18, "IF_CHILDREN_STAMP";
    /// Unless the value is this: EAGAIN.
    IfValue = 19, "IF_VALUE";
    /// Unless there is no such node: EEXIST.
    IfAbsent = 20, "IF_ABSENT";
    /// Unless there is such a node: ENOENT.
    IfExists = 21, "IF_EXISTS";
}

impl Kind {
    /// Whether it changes something.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(self, Kind::SetValue | Kind::Create | Kind::Remove | Kind::SetPerms)
    }

    /// Whether its item has a value.
    pub(crate) fn has_value(self) -> bool {
        matches!(self, Kind::SetValue | Kind::SetPerms | Kind::IfValue)
    }

    /// Whether its item has a stamp.
    pub(crate) fn has_stamp(self) -> bool {
        matches!(self, Kind::IfValueStamp | Kind::IfPermsStamp | Kind::IfChildrenStamp)
    }
}
