// SPDX-License-Identifier: Apache-2.0
/* Ways to run what has no execute bit, or no name. The payload only says that it ran. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "try.h"

#define PAYLOAD "/kakoi/payload"

static char *const none[] = { "x", NULL };
extern char **environ;

static int run_memfd(unsigned int seals)
{
	int file = syscall(__NR_memfd_create, "x", seals ? 2u : 0u);

	if (file < 0 || pour(PAYLOAD, file))
		return 1;
	if (seals)
		fcntl(file, 1033 /* F_ADD_SEALS */, seals);
	syscall(__NR_execveat, file, "", none, environ, AT_EMPTY_PATH);
	perror("execveat");
	return 1;
}

static int try_memfd(int argc, char **argv)
{
	return run_memfd(0);
}

static int try_memfd_sealed(int argc, char **argv)
{
	return run_memfd(0xf);
}

/* A file that had a name: dropped, executable, open, and then removed. */
static int try_proc_fd(int argc, char **argv)
{
	char name[64];
	int file = open("/tmp/gone", O_RDONLY);

	if (file < 0)
		return 1;
	unlink("/tmp/gone");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	execve(name, none, environ);
	perror(name);
	return 1;
}

static int try_proc_mem(int argc, char **argv)
{
	static volatile int changed;
	int file = open("/proc/self/mem", O_RDWR), one = 1;

	if (file < 0) {
		perror("/proc/self/mem");
		return 1;
	}
	if (pwrite(file, &one, sizeof(one), (off_t)(unsigned long)&changed) < 0)
		return 1;
	return changed ? ran() : 1;
}

static int map_executable(int file)
{
	int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, file, 0);

	if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_EXEC)) {
		perror("mprotect");
		return 1;
	}
	return ran();
}

static int try_mprotect_file(int argc, char **argv)
{
	return map_executable(open(argv[1], O_RDONLY));
}

static int try_mprotect_anonymous(int argc, char **argv)
{
	return map_executable(-1);
}

static int try_ptrace(int argc, char **argv)
{
	pid_t task = atoi(argv[1]);

	if (ptrace(PTRACE_SEIZE, task, NULL, NULL)) {
		perror("ptrace");
		return 1;
	}
	return ran();
}

/* A descriptor of an executable, opened for writing by somebody else, comes over a socket. The other end is
 * `kakoi-try give-fd`, which the rig starts outside. */
static int try_receive_fd(int argc, char **argv)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct { unsigned short family; char path[32]; } address = { AF_UNIX, "/tmp/give" };
	struct cmsghdr *header;
	int file = socket(AF_UNIX, SOCK_STREAM, 0), got = -1;

	if (connect(file, (struct sockaddr *)&address, sizeof(address)) || recvmsg(file, &message, 0) < 0)
		return 1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS && !(message.msg_flags & MSG_CTRUNC))
		memcpy(&got, CMSG_DATA(header), sizeof(got));
	if (got < 0 || ftruncate(got, 0) || pour("/etc/hostname", got))
		return 1;
	return 0;
}

static int try_give_fd(int argc, char **argv)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct { unsigned short family; char path[32]; } address = { AF_UNIX, "/tmp/give" };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int file = socket(AF_UNIX, SOCK_STREAM, 0), given = open(argv[1], O_WRONLY), to;

	unlink(address.path);
	if (given < 0 || bind(file, (struct sockaddr *)&address, sizeof(address)) || listen(file, 1))
		return 1;
	if (fork())
		return 0;
	alarm(5);
	to = accept(file, NULL, NULL);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &given, sizeof(given));
	return sendmsg(to, &message, 0) < 0;
}

static int try_long_arguments(int argc, char **argv)
{
	static char name[400] = "-o";
	char *const vector[] = { "sh", name, argv[1], NULL };

	memset(name + 2, 'e', sizeof(name) - 3);
	/* Valid to the shell: many times -e. */
	name[1] = 'e';
	execve("/bin/sh", vector, environ);
	perror("sh");
	return 1;
}

static int try_truncate(int argc, char **argv)
{
	return truncate(argv[1], 0) ? 1 : 0;
}

static int try_open_write(int argc, char **argv)
{
	int file = open(argv[1], O_WRONLY);

	if (file < 0) {
		perror(argv[1]);
		return 1;
	}
	return ran();
}

static int try_write(int argc, char **argv)
{
	int file = open(argv[1], O_WRONLY | O_CREAT, 0644);

	return file < 0 || write(file, "inert\n", 6) != 6;
}

/* PATH ARGV…: runs a program under whatever name. */
static int try_exec(int argc, char **argv)
{
	execv(argv[1], argv + 2);
	perror(argv[1]);
	return 126;
}

const struct word run_words[] = {
	{ "exec", try_exec },
	{ "memfd-exec", try_memfd }, { "memfd-exec-sealed", try_memfd_sealed }, { "proc-fd-exec", try_proc_fd },
	{ "proc-mem", try_proc_mem }, { "mprotect-file", try_mprotect_file },
	{ "mprotect-anonymous", try_mprotect_anonymous }, { "ptrace", try_ptrace },
	{ "receive-fd", try_receive_fd }, { "give-fd", try_give_fd }, { "long-arguments", try_long_arguments },
	{ "truncate", try_truncate }, { "open-write", try_open_write }, { "write", try_write }, { NULL, NULL },
};
