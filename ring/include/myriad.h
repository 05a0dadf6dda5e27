/*
 * libmyriad: a client of xenstored for C and C++.
 *
 * Link with -lmyriad (pkg-config myriad). The library speaks protocol v2 with a daemon that has it,
 * and protocol v1 with any other xenstored; what v1 can't do is -ENOSYS then, and said below.
 *
 *   struct myriad_client *client = myriad_client_new();
 *   struct myriad_got *name;
 *   int err = client ? myriad_connect(client, NULL, 0) : -ENOMEM;
 *
 *   if (!err)
 *       err = myriad_get(client, MYRIAD_NO_SNAPSHOT, "/local/domain/7/name", &name);
 *   if (!err) {
 *       printf("%s\n", (const char *)name->value);
 *       myriad_got_free(name);
 *   } else
 *       fprintf(stderr, "%s\n", client ? myriad_error(client) : "no memory");
 *   myriad_client_free(client);
 *
 * Returned values. An int is 0 or more, or a negative number of errno.h: -EINVAL for an argument
 * that is none (NULL where something is needed, a NUL or UTF-8 problem), -ENOTCONN without a
 * connection or after it broke (connect again), -ETIMEDOUT, -EPROTO where the daemon says what no
 * daemon says, and whatever the daemon answers: ENOENT, EACCES, EEXIST, EAGAIN, ENOSPC, ...
 * myriad_error() has the words. Nothing raises a signal, prints, or ends the program.
 *
 * Strings are UTF-8, end with a NUL, and need to stay only until the call returns. Sizes are in
 * bytes and without the NUL. A value is any bytes; those that are given out have a NUL behind them
 * which isn't counted.
 *
 * Ownership. What a call gives by a pointer to a pointer is the caller's until it passes it to the
 * _free function beside it, and doesn't change with what the client does meanwhile. Where a call
 * fails it gives NULL. All _free functions take NULL.
 *
 * Threads. A client, and what it has given out, may be used by any thread, but by one at a time;
 * different clients have nothing in common. Nothing here starts a thread.
 *
 * fork(). The connection stays the parent's: the child may only call myriad_client_free(), which
 * sends nothing. Descriptors are closed on exec.
 *
 * Constants and struct myriad_permission are the protocol's: see myriad-v2.h and PROTOCOL-V2.md.
 */
#ifndef MYRIAD_H
#define MYRIAD_H

#include <stddef.h>
#include <stdint.h>

#include "myriad-v2.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface: the upper 16 bits change when programs have to be compiled anew,
 * the lower ones when something is added. A library serves a program that was compiled with the
 * same upper bits, and lower ones up to its own. */
#define MYRIAD_API_VERSION 0x00000001u

/* The version that the library has: to be compared with MYRIAD_API_VERSION. */
uint32_t myriad_api_version(void);

/* A client, with or without a connection. */
struct myriad_client;

/* The store as it is, where a snapshot may stand. */
#define MYRIAD_NO_SNAPSHOT 0u

/*
 * Connections
 */

/* A client without a connection; NULL where there is no memory. */
struct myriad_client *myriad_client_new(void);

/* Closes the connection, if there is one, and frees the client. Its watches and snapshots end. */
void myriad_client_free(struct myriad_client *client);

/* Flag of myriad_connect: protocol v1, whatever the daemon has. */
#define MYRIAD_V1_ONLY 0x1u

/*
 * Connects, to the socket or device `path`; NULL: to where the environment says that the daemon is
 * (XENSTORED_PATH, else XENSTORED_RUNDIR, else /var/run/xenstored/socket, else the kernel's
 * device). A connection that was there is closed first, with its watches and snapshots; the
 * descriptor of myriad_fd stays the same.
 *
 * -ENOENT, -ECONNREFUSED, -EACCES and so on where nothing answers.
 */
int myriad_connect(struct myriad_client *client, const char *path, uint32_t flags);

/* The protocol that was agreed upon: 1 or 2; 0 without a connection. */
int myriad_protocol(const struct myriad_client *client);

/* Bounds how long the daemon may take to answer, or to read a request, from now on and for later
 * connections; 0, as in the beginning: as long as it takes. A connection whose answer didn't come
 * in time is broken. The kernel's device knows no bound. */
int myriad_set_timeout(struct myriad_client *client, uint32_t milliseconds);

/* Why the last call that failed did, for people, never NULL. The text stays until the next call
 * with this client. */
const char *myriad_error(const struct myriad_client *client);

/* Which record of the request the daemon blamed for it, counted from 0: the step of a commit that
 * failed; or MYRIAD_NO_ITEM. */
