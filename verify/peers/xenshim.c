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
 *   XENSHIM_PACE      milliseconds by which the monotonic clock is ahead more each time that the
 *                     daemon looks at it. C limits how often a guest may write beside open
 *                     transactions, in writes a second; a test need not wait for that.
 *
 * One line per command on the control channel:
 *
 *   create N      domain N exists and runs (a new life, if it was dead)
 *   shutdown N    domain N has shut down, but still exists
 *   resume N      domain N runs again
 *   destroy N     domain N is gone
 *   ring N        nothing changed; the answer carries domain N's ring
 *   scan          nothing changed
 *
 * A command wakes the daemon's poll() just as VIRQ_DOM_EXC does in a dom0, and is carried out when
 * the daemon asks which port is pending. It is acknowledged by the line "ok" when the daemon
 * unmasks that port, which is after it has looked at every domain (on a FIFO there is no one to
 * answer to). When the other end of the socket is closed, the daemon is told of an error there and
 * ends: no daemon outlives its test.
 *
 * A domain's ring is a memory file, which is what the daemon maps when it maps the domain's grant,
 * and two eventfds, which are its event channel: by one the guest rings the daemon, by the other
 * the daemon the guest. "ring N" hands out all three, in this order, by SCM_RIGHTS. They are those
 * of one life: the next domain N gets others. The event channel device's descriptor is an epoll of
 * the control channel and of all eventfds whose ports are bound. dom0's ring is filled by nobody.
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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <xenctrl.h>

#define PAGE 4096
#define DOMIDS DOMID_FIRST_RESERVED
#define NO_PORT 1
#define VIRQ_PORT 2
#define FIRST_PORT 3 /* that of dom0; each domain has its own */
#define MAX_PORT 0x1ffff
#define CONTROL UINT32_MAX /* what epoll calls the control channel */
#define LINE 64

enum state { ABSENT, RUNNING, SHUT_DOWN };

struct ring {
	int page, to_daemon, to_guest; /* descriptors; -1: none yet */
	int bound;
};

static unsigned char table[DOMIDS];
static struct ring rings[DOMIDS];
static int handle; /* what every opaque handle points to */
static int control = -1, events = -1;
static int acknowledge; /* a command was carried out and not answered yet */
static uint32_t wanted; /* the domain whose ring is handed out with that answer; 0: none */
static long pace; /* milliseconds */

/* ---- rings ---- */

/* The ring of a domain that exists, made if need be. */
static struct ring *ring_of(uint32_t domid)
{
	struct ring *ring = &rings[domid];

	if (ring->page >= 0)
		return ring;
	ring->page = memfd_create("xenshim-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ring->to_daemon = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->to_guest = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->page < 0 || ring->to_daemon < 0 || ring->to_guest < 0 ||
	    ftruncate(ring->page, PAGE) || fcntl(ring->page, F_ADD_SEALS, F_SEAL_SHRINK)) {
		perror("xenshim: no descriptors are left for rings");
		exit(1);
	}
	return ring;
}

/* The guest's copies keep an eventfd alive, so that epoll would go on reporting it. */
static void unbind(struct ring *ring)
{
	if (ring->bound)
		epoll_ctl(events, EPOLL_CTL_DEL, ring->to_daemon, NULL);
	ring->bound = 0;
}

/* The end of a domain's life; what the daemon has mapped stays so until it unmaps it. */
static void forget_ring(struct ring *ring)
{
	if (ring->page < 0)
		return;
	unbind(ring);
	close(ring->page);
	close(ring->to_daemon);
	close(ring->to_guest);
	ring->page = ring->to_daemon = ring->to_guest = -1;
}

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
		else if (!strcmp(verb, "resume") && table[domid] == SHUT_DOWN)
			table[domid] = RUNNING;
		else if (!strcmp(verb, "destroy")) {
			table[domid] = ABSENT;
			forget_ring(&rings[domid]);
		} else if (!strcmp(verb, "ring") && table[domid] != ABSENT)
			wanted = domid;
	}
	acknowledge = 1;
}

