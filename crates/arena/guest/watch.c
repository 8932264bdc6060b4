// SPDX-License-Identifier: Apache-2.0
/* What lives: programs as they start and end (the kernel's process connector), sockets that listen, who is left. */
#include "arena.h"

#include <dirent.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

/* Lines about programs; what is more is counted. */
#define MOST 3000

static unsigned long told, untold;
static int over, leaving;
static long last_exec;

int open_watch(void)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	struct { struct nlmsghdr head; struct cn_msg message; enum proc_cn_mcast_op op; } __attribute__((packed)) ask;
	int file = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR), room = 1 << 20;

	if (file < 0 || bind(file, (struct sockaddr *)&own, sizeof(own))) {
		say("fail", "no process connector: %s", strerror(errno));
		return -1;
	}
	setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	memset(&ask, 0, sizeof(ask));
	ask.head.nlmsg_len = sizeof(ask);
	ask.head.nlmsg_type = NLMSG_DONE;
	ask.message.id.idx = CN_IDX_PROC;
	ask.message.id.val = CN_VAL_PROC;
	ask.message.len = sizeof(ask.op);
	ask.op = PROC_CN_MCAST_LISTEN;
	if (send(file, &ask, sizeof(ask), 0) < 0)
		say("fail", "no process connector: %s", strerror(errno));
	return file;
}

/* Program and arguments of a process, with a blank between them. */
static int describe(int pid, char *text, size_t room)
{
	char path[64], program[256], words[512];
	ssize_t length;
	size_t have;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	length = readlink(path, program, sizeof(program) - 1);
	if (length < 0)
		return -1;
	program[length] = 0;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	have = slurp(path, words, sizeof(words));
	while (have && !words[have - 1])
		have--;
	plain(words, have);
	snprintf(text, room, "%s %.*s", program, (int)have, words);
	return 0;
}

static void tell_exec(int pid)
{
	char text[700];

	last_exec = now();
	if (told >= MOST) {
		untold++;
		return;
	}
	if (!describe(pid, text, sizeof(text))) {
		told++;
		say("exec", "%d %s", pid, text);
	}
}

static void tell_exit(int pid, unsigned int code)
{
	if (told >= MOST) {
		untold++;
		return;
	}
	told++;
	if (code & 0x7f)
		say("exit", "%d signal %d", pid, code & 0x7f);
	else
		say("exit", "%d code %d", pid, code >> 8 & 0xff);
}

static void hear(int file)
{
	static char bytes[8192] __attribute__((aligned(8)));
	ssize_t length = recv(file, bytes, sizeof(bytes), 0);
	struct nlmsghdr *head = (struct nlmsghdr *)bytes;

	for (; length > 0 && NLMSG_OK(head, (size_t)length); head = NLMSG_NEXT(head, length)) {
		struct proc_event *event = (struct proc_event *)((struct cn_msg *)NLMSG_DATA(head))->data;

		/* Threads are not told apart from processes by their number, but they never run a program. */
		if (event->what == PROC_EVENT_EXEC)
			tell_exec(event->event_data.exec.process_pid);
		else if (event->what == PROC_EVENT_EXIT &&
			 event->event_data.exit.process_pid == event->event_data.exit.process_tgid)
			tell_exit(event->event_data.exit.process_pid, event->event_data.exit.exit_code);
	}
}

static void reap(void)
{
	int status;
	pid_t gone;

	while ((gone = waitpid(-1, &status, WNOHANG)) > 0) {
		if (gone != image_init)
			continue;
		/* reboot(2) in a process space of its own ends its init by SIGHUP or SIGINT. */
		if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGHUP || WTERMSIG(status) == SIGINT))
			say(leaving ? "left" : "over", "reboot");
		else if (WIFSIGNALED(status))
			say(leaving ? "left" : "over", "signal %d", WTERMSIG(status));
		else
			say(leaving ? "left" : "over", "code %d", WEXITSTATUS(status));
		over = 1;
		image_init = 0;
	}
}

int wait_for_end(int seconds)
{
	long end = now() + seconds * 1000L;

	for (leaving = 1; !over && now() < end; usleep(100000))
		reap();
	return over;
}

