// SPDX-License-Identifier: Apache-2.0
/* Every system call by which a file can get an execute bit. Each: WORD FILE MODE. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "try.h"

#ifndef __NR_fchmodat2
#if defined(__mips__) && _MIPS_SIM == _ABIO32
#define __NR_fchmodat2 4452
#elif defined(__mips__)
#define __NR_fchmodat2 5452
#else
#define __NR_fchmodat2 452
#endif
#endif
#ifndef __NR_openat2
#if defined(__mips__) && _MIPS_SIM == _ABIO32
#define __NR_openat2 4437
#elif defined(__mips__)
#define __NR_openat2 5437
#else
#define __NR_openat2 437
#endif
#endif

static mode_t mode_of(char **argv)
{
	return argv[1] && argv[2] ? strtoul(argv[2], NULL, 8) : 0755;
}

static int say(int failed)
{
	if (failed)
		perror("kakoi-try");
	return failed ? 1 : 0;
}

/* Creation is compared without the mask. */
static int made(int file)
{
	return say(file < 0 || close(file));
}

static int try_chmod(int argc, char **argv)
{
	return say(chmod(argv[1], mode_of(argv)));
}

static int try_fchmod(int argc, char **argv)
{
	int file = open(argv[1], O_RDONLY);

	return say(file < 0 || fchmod(file, mode_of(argv)));
}

static int try_fchmodat(int argc, char **argv)
{
	return say(fchmodat(AT_FDCWD, argv[1], mode_of(argv), 0));
}

/* A kernel that lacks the call cannot be got around by it: then nothing was given. */
static int try_fchmodat2(int argc, char **argv)
{
	return say(syscall(__NR_fchmodat2, AT_FDCWD, argv[1], mode_of(argv), 0));
}

static int try_open(int argc, char **argv)
{
	umask(0);
	unlink(argv[1]);
	return made(open(argv[1], O_CREAT | O_WRONLY, mode_of(argv)));
}

static int try_creat(int argc, char **argv)
{
	umask(0);
	unlink(argv[1]);
	return made(creat(argv[1], mode_of(argv)));
}

static int try_openat2(int argc, char **argv)
{
	struct { uint64_t flags, mode, resolve; } how = { O_CREAT | O_WRONLY, mode_of(argv), 0 };

	umask(0);
	unlink(argv[1]);
	return made(syscall(__NR_openat2, AT_FDCWD, argv[1], &how, sizeof(how)));
}

static int try_mknod(int argc, char **argv)
{
	umask(0);
	unlink(argv[1]);
	return say(mknod(argv[1], S_IFREG | mode_of(argv), 0));
}

static int try_tmpfile(int argc, char **argv)
{
	char name[64];
	int file;

	umask(0);
	unlink(argv[1]);
	file = open("/tmp", O_TMPFILE | O_RDWR, mode_of(argv));
	if (file < 0)
		return say(1);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	return say(linkat(AT_FDCWD, name, AT_FDCWD, argv[1], AT_SYMLINK_FOLLOW));
}

/* One openat, by a ring: the smallest use of io_uring, without its library. */
static int try_io_uring(int argc, char **argv)
{
#ifdef __NR_io_uring_setup
	struct io_uring_params p = { 0 };
	struct io_uring_sqe *entry;
	struct io_uring_cqe *answer;
	char *rings, *answers;
	int ring;

	umask(0);
	unlink(argv[1]);
	ring = syscall(__NR_io_uring_setup, 1, &p);
	if (ring < 0)
		return say(1);
	rings = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		     IORING_OFF_SQ_RING);
	entry = mmap(NULL, p.sq_entries * sizeof(*entry), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		     IORING_OFF_SQES);
	answers = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*answer), PROT_READ | PROT_WRITE,
		       MAP_SHARED, ring, IORING_OFF_CQ_RING);
	if (rings == MAP_FAILED || entry == MAP_FAILED || answers == MAP_FAILED)
		return say(1);
	entry->opcode = IORING_OP_OPENAT;
	entry->fd = AT_FDCWD;
	entry->addr = (uintptr_t)argv[1];
	entry->len = mode_of(argv);
	entry->open_flags = O_CREAT | O_WRONLY;
	((unsigned int *)(rings + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned int *)(rings + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return say(1);
	answer = (struct io_uring_cqe *)(answers + p.cq_off.cqes);
	errno = answer->res < 0 ? -answer->res : 0;
	return say(answer->res < 0);
#else
	return 1;
#endif
}

/* An access control list that means MODE: owner, group, others, each with its x bit. */
static int try_set_acl(int argc, char **argv)
{
	mode_t mode = mode_of(argv);
	uint8_t acl[4 + 3 * 8] = { 2, 0, 0, 0, 0x01, 0, mode >> 6 & 7, 0, 255, 255, 255, 255,
				   0x04, 0, mode >> 3 & 7, 0, 255, 255, 255, 255,
				   0x20, 0, mode & 7, 0, 255, 255, 255, 255 };

	return say(setxattr(argv[1], "system.posix_acl_access", acl, sizeof(acl), 0));
}

static int try_set_capability(int argc, char **argv)
{
	/* Version 2, no capability at all: inert. */
	uint8_t value[20] = { 0, 0, 0, 2 };

	return say(setxattr(argv[1], "security.capability", value, sizeof(value), 0));
}

static int try_has_capability(int argc, char **argv)
{
	return getxattr(argv[1], "security.capability", NULL, 0) > 0 ? 0 : 1;
}

const struct word mode_words[] = {
	{ "chmod", try_chmod }, { "fchmod", try_fchmod }, { "fchmodat", try_fchmodat },
	{ "fchmodat2", try_fchmodat2 }, { "open", try_open }, { "creat", try_creat },
	{ "openat2", try_openat2 }, { "mknod", try_mknod }, { "o-tmpfile", try_tmpfile },
	{ "io-uring", try_io_uring }, { "set-acl", try_set_acl }, { "set-capability", try_set_capability },
	{ "has-capability", try_has_capability }, { NULL, NULL },
};
