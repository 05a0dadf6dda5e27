/*
 * What oxenstored 4.17 needs beside verify/peers/xenshim.c: preloaded before that one, it lets
 * Debian's program run on a machine where it isn't root's and where Xen never was.
 *
 *   OXSHIM_DIR   the folder that stands for /var/run/xenstored, where the program puts its socket;
 *                it is compiled in, and no option changes it.
 *
 * The program asks for as many descriptors as /proc/sys/fs/nr_open says, and gives up where it may
 * not have them. It finds there what it may have: the limit that it was started with.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>

#define COMPILED_IN "/var/run/xenstored"

/* Where a path below the compiled-in folder really is; any other one is as it was. */
static const char *redirected(const char *path, char space[PATH_MAX])
{
	const char *folder = getenv("OXSHIM_DIR");

	if (!folder || strncmp(path, COMPILED_IN, strlen(COMPILED_IN)))
		return path;
	snprintf(space, PATH_MAX, "%s%s", folder, path + strlen(COMPILED_IN));
	return space;
}

static int limit_file(void)
{
	struct rlimit files;
	int fd = memfd_create("oxshim", MFD_CLOEXEC);

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &files))
		return -1;
	dprintf(fd, "%llu\n", (unsigned long long)files.rlim_max);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

#define OPENER(name)                                                                        \
	int name(const char *path, int flags, ...)                                          \
	{                                                                                   \
		int (*next)(const char *, int, ...) =                                       \
			(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);           \
		char space[PATH_MAX];                                                       \
		mode_t mode = 0;                                                            \
		if (!strcmp(path, "/proc/sys/fs/nr_open"))                                  \
			return limit_file();                                                \
		if (flags & (O_CREAT | __O_TMPFILE)) {                                      \
			va_list rest;                                                       \
			va_start(rest, flags);                                              \
			mode = va_arg(rest, mode_t);                                        \
			va_end(rest);                                                       \
		}                                                                           \
		return next(redirected(path, space), flags, mode);                          \
	}
OPENER(open)
OPENER(open64)

int mkdir(const char *path, mode_t mode)
{
	int (*next)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
	char space[PATH_MAX];

	return next(redirected(path, space), mode);
}

int unlink(const char *path)
{
	int (*next)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
	char space[PATH_MAX];

	return next(redirected(path, space));
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	int (*next)(int, const struct sockaddr *, socklen_t) =
		(int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
	struct sockaddr_un moved = { .sun_family = AF_UNIX };
	char space[PATH_MAX];
	const char *path;

	if (address->sa_family != AF_UNIX)
		return next(fd, address, len);
	path = redirected(((const struct sockaddr_un *)address)->sun_path, space);
	snprintf(moved.sun_path, sizeof(moved.sun_path), "%s", path);
	return next(fd, (struct sockaddr *)&moved, sizeof(moved));
}

/* The host's word on domains, as xenshim.c gives it to C xenstored. */
int xc_domain_getinfolist(xc_interface *h, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
	unsigned int found = 0;
	xc_dominfo_t one;

	while (found < max && xc_domain_getinfo(h, first, 1, &one) == 1) {
		memset(&info[found], 0, sizeof(info[found]));
		info[found].domain = one.domid;
		info[found].flags = one.running ? XEN_DOMINF_running : XEN_DOMINF_shutdown;
		first = one.domid + 1;
		found++;
	}
	return (int)found;
}
