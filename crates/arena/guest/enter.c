// SPDX-License-Identifier: Apache-2.0
/* Processes inside the image: commands from nowhere in particular, and a login daemon with its sessions. */
#include "arena.h"

#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <termios.h>

static int join(const char *kind, int type)
{
	char path[64];
	int file, result;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", image_init, kind);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	result = setns(file, type);
	close(file);
	return result;
}

/* The process space is entered by the next child; the root is that of the image (setns(2)). */
int enter_image(void)
{
	pid_t child;
	int status;

	if (!image_init || join("net", CLONE_NEWNET) || join("pid", CLONE_NEWPID) || join("mnt", CLONE_NEWNS) ||
	    chdir("/"))
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	clearenv();
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 1);
	if (*job.preload)
		setenv("LD_PRELOAD", job.preload, 1);
	return 0;
}

/* The image's end of the line to what it takes for the world. */
void configure_line(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (join("net", CLONE_NEWNET))
			_exit(1);
		if (add_address("kakoi0", "192.0.2.1", 24))
			_exit(2);
		link_up("kakoi0");
		_exit(0);
	}
	waitpid(child, &status, 0);
}

/* ---- our programs ---------------------------------------------------------------------------------------------- */

static const struct { const char *from, *to; } tools[] = {
	{ "telnetd", "telnetd" }, { "telnetd", "cgid" }, { "payload", "payload" }, { "script", "script" },
	{ "preload.so", "preload.so" },
};
static int tool_files[sizeof(tools) / sizeof(*tools)];

void open_tools(void)
{
	char path[256];
	size_t at;

	for (at = 0; at < sizeof(tools) / sizeof(*tools); at++) {
		snprintf(path, sizeof(path), "/arena/tools/%s", tools[at].from);
		tool_files[at] = open(path, O_RDONLY | O_CLOEXEC);
	}
}

void copy_tools(const char *folder)
{
	char path[256], bytes[16384];
	ssize_t count;
	size_t at;
	int out;

	for (at = 0; at < sizeof(tools) / sizeof(*tools); at++) {
		snprintf(path, sizeof(path), "%s/%s", folder, tools[at].to);
		if (tool_files[at] < 0 || lseek(tool_files[at], 0, SEEK_SET))
			continue;
		out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
		while (out >= 0 && (count = read(tool_files[at], bytes, sizeof(bytes))) > 0)
			if (write(out, bytes, count) != count)
				break;
		close(out);
	}
}

/* In a process of the image: some change their root while they boot (pivot_root(2)), and what was mounted stays behind. */
void bring_tools(void)
{
	if (!access("/kakoi/telnetd", X_OK))
		return;
	mkdir("/kakoi", 0755);
	if (mount("none", "/kakoi", "tmpfs", 0, "mode=0755")) {
		say("fail", "our programs have no place in the image's new root: %s", strerror(errno));
		return;
	}
	copy_tools("/kakoi");
}

