/*
 * Every function of libmyriad, against a daemon.
 *
 *   myriad SOCKET 1|2|old     the protocol to speak; old: whatever a daemon of Xen's has
 *   myriad SOCKET dies        says "ready", and goes on when the daemon is gone and its input ends
 *   myriad SOCKET hostile     whoever serves the socket says what no daemon says, or nothing
 *
 * It says "ok" where all is as it should be. C99 and C++17.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "myriad.h"

static struct myriad_client *client;

#define CHECK(holds)                                                                          \
    do {                                                                                      \
        if (!(holds)) {                                                                       \
            fprintf(stderr, "line %d: %s; %s\n", __LINE__, #holds, myriad_error(client));     \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* Whether the descriptor is readable, within so many milliseconds. */
static int is_ready_in(int milliseconds)
{
    struct pollfd fd;
    fd.fd = myriad_fd(client);
    fd.events = POLLIN;
    fd.revents = 0;
    CHECK(fd.fd >= 0);
    return poll(&fd, 1, milliseconds) == 1;
}

static int is_ready(void)
{
    return is_ready_in(0);
}

/* A step with a value that is a string. */
static struct myriad_step step(uint16_t kind, const char *path, const char *value)
{
    struct myriad_step step;
    memset(&step, 0, sizeof(step));
    step.kind = kind;
    step.path = path;
    step.value = value;
    step.value_size = value ? strlen(value) : 0;
    return step;
}

/* Makes a commit of one step. */
static int one(uint16_t kind, const char *path, const char *value)
{
    struct myriad_step all = step(kind, path, value);
    return myriad_commit(client, &all, 1, NULL);
}

/* The next event is this one, and comes without waiting if `here`. */
static void expect(uint64_t token, const char *path, int here)
{
    struct myriad_fired *fired;
    CHECK(myriad_next_event(client, here ? 0 : -1, &fired) == 1);
    CHECK(fired->token == token);
    CHECK(strcmp(fired->path, path) == 0 && fired->path_size == strlen(path));
    myriad_fired_free(fired);
}

/* The layouts that ring/c/src/myriad/results.rs has. */
static void layouts(void)
{
    if (sizeof(void *) != 8)
        return;
    CHECK(sizeof(struct myriad_got) == 56 && offsetof(struct myriad_got, children_stamp) == 48);
    CHECK(sizeof(struct myriad_child) == 40 && offsetof(struct myriad_child, status) == 32);
    CHECK(sizeof(struct myriad_found_node) == 24);
    CHECK(offsetof(struct myriad_found_node, owner) == 16);
    CHECK(sizeof(struct myriad_fired) == 24 && offsetof(struct myriad_fired, path_size) == 16);
    CHECK(sizeof(struct myriad_classic_reply) == 24);
    CHECK(offsetof(struct myriad_classic_reply, payload) == 16);
    CHECK(sizeof(struct myriad_logged) == 48 && offsetof(struct myriad_logged, domid) == 40);
    CHECK(sizeof(struct myriad_log) == 24 && offsetof(struct myriad_log, older) == 16);
    CHECK(sizeof(struct myriad_history_kept) == 32);
    CHECK(sizeof(struct myriad_step) == 40 && offsetof(struct myriad_step, stamp) == 32);
}

static void without_a_connection(void)
{
    struct myriad_got *got = (struct myriad_got *)&client;
    CHECK(myriad_protocol(client) == 0);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool", &got) == -ENOTCONN && got == NULL);
    CHECK(strstr(myriad_error(client), "myriad_connect") != NULL);
    CHECK(myriad_connect(client, "/nonexistent/socket", 0) == -ENOENT);
    CHECK(strstr(myriad_error(client), "/nonexistent/socket") != NULL);
    CHECK(myriad_connect(client, "/nonexistent/socket", 0x80) == -EINVAL);
    CHECK(!is_ready());
}