uint32_t myriad_error_item(const struct myriad_client *client);

/*
 * Reading
 */

/* A node. */
struct myriad_got {
    int32_t status;       /* of several: 0, or -errno and all else is 0; of one: 0 */
    uint32_t perms_count; /* how many permissions */
    size_t value_size;    /* bytes of the value */
    const void *value;    /* the value, and a NUL behind it */
    const struct myriad_permission *perms; /* the owner first: its access is everyone else's */
    uint64_t value_stamp;    /* the generation in which the value last changed; v1: 0 */
    uint64_t perms_stamp;    /* the same of the permissions; v1: 0 */
    uint64_t children_stamp; /* the same of the set of children; v1: 0 */
};

/* Reads a node: -ENOENT, -EACCES, -EINVAL for a path that is none. Of a snapshot: -EAGAIN where it
 * kept too much and was given up. */
int myriad_get(struct myriad_client *client, uint32_t snapshot, const char *path,
               struct myriad_got **got);
void myriad_got_free(struct myriad_got *got);

/* Several nodes. */
struct myriad_got_many {
    size_t count;
    const struct myriad_got *nodes; /* in the order of the paths */
};

/* Reads several nodes as of one moment; each has its own status. -E2BIG for more than one message
 * holds: 1 MiB in v2. */
int myriad_get_many(struct myriad_client *client, uint32_t snapshot, const char *const *paths,
                    size_t count, struct myriad_got_many **got);
void myriad_got_many_free(struct myriad_got_many *got);

/* A child of a node. */
struct myriad_child {
    const char *name;
    size_t name_size;
    const void *value; /* its value, and a NUL behind it */
    size_t value_size;
    int32_t status; /* 0, or -errno where the caller can't have the value */
    uint32_t reserved;
};

/* The children of a node. */
struct myriad_listed {
    size_t count;
    const struct myriad_child *children; /* in order of creation */
};

/* Lists the children of a node with their values. The names are those of one moment; values may be
 * newer where there are many, but for those of a snapshot. -EBUSY where the children changed each
 * time before all pages had come. */
int myriad_list(struct myriad_client *client, uint32_t snapshot, const char *path,
                struct myriad_listed **listed);
void myriad_listed_free(struct myriad_listed *listed);

/* A node that has the key that was looked up. */
struct myriad_found_node {
    const char *captures; /* what the stars of the index's pattern matched: the domain id */
    size_t captures_size;
    uint16_t owner; /* the domain that owns the node: trust those of 0 alone */
    uint16_t reserved0;
    uint32_t reserved1;
};

/* What an index has for a key. */
struct myriad_found {
    size_t count; /* may be 0 */
    const struct myriad_found_node *nodes;
};

/* Looks a key up in an index: "domain-name", "domain-vm", "vm-name", or another that the daemon
 * has. A guest may call itself like another: see `owner`. A daemon without indices finds
 * nothing. */
int myriad_lookup(struct myriad_client *client, uint32_t snapshot, const char *index,
                  const char *key, struct myriad_found **found);
void myriad_found_free(struct myriad_found *found);

/*
 * Changing
 */

/* A change or a condition. */
struct myriad_step {
    uint16_t kind;     /* MYRIAD_SET_VALUE, MYRIAD_IF_ABSENT, ...: see myriad-v2.h */
    uint16_t reserved0; /* 0 */
    uint32_t reserved1; /* 0 */
    const char *path;
    const void *value; /* of SET_VALUE and IF_VALUE: the value; of SET_PERMS: permissions */
    size_t value_size; /* bytes of it */
    uint64_t stamp;    /* what a condition on a stamp expects */
};

/*
 * Makes all changes at once, or none of them: where a condition doesn't hold, a path is none, or a
 * quota is used up. Steps are taken in order, and each sees what those before it did. `generation`
 * (may be NULL) gets the stamp of all that was changed, or 0 in v1.
 *
 * -EAGAIN, -EEXIST, -ENOENT for conditions; myriad_error_item() says which. In v1 it is a
 * transaction, taken again where another came between; conditions on stamps are -ENOSYS there.
 */
int myriad_commit(struct myriad_client *client, const struct myriad_step *steps, size_t count,
                  uint64_t *generation);

/*
 * Watches
 */

/* Registers a watch on a path and `depth` levels below it (MYRIAD_ALL_LEVELS: all); it fires once
 * at once, and then for each change. `token` is the caller's, and comes with its events: a number,
 * or a pointer. -EEXIST for a path and token that this client watches. In v1, and for guests, a
 * bounded depth needs a daemon that knows it. */
int myriad_watch(struct myriad_client *client, const char *path, uint64_t token, uint32_t depth);