/* "ok", with the descriptors of a ring if one was asked for. */
static void answer(void)
{
	union {
		char space[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} rights;
	struct iovec text = { "ok\n", 3 };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (wanted) {
		memset(&rights, 0, sizeof(rights));
		message.msg_control = rights.space;
		message.msg_controllen = sizeof(rights.space);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(3 * sizeof(int));
		memcpy(CMSG_DATA(head), ring_of(wanted), 3 * sizeof(int));
	}
	wanted = acknowledge = 0;
	sendmsg(control, &message, MSG_NOSIGNAL); /* to a FIFO it fails, as it may */
}

__attribute__((constructor)) static void begin(void)
{
	const char *where = getenv("XENSHIM_CONTROL"), *faster = getenv("XENSHIM_PACE");
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = CONTROL };
	struct rlimit files;

	/* Three descriptors a guest. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int domid = 0; domid < (int)DOMIDS; domid++)
		rings[domid].page = rings[domid].to_daemon = rings[domid].to_guest = -1;
	pace = faster ? atol(faster) : 0;
	fill_table(getenv("XENSHIM_DOMAINS"));
	if (!where)
		control = eventfd(0, EFD_CLOEXEC);
	else if (isdigit((unsigned char)*where))
		control = atoi(where);
	else {
		mkfifo(where, 0600);
		control = open(where, O_RDWR | O_CLOEXEC); /* our own writer: never at its end */
	}
	events = epoll_create1(EPOLL_CLOEXEC);
	if (control < 0 || events < 0 || epoll_ctl(events, EPOLL_CTL_ADD, control, &event)) {
		perror("xenshim: XENSHIM_CONTROL must be a descriptor, or a FIFO one may open");
		exit(1);
	}
}

/* ---- time ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static long ahead;
	long failed = syscall(SYS_clock_gettime, clock, now);

	if (!failed && clock == CLOCK_MONOTONIC && pace) {
		ahead += pace;
		now->tv_sec += ahead / 1000;
	}
	return (int)failed;
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
int xenevtchn_fd(void *h) { return events; }
int xenevtchn_bind_virq(void *h, unsigned int virq) { return VIRQ_PORT; }

static struct ring *bound_to(uint32_t port)
{
	struct ring *ring = port - FIRST_PORT < DOMIDS ? &rings[port - FIRST_PORT] : NULL;

	return ring && ring->bound ? ring : NULL;
}

int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t remote)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = domid };
	struct ring *ring;

	if (state_of(domid) == ABSENT || remote > MAX_PORT) {
		errno = EINVAL;
		return -1;
	}
	if (domid > 0) {
		ring = ring_of(domid);
		if (!ring->bound && epoll_ctl(events, EPOLL_CTL_ADD, ring->to_daemon, &event))
			return -1;
		ring->bound = 1;
	}
	return FIRST_PORT + (int)domid;
}

int xenevtchn_unbind(void *h, uint32_t port)
{
	struct ring *ring = bound_to(port);

	if (ring)
		unbind(ring);
	return 0;
}

int xenevtchn_notify(void *h, uint32_t port)
{
	struct ring *ring = bound_to(port);

	if (ring)
		eventfd_write(ring->to_guest, 1);
	return 0;
}

/* The next command, byte by byte, so that a second one keeps the descriptor readable. */
static int next_command(void)
{
	char line[LINE];
	size_t used = 0;
	ssize_t got = 1;

	while (used < sizeof(line) - 1 && (got = read(control, line + used, 1)) == 1 &&
	       line[used] != '\n')
		used++;
	if (got != 1) {
		errno = EPIPE; /* nobody is there any more */
		return -1;
	}
	line[used] = 0;
	carry_out(line);
	return VIRQ_PORT;
}

int xenevtchn_pending(void *h)
{
	struct epoll_event event;
	eventfd_t rung;

	if (epoll_wait(events, &event, 1, 0) != 1)
		return NO_PORT;
	if (event.data.u32 == CONTROL)
		return next_command();
	eventfd_read(rings[event.data.u32].to_daemon, &rung);
	return FIRST_PORT + (int)event.data.u32;
}

int xenevtchn_unmask(void *h, uint32_t port)
{
	if (port == VIRQ_PORT && acknowledge)
		answer();
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
	page = mmap(NULL, PAGE, prot, MAP_SHARED, ring_of(domid)->page, 0);
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
