// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the cases of the truth table in a guest: `kakoi-try cases FOLDER`. Each case is a folder with
 *
 *   policy    name of the compiled policy, in /kakoi/policies
 *   driver    there: the session's shell is the driver's, not one of a login
 *   before    shell, run outside before
 *   inside    shell, run in the session before
 *   after     shell, run outside after `inside` and before the action
 *   run       the action; in the session, or outside if `outside` is there
 *   stopped   shell, run outside: succeeds if the action was stopped
 *
 * How a backend loads a policy and shows its events is in /kakoi/backend. For each case one line is said:
 * `case NAME stopped=0|1 session=ok|closed|silent`, and its events before that.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "try.h"

static int connection = -1, serial;
static long patience = 15000;	/* milliseconds for one action */
static char policy[64], seen[1 << 16];
static size_t have;
static int driven;

/* ---- saying --------------------------------------------------------------------------------------------------- */

static void say(const char *word, const char *name, const char *text)
{
	int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[960];

	snprintf(line, sizeof(line), "<2>@@ %s %s %s\n", word, name, text);
	if (log >= 0 && write(log, line, strlen(line)) < 0)
		perror("kmsg");
	close(log);
}

/* ---- the session ------------------------------------------------------------------------------------------------ */

static void hang_up(void)
{
	if (connection >= 0)
		close(connection);
	connection = -1;
	have = 0;
}

static int dial(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(connection, (struct sockaddr *)&address, sizeof(address));
}

/* Answers options, drops them and what is not printed. */
static void understand(const unsigned char *bytes, size_t count)
{
	static unsigned char option[3];
	static size_t state;
	unsigned char answer[3];
	size_t at;

	for (at = 0; at < count; at++) {
		if (state == 0 && bytes[at] != 255) {
			if (have < sizeof(seen) - 1 && bytes[at])
				seen[have++] = bytes[at];
			continue;
		}
		option[state++] = bytes[at];
		if (state == 2 && option[1] < 251)
			state = 0;
		if (state < 3)
			continue;
		state = 0;
		answer[0] = 255;
		answer[1] = option[1] == 253 ? 252 : option[2] == 1 || option[2] == 3 ? 253 : 254;
		answer[2] = option[2];
		if ((option[1] == 253 || option[1] == 251) && write(connection, answer, 3) != 3)
			return;
	}
	seen[have] = 0;
}

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Until the text comes: 0; the session ended: 1; nothing came for so long: 2. */
static int until(const char *text, long milliseconds)
{
	struct pollfd wait = { connection, POLLIN, 0 };
	long end = now() + milliseconds;
	unsigned char bytes[1024];
	ssize_t count;
	char *found;

	for (;;) {
		found = strstr(seen, text);
		if (have && found) {
			have -= found + strlen(text) - seen;
			memmove(seen, found + strlen(text), have + 1);
			return 0;
		}
		if (now() >= end || poll(&wait, 1, end - now()) <= 0)
			return 2;
		count = read(connection, bytes, sizeof(bytes));
		if (count <= 0)
			return 1;
		understand(bytes, count);
	}
}

static int send_text(const char *text)
{
	return send(connection, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text);
}

/* In by telnet as root, or by the driver. */
static int enter(void)
{
	int try;

	hang_up();
	have = 0;
	seen[0] = 0;
	for (try = 0; dial(driven ? 2323 : 23); try++) {
		hang_up();
		if (try > 50)
			return 1;
		usleep(50000);
	}
	if (!driven) {
		if (until("login: ", 15000) || send_text("root\r\n") || until("assword: ", 15000) ||
		    send_text("inert\r\n"))
			return 1;
	}
	return until("# ", 20000);
}

/* Runs text in the session's shell. What it printed goes into /tmp/k/log, and `done` if it succeeded. */
static const char *inside(const char *text)
{
	char line[4096], mark[32];
	int answer;

	if (connection < 0 && enter())
		return "none";
	serial++;
	snprintf(mark, sizeof(mark), "=%d=", serial);
	snprintf(line, sizeof(line), "{ :\n%s\n} > /tmp/k/log 2>&1 && echo done >> /tmp/k/log\necho =%d\"\"=\n", text,
		 serial);
	if (send_text(line)) {
		hang_up();
		return "closed";
	}
	answer = until(mark, patience);
	if (answer)
		hang_up();
	return answer == 0 ? "ok" : answer == 1 ? "closed" : "silent";
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static char *text_of(const char *folder, const char *name)
{
	char path[256];
	char *text = calloc(1, 4096);
	int file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, text, 4095) < 0) {
		free(text);
		text = NULL;
	}
	close(file);
	return text;
}