/* Removes a watch: -ENOENT. Events that have come already may still be given. */
int myriad_unwatch(struct myriad_client *client, const char *path, uint64_t token);

/* A watch fired. */
struct myriad_fired {
    uint64_t token;   /* of the watch */
    const char *path; /* what has changed: relative where the watch's path was */
    size_t path_size;
};

/* The next event, and 1: waits for it up to `milliseconds`, and as long as it takes if that is
 * negative. 0, and NULL, where none came in time. -EOVERFLOW, once, in the place of events that
 * were dropped since more than 4096 had not been asked for: read anew what is watched. */
int myriad_next_event(struct myriad_client *client, int milliseconds,
                      struct myriad_fired **fired);
void myriad_fired_free(struct myriad_fired *fired);

/* A descriptor to poll for reading, the same as long as the client is: it is readable while there
 * is an event, and may be once too often; call myriad_next_event(client, 0, ...) until it gives 0
 * or an error. It is the client's: don't read or close it. */
int myriad_fd(struct myriad_client *client);

/*
 * Snapshots (v2)
 */

/* Keeps the store as it is now, to be read by the number that `snapshot` gets. `generation` (may be
 * NULL): the last request that it shows. -ENOSPC past the number that the daemon keeps. */
int myriad_snapshot(struct myriad_client *client, uint32_t *snapshot, uint64_t *generation);

/* Lets go of a snapshot: -ENOENT. */
int myriad_snapshot_end(struct myriad_client *client, uint32_t snapshot);

/*
 * History (v2, of a daemon that keeps any): -ENOSYS without
 */

/* What history has. */
struct myriad_history_kept {
    uint64_t oldest;      /* the oldest generation that nodes can be told of */
    uint64_t oldest_time; /* when that was, in nanoseconds since 1970 */
    uint64_t every;       /* after this one every commit is there */
    uint64_t newest;      /* the newest one */
};

/* Tells what history has. */
int myriad_history(struct myriad_client *client, struct myriad_history_kept *kept);

/* A generation to ask for: the newest. */
#define MYRIAD_NEWEST UINT64_MAX

/* Reads a node as it was after a generation. `version` (may be NULL) gets the generation of the
 * version that it is from: history has every commit of the recent past alone. -ENOENT where the
 * node wasn't there, -EINVAL for what isn't kept any more. Its stamps of value and permissions are
 * that of the last change of either. */
int myriad_history_get(struct myriad_client *client, uint64_t generation, const char *path,
                       uint64_t *version, struct myriad_got **got);

/* Lists the children of a node as they were, by name. */
int myriad_history_list(struct myriad_client *client, uint64_t generation, const char *path,
                        uint64_t *version, struct myriad_listed **listed);

/* A change, and whose it was. */
struct myriad_logged {
    uint64_t generation;
    uint64_t time;     /* in nanoseconds since 1970, as exactly as it is kept */
    uint64_t conn;     /* the connection, as the daemon numbers them; 0: none, or not known */
    const char *path;  /* what was changed */
    size_t path_size;
    uint16_t domid;    /* the domain that asked for it */
    uint16_t kind;     /* MYRIAD_CREATED, MYRIAD_WRITTEN, MYRIAD_GRANTED or MYRIAD_REMOVED */
    uint32_t reserved;
};

/* A page of a log. */
struct myriad_log {
    size_t count;
    const struct myriad_logged *changes; /* the newest first */
    uint64_t older; /* what to ask with for the page before; 0: there is none */
};

/* Tells who changed a node, and with the flag MYRIAD_BELOW what is below it: the newest change up to
 * a generation first, `count` at most (and all of one request); 0: as many as the daemon gives. */
int myriad_history_log(struct myriad_client *client, uint64_t generation, const char *path,
                       uint32_t flags, uint32_t count, struct myriad_log **log);
void myriad_log_free(struct myriad_log *log);

/*
 * Everything else
 */

/* The reply to a message of protocol v1. */
struct myriad_classic_reply {
    uint32_t op; /* the request's, or 16 (ERROR): then the payload is the error's name */
    uint32_t reserved;
    size_t size;
    const void *payload; /* and a NUL behind it */
};

/* Sends a message of protocol v1, within v2 too, and gives its reply, an error of the daemon too:
 * for INTRODUCE, CONTROL and whatever else has no function here. WATCH, UNWATCH and RESET_WATCHES
 * are -EINVAL. */
int myriad_classic(struct myriad_client *client, uint32_t op, uint32_t transaction,
                   const void *payload, size_t size, struct myriad_classic_reply **reply);
void myriad_classic_free(struct myriad_classic_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
