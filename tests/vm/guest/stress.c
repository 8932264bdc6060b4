// SPDX-License-Identifier: Apache-2.0
/* Races against the guard, many programs, many processes; and what an operation costs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "try.h"

#if !defined(__NR_openat2)
#if defined(__mips__) && _MIPS_SIM == _ABIO32
#define __NR_openat2 4437
#elif defined(__mips__)
#define __NR_openat2 5437
#else
#define __NR_openat2 437
#endif
#endif

/* ---- races ------------------------------------------------------------------------------------------------------- */

static struct { uint64_t flags, mode, resolve; } how = { O_CREAT | O_WRONLY | O_EXCL, 0644, 0 };
static char name[16] = "/tmp/f";
static volatile int over;

/* Changes what the kernel is about to read: the mode of openat2, and which file chmod is for. */
static void *flip(void *unused)
{
	while (!over) {
		*(volatile uint64_t *)&how.mode = 0755;
		*(volatile char *)&name[5] = 'd';
		sched_yield();
		*(volatile uint64_t *)&how.mode = 0644;
		*(volatile char *)&name[5] = 'f';
		sched_yield();
	}
	return NULL;
}

/* Takes the bit away and writes, while the other gives it back: a decision on the old mode would win. */
static void *give(void *unused)
{
	while (!over) {
		chmod("/tmp/f", 0755);
		chmod("/tmp/f", 0644);
	}
	return NULL;
}

static int executable(const char *path)
{
	struct stat about;

	return !stat(path, &about) && S_ISREG(about.st_mode) && about.st_mode & 0111;
}

static int race(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000, at, wins = 0;
	pthread_t one, two;
	int file;

	umask(0);
	mkdir("/tmp/d", 0755);
	close(open("/tmp/f", O_CREAT | O_WRONLY, 0644));
	pthread_create(&one, NULL, flip, NULL);
	pthread_create(&two, NULL, give, NULL);
	for (at = 0; at < count; at++) {
		if (at & 1) {
			file = syscall(__NR_openat2, AT_FDCWD, "/tmp/r", &how, sizeof(how));
			if (file >= 0) {
				wins += executable("/tmp/r");
				close(file);
				unlink("/tmp/r");
			}
		} else {
			chmod(name, 0755);
			wins += executable("/tmp/f");
		}
	}
	over = 1;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf("race tries=%ld wins=%ld\n", count, wins);
	return wins != 0;
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static int run_once(const char *program)
{
	char *const vector[] = { (char *)"true", NULL };
	int status = -1;
	pid_t child = vfork();

	if (!child) {
		execv(program, vector);
		_exit(126);
	}
	waitpid(child, &status, 0);
	return status;
}

/* COUNT PROGRAM: runs a program so many times. */
static int execs(int argc, char **argv)
{
	long count = atol(argv[1]), at, failed = 0;

	for (at = 0; at < count; at++)
		failed += run_once(argv[2]) != 0;
	printf("execs count=%ld failed=%ld\n", count, failed);
	return failed != 0;
}

static int forks(int argc, char **argv)
{
	long count = atol(argv[1]), at, made = 0;
	pid_t child;

	for (at = 0; at < count; at++) {
		child = fork();
		if (!child)
			_exit(0);
		made += child > 0;
		if (child > 0)
			waitpid(child, NULL, 0);
	}
	printf("forks count=%ld made=%ld\n", count, made);
	return made != count;
}

/* ---- cost -------------------------------------------------------------------------------------------------------- */

static int pair[2], kept;
static char block[4096];

static void do_null(void)
{
	syscall(__NR_getppid);
}

static void do_open(void)
{
	close(open("/etc/hostname", O_RDONLY));
}

static void do_create(void)
{
	close(open("/tmp/cost", O_CREAT | O_WRONLY, 0644));
	unlink("/tmp/cost");
}

static void do_chmod(void)
{
	chmod("/tmp/cost-file", 0644);
}

static void do_stat(void)
{
	struct stat about;

	stat("/etc/hostname", &about);
}

static void do_read(void)
{
	if (pread(kept, block, 64, 0) < 0)
		over = 1;
}

static void do_write(void)
{
	if (pwrite(kept, block, 64, 0) < 0)
		over = 1;
}

static void do_pipe(void)
{
	if (write(pair[1], block, 64) != 64 || read(pair[0], block, 64) != 64)
		over = 1;
}

static void do_fork(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void do_exec(void)
{
	run_once("/bin/true");
}

/* A file server in small: open, stat, read all, send over a socket, close. */
static void do_serve(void)
{
	static int ends[2] = { -1, -1 };
	struct stat about;
	ssize_t count;
	int file;

	if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return;
	file = open("/kakoi/page", O_RDONLY);
	fstat(file, &about);
	while ((count = read(file, block, sizeof(block))) > 0)
		if (write(ends[0], block, count) != count || read(ends[1], block, count) != count)
			over = 1;
	close(file);
}

static const struct {
	const char *name;
	void (*once)(void);
	int count;
} works[] = {
	{ "null", do_null, 2000 }, { "read", do_read, 2000 }, { "write", do_write, 2000 },
	{ "stat", do_stat, 1000 }, { "open", do_open, 1000 }, { "create", do_create, 300 },
	{ "chmod", do_chmod, 1000 }, { "pipe", do_pipe, 1000 }, { "fork", do_fork, 50 },
	{ "exec", do_exec, 50 }, { "serve", do_serve, 100 },
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* STATE: the time of each operation, the smallest of five rounds; with QEMU's -icount, instructions. */
static int cost(int argc, char **argv)
{
	double begin, took, least;
	size_t at;
	int round, done;

	pair[0] = -1;
	kept = open("/tmp/cost-file", O_RDWR | O_CREAT, 0644);
	if (pipe(pair) || kept < 0)
		return 1;
	for (at = 0; at < sizeof(works) / sizeof(*works); at++) {
		least = 0;
		for (round = 0; round < 5; round++) {
			begin = now();
			for (done = 0; done < works[at].count; done++)
				works[at].once();
			took = (now() - begin) / works[at].count;
			if (!round || took < least)
				least = took;
		}
		printf("cost %s %s %.0f\n", argv[1], works[at].name, least);
	}
	return over;
}

const struct word stress_words[] = {
	{ "race", race }, { "execs", execs }, { "forks", forks }, { "cost", cost }, { NULL, NULL },
};
