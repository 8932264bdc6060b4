// SPDX-License-Identifier: Apache-2.0
/* What a held process would do to the guard, each ending before it does harm; and to read its events. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "try.h"

/* bpf(BPF_LINK_DETACH) of a link that there is not: a guard refuses before the kernel looks. */
static int try_bpf(int argc, char **argv)
{
	char attributes[64] = { 0 };

	if (syscall(__NR_bpf, 34, attributes, sizeof(attributes)) < 0 && (errno == EPERM || errno == EACCES))
		return 1;
	return ran();
}

/* kexec_load of nothing: unloads what was loaded, which is nothing. */
static int try_kexec(int argc, char **argv)
{
	if (syscall(__NR_kexec_load, 0UL, 0UL, NULL, 0UL) < 0) {
		perror("kexec_load");
		return 1;
	}
	return ran();
}

static int try_binfmt(int argc, char **argv)
{
	static const char line[] = ":kakoi:E::inert::/kakoi/payload:";
	int file;

	mkdir("/tmp/b", 0755);
	if (mount("none", "/tmp/b", "binfmt_misc", 0, NULL)) {
		perror("mount");
		return 1;
	}
	file = open("/tmp/b/register", O_WRONLY);
	if (file < 0 || write(file, line, sizeof(line) - 1) < 0)
		return 1;
	return ran();
}

/* A helper of the kernel: the pattern is set by somebody unheld, then a process ends with a core. */
static int try_helper(int argc, char **argv)
{
	int file = open("/proc/sys/kernel/core_pattern", O_WRONLY), status;

	if (file < 0 || dprintf(file, "|%s\n", argv[1]) < 0)
		return 1;
	close(file);
	if (!fork())
		abort();
	wait(&status);
	usleep(300000);
	file = open("/proc/sys/kernel/core_pattern", O_WRONLY);
	return dprintf(file, "core\n") < 0;
}

static int show_events(int argc, char **argv)
{
	char text[8192];
	ssize_t count;
	int file = open(argc > 1 ? argv[1] : "/proc/kakoi/events", O_RDONLY | O_NONBLOCK);

	if (file < 0)
		return 1;
	while ((count = read(file, text, sizeof(text))) > 0)
		if (write(1, text, count) != count)
			return 1;
	return 0;
}

/* Loads a compiled policy by one write. */
static int load_policy(int argc, char **argv)
{
	static char bytes[1 << 20];
	int from = open(argv[1], O_RDONLY), to = open("/proc/kakoi/policy", O_WRONLY);
	ssize_t length = from < 0 ? -1 : read(from, bytes, sizeof(bytes));

	if (to < 0 || length < 0 || write(to, bytes, length) != length) {
		perror("policy");
		return 1;
	}
	return close(to) ? 1 : 0;
}

/* ---- digests ------------------------------------------------------------------------------------------------------ */

/* The digest of what is open, by the applet. */
static int digest_of(int file, char *digits)
{
	char command[64];
	FILE *from;
	int good;

	snprintf(command, sizeof(command), "sha256sum /proc/%d/fd/%d", getpid(), file);
	from = popen(command, "r");
	good = from && fscanf(from, "%64s", digits) == 1;
	if (from)
		pclose(from);
	return good ? 0 : -1;
}

static int tell(int door, const char *text)
{
	return write(door, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
}

/* One line of a list. `late` is a command that is run between check and confirmation. */
static int vouch_for(int door, const char *digest, const char *path, const char *late)
{
	char asked[32], found[80] = "";
	int file = open(path, O_RDONLY | O_NONBLOCK), error;

	if (file < 0)
		return errno;
	snprintf(asked, sizeof(asked), "check %d", file);
	error = tell(door, asked);
	if (!error && (digest_of(file, found) || strcmp(found, digest)))
		error = EBADMSG;
	if (!error && late && system(late))
		error = ECHILD;
	if (!error)
		error = tell(door, "confirm");
	close(file);
	return error;
}

/* LIST [COMMAND]: what the agent does, as the module's door asks for it. */
static int vouch(int argc, char **argv)
{
	FILE *list = argc > 1 ? fopen(argv[1], "re") : NULL;
	int door = open("/proc/kakoi/vouch", O_WRONLY | O_CLOEXEC), refused = 0, error;
	char digest[80], path[256];

	if (!list || door < 0) {
		perror("vouch");
		return 1;
	}
	while (fscanf(list, "%64s %255s", digest, path) == 2) {
		error = vouch_for(door, digest, path, argc > 2 ? argv[2] : NULL);
		if (error)
			printf("%s is not vouched for: %s\n", path, strerror(error));
		refused += error != 0;
	}
	return refused != 0;
}

/* FILE: maps it for writing, closes it, and stays: who writes through it later opens nothing. */
static int keep_mapped(int argc, char **argv)
{
	int file = open(argv[1], O_RDWR);
	volatile char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	int left;

	if (file < 0 || memory == MAP_FAILED || close(file))
		return 1;
	if (fork())
		return 0;
	for (left = 100; left && access("/tmp/k/write", F_OK); left--)
		usleep(100000);
	memory[40] ^= 1;
	return 0;
}

/* FILE: takes a byte from its end, by its name. */
static int shorten(int argc, char **argv)
{
	struct stat about;

	return stat(argv[1], &about) || truncate(argv[1], about.st_size - 1) ? 1 : 0;
}

/* Stands for the agent: has the events open, and stays. */
static int be_agent(int argc, char **argv)
{
	if (fork())
		return 0;
	if (open("/proc/kakoi/events", O_RDONLY) < 0)
		return 1;
	for (;;)
		pause();
}

const struct word guard_words[] = {
	{ "agent", be_agent }, { "vouch", vouch }, { "keep-mapped", keep_mapped },
	{ "truncate", shorten },
	{ "bpf-detach", try_bpf }, { "kexec", try_kexec }, { "binfmt-misc", try_binfmt },
	{ "helper", try_helper }, { "events", show_events }, { "policy", load_policy }, { NULL, NULL },
};