void forward_events(void)
{
	static char text[65536];
	static int file = -2;
	char *line, *state;
	ssize_t count;
	size_t have;

	if (file == -2)
		file = open("/proc/kakoi/events", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		return;
	while ((count = read(file, text, sizeof(text) - 1)) > 0) {
		have = count;
		text[have] = 0;
		for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
			say("event", "%s", line);
	}
}

/* Lines about refusals; what is more is dropped. */
#define MOST_DENIED 1500

static void tell_denied(const char *text)
{
	static int count;

	if (count++ < MOST_DENIED)
		say("denied", "%.850s", text);
}

/* AppArmor, SELinux and Smack write to the audit log, which is the kernel's when nobody listens (lsm_audit.c). */
static void forward_audit(void)
{
	static char line[8192];
	static int file = -2;
	ssize_t count;
	char *text;

	if (file == -2)
		file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (file >= 0 && ((count = read(file, line, sizeof(line) - 1)) > 0 || errno == EPIPE)) {
		if (count <= 0)
			continue;
		line[count] = 0;
		text = strchr(line, ';');
		if (!text || strstr(text, "@@ ") || !strstr(text, "audit: type=14"))
			continue;
		line[count - (line[count - 1] == '\n')] = 0;
		text[strcspn(text, "\n")] = 0;
		if (strstr(text, "DENIED") || strstr(text, "denied"))
			tell_denied(text + 1);
	}
}

/* Entries of three lines: what happened, the domain, the line that would have allowed it (tomoyo_init_log()). */
static void forward_tomoyo(void)
{
	static char text[16384], line[1024];
	static int file = -2;
	char *domain, *wish, *end;
	ssize_t count;

	if (file == -2)
		file = open("/sys/kernel/security/tomoyo/audit", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (file >= 0 && (count = read(file, text, sizeof(text) - 1)) > 0) {
		text[count] = 0;
		for (domain = strstr(text, "granted=no"); domain; domain = strstr(end, "granted=no")) {
			domain = strchr(domain, '\n');
			wish = domain ? strchr(domain + 1, '\n') : NULL;
			if (!wish)
				break;
			end = wish + 1 + strcspn(wish + 1, "\n");
			snprintf(line, sizeof(line), "tomoyo domain=\"%.*s\" wants=\"%.*s\"", (int)(wish - domain - 1),
				 domain + 1, (int)(end - wish - 1), wish + 1);
			tell_denied(line);
		}
	}
}

void forward_denied(void)
{
	forward_audit();
	forward_tomoyo();
}

/* Until then, or for ever, or until the image's init is gone; or until no program was started for so long. */
void watch(int watching, long until, long quiet)
{
	struct pollfd wait = { watching, POLLIN, 0 };
	long next = now();

	last_exec = now();
	while ((until < 0 || now() < until) && !over) {
		if (poll(&wait, 1, 100) > 0)
			hear(watching);
		reap();
		if (quiet && now() - last_exec > quiet)
			return;
		if (now() >= next) {
			forward_events();
			forward_denied();
			next = now() + 500;
			if (until < 0)
				report_listeners(0);
		}
	}
}

/* ---- sockets that listen ----------------------------------------------------------------------------------- */

struct listener {
	unsigned long inode;
	int port, udp, told;
	uint32_t address;
};

static struct listener listeners[128];
static size_t known;

static void read_table(const char *name, int udp)
{
	char path[64], line[512];
	unsigned int address, port, state, rest[4];
	unsigned long inode;
	FILE *file;
	size_t at;
	int six = strchr(name, '6') != NULL, fields;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", image_init, name);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (six)
			fields = sscanf(line, " %*d: %8x%8x%8x%8x:%x %*x%*x%*x%*x:%*x %x %*s %*s %*s %*s %*s %lu",
					&rest[0], &rest[1], &rest[2], &rest[3], &port, &state, &inode) - 3;
		else
			fields = sscanf(line, " %*d: %x:%x %*x:%*x %x %*s %*s %*s %*s %*s %lu", &address, &port, &state,
					&inode);
		if (fields != 4 || state != (udp ? 7 : 10) || !port)
			continue;
		for (at = 0; at < known; at++)
			if (listeners[at].port == (int)port && listeners[at].udp == udp)
				break;
		if (at < known || known == sizeof(listeners) / sizeof(*listeners))
			continue;
		listeners[known++] = (struct listener){ inode, port, udp, 0, six ? 0 : address };
	}
	if (file)
		fclose(file);
}

/* Who has the socket. */
static int owner_of(unsigned long inode)
{
	char folder[64], path[400], link[64], wanted[64];
	struct dirent *process, *entry;
	DIR *all = opendir("/proc"), *files;
	ssize_t length;
	int pid, found = 0;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while (all && !found && (process = readdir(all))) {
		pid = atoi(process->d_name);
		if (pid <= 0)
			continue;
		snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
		files = opendir(folder);
		while (files && (entry = readdir(files))) {
			snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
			length = readlink(path, link, sizeof(link) - 1);
			if (length > 0 && (link[length] = 0, !strcmp(link, wanted))) {
				found = pid;
				break;
			}
		}
		if (files)
			closedir(files);
	}
	if (all)
		closedir(all);
	return found;
}

/* What the port answers, in the image's own network: first what it says by itself, then to a request for a page. */
static void probe_port(const struct listener *listener)
{
	char answer[4096], *end;
	int file, status;
	ssize_t count;
	size_t have = 0;
	pid_t child = fork();
	char path[64];

	if (child) {
		for (have = 0; child > 0 && have < 130 && waitpid(child, &status, WNOHANG) != child; have++)
			usleep(100000);
		if (have == 130) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			say("probe", "tcp:%d silent", listener->port);
		}
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", image_init);
	file = open(path, O_RDONLY);
	if (file < 0 || setns(file, CLONE_NEWNET))
		_exit(1);
	file = dial(listener->port, listener->address, 2500);
	if (file < 0) {
		say("probe", "tcp:%d refused %s", listener->port, strerror(errno));
		_exit(0);
	}
	if (poll(&(struct pollfd){ file, POLLIN, 0 }, 1, 800) <= 0)
		send(file, "GET / HTTP/1.0\r\nHost: 192.0.2.1\r\n\r\n", 35, MSG_NOSIGNAL);
	while (poll(&(struct pollfd){ file, POLLIN, 0 }, 1, 9000) > 0 &&
	       (count = read(file, answer + have, sizeof(answer) - 1 - have)) > 0)
		have += count;
	answer[have] = 0;
	end = strpbrk(answer, "\r\n");
	say("probe", "tcp:%d answered %zu %.*s", listener->port, have, end ? (int)(end - answer > 80 ? 80 : end - answer) : 60,
	    answer);
	_exit(0);
}

void report_listeners(int probe)
{
	char text[700];
	size_t at;
	int pid;

	if (!image_init)
		return;
	read_table("tcp", 0);
	read_table("tcp6", 0);
	read_table("udp", 1);
	read_table("udp6", 1);
	for (at = 0; at < known; at++) {
		struct listener *listener = &listeners[at];

		if (listener->port == 2323 || listener->port == FIXTURE_PORT)
			continue;
		if (!listener->told) {
			listener->told = 1;
			pid = owner_of(listener->inode);
			if (pid <= 0 || describe(pid, text, sizeof(text)))
				snprintf(text, sizeof(text), "-");
			say("listen", "%s:%d %d %s", listener->udp ? "udp" : "tcp", listener->port, pid, text);
			if (!listener->udp && job.interactive)
				relay_port(listener->port, listener->port);
		}
		if (probe && !listener->udp)
			probe_port(listener);
	}
}

void report_alive(const char *word)
{
	char text[700], status[64], line[512], *after;
	struct dirent *process;
	DIR *all = opendir("/proc");
	int pid, parent;

	while (all && (process = readdir(all))) {
		pid = atoi(process->d_name);
		if (pid <= 1)
			continue;
		snprintf(status, sizeof(status), "/proc/%d/stat", pid);
		if (!slurp(status, line, sizeof(line)))
			continue;
		after = strrchr(line, ')');
		if (!after || sscanf(after + 2, "%*c %d", &parent) != 1 || after[2] == 'Z')
			continue;
		/* Threads of the kernel have no program. */
		if (!describe(pid, text, sizeof(text)) && strncmp(text, "/kakoi/", 7) && strncmp(text, "/init", 5))
			say(word, "%d %d %s", pid, parent, text);
	}
	if (all)
		closedir(all);
	if (untold)
		say("untold", "%lu", untold);
}
