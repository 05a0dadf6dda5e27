//! The records of requests and answers. `PROTOCOL-V2.md` says what they mean.

use zerocopy::little_endian::{U16, U32, U64};

use crate::v2::record::records;

pub use super::{
    numbers::*,
    past_records::{
        Change, Feed, Log, Question, Range, Subscribed, Subscription, Unsubscription, Was,
    },
};

type U8 = u8;

records! { SHAPES:
    /// Payload of the v1 message that asks for v2.
    Hello = "myriad_hello" {
        /// The highest version that the client speaks.
        version: U16,
        /// Zero.
        reserved0: U16,
        /// The features that it wants.
        features: U32,
        /// Zero.
        reserved1: U64,
    }
    /// Payload of the v1 answer that agrees.
    Welcome = "myriad_welcome" {
        /// The version that both speak from now on.
        version: U16,
        /// Zero.
        reserved0: U16,
        /// Those of the features wanted that the server has.
        features: U32,
        /// Bytes of the body of one frame.
        fragment_max: U32,
        /// Bytes of the body of one message.
        message_max: U32,
        /// Records of one message.
        items_max: U32,
        /// Snapshots that may be open.
        snapshots_max: U32,
        /// The last request that changed the store.
        generation: U64,
    }
    /// What every answer with a status holds; then its text.
    Failure = "myriad_failure" {
        /// Which record of the request failed, from 0; MYRIAD_NO_ITEM: none of them.
        item: U32,
        /// Bytes of text.
        detail_length: U32,
    }
    /// Answer to INFO; then the name of the server.
    Info = "myriad_info" {
        /// The version spoken.
        version: U16,
        /// Zero.
        reserved0: U16,
        /// The features agreed upon.
        features: U32,
        /// The last request that changed the store.
        generation: U64,
        /// The publication that it was part of.
        publication: U64,
        /// Bytes of the body of one message.
        message_max: U32,
        /// Records of one message.
        items_max: U32,
        /// Snapshots that may be open.
        snapshots_max: U32,
        /// Snapshots that are.
        snapshots: U32,
        /// Bytes of the server's name.
        name_length: U32,
        /// Zero.
        reserved1: U32,
    }
    /// Request GET; then the path.
    Get = "myriad_get" {
        /// A snapshot, or 0: the store as it is.
        snapshot: U32,
        /// MYRIAD_VALUE, MYRIAD_PERMS.
        want: U16,
        /// Bytes of the path.
        path_length: U16,
    }
    /// Request GET_MANY; then so many paths.
    GetMany = "myriad_get_many" {
        /// A snapshot, or 0: the store as it is.
        snapshot: U32,
        /// MYRIAD_VALUE, MYRIAD_PERMS.
        want: U16,
        /// Zero.
        reserved0: U16,
        /// How many paths.
        count: U32,
        /// Zero.
        reserved1: U32,
    }
    /// A path of GET_MANY; then its bytes.
    Name = "myriad_name" {
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved0: U16,
        /// Zero.
        reserved1: U32,
    }
    /// Answer to GET_MANY; then so many nodes.
    Nodes = "myriad_nodes" {
        /// The last request that they show.
        generation: U64,
        /// How many nodes.
        count: U32,
        /// Zero.
        reserved: U32,
    }
    /// Answer to GET, or a node in one to GET_MANY; then its permissions, then its value.
    Node = "myriad_node" {
        /// 0, or why it can't be told; then nothing follows.
        status: U32,
        /// Bytes of the value.
        value_length: U32,
        /// Entries of the permission list.
        perms_count: U32,
        /// Zero.
        reserved: U32,
        /// The generation in which the value last changed.
        value_stamp: U64,
        /// The one in which its permissions did.
        perms_stamp: U64,
        /// The one in which its set of children did.
        children_stamp: U64,
    }
    /// An entry of a permission list. The first is the owner.
    Permission = "myriad_permission" {
        /// The domain.
        domid: U16,
        /// MYRIAD_READ, MYRIAD_WRITE.
        access: U8,
        /// Zero.
        reserved: U8,
    }
    /// Request LIST; then the path.
    List = "myriad_list" {
        /// A snapshot, or 0: the store as it is.
        snapshot: U32,
        /// MYRIAD_VALUES.
        flags: U16,
        /// Bytes of the path.
        path_length: U16,
        /// 0, or what the page before has said.
        cursor: U32,
        /// Entries at most; 0: as many as the server gives.
        count_max: U32,
        /// The stamp of the page before; 0 where cursor is.
        stamp: U64,
    }
    /// Answer to LIST; then so many entries, in order of creation.
    Page = "myriad_page" {
        /// The generation in which the set of children last changed.
        stamp: U64,
        /// Where the next page begins; 0: there is none.
        cursor: U32,
        /// How many entries.
        count: U32,
    }
    /// A child; then its name, then its value.
    Entry = "myriad_entry" {
        /// 0, or why its value can't be told.
        status: U32,
        /// Bytes of the value.
        value_length: U32,
        /// The generation in which the value last changed; 0 where it wasn't asked for.
        value_stamp: U64,
        /// Bytes of the name.
        name_length: U16,
        /// Zero.
        reserved0: U16,
        /// Zero.
        reserved1: U32,
    }
    /// Request LOOKUP; then the index's name, then the key.
    Lookup = "myriad_lookup" {
        /// A snapshot, or 0: the store as it is.
        snapshot: U32,
        /// Bytes of the index's name.
        index_length: U16,
        /// Bytes of the key.
        key_length: U16,
    }
    /// Answer to LOOKUP; then so many matches.
    Matches = "myriad_matches" {
        /// How many matches.
        count: U32,
        /// Zero.
        reserved: U32,
    }
    /// A match; then what the stars of the index's pattern matched, joined by slashes.
    Match = "myriad_match" {
        /// Who owns the node.
        owner: U16,
        /// Zero.
        reserved: U16,
        /// Bytes of text.
        text_length: U32,
    }
    /// Request COMMIT, or WATCH, or UNWATCH; then so many items.
    Batch = "myriad_batch" {
        /// How many items.
        count: U32,
        /// Zero.
        reserved: U32,
    }
    /// An item of a COMMIT; then its path, then its value.
    Item = "myriad_item" {
        /// MYRIAD_SET_VALUE and its like.
        kind: U16,
        /// Bytes of the path.
        path_length: U16,
        /// Bytes of the value; of SET_PERMS, of its permission list.
        value_length: U32,
        /// What a condition expects; else 0.
        stamp: U64,
    }
    /// Answer to COMMIT.
    Committed = "myriad_committed" {
        /// The request that it is now: the stamp of all that it has changed.
        generation: U64,
        /// Whether it has changed anything: 0 or 1.
        changed: U32,
        /// Zero.
        reserved: U32,
    }
    /// A watch to be registered; then its path.
    Registration = "myriad_registration" {
        /// What its events say.
        token: U64,
        /// Levels below the path that it hears of; MYRIAD_ALL_LEVELS: all.
        depth: U32,
        /// MYRIAD_QUIET, and kinds of change shifted by MYRIAD_KINDS_SHIFT; none of these: all.
        flags: U16,
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved: U64,
    }
    /// Answer to WATCH: its watches hear of what comes after.
    Watching = "myriad_watching" {
        /// The last request that they don't hear of.
        generation: U64,
    }
    /// A watch to be removed; then its path.
    Removal = "myriad_removal" {
        /// Its token.
        token: U64,
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved0: U16,
        /// Zero.
        reserved1: U32,
    }
    /// What a WATCH_EVENT holds; then the path of what has changed.
    Event = "myriad_event" {
        /// The watch's token.
        token: U64,
        /// Bytes of the path.
        path_length: U16,
        /// Zero.
        reserved0: U16,
        /// Zero.
        reserved1: U32,
        /// Zero.
        reserved2: U64,
    }
    /// Request RING: what is wanted; 0: what is usual. And its answer: what was granted.
    RingSizes = "myriad_ring" {
        /// Bytes of the ring of requests.
        requests_size: U32,
        /// Bytes of the ring of answers and events.
        answers_size: U32,
    }
    /// Answer to SNAPSHOT, and request SNAPSHOT_END.
    SnapshotOf = "myriad_snapshot" {
        /// Its number, not 0.
        snapshot: U32,
        /// Zero.
        reserved: U32,
        /// The last request that it shows; 0 in the request.
        generation: U64,
    }
}
