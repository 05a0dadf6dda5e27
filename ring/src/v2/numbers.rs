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
/// [`Registration::flags`](crate::v2::records::Registration::flags): from this bit on the kinds of
/// change that it hears of, [`CREATED`] and its like; none: all.
pub const KINDS_SHIFT: u16 = 8;
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
/// Feature: SUBSCRIBE, UNSUBSCRIBE and FEED. For privileged clients.
pub const FEEDS: u32 = 16;
/// Feature: HISTORY. For privileged clients.
pub const HISTORIES: u32 = 32;
/// All that this server has.
pub const OFFERED: u32 = WATCHES | SNAPSHOTS | LOOKUPS | CLASSICS | FEEDS | HISTORIES | RINGS;

/// [`Subscription::since`](crate::v2::records::Subscription::since): from now on.
pub const NOW: u64 = u64::MAX;
/// [`Subscription::flags`](crate::v2::records::Subscription::flags): values, too.
pub const WITH_VALUES: u16 = 1;
/// [`Subscription::flags`](crate::v2::records::Subscription::flags): permissions, too.
pub const WITH_PERMS: u16 = 2;
/// [`Feed::flags`](crate::v2::records::Feed::flags): what came after the frame before this one, up
/// to this generation, can't be told.
pub const GAP: u16 = 1;
/// [`Feed::flags`](crate::v2::records::Feed::flags): the next frame goes on with this generation.
pub const PART: u16 = 2;
/// [`Feed::flags`](crate::v2::records::Feed::flags): there was nothing newer when this was sent.
pub const REACHED: u16 = 4;

/// [`Question::kind`](crate::v2::records::Question::kind): which generations there are.
pub const ASK_RANGE: u16 = 1;
/// [`Question::kind`](crate::v2::records::Question::kind): a node, as it was.
pub const ASK_NODE: u16 = 2;
/// [`Question::kind`](crate::v2::records::Question::kind): its children, as they were.
pub const ASK_LIST: u16 = 3;
/// [`Question::kind`](crate::v2::records::Question::kind): its changes, newest first.
pub const ASK_LOG: u16 = 4;
/// [`Question::flags`](crate::v2::records::Question::flags): of what is below it, too.
pub const BELOW: u16 = 1;
/// [`Question::flags`](crate::v2::records::Question::flags): its generation is a time.
pub const AT_TIME: u16 = 2;

/// Kind of change: the node is new.
pub const CREATED: u16 = 1;
/// Kind of change: it has another value.
pub const WRITTEN: u16 = 2;
/// Kind of change: it has other permissions.
pub const GRANTED: u16 = 4;
/// Kind of change: it is gone, with all below it.
pub const REMOVED: u16 = 8;
/// All kinds of change.
pub const CHANGES: u16 = CREATED | WRITTEN | GRANTED | REMOVED;

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
