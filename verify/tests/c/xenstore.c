/*
 * What programs do with libxenstore, by Xen's own header.
 *
 *   xenstore basic      each function, and each that fails
 *   xenstore threads    one thread waits for events while others ask, and one polls
 *   xenstore fork       a child throws its copy away
 *   xenstore dies       says "ready", and goes on when the daemon is gone and its input has ended
 *   xenstore hostile    whoever serves the socket says what no daemon says
 *
 * The daemon is where XENSTORED_PATH says. It says "ok" where all is as it should be.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenstore.h>

#ifdef NEWER /* Of newer headers than 4.17's. */
bool xs_get_features_supported(struct xs_handle *h, unsigned int *features);
bool xs_get_features_domain(struct xs_handle *h, unsigned int domid, unsigned int *features);
bool xs_set_features_domain(struct xs_handle *h, unsigned int domid, unsigned int features);
const char **xs_get_quota_names(struct xs_handle *h, unsigned int *num);
bool xs_get_global_quota(struct xs_handle *h, const char *quota, unsigned int *value);
bool xs_set_global_quota(struct xs_handle *h, const char *quota, unsigned int value);
bool xs_get_domain_quota(struct xs_handle *h, unsigned int domid, const char *quota,
                         unsigned int *value);
bool xs_set_domain_quota(struct xs_handle *h, unsigned int domid, const char *quota,
                         unsigned int value);
bool xs_watch_depth(struct xs_handle *h, const char *path, const char *token, unsigned int depth);
bool xs_watch_try_depth(struct xs_handle *h, const char *path, const char *token,
                        unsigned int depth);
#endif

