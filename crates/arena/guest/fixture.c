// SPDX-License-Identifier: Apache-2.0
/*
 * A web server of ours with the two holes by which devices are taken over from outside, both inert: what is asked for as
 * a host is put into a shell's command line, and a request that would overrun a buffer does what a payload's first calls
 * do. `/cost` counts what a call costs whoever is held as this server is.
 */
#include "arena.h"

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern char **environ;

static size_t read_payload(char *into, size_t room)
{
	return slurp("/kakoi/payload", into, room);
}

/* What is written and run: a program in a file of /tmp. */
static void overrun_file(void)
{
	static char bytes[65536];
	size_t length = read_payload(bytes, sizeof(bytes));
	int file = open("/tmp/.overrun", O_WRONLY | O_CREAT | O_TRUNC, 0700);

	if (file >= 0) {
		if (write(file, bytes, length) < 0)
			length = 0;
		fchmod(file, 0755);
		close(file);
	}
	if (!fork()) {
		execl("/tmp/.overrun", "overrun", (char *)NULL);
		_exit(127);
	}
	wait(NULL);
	unlink("/tmp/.overrun");
}

/* A program that is in no file. */
static void overrun_memory(void)
{
	static char bytes[65536];
	char *const arguments[] = { "overrun", NULL };
	size_t length = read_payload(bytes, sizeof(bytes));
	int file = syscall(SYS_memfd_create, "m", MFD_CLOEXEC);

	if (file < 0 || write(file, bytes, length) < 0)
		return;
	if (!fork()) {
		syscall(SYS_execveat, file, "", arguments, environ, AT_EMPTY_PATH);
		_exit(127);
	}
	wait(NULL);
	close(file);
}

static long nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (time.tv_sec % 1000) * 1000000000L + time.tv_nsec;
}

static void once(int kind)
{
	int file;

	switch (kind) {
	case 0:
		close(open("/kakoi/script", O_RDONLY));
		break;
	case 1:
		file = open("/tmp/.cost", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (file >= 0 && write(file, "x", 1) == 1)
			close(file);
		break;
	case 2:
		chmod("/tmp/.cost", 0600);
		break;
	case 3:
		close(socket(AF_INET, SOCK_DGRAM, 0));
		break;
	case 4:
		if (!fork())
			_exit(0);
		wait(NULL);
		break;
	default:
		if (!fork()) {
			execl("/bin/sh", "sh", "-c", ":", (char *)NULL);
			_exit(127);
		}
		wait(NULL);
	}
}

/* Nanoseconds of one, the least of five rounds; where instructions are counted each is one. */
static void tell_cost(int to)
{
	static const struct { const char *name; int kind, times; } loops[] = {
		{ "open", 0, 100 }, { "create-write", 1, 50 }, { "chmod", 2, 100 },
		{ "socket", 3, 50 }, { "fork", 4, 8 },	       { "exec", 5, 4 },
	};
	size_t loop;
	int round, time;

	dprintf(to, "cost");
	for (loop = 0; loop < sizeof(loops) / sizeof(*loops); loop++) {
		long least = -1, begin, took;

		for (round = 0; round < 5; round++) {
			begin = nanoseconds();
			for (time = 0; time < loops[loop].times; time++)
				once(loops[loop].kind);
			took = (nanoseconds() - begin) / loops[loop].times;
			if (took > 0 && (least < 0 || took < least))
				least = took;
		}
		dprintf(to, " %s=%ld", loops[loop].name, least);
	}
	unlink("/tmp/.cost");
}

/* The hole: whatever stands behind `host=` reaches the shell. */
static void run_ping(int to, const char *host)
{
	char command[2048];

	snprintf(command, sizeof(command), "ping -c 1 %s", host);
	if (fork()) {
		wait(NULL);
		return;
	}
	dup2(to, 1);
	dup2(to, 2);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void answer(int to)
{
	static char request[4096];
	ssize_t count = recv(to, request, sizeof(request) - 1, 0);
	char *host, *end;

	if (count <= 0)
		return;
	request[count] = 0;
	end = strstr(request, " HTTP/");
	if (end)
		*end = 0;
	dprintf(to, "HTTP/1.0 200 OK\r\n\r\n");
	host = strstr(request, "host=");
	if (host)
		run_ping(to, host + 5);
	else if (strstr(request, "/overrun-memory"))
		overrun_memory();
	else if (strstr(request, "/overrun-file"))
		overrun_file();
	else if (strstr(request, "/cost"))
		tell_cost(to);
}

int fixture(const char *confine)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(FIXTURE_PORT),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, to;
	char how[48];

	/* A server that runs programs of the image needs them: it is held as a session with a shell is. */
	snprintf(how, sizeof(how), "%.31s%s", confine, strstr(confine, "-shell") ? "" : "-shell");
	if (*confine && confine_self(how))
		return 126;
	setsockopt(from, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(from, (struct sockaddr *)&place, sizeof(place)) || listen(from, 4))
		return 1;
	for (;;) {
		to = accept(from, NULL, NULL);
		if (to < 0)
			continue;
		if (!fork()) {
			answer(to);
			_exit(0);
		}
		close(to);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* ---- the other side ------------------------------------------------------------------------------------------- */

static void send_request(const char *text, int file)
{
	char bytes[512], path[64];
	ssize_t count;
	int space, to = -1, try;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", image_init);
	space = open(path, O_RDONLY);
	if (space < 0 || setns(space, CLONE_NEWNET))
		_exit(125);
	for (try = 0; to < 0 && try < 10; try++) {
		to = dial(FIXTURE_PORT, 0, 2000);
		if (to < 0)
			usleep(300000);
	}
	if (to < 0)
		_exit(3);
	send(to, text, strcspn(text, "\n"), MSG_NOSIGNAL);
	send(to, " HTTP/1.0\r\n\r\n", 13, MSG_NOSIGNAL);
	while (poll(&(struct pollfd){ to, POLLIN, 0 }, 1, 60000) > 0 && (count = read(to, bytes, sizeof(bytes))) > 0)
		if (write(file, bytes, count) != count)
			break;
	_exit(0);
}

void act_request(const char *name, const char *path)
{
	static char text[4096], said[4096];
	char gone[64], *line;
	struct stat about;
	long begin = now();
	pid_t child;
	int status = 0, file, code, here;
	size_t tries;

	slurp(path, text, sizeof(text));
	for (line = text; *line == '#' || *line == '\n'; line += *line != 0)
		line += strcspn(line, "\n");
	snprintf(gone, sizeof(gone), "/proc/%d/root/tmp/ran", image_init);
	unlink(gone);
	file = open("/session", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	child = fork();
	if (!child)
		send_request(line, file);
	close(file);
	for (tries = 0; tries < 700 && waitpid(child, &status, WNOHANG) != child; tries++)
		usleep(100000);
	if (tries == 700) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	slurp("/session", said, sizeof(said));
	plain(said, strlen(said));
	here = !stat(gone, &about);
	if (!strncmp(name, "benign-", 7))
		say("step", "%s %d %ld %.600s", name, code || !strstr(said, "200 OK") || strlen(said) < 24, now() - begin, said);
	else
		say("scenario", "%s %s %s", name, !here ? "stopped" : about.st_size ? "ran-script" : "ran",
		    code == 3 ? "no-session" : "typed");
	if (strncmp(name, "benign-", 7))
		say("session", "%s %.600s", name, said);
	unlink(gone);
	forward_events();
	forward_denied();
}
