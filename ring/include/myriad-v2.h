/*
 * Protocol v2 of Myriad: numbers and records. All numbers are little-endian.
 *
 * Made of the declarations in ring/src/v2, which PROTOCOL-V2.md explains. Don't change it by hand:
 * MYRIAD_WRITE_HEADER=1 cargo test -p myriad-ring the_header
 */
#ifndef MYRIAD_V2_H
#define MYRIAD_V2_H

#include <stdint.h>

/* Fails to compile where a record has another size. */
#ifdef __cplusplus
#define MYRIAD_SIZE(name, size) static_assert(sizeof(struct name) == (size), #name)
#else
#define MYRIAD_SIZE(name, size) \
    typedef char name##_has_its_size[sizeof(struct name) == (size) ? 1 : -1]
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The v1 message that asks for v2, and the version that this is. */
#define MYRIAD_HELLO 0x3252594du
#define MYRIAD_VERSION 2u

/* Flags of a frame. */
#define MYRIAD_REPLY 0x1u
#define MYRIAD_EVENT 0x2u
#define MYRIAD_MORE 0x4u

/* Features. */
#define MYRIAD_FEATURE_WATCHES 0x1u
#define MYRIAD_FEATURE_SNAPSHOTS 0x2u
#define MYRIAD_FEATURE_LOOKUPS 0x4u
#define MYRIAD_FEATURE_CLASSICS 0x8u
#define MYRIAD_FEATURE_FEEDS 0x10u
#define MYRIAD_FEATURE_HISTORIES 0x20u
#define MYRIAD_FEATURE_RINGS 0x100u

/* What GET and GET_MANY may want; what LIST may be told. */
#define MYRIAD_VALUE 0x1u
#define MYRIAD_PERMS 0x2u
#define MYRIAD_VALUES 0x1u

/* Access of a permission. */
#define MYRIAD_READ 0x1u
#define MYRIAD_WRITE 0x2u

/* Watches: no event right away; where kinds of change are; all levels below the path. */
#define MYRIAD_QUIET 0x1u
#define MYRIAD_KINDS_SHIFT 0x8u
#define MYRIAD_ALL_LEVELS 0xffffffffu

/* No item of the request is to blame. */
#define MYRIAD_NO_ITEM 0xffffffffu

/* Rings in a memory file: what its first words are, and what a side sleeps for. */
#define MYRIAD_RINGS_MAGIC 0x5252594du
#define MYRIAD_RINGS_VERSION 0x1u
#define MYRIAD_FOR_BYTES 0x1u
#define MYRIAD_FOR_ROOM 0x2u

/* Limits that are the same for all; the others are in the welcome. */
#define MYRIAD_FRAGMENT_MAX 0x1000u
#define MYRIAD_DETAIL_MAX 0x100u

/* Kinds of change. */
#define MYRIAD_CREATED 0x1u
#define MYRIAD_WRITTEN 0x2u
#define MYRIAD_GRANTED 0x4u
#define MYRIAD_REMOVED 0x8u

/* What SUBSCRIBE may be told; what FEED tells. */
#define MYRIAD_WITH_VALUES 0x1u
#define MYRIAD_WITH_PERMS 0x2u
#define MYRIAD_GAP 0x1u
#define MYRIAD_PART 0x2u
#define MYRIAD_REACHED 0x4u

/* What HISTORY is asked for, and how. */
#define MYRIAD_ASK_RANGE 0x1u
#define MYRIAD_ASK_NODE 0x2u
#define MYRIAD_ASK_LIST 0x3u
#define MYRIAD_ASK_LOG 0x4u
#define MYRIAD_BELOW 0x1u
#define MYRIAD_AT_TIME 0x2u

/* SUBSCRIBE: from now on. */
#define MYRIAD_NOW 0xffffffffffffffffull