/* Outside: bounded in time, its own group, so that nothing of it is left. */
static int outside_within(const char *text, int hundredths)
{
	int status = -1, left;
	pid_t child;

	if (!text || !*text)
		return 0;
	child = fork();
	if (!child) {
		setsid();
		execl("/bin/sh", "sh", "-c", text, (char *)NULL);
		_exit(127);
	}
	for (left = hundredths; left && waitpid(child, &status, WNOHANG) == 0; left--)
		usleep(10000);
	if (!left) {
		kill(-child, 9);
		waitpid(child, &status, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int outside(const char *text)
{
	return outside_within(text, 600);
}

/* The module's events are read without a process; another backend's by its command. */
static FILE *open_events(int *piped)
{
	int file = open("/proc/kakoi/events", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*piped = file < 0;
	return file < 0 ? popen("/kakoi/backend/events", "re") : fdopen(file, "r");
}

/* Says the events since the last time; how many refuse or rewrite. */
static int events(const char *name)
{
	int refused = 0, piped;
	FILE *from = open_events(&piped);
	char line[2048];

	while (from && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = 0;
		refused += strstr(line, "\"verdict\":\"deny\"") || strstr(line, "\"verdict\":\"kill\"") ||
			   strstr(line, "\"verdict\":\"rewrite\"");
		if (name)
			say("event", name, line);
	}
	if (from && piped)
		pclose(from);
	else if (from)
		fclose(from);
	return refused;
}

/* What the action printed, for people. */
static const char *first_line_of(const char *path)
{
	static char line[200];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? 0 : read(file, line, sizeof(line) - 1);

	line[length > 0 ? length : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	close(file);
	return line;
}

static int change_policy(const char *wanted, int driver)
{
	char command[160];

	if (!strcmp(wanted, policy) && driver == driven)
		return 0;
	hang_up();
	driven = driver;
	if (!strcmp(wanted, policy))
		return 0;
	policy[0] = 0;
	snprintf(command, sizeof(command), "/kakoi/backend/policy /kakoi/policies/%s.kkb", wanted);
	if (outside_within(command, 60000))	/* the verifier takes its time in an emulator on a busy host */
		return 1;
	snprintf(policy, sizeof(policy), "%s", wanted);
	return 0;
}

static void run_case(const char *folder, const char *name)
{
	char *wanted = text_of(folder, "policy"), *driver = text_of(folder, "driver");
	char *run = text_of(folder, "run"), *place = text_of(folder, "outside");
	char *stopped = text_of(folder, "stopped"), *prepare = text_of(folder, "inside");
	const char *session = "ok";
	char text[128];
	int result;

	if (!wanted || !run || change_policy(wanted, driver != NULL)) {
		say("case", name, "failed=policy");
		return;
	}
	outside(text_of(folder, "before"));
	if (prepare && *prepare)
		session = inside(prepare);
	outside(text_of(folder, "after"));
	unlink("/tmp/ran");
	unlink("/tmp/k/log");
	unlink("/tmp/k/refused");
	events(NULL);
	if (!strcmp(session, "ok")) {
		if (place)
			outside(run);
		else
			session = inside(run);
	}
	say("log", name, first_line_of("/tmp/k/log"));
	if (events(name))
		close(open("/tmp/k/refused", O_CREAT | O_WRONLY, 0644));
	result = outside(stopped);
	snprintf(text, sizeof(text), "stopped=%d session=%s", result == 0, session);
	say("case", name, text);
	outside(text_of(folder, "clean"));
}

static int by_name(const struct dirent **one, const struct dirent **other)
{
	return strcmp((*one)->d_name, (*other)->d_name);
}

static int cases(int argc, char **argv)
{
	struct dirent **list;
	char folder[300];
	int count = scandir(argv[1], &list, NULL, by_name), at;

	for (at = 0; at < count; at++) {
		if (list[at]->d_name[0] == '.')
			continue;
		snprintf(folder, sizeof(folder), "%s/%s", argv[1], list[at]->d_name);
		run_case(folder, list[at]->d_name);
	}
	hang_up();
	return count < 0;
}

/* login|driver SECONDS TEXT: runs text in a session, and shows what it printed. */
static int in_session(int argc, char **argv)
{
	const char *answer;

	if (argc < 4)
		return 2;
	driven = !strcmp(argv[1], "driver");
	patience = atol(argv[2]) * 1000;
	mkdir("/tmp/k", 0777);
	answer = inside(argv[3]);
	hang_up();
	pour("/tmp/k/log", 1);
	printf("session %s\n", answer);
	return strcmp(answer, "ok") != 0;
}

/* FILE: types a session line by line, as an intruder's script does, and waits for the prompt in between. */
static int type(int argc, char **argv)
{
	FILE *lines = fopen(argv[1], "re");
	char line[4096];
	int answer;

	if (!lines || enter()) {
		puts("session refused");
		return 0;
	}
	while (fgets(line, sizeof(line), lines)) {
		if (line[0] == '#')
			continue;
		if (send_text(line))
			break;
		answer = until("# ", 3000);
		if (answer == 1)
			break;
	}
	usleep(500000);
	puts(feof(lines) ? "session typed" : "session ended");
	hang_up();
	return 0;
}

const struct word case_words[] = { { "type", type }, { "cases", cases }, { "session", in_session }, { NULL, NULL } };
