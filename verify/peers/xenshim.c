/*
 * A Xen host of one's own choosing, for programs that ask libxenctrl, libxenevtchn and
 * libxengnttab.
 *
 * Preloaded into Debian's C xenstored (4.17), it lets that daemon run on plain Linux, where it
 * serves its Unix socket as it would in a dom0. What the daemon can learn about domains is what
 * this file's table says, and whoever holds the other end of the control channel can change it:
 *
 *   XENSHIM_DOMAINS   the domains that exist at the start, such as "1-20,40"; dom0 always does.
 *                     Unset: every domid below DOMID_FIRST_RESERVED.
 *   XENSHIM_CONTROL   a file descriptor number (a stream socket that the parent passed on), or the
 *                     path of a FIFO, which is made if need be. Unset: the table never changes.
 *
 * One line per command on the control channel:
 *
 *   create N      domain N exists and runs (a new life, if it was dead)
 *   shutdown N    domain N has shut down, but still exists
 *   destroy N     domain N is gone
 *   scan          nothing changed
 *
 * The control channel is the event channel device's descriptor, so a command wakes the daemon's
 * poll() just as VIRQ_DOM_EXC does in a dom0, and is carried out when the daemon asks which port is
 * pending. It is acknowledged by the line "ok" when the daemon unmasks that port, which is after it
 * has looked at every domain (on a FIFO there is no one to answer to). When the other end of the
 * socket is closed, the daemon is told of an error there and ends: no daemon outlives its test.
 *
 * Rings are zeroed pages that no guest fills; other event channels never fire.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenctrl.h>

#define PAGE 4096
#define DOMIDS DOMID_FIRST_RESERVED
#define VIRQ_PORT 2
#define FIRST_PORT 3
#define MAX_PORT 0x1ffff
#define LINE 64

enum state { ABSENT, RUNNING, SHUT_DOWN };

static unsigned char table[DOMIDS];
static int handle; /* what every opaque handle points to */
static int control = -1;
static int acknowledge; /* a command was carried out and not answered yet */

/* ---- the table ---- */

static void fill_table(const char *ranges)
{
	memset(table, ranges ? ABSENT : RUNNING, sizeof(table));
	table[0] = RUNNING;
	while (ranges && *ranges) {
		char *end;
		unsigned long first = strtoul(ranges, &end, 10), last = first;

		if (end == ranges)
			break;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < DOMIDS; first++)
			table[first] = RUNNING;
		ranges = *end == ',' ? end + 1 : end;
	}
}

static enum state state_of(uint32_t domid)
{
	return domid < DOMIDS ? table[domid] : ABSENT;
}

static void carry_out(const char *line)
{
	char verb[LINE];
	unsigned int domid = DOMIDS;

	if (sscanf(line, "%15s %u", verb, &domid) < 1)
		return;
	if (domid > 0 && domid < DOMIDS) {
		if (!strcmp(verb, "create"))
			table[domid] = RUNNING;
		else if (!strcmp(verb, "shutdown") && table[domid] == RUNNING)
			table[domid] = SHUT_DOWN;
		else if (!strcmp(verb, "destroy"))
			table[domid] = ABSENT;
	}
	acknowledge = 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *where = getenv("XENSHIM_CONTROL");

	fill_table(getenv("XENSHIM_DOMAINS"));
	if (!where)
		control = eventfd(0, EFD_CLOEXEC);
	else if (isdigit((unsigned char)*where))
		control = atoi(where);
	else {
		mkfifo(where, 0600);
		control = open(where, O_RDWR | O_CLOEXEC); /* our own writer: never at its end */
	}
	if (control < 0) {
		perror("xenshim: XENSHIM_CONTROL must be a descriptor, or a FIFO one may open");
		exit(1);
	}
}

/* ---- files of a dom0 ---- */

static int memory_file(const char *text, off_t size)
{
	int fd = memfd_create("xenshim", MFD_CLOEXEC);

	if (fd >= 0 && size && ftruncate(fd, size))
		return -1;
	if (fd >= 0 && text && (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		return -1;
	return fd;
}

static int open_any(const char *name, const char *path, int flags, va_list rest)
{
	int (*next)(const char *, int, ...);
	mode_t mode = 0;

	if (!strcmp(path, "/proc/xen/xsd_kva") || !strcmp(path, "/dev/xen/xenstored"))
		return memory_file(NULL, PAGE);
	if (!strcmp(path, "/proc/xen/xsd_port"))
		return memory_file("1", 0);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(rest, mode_t);
	next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
	return next(path, flags, mode);
}

#define OPENER(name)                                        \
	int name(const char *path, int flags, ...)          \
	{                                                   \
		va_list rest;                               \
		int fd;                                     \
		va_start(rest, flags);                      \
		fd = open_any(#name, path, flags, rest);    \
		va_end(rest);                               \
		return fd;                                  \
	}
OPENER(open)
OPENER(open64)

/* ---- event channels ---- */

void *xenevtchn_open(void *logger, unsigned int flags) { return &handle; }
void *xenevtchn_fdopen(void *logger, int fd, unsigned int flags) { return &handle; }
int xenevtchn_close(void *h) { return 0; }
int xenevtchn_fd(void *h) { return control; }
int xenevtchn_notify(void *h, uint32_t port) { return 0; }
int xenevtchn_unbind(void *h, uint32_t port) { return 0; }
int xenevtchn_bind_virq(void *h, unsigned int virq) { return VIRQ_PORT; }

int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t remote)
{
	static int next = FIRST_PORT;

	if (state_of(domid) == ABSENT || remote > MAX_PORT) {
		errno = EINVAL;
		return -1;
	}
	return next++;
}

/* The next command, byte by byte, so that a second one keeps the descriptor readable. */
int xenevtchn_pending(void *h)
{
	char line[LINE];
	size_t used = 0;

	while (used < sizeof(line) - 1 && read(control, line + used, 1) == 1 && line[used] != '\n')
		used++;
	line[used] = 0;
	carry_out(line);
	return VIRQ_PORT;
}

int xenevtchn_unmask(void *h, uint32_t port)
{
	if (port == VIRQ_PORT && acknowledge) {
		acknowledge = 0;
		send(control, "ok\n", 3, MSG_NOSIGNAL);
	}
	return 0;
}

/* ---- grants ---- */

void *xengnttab_open(void *logger, unsigned int flags) { return &handle; }
int xengnttab_close(void *h) { return 0; }
int xengnttab_set_max_grants(void *h, uint32_t count) { return 0; }

void *xengnttab_map_grant_ref(void *h, uint32_t domid, uint32_t ref, int prot)
{
	void *page;

	if (state_of(domid) == ABSENT) {
		errno = EINVAL;
		return NULL;
	}
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(void *h, void *page, uint32_t count)
{
	return munmap(page, (size_t)count * PAGE);
}

/* ---- the hypervisor's word on domains ---- */

xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *d, unsigned int flags)
{
	return (xc_interface *)&handle;
}
int xc_interface_close(xc_interface *h) { return 0; }

int xc_domain_getinfo(xc_interface *h, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
	unsigned int found = 0;

	for (; first < DOMIDS && found < max; first++) {
		if (table[first] == ABSENT)
			continue;
		memset(&info[found], 0, sizeof(info[found]));
		info[found].domid = first;
		info[found].running = table[first] == RUNNING;
		info[found].shutdown = table[first] == SHUT_DOWN;
		found++;
	}
	if (!found)
		errno = ESRCH;
	return found ? (int)found : -1;
}