static void commits(int protocol)
{
    struct myriad_step steps[4];
    struct myriad_permission perms[2];
    struct myriad_got *got;
    uint64_t generation = 99;

    memset(perms, 0, sizeof(perms));
    perms[0].access = MYRIAD_READ;
    perms[1].domid = 7;
    perms[1].access = MYRIAD_READ | MYRIAD_WRITE;
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c", "") == 0 && one(MYRIAD_REMOVE, "/tool/c", NULL) == 0);
    steps[0] = step(MYRIAD_IF_ABSENT, "/tool/c", NULL);
    steps[1] = step(MYRIAD_SET_VALUE, "/tool/c/name", "a value");
    steps[2] = step(MYRIAD_CREATE, "/tool/c/empty", NULL);
    steps[3] = step(MYRIAD_SET_PERMS, "/tool/c/name", NULL);
    steps[3].value = perms;
    steps[3].value_size = sizeof(perms);
    CHECK(myriad_commit(client, steps, 4, &generation) == 0);
    CHECK(protocol == 2 ? generation > 0 : generation == 0);

    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool/c/name", &got) == 0);
    CHECK(got->status == 0 && got->value_size == 7);
    CHECK(strcmp((const char *)got->value, "a value") == 0);
    CHECK(got->perms_count == 2 && memcmp(got->perms, perms, sizeof(perms)) == 0);
    CHECK(got->value_stamp == generation && got->perms_stamp == generation);
    CHECK(got->children_stamp == generation);
    steps[0].kind = MYRIAD_IF_VALUE_STAMP;
    steps[0].path = "/tool/c/name";
    steps[0].stamp = got->value_stamp;
    myriad_got_free(got);
    steps[1] = step(MYRIAD_SET_VALUE, "/tool/c/name", "another");
    CHECK(myriad_commit(client, steps, 2, NULL) == (protocol == 2 ? 0 : -ENOSYS));
    CHECK(myriad_commit(client, steps, 2, NULL) == (protocol == 2 ? -EAGAIN : -ENOSYS));
    CHECK(myriad_error_item(client) == 0);

    /* What fails has changed nothing, and says which step. */
    steps[0] = step(MYRIAD_SET_VALUE, "/tool/c/never", "x");
    steps[1] = step(MYRIAD_IF_ABSENT, "/tool/c", NULL);
    CHECK(myriad_commit(client, steps, 2, &generation) == -EEXIST);
    CHECK(myriad_error_item(client) == 1 && myriad_error(client)[0] != 0);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool/c/never", &got) == -ENOENT && got == NULL);
    CHECK(myriad_error_item(client) == MYRIAD_NO_ITEM);
    CHECK(one(MYRIAD_IF_VALUE, "/tool/c/name", "yet another") == -EAGAIN);
    CHECK(one(MYRIAD_IF_VALUE, "/tool/c/name", protocol == 2 ? "another" : "a value") == 0);
    CHECK(one(MYRIAD_IF_EXISTS, "/tool/c/never", NULL) == -ENOENT);
    CHECK(one(MYRIAD_REMOVE, "/tool/c/empty", NULL) == 0);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool/c/empty", &got) == -ENOENT);
}