/* Operations. */
#define MYRIAD_OP_INFO 1u /* What the server is, and where the store is. */
#define MYRIAD_OP_GET 2u /* One node. */
#define MYRIAD_OP_GET_MANY 3u /* Several nodes, as of one moment. */
#define MYRIAD_OP_LIST 4u /* A page of a node's children. */
#define MYRIAD_OP_LOOKUP 5u /* The matches of a key of an index. */
#define MYRIAD_OP_COMMIT 6u /* Changes and their conditions: all or nothing. */
#define MYRIAD_OP_WATCH 7u /* Registers watches: all or none. */
#define MYRIAD_OP_UNWATCH 8u /* Removes watches: all or none. */
#define MYRIAD_OP_WATCH_EVENT 9u /* To clients only: a watch fired. */
#define MYRIAD_OP_SNAPSHOT 10u /* Keeps the store as it is now, to be read. */
#define MYRIAD_OP_SNAPSHOT_END 11u /* Lets go of a snapshot. */
#define MYRIAD_OP_CLASSIC 12u /* Carries a request of protocol v1 and its answer. */
#define MYRIAD_OP_RING 13u /* Goes on over rings in a memory file. */
#define MYRIAD_OP_SUBSCRIBE 32u /* Tells of each commit below a path, from a generation on. */
#define MYRIAD_OP_UNSUBSCRIBE 33u /* Tells of no more. */
#define MYRIAD_OP_FEED 34u /* To clients only: a commit that a subscription tells of. */
#define MYRIAD_OP_HISTORY 35u /* Asks about the past. */

/* Items of a COMMIT. */
#define MYRIAD_SET_VALUE 1u /* Sets the value; creates the node and its parents where they are missing. */
#define MYRIAD_CREATE 2u /* Creates the node without a value, unless it is there. */
#define MYRIAD_REMOVE 3u /* Removes the node and all below it. */
#define MYRIAD_SET_PERMS 4u /* Sets the permissions. */
#define MYRIAD_IF_VALUE_STAMP 16u /* Unless the value's stamp is this: EAGAIN. */
#define MYRIAD_IF_PERMS_STAMP 17u /* Unless the permissions' stamp is this: EAGAIN. */
#define MYRIAD_IF_CHILDREN_STAMP 18u /* Unless the stamp of the set of children is this: EAGAIN. */
#define MYRIAD_IF_VALUE 19u /* Unless the value is this: EAGAIN. */
#define MYRIAD_IF_ABSENT 20u /* Unless there is no such node: EEXIST. */
#define MYRIAD_IF_EXISTS 21u /* Unless there is such a node: ENOENT. */

/* Rings in a memory file: where its words lie, of 32 bits each. */
#define MYRIAD_AT_MAGIC 0u
#define MYRIAD_AT_VERSION 4u
#define MYRIAD_AT_REQUESTS_SIZE 8u
#define MYRIAD_AT_ANSWERS_SIZE 12u
#define MYRIAD_AT_ERROR 16u
#define MYRIAD_AT_REQUESTS_PRODUCED 128u
#define MYRIAD_AT_REQUESTS_CONSUMED 256u
#define MYRIAD_AT_ANSWERS_PRODUCED 384u
#define MYRIAD_AT_ANSWERS_CONSUMED 512u
#define MYRIAD_AT_SERVER_SLEEPS 640u
#define MYRIAD_AT_CLIENT_SLEEPS 768u
#define MYRIAD_AT_RINGS 4096u

/* Errors: those of Xen's errno.h. */
#define MYRIAD_EINVAL 22u
#define MYRIAD_EACCES 13u
#define MYRIAD_EEXIST 17u
#define MYRIAD_EISDIR 21u
#define MYRIAD_ENOENT 2u
#define MYRIAD_ENOMEM 12u
#define MYRIAD_ENOSPC 28u
#define MYRIAD_EIO 5u
#define MYRIAD_ENOTEMPTY 39u
#define MYRIAD_ENOSYS 38u
#define MYRIAD_EROFS 30u
#define MYRIAD_EBUSY 16u
#define MYRIAD_EAGAIN 11u
#define MYRIAD_EISCONN 106u
#define MYRIAD_E2BIG 7u
#define MYRIAD_EPERM 1u

