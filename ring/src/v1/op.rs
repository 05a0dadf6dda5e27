//! The operations and their numbers.

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// An operation (`enum xsd_sockmsg_type`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Op { $($(#[$doc])* $name = $number,)* }

        impl Op {
            /// Every operation, by number.
            pub const ALL: &'static [Op] = &[$(Op::$name),*];

            /// The operation of a number; none for 20, which was removed, and from 27 on.
            #[must_use]
            pub fn from_number(number: u32) -> Option<Op> {
                match number { $($number => Some(Op::$name),)* _ => None }
            }

            /// The name as the protocol's documentation writes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }
        }
    };
}

ops! {
    /// A command to the daemon.
    Control = 0, "CONTROL";
    /// The names of a node's children.
    Directory = 1, "DIRECTORY";
    /// A node's value.
    Read = 2, "READ";
    /// A node's permissions.
    GetPerms = 3, "GET_PERMS";
    /// Registers a watch.
    Watch = 4, "WATCH";
    /// Removes a watch.
    Unwatch = 5, "UNWATCH";
    /// Opens a transaction.
    TransactionStart = 6, "TRANSACTION_START";
    /// Commits or aborts one.
    TransactionEnd = 7, "TRANSACTION_END";
    /// Tells of a domain.
    Introduce = 8, "INTRODUCE";
    /// Forgets a domain.
    Release = 9, "RELEASE";
    /// A domain's home.
    GetDomainPath = 10, "GET_DOMAIN_PATH";
    /// Sets a node's value, creating it.
    Write = 11, "WRITE";
    /// Creates a node.
    Mkdir = 12, "MKDIR";
    /// Removes a node and all below it.
    Rm = 13, "RM";
    /// Sets a node's permissions.
    SetPerms = 14, "SET_PERMS";
    /// To clients only: a watch fired.
    WatchEvent = 15, "WATCH_EVENT";
    /// To clients only: a request failed.
    Error = 16, "ERROR";
    /// Whether a domain was introduced.
    IsDomainIntroduced = 17, "IS_DOMAIN_INTRODUCED";
    /// A domain runs again after a suspend that was cancelled.
    Resume = 18, "RESUME";
    /// Gives a stub domain its target's access.
    SetTarget = 19, "SET_TARGET";
    /// Drops the caller's watches and transactions.
    ResetWatches = 21, "RESET_WATCHES";
    /// A part of a long listing.
    DirectoryPart = 22, "DIRECTORY_PART";
    /// Features of the server or of a domain.
    GetFeature = 23, "GET_FEATURE";
    /// Sets a domain's features.
    SetFeature = 24, "SET_FEATURE";
    /// A quota's value.
    GetQuota = 25, "GET_QUOTA";
    /// Sets a quota.
    SetQuota = 26, "SET_QUOTA";
}

impl Op {
    /// Whether a client may send it; an event or an error may only come from the server.
    #[must_use]
    pub fn is_request(self) -> bool {
        !matches!(self, Op::WatchEvent | Op::Error)
    }

    /// Whether only the control domain and socket clients may send it. (GET_FEATURE for another
    /// domain needs privilege too: see [`crate::v1::Request::GetFeature`].)
    #[must_use]
    pub fn needs_privilege(self) -> bool {
        matches!(
            self,
            Op::Control
                | Op::Introduce
                | Op::Release
                | Op::IsDomainIntroduced
                | Op::Resume
                | Op::SetTarget
                | Op::SetFeature
                | Op::GetQuota
                | Op::SetQuota
        )
    }

    /// What the header's transaction id means to it.
    #[must_use]
    pub fn transaction_use(self) -> TransactionUse {
        match self {
            Op::Directory
            | Op::Read
            | Op::GetPerms
            | Op::TransactionEnd
            | Op::Write
            | Op::Mkdir
            | Op::Rm
            | Op::SetPerms
            | Op::DirectoryPart => TransactionUse::Within,
            Op::Watch | Op::Unwatch => TransactionUse::Ignored,
            _ => TransactionUse::Validated,
        }
    }
}

/// What an operation does with the transaction id of its header (C's `XS_FLAG_NOTID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionUse {
    /// It acts inside the transaction; an unknown one is ENOENT.
    Within,
    /// It acts on the store, yet an unknown transaction is ENOENT.
    Validated,
    /// It doesn't look.
    Ignored,
}