static void arguments(void)
{
    struct myriad_step bad = step(MYRIAD_SET_VALUE, NULL, "x");
    struct myriad_got *got;
    struct myriad_got_many *many;
    struct myriad_classic_reply *reply;
    char huge[5000];

    memset(huge, 'a', sizeof(huge) - 1);
    huge[0] = '/';
    huge[sizeof(huge) - 1] = 0;
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, huge, &got) < 0 && got == NULL);
    CHECK(myriad_get(NULL, MYRIAD_NO_SNAPSHOT, "/tool", &got) == -EINVAL);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, NULL, &got) == -EINVAL && got == NULL);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool", NULL) == -EINVAL);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "//", &got) == -EINVAL);
    CHECK(myriad_get_many(client, MYRIAD_NO_SNAPSHOT, NULL, 3, &many) == -EINVAL && many == NULL);
    CHECK(myriad_commit(client, &bad, 1, NULL) == -EINVAL && myriad_error_item(client) == 0);
    bad = step(99, "/tool/c", NULL);
    CHECK(myriad_commit(client, &bad, 1, NULL) == -EINVAL);
    bad = step(MYRIAD_SET_PERMS, "/tool/c", "odd");
    CHECK(myriad_commit(client, &bad, 1, NULL) == -EINVAL);
    bad = step(MYRIAD_SET_VALUE, "/tool/c", NULL);
    bad.value_size = 5;
    CHECK(myriad_commit(client, &bad, 1, NULL) == -EINVAL);
    bad = step(MYRIAD_SET_VALUE, "/tool/c", "x");
    bad.reserved1 = 1;
    CHECK(myriad_commit(client, &bad, 1, NULL) == -EINVAL);
    CHECK(myriad_commit(client, NULL, 1, NULL) == -EINVAL);
    CHECK(myriad_commit(client, NULL, 0, NULL) == 0);
    CHECK(myriad_classic(client, 4, 0, "/\0t", 4, &reply) == -EINVAL && reply == NULL);
    CHECK(myriad_classic(client, MYRIAD_HELLO, 0, NULL, 0, &reply) == -EINVAL);
    CHECK(myriad_classic(client, 2, 0, huge, sizeof(huge), &reply) == -E2BIG);
    CHECK(myriad_watch(client, NULL, 1, MYRIAD_ALL_LEVELS) == -EINVAL);
    CHECK(myriad_protocol(NULL) == -EINVAL && myriad_error(NULL)[0] != 0);
    myriad_client_free(NULL);
    myriad_got_free(NULL);
    myriad_got_many_free(NULL);
    myriad_listed_free(NULL);
    myriad_found_free(NULL);
    myriad_fired_free(NULL);
    myriad_classic_free(NULL);
}

static void several(void)
{
    const char *paths[3] = {"/tool/c/b", "/tool/c/missing", "/tool/c/a"};
    struct myriad_got_many *many;
    struct myriad_listed *listed;
    struct myriad_found *found;
    struct myriad_classic_reply *reply;

    CHECK(one(MYRIAD_REMOVE, "/tool/c", NULL) == 0);
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/a", "1") == 0);
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/b", "") == 0);
    CHECK(myriad_get_many(client, MYRIAD_NO_SNAPSHOT, paths, 3, &many) == 0 && many->count == 3);
    CHECK(many->nodes[0].status == 0 && many->nodes[0].value_size == 0);
    CHECK(many->nodes[1].status == -ENOENT && many->nodes[1].value == NULL);
    CHECK(many->nodes[2].value_size == 1 && *(const char *)many->nodes[2].value == '1');
    CHECK(myriad_list(client, MYRIAD_NO_SNAPSHOT, "/tool/c", &listed) == 0 && listed->count == 2);
    /* What was given stays, whatever the client does. */
    CHECK(many->nodes[2].perms_count > 0);
    myriad_got_many_free(many);
    CHECK(strcmp(listed->children[0].name, "a") == 0 && listed->children[0].name_size == 1);
    CHECK(listed->children[0].value_size == 1 && listed->children[0].status == 0);
    CHECK(strcmp(listed->children[1].name, "b") == 0 && listed->children[1].value_size == 0);
    myriad_listed_free(listed);
    CHECK(myriad_list(client, MYRIAD_NO_SNAPSHOT, "/tool/c/missing", &listed) == -ENOENT);
    CHECK(listed == NULL);
    CHECK(myriad_get_many(client, MYRIAD_NO_SNAPSHOT, NULL, 0, &many) == 0 && many->count == 0);
    myriad_got_many_free(many);

    CHECK(one(MYRIAD_SET_VALUE, "/local/domain/7/name", "web") == 0);
    CHECK(myriad_lookup(client, MYRIAD_NO_SNAPSHOT, "domain-name", "nobody", &found) == 0);
    CHECK(found->count == 0);
    myriad_found_free(found);

    CHECK(myriad_classic(client, 10, 0, "7", 2, &reply) == 0 && reply->op == 10);
    CHECK(strcmp((const char *)reply->payload, "/local/domain/7") == 0);
    myriad_classic_free(reply);
    CHECK(myriad_classic(client, 2, 0, "/missing", 9, &reply) == 0 && reply->op == 16);
    CHECK(strcmp((const char *)reply->payload, "ENOENT") == 0);
    myriad_classic_free(reply);
}