int run_inside(const char *command, int seconds, char *said, size_t room)
{
	long end = now() + seconds * 1000L;
	int out[2], status = 0, over = 0;
	size_t have = 0;
	ssize_t count;
	pid_t child;

	if (pipe2(out, O_NONBLOCK))
		return 125;
	child = fork();
	if (!child) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		fcntl(1, F_SETFL, 0);
		if (enter_image())
			_exit(125);
		close(out[0]);
		close(out[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	while (now() < end && !over) {
		struct pollfd wait = { out[0], POLLIN, 0 };

		poll(&wait, 1, 100);
		while ((count = read(out[0], said + have, room - 1 - have)) > 0 && have + 1 < room)
			have += count;
		if (have + 1 >= room) {
			char waste[512];

			while (read(out[0], waste, sizeof(waste)) > 0)
				;
		}
		over = waitpid(child, &status, WNOHANG) == child;
	}
	said[have] = 0;
	close(out[0]);
	if (over)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return 124;
}

/* ---- a login daemon ------------------------------------------------------------------------------------------ */

/* Both ways, until one side is gone. */
static void pass_on(int one, int other)
{
	struct pollfd ends[2] = { { one, POLLIN, 0 }, { other, POLLIN, 0 } };
	char bytes[512];
	ssize_t count;
	int at;

	while (poll(ends, 2, -1) > 0)
		for (at = 0; at < 2; at++) {
			if (!ends[at].revents)
				continue;
			count = read(ends[at].fd, bytes, sizeof(bytes));
			if (count <= 0 || write(ends[!at].fd, bytes, count) != count)
				return;
		}
}

/* Some images have terminals of the older kind only, or none. */
static int open_master(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0) {
		mkdir("/kakoi/pts", 0755);
		if (!mount("none", "/kakoi/pts", "devpts", 0, "mode=0620,ptmxmode=0666") || errno == EBUSY)
			master = open("/kakoi/pts/ptmx", O_RDWR | O_NOCTTY);
	}
	if (master >= 0 && unlockpt(master))
		return -1;
	return master;
}

/* Run as /kakoi/telnetd in the image: what it forks after it took a connection is a remote session. */
int login_daemon(int port, const char *confine)
{
	struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, to, master, slave, at;
	struct termios how;
	pid_t shell;

	setsockopt(from, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(from, (struct sockaddr *)&place, sizeof(place)) || listen(from, 4))
		return 1;
	for (;;) {
		to = accept(from, NULL, NULL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (to < 0 || fork()) {
			close(to);
			continue;
		}
		master = open_master();
		slave = master < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
		if (slave < 0)
			_exit(1);
		shell = fork();
		if (!shell) {
			close(to);
			close(master);
			setsid();
			ioctl(slave, TIOCSCTTY, 0);
			if (!tcgetattr(slave, &how)) {
				how.c_lflag &= ~(ECHO | ICANON);
				tcsetattr(slave, TCSANOW, &how);
			}
			for (at = 0; at < 3; at++)
				dup2(slave, at);
			close(slave);
			setenv("PS1", "# ", 1);
			setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin:/kakoi-bin", 1);
			unsetenv("LD_PRELOAD");
			if (*confine && confine_self(confine))
				_exit(126);
			execl("/bin/sh", "-sh", (char *)NULL);
			_exit(127);
		}
		close(slave);
		pass_on(to, master);
		kill(-shell, SIGHUP);
		kill(-shell, SIGKILL);
		_exit(0);
	}
}

/* ---- a session ------------------------------------------------------------------------------------------------ */

/* Does it end as the shell's prompt does? */
static int prompted(const char *said, size_t have)
{
	return have >= 2 && said[have - 1] == ' ' && (said[have - 2] == '#' || said[have - 2] == '$');
}

/* Reads until the prompt, or until nothing has come for so long; 1: the other side hung up. */
static int drain(int file, int quiet, long until, char *said, size_t room, size_t *have)
{
	struct pollfd wait = { file, POLLIN, 0 };
	char bytes[512];
	ssize_t count;
	int patience = quiet;

	while (now() < until && poll(&wait, 1, patience) > 0) {
		count = read(file, bytes, sizeof(bytes));
		if (count <= 0)
			return 1;
		/* Of what is too much the latest is kept. */
		if (*have + count >= room) {
			memmove(said, said + room / 2, *have - room / 2);
			*have -= room / 2;
		}
		memcpy(said + *have, bytes, count);
		*have += count;
		patience = prompted(said, *have) ? 250 : quiet;
	}
	return 0;
}

/* In a child inside the image: types the lines; how far it came is its exit code. */
static int type_lines(const char *text, char *said, size_t room, size_t *have)
{
	char line[4096];
	const char *end;
	int file = -1, try;

	for (try = 0; file < 0 && try < 10; try++) {
		file = dial(2323, 0, 2000);
		if (file < 0)
			usleep(300000);
	}
	if (file < 0)
		return 3;
	if (drain(file, 5000, now() + 6000, said, room, have) || !*have)
		return 4;
	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		if (*text == '#' || end == text || end - text > (long)sizeof(line) - 2)
			continue;
		snprintf(line, sizeof(line), "%.*s\n", (int)(end - text), text);
		if (send(file, line, strlen(line), MSG_NOSIGNAL) < 0 ||
		    drain(file, 3000, now() + 15000, said, room, have))
			return 5;
	}
	drain(file, 1500, now() + 3000, said, room, have);
	close(file);
	return 0;
}

void act_scenario(const char *name, const char *path)
{
	static char text[16384], said[4096];
	char gone[64];
	struct stat about;
	size_t have = 0;
	pid_t child;
	int status = 0, code;

	slurp(path, text, sizeof(text));
	snprintf(gone, sizeof(gone), "/proc/%d/root/tmp/ran", image_init);
	unlink(gone);
	child = fork();
	if (!child) {
		int file;

		/* What was said goes through a file of ours: the child's memory is its own. */
		file = open("/session", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (join("net", CLONE_NEWNET))
			_exit(125);
		code = type_lines(text, said, sizeof(said) - 1, &have);
		if (write(file, said, have) < 0)
			_exit(125);
		_exit(code);
	}
	waitpid(child, &status, 0);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	slurp("/session", said, sizeof(said));
	have = strlen(said);
	say("scenario", "%s %s %s", name, stat(gone, &about) ? "stopped" : about.st_size ? "ran-script" : "ran",
	    code == 0 ? "typed" : code == 5 ? "hung-up" : code == 4 ? "no-shell" : "no-session");
	say("session", "%s %.700s", name, have > 700 ? said + have - 700 : said);
	unlink(gone);
	forward_events();
	forward_denied();
}
