//! The operations and their numbers.

macro_rules! ops {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// An operation of protocol v2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Op { $($(#[doc = $doc])* $name = $number,)* }

        impl Op {
            /// Every operation, by number.
            pub const ALL: &'static [Op] = &[$(Op::$name),*];

            /// The operation of a number.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Op> {
                match number { $($number => Some(Op::$name),)* _ => None }
            }

            /// The name as the protocol's documentation writes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }

            /// What it does, in a line.
            #[cfg(test)]
            pub(crate) fn words(self) -> &'static str {
                match self { $(Op::$name => concat!($($doc),*),)* }
            }
        }
    };
}

ops! {
    /// What the server is, and where the store is.
    Info = 1, "INFO";
    /// One node.
    Get = 2, "GET";
    /// Several nodes, as of one moment.
    GetMany = 3, "GET_MANY";
    /// A page of a node's children.
    List = 4, "LIST";
    /// The matches of a key of an index.
    Lookup = 5, "LOOKUP";
    /// Changes and their conditions: all or nothing.
    Commit = 6, "COMMIT";
    /// Registers watches: all or none.
    Watch = 7, "WATCH";
    /// Removes watches: all or none.
    Unwatch = 8, "UNWATCH";
    /// To clients only: a watch fired.
    WatchEvent = 9, "WATCH_EVENT";
    /// Keeps the store as it is now, to be read.
    Snapshot = 10, "SNAPSHOT";
    /// Lets go of a snapshot.
    SnapshotEnd = 11, "SNAPSHOT_END";
    /// Carries a request of protocol v1 and its answer.
    Classic = 12, "CLASSIC";
    /// Goes on over rings in a memory file.
    Ring = 13, "RING";
    /// Tells of each commit below a path, from a generation on.
    Subscribe = 32, "SUBSCRIBE";
    /// Tells of no more.
    Unsubscribe = 33, "UNSUBSCRIBE";
    /// To clients only: a commit that a subscription tells of.
    Feed = 34, "FEED";
    /// Asks about the past.
    History = 35, "HISTORY";
}

impl Op {
    /// Its number in records, of the journal and of history, where v1's operations have theirs.
    ///
    /// ```
    /// # use myriad_ring::v2::Op;
    /// assert_eq!(Op::from_records(Op::Commit.in_records()), Some(Op::Commit));
    /// assert_eq!(Op::from_records(7), None); // v1's TRANSACTION_END
    /// ```
    #[must_use]
    pub fn in_records(self) -> u8 {
        u8::try_from(self as u16).map_or(u8::MAX, |number| RECORDS.saturating_add(number))
    }

    /// The operation of a number in a record; none for v1's.
    #[must_use]
    pub fn from_records(number: u8) -> Option<Op> {
        number.checked_sub(RECORDS).and_then(|number| Op::from_number(number.into()))
    }

    /// Whether an answer that finds no room in a guest's memory quota may be refused: nothing has
    /// happened by it that the client must know.
    #[must_use]
    pub fn only_asks(self) -> bool {
        matches!(self, Op::Info | Op::Get | Op::GetMany | Op::List | Op::Lookup | Op::Classic)
    }
}

/// Operations of v1 have smaller numbers.
const RECORDS: u8 = 128;