static void indices(int protocol)
{
    struct myriad_found *found;
    struct myriad_permission owner = {7, MYRIAD_READ, 0};
    struct myriad_step perms = step(MYRIAD_SET_PERMS, "/local/domain/8/name", NULL);
    CHECK(myriad_lookup(client, MYRIAD_NO_SNAPSHOT, "domain-name", "web", &found) == 0);
    CHECK(found->count == 1 && strcmp(found->nodes[0].captures, "7") == 0);
    CHECK(found->nodes[0].captures_size == 1 && found->nodes[0].owner == 0);
    myriad_found_free(found);
    /* A guest that calls itself like another is told apart. */
    perms.value = &owner;
    perms.value_size = sizeof(owner);
    CHECK(one(MYRIAD_SET_VALUE, "/local/domain/8/name", "web") == 0);
    CHECK(myriad_commit(client, &perms, 1, NULL) == 0);
    CHECK(myriad_lookup(client, MYRIAD_NO_SNAPSHOT, "domain-name", "web", &found) == 0);
    CHECK(found->count == 2 && found->nodes[0].owner + found->nodes[1].owner == 7);
    myriad_found_free(found);
    CHECK(one(MYRIAD_REMOVE, "/local/domain/8", NULL) == 0);
    if (protocol == 2)
        CHECK(myriad_lookup(client, MYRIAD_NO_SNAPSHOT, "none", "x", &found) == -ENOENT);
}

static void watches(int protocol)
{
    struct myriad_fired *fired;

    CHECK(myriad_next_event(client, 0, &fired) == 0 && fired == NULL);
    CHECK(myriad_watch(client, "/tool/c", 0xfedcba9876543210u, MYRIAD_ALL_LEVELS) == 0);
    CHECK(myriad_watch(client, "/tool/c", 0xfedcba9876543210u, MYRIAD_ALL_LEVELS) == -EEXIST);
    expect(0xfedcba9876543210u, "/tool/c", 0);
    CHECK(!is_ready());
    /* A client's own event comes before the answer: only the library has it. */
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/a", "2") == 0);
    CHECK(is_ready());
    expect(0xfedcba9876543210u, "/tool/c/a", 1);
    CHECK(!is_ready());
    CHECK(myriad_next_event(client, 0, &fired) == 0 && fired == NULL);
    CHECK(myriad_next_event(client, 1, &fired) == 0 && fired == NULL);
    CHECK(myriad_next_event(client, 0, NULL) == -EINVAL);
    if (protocol == 2) {
        CHECK(myriad_watch(client, "/tool/c", 1, 0) == 0);
        expect(1, "/tool/c", 0);
        CHECK(myriad_unwatch(client, "/tool/c", 1) == 0);
    }
    CHECK(myriad_unwatch(client, "/tool/c", 1) == -ENOENT);
    CHECK(myriad_unwatch(client, "/tool/c", 0xfedcba9876543210u) == 0);
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/a", "3") == 0);
    CHECK(myriad_next_event(client, 0, &fired) == 0);
}

