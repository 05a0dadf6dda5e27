/*
 * A program that has nothing but the C header, and speaks protocol v2: it agrees upon it, commits
 * two nodes under a condition, reads one of them, and sees the commit refused the second time.
 *
 *   v2 SOCKET
 *
 * It says "ok" where all is as it should be. The machine is taken to be little-endian.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "myriad-v2.h"

struct message {
    struct myriad_frame frame;
    unsigned char body[MYRIAD_FRAGMENT_MAX];
};

static int fail(const char *why)
{
    fprintf(stderr, "v2: %s\n", why);
    exit(1);
}

static void all(int fd, void *bytes, size_t left, int is_write)
{
    char *at = (char *)bytes;
    while (left > 0) {
        ssize_t moved = is_write ? write(fd, at, left) : read(fd, at, left);
        if (moved <= 0)
            fail("the connection ended");
        at += moved;
        left -= (size_t)moved;
    }
}

static void put(struct message *to, const void *bytes, size_t len)
{
    memcpy(to->body + to->frame.length, bytes, len);
    to->frame.length += (uint32_t)len;
}

static void pad(struct message *to)
{
    while (to->frame.length % 8 != 0)
        to->body[to->frame.length++] = 0;
}

static void put_item(struct message *to, uint16_t kind, const char *path, const char *value)
{
    struct myriad_item item;
    memset(&item, 0, sizeof(item));
    item.kind = kind;
    item.path_length = (uint16_t)strlen(path);
    item.value_length = (uint32_t)strlen(value);
    put(to, &item, sizeof(item));
    put(to, path, strlen(path));
    put(to, value, strlen(value));
    pad(to);
}

static uint32_t ask(int fd, struct message *message, uint16_t op)
{
    message->frame.op = op;
    message->frame.id = 7;
    all(fd, message, sizeof(message->frame) + message->frame.length, 1);
    all(fd, &message->frame, sizeof(message->frame), 0);
    if (message->frame.op != op || message->frame.id != 7 || message->frame.flags != MYRIAD_REPLY)
        fail("another answer");
    if (message->frame.length > MYRIAD_FRAGMENT_MAX)
        fail("a frame that is too long");
    all(fd, message->body, message->frame.length, 0);
    return message->frame.status;
}

static uint32_t commit(int fd, struct message *message)
{
    struct myriad_batch batch = {3, 0};
    memset(message, 0, sizeof(*message));
    put(message, &batch, sizeof(batch));
    put_item(message, MYRIAD_IF_ABSENT, "/tool/c", "");
    put_item(message, MYRIAD_SET_VALUE, "/tool/c/name", "a value");
    put_item(message, MYRIAD_SET_VALUE, "/tool/c/other", "");
    return ask(fd, message, MYRIAD_OP_COMMIT);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address;
    struct { uint32_t op, req_id, tx_id, len; struct myriad_hello hello; } hello;
    struct { uint32_t op, req_id, tx_id, len; struct myriad_welcome welcome; } welcome;
    struct myriad_get get = {0, MYRIAD_VALUE, 0};
    struct myriad_node node;
    struct myriad_failure failure;
    struct message message;
    const char *path = "/tool/c/name";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(&address, 0, sizeof(address));
    address.sun_family = AF_UNIX;
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
        fail("use: v2 SOCKET");
    strcpy(address.sun_path, argv[1]);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail("nothing serves the socket");

    memset(&hello, 0, sizeof(hello));
    hello.op = MYRIAD_HELLO;
    hello.len = sizeof(hello.hello);
    hello.hello.version = MYRIAD_VERSION;
    all(fd, &hello, sizeof(hello), 1);
    all(fd, &welcome, sizeof(welcome), 0);
    if (welcome.op != MYRIAD_HELLO || welcome.welcome.version != MYRIAD_VERSION)
        fail("it speaks v1 alone");

    if (commit(fd, &message) != 0)
        fail("the commit was refused");
    memset(&message, 0, sizeof(message));
    get.path_length = (uint16_t)strlen(path);
    put(&message, &get, sizeof(get));
    put(&message, path, strlen(path));
    pad(&message);
    if (ask(fd, &message, MYRIAD_OP_GET) != 0)
        fail("there is no such node");
    memcpy(&node, message.body, sizeof(node));
    if (node.value_length != 7 || memcmp(message.body + sizeof(node), "a value", 7) != 0)
        fail("another value");
    if (commit(fd, &message) != MYRIAD_EEXIST)
        fail("the condition did not hold it up");
    memcpy(&failure, message.body, sizeof(failure));
    if (failure.item != 0)
        fail("another item is to blame");
    puts("ok");
    return 0;
}