#define CHECK(holds)                                                                       \
    do {                                                                                   \
        if (!(holds)) {                                                                    \
            fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #holds, errno);          \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

/* It fails, with this errno. */
#define FAILS(call, number)                   \
    do {                                      \
        errno = 0;                            \
        CHECK(!(call));                       \
        CHECK(errno == (number));             \
    } while (0)

/* Whether the descriptor is readable, within so many milliseconds. */
static int is_ready_in(struct xs_handle *xs, int milliseconds)
{
    struct pollfd fd;
    fd.fd = xs_fileno(xs);
    fd.events = POLLIN;
    fd.revents = 0;
    CHECK(fd.fd >= 0);
    return poll(&fd, 1, milliseconds) == 1;
}

static int is_ready(struct xs_handle *xs)
{
    return is_ready_in(xs, 0);
}

static void put(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *value)
{
    CHECK(xs_write(xs, t, path, value, (unsigned)strlen(value)));
}

static void has(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *value)
{
    unsigned size = 77;
    char *read = xs_read(xs, t, path, &size);
    CHECK(read && size == strlen(value) && strcmp(read, value) == 0);
    free(read);
}

static void is_event(char **event, const char *path, const char *token)
{
    CHECK(event);
    CHECK(strcmp(event[XS_WATCH_PATH], path) == 0);
    CHECK(strcmp(event[XS_WATCH_TOKEN], token) == 0);
    free(event);
}

static void tree(struct xs_handle *xs)
{
    struct xs_permissions perms[2], *got;
    char **names, path[64], *value;
    unsigned count, i;
    char huge[5000];

    (void)xs_rm(xs, XBT_NULL, "/t");
    put(xs, XBT_NULL, "/t/a", "1");
    CHECK(xs_mkdir(xs, XBT_NULL, "/t/b"));
    CHECK(xs_write(xs, XBT_NULL, "/t/bin", "\0x\0", 3));
    value = xs_read(xs, XBT_NULL, "/t/bin", &count);
    CHECK(value && count == 3 && memcmp(value, "\0x\0\0", 4) == 0);
    free(value);
    value = xs_read(xs, XBT_NULL, "/t/a", NULL);
    CHECK(value && strcmp(value, "1") == 0);
    free(value);
    has(xs, XBT_NULL, "/t/b", "");
    names = xs_directory(xs, XBT_NULL, "/t", &count);
    CHECK(names && count == 3);
    free(names);
    names = xs_directory(xs, XBT_NULL, "/t/b", &count);
    CHECK(names && count == 0);
    free(names);

    perms[0].id = 0;
    perms[0].perms = XS_PERM_NONE;
    perms[1].id = 3;
    perms[1].perms = XS_PERM_READ | XS_PERM_WRITE;
    CHECK(xs_set_permissions(xs, XBT_NULL, "/t/a", perms, 2));
    got = xs_get_permissions(xs, XBT_NULL, "/t/a", &count);
    CHECK(got && count == 2 && got[0].id == 0 && got[0].perms == XS_PERM_NONE);
    CHECK(got[1].id == 3 && got[1].perms == (XS_PERM_READ | XS_PERM_WRITE));
    free(got);

    /* More than fits into one message. */
    for (i = 0; i < 150; i++) {
        sprintf(path, "/t/many/a-rather-long-name-for-a-child-%u", i);
        put(xs, XBT_NULL, path, "");
    }
    names = xs_directory(xs, XBT_NULL, "/t/many", &count);
    CHECK(names && count == 150);
    for (i = 0; i < 150; i++)
        CHECK(strncmp(names[i], "a-rather-long-name-for-a-child-", 31) == 0);
    free(names);
    CHECK(xs_rm(xs, XBT_NULL, "/t/many"));

    FAILS(xs_read(xs, XBT_NULL, "/t/none", &count), ENOENT);
    FAILS(xs_directory(xs, XBT_NULL, "/t/none", &count), ENOENT);
    FAILS(xs_get_permissions(xs, XBT_NULL, "/t/none", &count), ENOENT);
    FAILS(xs_rm(xs, XBT_NULL, "/t/none/below"), ENOENT);
    FAILS(xs_read(xs, XBT_NULL, "//", &count), EINVAL);
    perms[1].perms = 0x80;
    FAILS(xs_set_permissions(xs, XBT_NULL, "/t/a", perms, 2), EINVAL);
    memset(huge, 'a', sizeof(huge) - 1);
    huge[0] = '/';
    huge[sizeof(huge) - 1] = 0;
    FAILS(xs_read(xs, XBT_NULL, huge, &count), E2BIG);
    FAILS(xs_write(xs, XBT_NULL, "/t/a", huge, sizeof(huge)), E2BIG);
}

static void transactions(struct xs_handle *xs, struct xs_handle *other)
{
    xs_transaction_t t = xs_transaction_start(xs);
    CHECK(t != XBT_NULL);
    put(xs, t, "/t/a", "in");
    has(xs, t, "/t/a", "in");
    has(other, XBT_NULL, "/t/a", "1");
    CHECK(xs_transaction_end(xs, t, true));
    has(xs, XBT_NULL, "/t/a", "1");
    t = xs_transaction_start(xs);
    has(xs, t, "/t/a", "1");
    put(other, XBT_NULL, "/t/a", "between");
    put(xs, t, "/t/a", "late");
    FAILS(xs_transaction_end(xs, t, false), EAGAIN);
    t = xs_transaction_start(xs);
    put(xs, t, "/t/a", "2");
    CHECK(xs_transaction_end(xs, t, false));
    has(other, XBT_NULL, "/t/a", "2");
    FAILS(xs_transaction_end(xs, 9999, false), ENOENT);
}

static void watches(struct xs_handle *xs)
{
    struct xs_handle *keeps = xs_daemon_open();
    unsigned count = 77;

    CHECK(!is_ready(xs));
    FAILS(xs_check_watch(xs), EAGAIN);
    CHECK(xs_watch(xs, "/t/a", "token"));
    is_event(xs_read_watch(xs, &count), "/t/a", "token");
    CHECK(count == 2);
    FAILS(xs_watch(xs, "/t/a", "token"), EEXIST);
    CHECK(!is_ready(xs));
    /* The event comes before the reply: the descriptor must say what memory has. */
    put(xs, XBT_NULL, "/t/a/below", "1");
    has(xs, XBT_NULL, "/t/a/below", "1");
    CHECK(is_ready(xs));
    is_event(xs_check_watch(xs), "/t/a/below", "token");
    CHECK(!is_ready(xs));
    FAILS(xs_check_watch(xs), EAGAIN);
    /* It was opened with XS_UNWATCH_FILTER. */
    put(xs, XBT_NULL, "/t/a", "4");
    has(xs, XBT_NULL, "/t/a", "4");
    CHECK(xs_unwatch(xs, "/t/a", "token"));
    FAILS(xs_check_watch(xs), EAGAIN);
    CHECK(!is_ready(xs));
    FAILS(xs_unwatch(xs, "/t/a", "token"), ENOENT);
    /* And without. */
    CHECK(keeps && xs_watch(keeps, "/t/a", "kept"));
    has(keeps, XBT_NULL, "/t/a", "4");
    CHECK(xs_unwatch(keeps, "/t/a", "kept"));
    CHECK(is_ready(keeps));
    is_event(xs_read_watch(keeps, &count), "/t/a", "kept");
    xs_daemon_close(keeps);
}

static void domains(struct xs_handle *xs)
{
    char *path = xs_get_domain_path(xs, 7), *answer;

    CHECK(path && strcmp(path, "/local/domain/7") == 0);
    free(path);
    CHECK(xs_is_domain_introduced(xs, 0));
    CHECK(!xs_is_domain_introduced(xs, 4));
    CHECK(xs_introduce_domain(xs, 4, 1, 1));
    CHECK(xs_is_domain_introduced(xs, 4));
    CHECK(xs_introduce_domain(xs, 5, 1, 1));
    CHECK(xs_set_target(xs, 4, 5));
    CHECK(xs_resume_domain(xs, 4));
    CHECK(xs_release_domain(xs, 4));
    FAILS(xs_release_domain(xs, 4), ENOENT);
    FAILS(xs_introduce_domain(xs, 4000, 1, 1), EINVAL);
    answer = xs_control_command(xs, "help", NULL, 0);
    CHECK(answer && answer[0]);
    free(answer);
    answer = xs_debug_command(xs, "no such", (void *)"x", 2);
    CHECK(!answer && errno == EINVAL);
    (void)xs_rm(xs, XBT_NULL, "/local/domain/6");
    CHECK(xs_suspend_evtchn_port(6) == -1);
    put(xs, XBT_NULL, "/local/domain/6/device/suspend/event-channel", "12");
    CHECK(xs_suspend_evtchn_port(6) == 12);
    CHECK(!xs_restrict(xs, 3));
}

#ifdef NEWER
static void newer(struct xs_handle *xs)
{
    unsigned value = 0, count;
    const char **names;

    /* What a daemon of 4.17 doesn't have it says so of. */
    errno = 0;
    if (!xs_get_features_supported(xs, &value)) {
        CHECK(errno == ENOSYS);
        FAILS(xs_get_quota_names(xs, &count), ENOSYS);
        FAILS(xs_get_features_domain(xs, 5, &value), ENOSYS);
        FAILS(xs_set_features_domain(xs, 6, 0), ENOSYS);
        FAILS(xs_get_global_quota(xs, "nodes", &value), ENOSYS);
        FAILS(xs_set_global_quota(xs, "nodes", 1), ENOSYS);
        FAILS(xs_get_domain_quota(xs, 5, "nodes", &value), ENOSYS);
        FAILS(xs_set_domain_quota(xs, 5, "nodes", 1), ENOSYS);
        FAILS(xs_watch_depth(xs, "/t/a", "d", 0), ENOSYS);
        CHECK(xs_watch_try_depth(xs, "/t/a", "d", 0));
        is_event(xs_read_watch(xs, &count), "/t/a", "d");
        CHECK(xs_unwatch(xs, "/t/a", "d"));
        return;
    }
    CHECK(value & 4);
    CHECK(xs_get_features_domain(xs, 5, &value));
    CHECK(xs_set_features_domain(xs, 6, 0));
    names = xs_get_quota_names(xs, &count);
    CHECK(names && count > 5);
    CHECK(strlen(names[0]) > 0 && !strchr(names[0], ' ') && strlen(names[count - 1]) > 0);
    free(names);
    CHECK(xs_get_global_quota(xs, "nodes", &value) && value > 0);
    CHECK(xs_set_global_quota(xs, "nodes", value + 1));
    CHECK(xs_set_domain_quota(xs, 5, "nodes", 123));
    CHECK(xs_get_domain_quota(xs, 5, "nodes", &value) && value == 123);
    FAILS(xs_get_global_quota(xs, "none", &value), EINVAL);
    CHECK(xs_watch_depth(xs, "/t/a", "d", 0));
    is_event(xs_read_watch(xs, &count), "/t/a", "d");
    put(xs, XBT_NULL, "/t/a/below", "2");
    has(xs, XBT_NULL, "/t/a/below", "2");
    FAILS(xs_check_watch(xs), EAGAIN);
    CHECK(xs_unwatch(xs, "/t/a", "d"));
    CHECK(xs_watch_try_depth(xs, "/t/a", "d", 1));
    is_event(xs_read_watch(xs, &count), "/t/a", "d");
    CHECK(xs_unwatch(xs, "/t/a", "d"));
}
#endif

static void helpers(void)
{
    struct xs_permissions perms[2];
    int fds[2];
    char got[4];

    CHECK(xs_path_is_subpath("/a/b", "/a/b") && xs_path_is_subpath("/a/b", "/a/b/c"));
    CHECK(!xs_path_is_subpath("/a/b", "/a/bc") && !xs_path_is_subpath("/a/b", "/a"));
    CHECK(xs_strings_to_perms(perms, 2, "r7\0b12"));
    CHECK(perms[0].id == 7 && perms[0].perms == XS_PERM_READ);
    CHECK(perms[1].id == 12 && perms[1].perms == (XS_PERM_READ | XS_PERM_WRITE));
    FAILS(xs_strings_to_perms(perms, 1, "x7"), EINVAL);
    CHECK(pipe(fds) == 0 && xs_write_all(fds[1], "abcd", 4));
    CHECK(read(fds[0], got, 4) == 4 && memcmp(got, "abcd", 4) == 0);
    close(fds[0]);
    close(fds[1]);
    FAILS(xs_write_all(-1, "a", 1), EBADF);
    CHECK(strcmp(xs_daemon_socket(), getenv("XENSTORED_PATH")) == 0);
    CHECK(strcmp(xs_daemon_socket_ro(), xs_daemon_socket()) == 0);
    CHECK(xs_daemon_rundir()[0] == '/');
}

static int basic(void)
{
    struct xs_handle *xs = xs_open(XS_UNWATCH_FILTER), *other = xs_open(0), *third;
    CHECK(xs && other);
    third = xs_domain_open();
    CHECK(third);
    xs_close(third);
    third = xs_daemon_open_readonly();
    CHECK(third);
    tree(third);
    xs_close(third);
    transactions(xs, other);
    watches(xs);
    domains(xs);
#ifdef NEWER
    newer(xs);
#endif
    helpers();
    xs_close(other);
    xs_close(xs);
    xs_close(NULL);
    return 0;
}

/* Threads. */

#define ASKERS 4
#define ASKED 200
#define EVENTS 300

static struct xs_handle *shared;

static void *asks(void *number)
{
    char path[32], value[32];
    int i;
    sprintf(path, "/t/asker/%d", *(int *)number);
    for (i = 0; i < ASKED; i++) {
        sprintf(value, "%d", i);
        put(shared, XBT_NULL, path, value);
        has(shared, XBT_NULL, path, value);
    }
    return NULL;
}

static void *waits(void *unused)
{
    int i;
    unsigned count;
    for (i = 0; i < EVENTS; i++) {
        char **event = xs_read_watch(shared, &count), wanted[32];
        sprintf(wanted, "/t/events/%d", i);
        is_event(event, wanted, "events");
    }
    return unused;
}

static void *writes(void *unused)
{
    struct xs_handle *own = xs_open(0);
    char path[32];
    int i;
    for (i = 0; i < EVENTS; i++) {
        sprintf(path, "/t/events/%d", i);
        put(own, XBT_NULL, path, "");
    }
    xs_close(own);
    return unused;
}

/* Readable means that an event is there: the wait behind it doesn't wait for another. */
static void *polls(void *unused)
{
    int i;
    unsigned count;
    for (i = 0; i < EVENTS; i++) {
        char wanted[32];
        CHECK(is_ready_in(shared, -1));
        sprintf(wanted, "/t/events/%d", i);
        is_event(xs_read_watch(shared, &count), wanted, "events");
    }
    return unused;
}

/* Where no event comes, the descriptor is never readable: not for another thread's reply. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_over;

static void *looks(void *unused)
{
    int over = 0;
    while (!over) {
        CHECK(!is_ready(shared));
        CHECK(pthread_mutex_lock(&lock) == 0);
        over = is_over;
        CHECK(pthread_mutex_unlock(&lock) == 0);
    }
    return unused;
}

static void replies_are_no_events(void)
{
    pthread_t asker, looker;
    int number = 0;
    shared = xs_open(0);
    CHECK(shared && !is_ready(shared));
    CHECK(pthread_create(&looker, NULL, looks, NULL) == 0);
    CHECK(pthread_create(&asker, NULL, asks, &number) == 0);
    CHECK(pthread_join(asker, NULL) == 0);
    CHECK(pthread_mutex_lock(&lock) == 0);
    is_over = 1;
    CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_join(looker, NULL) == 0);
    xs_close(shared);
}

static int threads(void)
{
    pthread_t asker[ASKERS], reader, writer;
    int number[ASKERS], i, round;
    unsigned count;

    replies_are_no_events();
    for (round = 0; round < 2; round++) {
        shared = xs_open(0);
        CHECK(shared);
        (void)xs_rm(shared, XBT_NULL, "/t");
        CHECK(xs_mkdir(shared, XBT_NULL, "/t/events"));
        CHECK(xs_watch(shared, "/t/events", "events"));
        is_event(xs_read_watch(shared, &count), "/t/events", "events");
        CHECK(pthread_create(&reader, NULL, round ? polls : waits, NULL) == 0);
        for (i = 0; i < ASKERS; i++) {
            number[i] = i;
            CHECK(pthread_create(&asker[i], NULL, asks, &number[i]) == 0);
        }
        CHECK(pthread_create(&writer, NULL, writes, NULL) == 0);
        for (i = 0; i < ASKERS; i++)
            CHECK(pthread_join(asker[i], NULL) == 0);
        CHECK(pthread_join(writer, NULL) == 0);
        CHECK(pthread_join(reader, NULL) == 0);
        xs_close(shared);
    }
    return 0;
}

static int forks(void)
{
    struct xs_handle *xs = xs_open(0);
    unsigned count;
    int status;
    pid_t child;

    CHECK(xs && xs_watch(xs, "/t", "t"));
    is_event(xs_read_watch(xs, &count), "/t", "t");
    CHECK(!is_ready(xs));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        xs_daemon_destroy_postfork(xs);
        xs = xs_open(0);
        CHECK(xs && xs_write(xs, XBT_NULL, "/t/child", "1", 1));
        xs_close(xs);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    /* The parent's connection, watch and descriptor are what they were. */
    CHECK(is_ready_in(xs, -1));
    is_event(xs_check_watch(xs), "/t/child", "t");
    has(xs, XBT_NULL, "/t/child", "1");
    xs_close(xs);
    return 0;
}

static void *is_woken(void *xs)
{
    unsigned count;
    FAILS(xs_read_watch(xs, &count), EINVAL);
    return NULL;
}

static int dies(void)
{
    struct xs_handle *xs = xs_open(0), *other = xs_open(0), *sender = xs_open(0);
    pthread_t waiter;
    unsigned count;

    CHECK(xs && other && sender && xs_watch(xs, "/t", "t"));
    is_event(xs_read_watch(xs, &count), "/t", "t");
    CHECK(!is_ready(xs));
    CHECK(pthread_create(&waiter, NULL, is_woken, other) == 0);
    puts("ready");
    fflush(stdout);
    CHECK(getchar() == EOF);
    CHECK(pthread_join(waiter, NULL) == 0);
    /* Told once, and not for ever. */
    CHECK(is_ready_in(xs, -1));
    FAILS(xs_check_watch(xs), EINVAL);
    CHECK(!is_ready(xs));
    /* No signal, and no hang: of a connection that doesn't know yet, and of one that does. */
    CHECK(!xs_write(sender, XBT_NULL, "/t", "x", 1) && errno == EPIPE);
    CHECK(!xs_write(sender, XBT_NULL, "/t", "x", 1) && errno == EBADF);
    xs_close(sender);
    CHECK(!xs_write(xs, XBT_NULL, "/t", "x", 1));
    CHECK(!xs_read(xs, XBT_NULL, "/t", &count));
    CHECK(!xs_watch(other, "/t", "t"));
    xs_close(xs);
    xs_close(other);
    FAILS(xs_open(0), ECONNREFUSED);
    return 0;
}

static int hostile(void)
{
    struct xs_handle *xs = xs_open(0);
    unsigned count;

    CHECK(xs);
    errno = 0;
    CHECK(!xs_read(xs, XBT_NULL, "/t", &count) && errno != 0);
    FAILS(xs_read(xs, XBT_NULL, "/t", &count), EBADF);
    FAILS(xs_read_watch(xs, &count), EINVAL);
    FAILS(xs_check_watch(xs), EINVAL);
    xs_close(xs);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 2;
    if (argc == 2 && strcmp(argv[1], "basic") == 0)
        failed = basic();
    else if (argc == 2 && strcmp(argv[1], "threads") == 0)
        failed = threads();
    else if (argc == 2 && strcmp(argv[1], "fork") == 0)
        failed = forks();
    else if (argc == 2 && strcmp(argv[1], "dies") == 0)
        failed = dies();
    else if (argc == 2 && strcmp(argv[1], "hostile") == 0)
        failed = hostile();
    if (failed == 0)
        puts("ok");
    return failed;
}
