// SPDX-License-Identifier: Apache-2.0
/* What a held process would do to the guard, each ending before it does harm; and to read its events. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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
	{ "agent", be_agent },
	{ "bpf-detach", try_bpf }, { "kexec", try_kexec }, { "binfmt-misc", try_binfmt },
	{ "helper", try_helper }, { "events", show_events }, { "policy", load_policy }, { NULL, NULL },
};
