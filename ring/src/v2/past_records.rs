//! The records of SUBSCRIBE, FEED and HISTORY. [`crate::v2::records`] gives them out.

use zerocopy::little_endian::{U16, U32, U64};

use crate::v2::record::records;

records! { SHAPES:
    /// Request SUBSCRIBE; then the path.
    Subscription = "myriad_subscription" {
        /// What its frames say.
        token: U64,
        /// The last generation that the client knows all of; MYRIAD_NOW: from now on.
        since: U64,
        /// The store that this is a generation of, as SUBSCRIBE has told; 0: any.
        store: U64,
        /// Levels below the path that it tells of; MYRIAD_ALL_LEVELS: all.
        depth: U32,
        /// MYRIAD_CREATED and its like; 0: all.
        kinds: U16,
        /// MYRIAD_WITH_VALUES, MYRIAD_WITH_PERMS.
        flags: U16,
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved0: U16,
        /// Zero.
        reserved1: U32,
    }
    /// Answer to SUBSCRIBE.
    Subscribed = "myriad_subscribed" {
        /// The generation that its frames begin after.
        generation: U64,
        /// Which store it is: generations of another mean nothing here.
        store: U64,
    }
    /// Request UNSUBSCRIBE.
    Unsubscription = "myriad_unsubscription" {
        /// The subscription's token.
        token: U64,
    }
    /// What a FEED begins with; then so many changes.
    Feed = "myriad_feed" {
        /// The subscription's token.
        token: U64,
        /// The request: all up to it is told, unless MYRIAD_PART says that more follows.
        generation: U64,
        /// When, in nanoseconds since 1970; 0: not known.
        time: U64,
        /// The connection that asked for it, as the server numbers them; 0: none, or not known.
        conn: U64,
        /// The domain that asked for it.
        domid: U16,
        /// MYRIAD_GAP, MYRIAD_PART, MYRIAD_REACHED.
        flags: U16,
        /// How many changes.
        count: U32,
    }
    /// A change; then its path, then its permissions, then its value.
    Change = "myriad_change" {
        /// MYRIAD_CREATED and its like: one of them.
        kind: U16,
        /// Bytes of the path.
        path_length: U16,
        /// Bytes of the value.
        value_length: U32,
        /// Entries of the permission list.
        perms_count: U32,
        /// Zero.
        reserved: U32,
    }
    /// Request HISTORY; then the path.
    Question = "myriad_question" {
        /// MYRIAD_ASK_RANGE and its like.
        kind: U16,
        /// MYRIAD_BELOW, MYRIAD_AT_TIME.
        flags: U16,
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved: U16,
        /// Entries at most; 0: as many as the server gives.
        count_max: U32,
        /// ASK_LIST: 0, or what the page before has said.
        cursor: U32,
        /// The last generation that counts, or a time in nanoseconds since 1970.
        generation: U64,
        /// ASK_LOG: changes of later generations than this.
        after: U64,
    }
    /// Answer to ASK_RANGE.
    Range = "myriad_range" {
        /// The oldest generation that trees can be told of.
        oldest: U64,
        /// The time of it, in nanoseconds since 1970.
        oldest_time: U64,
        /// After this one every commit is there.
        every: U64,
        /// The newest generation that is written.
        newest: U64,
    }
    /// Which version an answer to ASK_NODE or ASK_LIST is of; then a node, or a page.
    Was = "myriad_was" {
        /// Its last request.
        generation: U64,
        /// When, in nanoseconds since 1970.
        time: U64,
    }
    /// Answer to ASK_LOG; then so many times myriad_feed and its change, newest first.
    Log = "myriad_log_page" {
        /// The generation to ask with for what is older; 0: there is no more.
        older: U64,
        /// How many changes.
        count: U32,
        /// Zero.
        reserved: U32,
    }
}