/* What each frame begins with. */
struct myriad_frame {
    uint32_t length; /* Bytes of body that follow, at most 4096. */
    uint16_t op; /* The operation. */
    uint16_t flags; /* MYRIAD_REPLY, MYRIAD_EVENT, MYRIAD_MORE. */
    uint64_t id; /* Chosen by the client, the same in the answer; 0 in events. */
    uint32_t status; /* 0, or the error's number; 0 in requests. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_frame, 24);

/* Payload of the v1 message that asks for v2. */
struct myriad_hello {
    uint16_t version; /* The highest version that the client speaks. */
    uint16_t reserved0; /* Zero. */
    uint32_t features; /* The features that it wants. */
    uint64_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_hello, 16);

/* Payload of the v1 answer that agrees. */
struct myriad_welcome {
    uint16_t version; /* The version that both speak from now on. */
    uint16_t reserved0; /* Zero. */
    uint32_t features; /* Those of the features wanted that the server has. */
    uint32_t fragment_max; /* Bytes of the body of one frame. */
    uint32_t message_max; /* Bytes of the body of one message. */
    uint32_t items_max; /* Records of one message. */
    uint32_t snapshots_max; /* Snapshots that may be open. */
    uint64_t generation; /* The last request that changed the store. */
};
MYRIAD_SIZE(myriad_welcome, 32);

/* What every answer with a status holds; then its text. */
struct myriad_failure {
    uint32_t item; /* Which record of the request failed, from 0; MYRIAD_NO_ITEM: none of them. */
    uint32_t detail_length; /* Bytes of text. */
};
MYRIAD_SIZE(myriad_failure, 8);

/* Answer to INFO; then the name of the server. */
struct myriad_info {
    uint16_t version; /* The version spoken. */
    uint16_t reserved0; /* Zero. */
    uint32_t features; /* The features agreed upon. */
    uint64_t generation; /* The last request that changed the store. */
    uint64_t publication; /* The publication that it was part of. */
    uint32_t message_max; /* Bytes of the body of one message. */
    uint32_t items_max; /* Records of one message. */
    uint32_t snapshots_max; /* Snapshots that may be open. */
    uint32_t snapshots; /* Snapshots that are. */
    uint32_t name_length; /* Bytes of the server's name. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_info, 48);

/* Request GET; then the path. */
struct myriad_get {
    uint32_t snapshot; /* A snapshot, or 0: the store as it is. */
    uint16_t want; /* MYRIAD_VALUE, MYRIAD_PERMS. */
    uint16_t path_length; /* Bytes of the path. */
};
MYRIAD_SIZE(myriad_get, 8);

/* Request GET_MANY; then so many paths. */
struct myriad_get_many {
    uint32_t snapshot; /* A snapshot, or 0: the store as it is. */
    uint16_t want; /* MYRIAD_VALUE, MYRIAD_PERMS. */
    uint16_t reserved0; /* Zero. */
    uint32_t count; /* How many paths. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_get_many, 16);

/* A path of GET_MANY; then its bytes. */
struct myriad_name {
    uint16_t path_length; /* Bytes of the path. */
    uint16_t reserved0; /* Zero. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_name, 8);

/* Answer to GET_MANY; then so many nodes. */
struct myriad_nodes {
    uint64_t generation; /* The last request that they show. */
    uint32_t count; /* How many nodes. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_nodes, 16);

/* Answer to GET, or a node in one to GET_MANY; then its permissions, then its value. */
struct myriad_node {
    uint32_t status; /* 0, or why it can't be told; then nothing follows. */
    uint32_t value_length; /* Bytes of the value. */
    uint32_t perms_count; /* Entries of the permission list. */
    uint32_t reserved; /* Zero. */
    uint64_t value_stamp; /* The generation in which the value last changed. */
    uint64_t perms_stamp; /* The one in which its permissions did. */
    uint64_t children_stamp; /* The one in which its set of children did. */
};
MYRIAD_SIZE(myriad_node, 40);

/* An entry of a permission list. The first is the owner. */
struct myriad_permission {
    uint16_t domid; /* The domain. */
    uint8_t access; /* MYRIAD_READ, MYRIAD_WRITE. */
    uint8_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_permission, 4);

/* Request LIST; then the path. */
struct myriad_list {
    uint32_t snapshot; /* A snapshot, or 0: the store as it is. */
    uint16_t flags; /* MYRIAD_VALUES. */
    uint16_t path_length; /* Bytes of the path. */
    uint32_t cursor; /* 0, or what the page before has said. */
    uint32_t count_max; /* Entries at most; 0: as many as the server gives. */
    uint64_t stamp; /* The stamp of the page before; 0 where cursor is. */
};
MYRIAD_SIZE(myriad_list, 24);

/* Answer to LIST; then so many entries, in order of creation. */
struct myriad_page {
    uint64_t stamp; /* The generation in which the set of children last changed. */
    uint32_t cursor; /* Where the next page begins; 0: there is none. */
    uint32_t count; /* How many entries. */
};
MYRIAD_SIZE(myriad_page, 16);

/* A child; then its name, then its value. */
struct myriad_entry {
    uint32_t status; /* 0, or why its value can't be told. */
    uint32_t value_length; /* Bytes of the value. */
    uint64_t value_stamp; /* The generation in which the value last changed; 0 where it wasn't asked for. */
    uint16_t name_length; /* Bytes of the name. */
    uint16_t reserved0; /* Zero. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_entry, 24);

/* Request LOOKUP; then the index's name, then the key. */
struct myriad_lookup {
    uint32_t snapshot; /* A snapshot, or 0: the store as it is. */
    uint16_t index_length; /* Bytes of the index's name. */
    uint16_t key_length; /* Bytes of the key. */
};
MYRIAD_SIZE(myriad_lookup, 8);

/* Answer to LOOKUP; then so many matches. */
struct myriad_matches {
    uint32_t count; /* How many matches. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_matches, 8);

/* A match; then what the stars of the index's pattern matched, joined by slashes. */
struct myriad_match {
    uint16_t owner; /* Who owns the node. */
    uint16_t reserved; /* Zero. */
    uint32_t text_length; /* Bytes of text. */
};
MYRIAD_SIZE(myriad_match, 8);

/* Request COMMIT, or WATCH, or UNWATCH; then so many items. */
struct myriad_batch {
    uint32_t count; /* How many items. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_batch, 8);

/* An item of a COMMIT; then its path, then its value. */
struct myriad_item {
    uint16_t kind; /* MYRIAD_SET_VALUE and its like. */
    uint16_t path_length; /* Bytes of the path. */
    uint32_t value_length; /* Bytes of the value; of SET_PERMS, of its permission list. */
    uint64_t stamp; /* What a condition expects; else 0. */
};
MYRIAD_SIZE(myriad_item, 16);

/* Answer to COMMIT. */
struct myriad_committed {
    uint64_t generation; /* The request that it is now: the stamp of all that it has changed. */
    uint32_t changed; /* Whether it has changed anything: 0 or 1. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_committed, 16);

/* A watch to be registered; then its path. */
struct myriad_registration {
    uint64_t token; /* What its events say. */
    uint32_t depth; /* Levels below the path that it hears of; MYRIAD_ALL_LEVELS: all. */
    uint16_t flags; /* MYRIAD_QUIET, and kinds of change shifted by MYRIAD_KINDS_SHIFT; none of these: all. */
    uint16_t path_length; /* Bytes of the path. */
    uint64_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_registration, 24);

/* Answer to WATCH: its watches hear of what comes after. */
struct myriad_watching {
    uint64_t generation; /* The last request that they don't hear of. */
};
MYRIAD_SIZE(myriad_watching, 8);

/* A watch to be removed; then its path. */
struct myriad_removal {
    uint64_t token; /* Its token. */
    uint16_t path_length; /* Bytes of the path. */
    uint16_t reserved0; /* Zero. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_removal, 16);

/* What a WATCH_EVENT holds; then the path of what has changed. */
struct myriad_event {
    uint64_t token; /* The watch's token. */
    uint16_t path_length; /* Bytes of the path. */
    uint16_t reserved0; /* Zero. */
    uint32_t reserved1; /* Zero. */
    uint64_t reserved2; /* Zero. */
};
MYRIAD_SIZE(myriad_event, 24);

/* Request RING: what is wanted; 0: what is usual. And its answer: what was granted. */
struct myriad_ring {
    uint32_t requests_size; /* Bytes of the ring of requests. */
    uint32_t answers_size; /* Bytes of the ring of answers and events. */
};
MYRIAD_SIZE(myriad_ring, 8);

/* Answer to SNAPSHOT, and request SNAPSHOT_END. */
struct myriad_snapshot {
    uint32_t snapshot; /* Its number, not 0. */
    uint32_t reserved; /* Zero. */
    uint64_t generation; /* The last request that it shows; 0 in the request. */
};
MYRIAD_SIZE(myriad_snapshot, 16);

/* Request SUBSCRIBE; then the path. */
struct myriad_subscription {
    uint64_t token; /* What its frames say. */
    uint64_t since; /* The last generation that the client knows all of; MYRIAD_NOW: from now on. */
    uint64_t store; /* The store that this is a generation of, as SUBSCRIBE has told; 0: any. */
    uint32_t depth; /* Levels below the path that it tells of; MYRIAD_ALL_LEVELS: all. */
    uint16_t kinds; /* MYRIAD_CREATED and its like; 0: all. */
    uint16_t flags; /* MYRIAD_WITH_VALUES, MYRIAD_WITH_PERMS. */
    uint16_t path_length; /* Bytes of the path. */
    uint16_t reserved0; /* Zero. */
    uint32_t reserved1; /* Zero. */
};
MYRIAD_SIZE(myriad_subscription, 40);

/* Answer to SUBSCRIBE. */
struct myriad_subscribed {
    uint64_t generation; /* The generation that its frames begin after. */
    uint64_t store; /* Which store it is: generations of another mean nothing here. */
};
MYRIAD_SIZE(myriad_subscribed, 16);

/* Request UNSUBSCRIBE. */
struct myriad_unsubscription {
    uint64_t token; /* The subscription's token. */
};
MYRIAD_SIZE(myriad_unsubscription, 8);

/* What a FEED begins with; then so many changes. */
struct myriad_feed {
    uint64_t token; /* The subscription's token. */
    uint64_t generation; /* The request: all up to it is told, unless MYRIAD_PART says that more follows. */
    uint64_t time; /* When, in nanoseconds since 1970; 0: not known. */
    uint64_t conn; /* The connection that asked for it, as the server numbers them; 0: none, or not known. */
    uint16_t domid; /* The domain that asked for it. */
    uint16_t flags; /* MYRIAD_GAP, MYRIAD_PART, MYRIAD_REACHED. */
    uint32_t count; /* How many changes. */
};
MYRIAD_SIZE(myriad_feed, 40);

/* A change; then its path, then its permissions, then its value. */
struct myriad_change {
    uint16_t kind; /* MYRIAD_CREATED and its like: one of them. */
    uint16_t path_length; /* Bytes of the path. */
    uint32_t value_length; /* Bytes of the value. */
    uint32_t perms_count; /* Entries of the permission list. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_change, 16);

/* Request HISTORY; then the path. */
struct myriad_question {
    uint16_t kind; /* MYRIAD_ASK_RANGE and its like. */
    uint16_t flags; /* MYRIAD_BELOW, MYRIAD_AT_TIME. */
    uint16_t path_length; /* Bytes of the path. */
    uint16_t reserved; /* Zero. */
    uint32_t count_max; /* Entries at most; 0: as many as the server gives. */
    uint32_t cursor; /* ASK_LIST: 0, or what the page before has said. */
    uint64_t generation; /* The last generation that counts, or a time in nanoseconds since 1970. */
    uint64_t after; /* ASK_LOG: changes of later generations than this. */
};
MYRIAD_SIZE(myriad_question, 32);

/* Answer to ASK_RANGE. */
struct myriad_range {
    uint64_t oldest; /* The oldest generation that trees can be told of. */
    uint64_t oldest_time; /* The time of it, in nanoseconds since 1970. */
    uint64_t every; /* After this one every commit is there. */
    uint64_t newest; /* The newest generation that is written. */
};
MYRIAD_SIZE(myriad_range, 32);

/* Which version an answer to ASK_NODE or ASK_LIST is of; then a node, or a page. */
struct myriad_was {
    uint64_t generation; /* Its last request. */
    uint64_t time; /* When, in nanoseconds since 1970. */
};
MYRIAD_SIZE(myriad_was, 16);

/* Answer to ASK_LOG; then so many times myriad_feed and its change, newest first. */
struct myriad_log_page {
    uint64_t older; /* The generation to ask with for what is older; 0: there is no more. */
    uint32_t count; /* How many changes. */
    uint32_t reserved; /* Zero. */
};
MYRIAD_SIZE(myriad_log_page, 16);

#ifdef __cplusplus
}
#endif

#endif