/* A child that frees its copy takes nothing from the parent. */
static void forks(void)
{
    int status;
    pid_t child;
    CHECK(myriad_watch(client, "/tool/c", 9, MYRIAD_ALL_LEVELS) == 0);
    expect(9, "/tool/c", 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        myriad_client_free(client);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(!is_ready());
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/a", "3") == 0);
    CHECK(is_ready());
    expect(9, "/tool/c/a", 1);
    CHECK(myriad_unwatch(client, "/tool/c", 9) == 0);
}

static void snapshots(int protocol)
{
    const char *paths[1] = {"/tool/c/a"};
    struct myriad_got *got;
    struct myriad_got_many *many;
    struct myriad_listed *listed;
    struct myriad_found *found;
    uint32_t kept = 77;
    uint64_t generation = 0;

    if (protocol != 2) {
        CHECK(myriad_snapshot(client, &kept, &generation) == -ENOSYS && kept == 0);
        CHECK(myriad_get(client, 1, "/tool/c/a", &got) == -ENOSYS && got == NULL);
        return;
    }
    CHECK(myriad_snapshot(client, NULL, NULL) == -EINVAL);
    CHECK(myriad_snapshot(client, &kept, &generation) == 0 && kept != 0 && generation > 0);
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c/a", "later") == 0);
    CHECK(one(MYRIAD_REMOVE, "/local/domain/7", NULL) == 0);
    CHECK(myriad_get(client, kept, "/tool/c/a", &got) == 0 && got->value_size == 1);
    myriad_got_free(got);
    CHECK(myriad_get_many(client, kept, paths, 1, &many) == 0 && many->nodes[0].value_size == 1);
    myriad_got_many_free(many);
    CHECK(myriad_list(client, kept, "/tool/c", &listed) == 0 && listed->count == 2);
    CHECK(listed->children[0].value_size == 1);
    myriad_listed_free(listed);
    CHECK(myriad_lookup(client, kept, "domain-name", "web", &found) == 0 && found->count == 1);
    myriad_found_free(found);
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool/c/a", &got) == 0 && got->value_size == 5);
    myriad_got_free(got);
    CHECK(myriad_snapshot_end(client, kept) == 0);
    CHECK(myriad_snapshot_end(client, kept) == -ENOENT);
    CHECK(myriad_get(client, kept, "/tool/c/a", &got) == -ENOENT);
}

/* Each call after the end is an error, with no signal and no hang. */
static void is_lost(int first)
{
    struct myriad_got *got;
    struct myriad_fired *fired;
    CHECK(first == -ENOTCONN || first == -EPROTO || first == -ETIMEDOUT);
    CHECK(myriad_error(client)[0] != 0 && !is_ready());
    CHECK(myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool", &got) == -ENOTCONN && got == NULL);
    CHECK(one(MYRIAD_SET_VALUE, "/tool/c", "x") == -ENOTCONN);
    CHECK(myriad_next_event(client, -1, &fired) == -ENOTCONN && fired == NULL);
    CHECK(myriad_protocol(client) == 0);
}

static void dies(const char *path)
{
    struct myriad_client *first = client, *sender = myriad_client_new();
    struct myriad_fired *fired;
    CHECK(myriad_connect(sender, path, 0) == 0);
    CHECK(myriad_connect(client, path, 0) == 0);
    CHECK(myriad_watch(client, "/tool", 1, MYRIAD_ALL_LEVELS) == 0);
    expect(1, "/tool", 0);
    CHECK(!is_ready());
    puts("ready");
    fflush(stdout);
    CHECK(getchar() == EOF);
    CHECK(is_ready_in(-1));
    is_lost(myriad_next_event(client, -1, &fired));
    /* A connection that doesn't know yet sends into nothing. */
    client = sender;
    is_lost(one(MYRIAD_SET_VALUE, "/tool/c", "x"));
    myriad_client_free(sender);
    client = first;
    CHECK(myriad_connect(client, path, 0) == -ECONNREFUSED);
}

static void hostile(const char *path)
{
    struct myriad_got *got;
    int err;
    CHECK(myriad_set_timeout(client, 200) == 0);
    err = myriad_connect(client, path, 0);
    if (!err)
        err = myriad_get(client, MYRIAD_NO_SNAPSHOT, "/tool", &got);
    is_lost(err);
}

static void history(int protocol)
{
    struct myriad_step write = step(MYRIAD_SET_VALUE, "/tool/past/a", "was");
    struct myriad_history_kept kept;
    struct myriad_listed *listed;
    struct myriad_log *log;
    struct myriad_got *got;
    uint64_t before = 0, after = 0, version = 0;

    if (protocol != 2) {
        CHECK(myriad_history(client, &kept) == -ENOSYS && kept.newest == 0);
        CHECK(myriad_history_get(client, 1, "/tool", NULL, &got) == -ENOSYS && got == NULL);
        return;
    }
    CHECK(myriad_commit(client, &write, 1, &before) == 0);
    write.value = "is";
    write.value_size = 2;
    CHECK(myriad_commit(client, &write, 1, &after) == 0 && after > before);
    CHECK(myriad_history(client, NULL) == -EINVAL);
    CHECK(myriad_history(client, &kept) == 0 && kept.oldest <= before && kept.newest >= after);
    CHECK(myriad_history_get(client, before, "/tool/past/a", &version, &got) == 0);
    CHECK(version == before && strcmp((const char *)got->value, "was") == 0);
    CHECK(got->value_stamp == before && got->perms_count > 0);
    myriad_got_free(got);
    CHECK(myriad_history_get(client, MYRIAD_NEWEST, "/tool/past/a", NULL, &got) == 0);
    CHECK(strcmp((const char *)got->value, "is") == 0);
    myriad_got_free(got);
    CHECK(myriad_history_get(client, before, "/tool/none", NULL, &got) == -ENOENT && !got);
    CHECK(myriad_history_list(client, before, "/tool/past", &version, &listed) == 0);
    CHECK(version == before && listed->count == 1 && strcmp(listed->children[0].name, "a") == 0);
    CHECK(strcmp((const char *)listed->children[0].value, "was") == 0);
    myriad_listed_free(listed);
    CHECK(myriad_history_log(client, MYRIAD_NEWEST, "/tool/past", MYRIAD_BELOW, 0, &log) == 0);
    CHECK(log->count >= 2 && log->changes[0].generation == after);
    CHECK(strcmp(log->changes[0].path, "/tool/past/a") == 0 && log->changes[0].path_size == 12);
    CHECK(log->changes[0].domid == 0 && log->changes[0].kind == MYRIAD_WRITTEN);
    myriad_log_free(log);
    CHECK(myriad_history_log(client, after, "/tool/past/a", 0, 1, &log) == 0 && log->count == 1);
    CHECK(log->older != 0);
    myriad_log_free(log);
    CHECK(myriad_history_log(client, after, "/tool", 0x80, 1, &log) == -EINVAL && log == NULL);
    myriad_log_free(NULL);
}

int main(int argc, char **argv)
{
    uint32_t flags;
    int protocol;

    if (argc != 3)
        return 2;
    flags = strcmp(argv[2], "1") == 0 ? MYRIAD_V1_ONLY : 0;
    protocol = strcmp(argv[2], "2") == 0 ? 2 : 1;
    CHECK(myriad_api_version() == MYRIAD_API_VERSION);
    client = myriad_client_new();
    CHECK(client != NULL);
    layouts();
    without_a_connection();
    if (strcmp(argv[2], "dies") == 0 || strcmp(argv[2], "hostile") == 0) {
        if (argv[2][0] == 'd')
            dies(argv[1]);
        else
            hostile(argv[1]);
        myriad_client_free(client);
        puts("ok");
        return 0;
    }
    CHECK(myriad_set_timeout(client, 60000) == 0);
    CHECK(myriad_connect(client, argv[1], flags) == 0);
    CHECK(myriad_protocol(client) == protocol);
    commits(protocol);
    arguments();
    several();
    if (strcmp(argv[2], "old") != 0)
        indices(protocol);
    watches(protocol);
    forks();
    snapshots(protocol);
    history(protocol);
    /* A new connection knows nothing of the old one's watches. */
    CHECK(myriad_watch(client, "/tool/c", 5, MYRIAD_ALL_LEVELS) == 0);
    CHECK(myriad_connect(client, argv[1], flags) == 0);
    CHECK(myriad_unwatch(client, "/tool/c", 5) == -ENOENT);
    myriad_client_free(client);
    puts("ok");
    return 0;
}
