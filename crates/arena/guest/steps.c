// SPDX-License-Identifier: Apache-2.0
/*
 * What is acted out once the image has booted: /arena/steps, one a line.
 *
 *   run NAME SECONDS COMMAND   in the image, outside every session
 *   page NAME PORT PATH        a page of the image's web server, as its owner asks for it
 *   login                      starts the login daemon
 *   type NAME FILE             types a file of /arena into a session
 *   fixture                    starts the web server with the holes
 *   send NAME FILE             sends a file of /arena to it as a request
 *   alive                      says who lives; what comes after ends the image
 *   reboot NAME                asks the image to reboot
 *   dump PATH                  says the lines of a file
 *   mark NAME                  says where it is
 */
#include "arena.h"

static void step_run(char *rest)
{
	static char said[512];
	char *name = strtok_r(rest, " ", &rest), *seconds = strtok_r(NULL, " ", &rest);
	long begin = now();
	int code;

	if (!name || !seconds)
		return;
	code = run_inside(rest, atoi(seconds), said, sizeof(said));
	plain(said, strlen(said));
	say("step", "%s %d %ld %.300s", name, code, now() - begin, said);
	forward_events();
	forward_denied();
}

static void step_page(char *rest)
{
	char *name = strtok_r(rest, " ", &rest), *port = strtok_r(NULL, " ", &rest), path[64], request[512];
	static char answer[8192];
	size_t have = 0;
	ssize_t count;
	int file, status = 0;
	pid_t child;
	static int silent;

	/* A server that was silent twice stays so. */
	if (!name || !port || silent > 1)
		return;
	child = fork();
	if (child) {
		for (have = 0; have < 100 && waitpid(child, &status, WNOHANG) != child; have++)
			usleep(100000);
		if (have == 100) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			silent++;
			say("step", "%s 124 10000 silent", name);
		}
		forward_events();
		forward_denied();
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", image_init);
	file = open(path, O_RDONLY);
	if (file < 0 || setns(file, CLONE_NEWNET))
		_exit(1);
	file = dial(atoi(port), 0, 2500);
	if (file < 0) {
		say("step", "%s 1 0 refused", name);
		_exit(0);
	}
	snprintf(request, sizeof(request), "GET %.300s HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n", rest);
	send(file, request, strlen(request), MSG_NOSIGNAL);
	while (poll(&(struct pollfd){ file, POLLIN, 0 }, 1, 6000) > 0 &&
	       (count = read(file, answer + have, sizeof(answer) - 1 - have)) > 0)
		have += count;
	answer[have] = 0;
	say("step", "%s %d %zu %.60s", name, have ? 0 : 1, have, answer);
	_exit(0);
}

/* In the image, as a process that nobody is held by. */
static void step_login(void)
{
	if (fork())
		return;
	setsid();
	if (enter_image())
		_exit(1);
	bring_tools();
	execl("/kakoi/telnetd", "telnetd", "2323", job.confine, (char *)NULL);
	say("step", "login 127 0 %s", strerror(errno));
	_exit(1);
}

static void step_reboot(const char *name)
{
	static char said[256];
	long begin = now();
	int gone;

	run_inside("reboot", 10, said, sizeof(said));
	gone = wait_for_end(30);
	plain(said, strlen(said));
	say("step", "%s %d %ld %.200s", name, !gone, now() - begin, said);
	forward_events();
	forward_denied();
}

static void step_dump(const char *path)
{
	static char line[4096];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		/* A line that would be cut would mean something else. */
		if (strlen(line) < 900)
			say("policy", "%s", line);
	}
	if (file)
		fclose(file);
}

static void step_fixture(void)
{
	if (fork()) {
		usleep(500000);
		return;
	}
	setsid();
	if (enter_image())
		_exit(1);
	bring_tools();
	execl("/kakoi/cgid", "cgid", job.confine, (char *)NULL);
	say("step", "fixture 127 0 %s", strerror(errno));
	_exit(1);
}

static void step_send(char *rest)
{
	char path[256], *name = strtok_r(rest, " ", &rest), *file = strtok_r(NULL, " ", &rest);

	if (!name || !file)
		return;
	snprintf(path, sizeof(path), "/arena/%s", file);
	act_request(name, path);
}

static void step_type(char *rest)
{
	char path[256], *name = strtok_r(rest, " ", &rest), *file = strtok_r(NULL, " ", &rest);

	if (!name || !file)
		return;
	snprintf(path, sizeof(path), "/arena/%s", file);
	act_scenario(name, path);
}

void act_steps(void)
{
	static char text[32768];
	char *line, *state, *rest;

	slurp("/arena/steps", text, sizeof(text));
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		rest = strchr(line, ' ');
		rest = rest ? (*rest = 0, rest + 1) : line + strlen(line);
		if (!image_init) {
			say("step", "%s 125 0 the image's init is gone", line);
			return;
		}
		if (!strcmp(line, "run"))
			step_run(rest);
		else if (!strcmp(line, "page"))
			step_page(rest);
		else if (!strcmp(line, "login"))
			step_login();
		else if (!strcmp(line, "type"))
			step_type(rest);
		else if (!strcmp(line, "fixture"))
			step_fixture();
		else if (!strcmp(line, "send"))
			step_send(rest);
		else if (!strcmp(line, "alive")) {
			report_listeners(0);
			report_alive("alive");
		} else if (!strcmp(line, "reboot"))
			step_reboot(rest);
		else if (!strcmp(line, "dump"))
			step_dump(rest);
		else if (!strcmp(line, "mark"))
			say("mark", "%s", rest);
	}
}
