// SPDX-License-Identifier: Apache-2.0
/* Who descends from whom: daemons that the policy lists and does not list, and ways to lose one's parents. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "try.h"

static int listen_on(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int file = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(file, (struct sockaddr *)&address, sizeof(address)) || listen(file, 4)) {
		perror("listen");
		exit(1);
	}
	return file;
}

static int connect_to(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int file = socket(AF_INET, SOCK_STREAM, 0);

	return connect(file, (struct sockaddr *)&address, sizeof(address)) ? -1 : file;
}

/* Gives the child a terminal of its own; the master. */
static int open_master(char *name, size_t room)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, room))
		exit(1);
	return master;
}

static void take_terminal(const char *name)
{
	struct termios how;
	int slave, at;

	setsid();
	slave = open(name, O_RDWR);
	ioctl(slave, TIOCSCTTY, 0);
	if (!tcgetattr(slave, &how)) {
		how.c_lflag &= ~(ECHO | ICANON);
		tcsetattr(slave, TCSANOW, &how);
	}
	for (at = 0; at < 3; at++)
		dup2(slave, at);
	if (slave > 2)
		close(slave);
}

static void relay(int one, int other)
{
	char bytes[512];
	ssize_t count;

	if (!fork()) {
		while ((count = read(one, bytes, sizeof(bytes))) > 0)
			if (write(other, bytes, count) != count)
				break;
		shutdown(other, SHUT_RDWR);
		_exit(0);
	}
	while ((count = read(other, bytes, sizeof(bytes))) > 0)
		if (write(one, bytes, count) != count)
			break;
}

/*
 * A login daemon (it is run under the name of one) whose sessions get a shell that the policy does not know as
 * one: so what a session may do is seen also where shells are refused. PORT PROGRAM.
 */
static int driver(int argc, char **argv)
{
	int from = listen_on(atoi(argv[1])), to, master;
	char name[64];

	if (fork())
		return 0;
	for (;;) {
		to = accept(from, NULL, NULL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (to < 0 || fork()) {
			close(to);
			continue;
		}
		close(from);
		master = open_master(name, sizeof(name));
		if (!fork()) {
			close(to);
			close(master);
			take_terminal(name);
			chdir("/root");
			setenv("PS1", "# ", 1);
			execl(argv[2], "sh", "-i", (char *)NULL);
			_exit(127);
		}
		relay(master, to);
		_exit(0);
	}
}

/* What the descendant does: `chmod`, itself, or what a shell is for. Does not come back. */
static void act(int argc, char **argv, const char *name)
{
	if (argc > 1 && !strcmp(argv[1], "chmod"))
		execl("/bin/chmod", "chmod", "755", "/tmp/f", (char *)NULL);
	else
		execl("/bin/sh", name, "-c", "echo > " RAN, (char *)NULL);
	_exit(126);
}

/* A service that runs a shell on the connection it took. */
static int try_socket_shell(int argc, char **argv)
{
	int from = listen_on(4001), to, status, at;

	if (!fork()) {
		to = connect_to(4001);
		usleep(500000);
		_exit(to < 0);
	}
	to = accept(from, NULL, NULL);
	if (!fork()) {
		for (at = 0; at < 3; at++)
			dup2(to, at);
		act(argc, argv, "sh");
	}
	while (wait(&status) > 0)
		;
	return 0;
}

/* A daemon that nobody listed: it has a connection and the master of a terminal; its child runs a shell. */
static int try_pty_shell(int argc, char **argv)
{
	int from = listen_on(4002), to, master;
	char name[64];
	pid_t client, child;

	client = fork();
	if (!client) {
		to = connect_to(4002);
		usleep(700000);
		_exit(to < 0);
	}
	to = accept(from, NULL, NULL);
	master = open_master(name, sizeof(name));
	child = fork();
	if (!child) {
		close(to);
		close(master);
		close(from);
		take_terminal(name);
		act(argc, argv, "-sh");
	}
	waitpid(child, NULL, 0);
	waitpid(client, NULL, 0);
	return 0;
}

/* The child of an orphan is taken over by whoever asked for orphans. */
static int try_subreaper(int argc, char **argv)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!fork()) {
		if (!fork()) {
			usleep(50000);
			act(argc, argv, "sh");
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

static int try_pid_namespace(int argc, char **argv)
{
	unshare(CLONE_NEWPID);
	if (!fork())
		act(argc, argv, "sh");
	wait(NULL);
	return 0;
}

const struct word lineage_words[] = {
	{ "driver", driver }, { "reverse-shell", try_socket_shell }, { "inetd-shell", try_socket_shell },
	{ "pty-shell", try_pty_shell }, { "subreaper", try_subreaper }, { "pid-namespace", try_pid_namespace },
	{ NULL, NULL },
};
