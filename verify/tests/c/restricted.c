/*
 * A program that gives up its access to Xen's interfaces, as a device model does, loses its
 * connections of libxenstore too; and not those that it has closed before.
 *
 * The daemon is where XENSTORED_PATH says. It says "ok" where all is as it should be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenstore.h>

/* Of xentoolcore.h, which is no C99. */
int xentoolcore_restrict_all(uint16_t domid);

#define CHECK(holds)                                                              \
    do {                                                                          \
        if (!(holds)) {                                                           \
            fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #holds, errno); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

int main(void)
{
    struct xs_handle *closed = xs_open(0), *kept = xs_open(0), *later;
    unsigned size;
    char *value;

    CHECK(closed && kept);
    CHECK(xs_write(kept, XBT_NULL, "/t", "1", 1));
    xs_close(closed);
    CHECK(xentoolcore_restrict_all(1) == 0);
    CHECK(!xs_read(kept, XBT_NULL, "/t", &size));
    CHECK(!xs_write(kept, XBT_NULL, "/t", "2", 1));
    CHECK(xentoolcore_restrict_all(1) == 0);
    xs_close(kept);
    /* What is opened later is not restricted: a program does that once it is done with opening. */
    later = xs_open(0);
    CHECK(later);
    value = xs_read(later, XBT_NULL, "/t", &size);
    CHECK(value && size == 1 && *value == '1');
    free(value);
    xs_close(later);
    puts("ok");
    return 0;
}
