// SPDX-License-Identifier: Apache-2.0
/* Start: mounts, modules, devices, network, the image's root, its init. */
#include "arena.h"

#include <dirent.h>
#include <linux/loop.h>
#include <linux/reboot.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct job job = { .seconds = 60, .settle = 40 };
pid_t image_init;
int image_root = -1;
static int kmsg = -1;

long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void plain(char *text, size_t length)
{
	size_t at;

	for (at = 0; at < length; at++)
		if ((unsigned char)text[at] < 32 || (unsigned char)text[at] > 126)
			text[at] = text[at] ? '?' : ' ';
}

void say(const char *word, const char *format, ...)
{
	char line[960];
	va_list arguments;
	int head, length;

	/* Level 0: vendors lower the console's level, and this one still comes through. */
	head = snprintf(line, sizeof(line), "<0>@@ %s ", word);
	va_start(arguments, format);
	length = vsnprintf(line + head, sizeof(line) - head, format, arguments);
	va_end(arguments);
	length = head + (length < (int)sizeof(line) - head ? length : (int)sizeof(line) - head - 1);
	plain(line + head, length - head);
	if (write(kmsg, line, length) < 0)
		usleep(1000);
}

size_t slurp(const char *path, char *into, size_t room)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t count;

	while (file >= 0 && have + 1 < room && (count = read(file, into + have, room - 1 - have)) > 0)
		have += count;
	if (file >= 0)
		close(file);
	into[have] = 0;
	return have;
}

/* ---- the job ----------------------------------------------------------------------------------------------- */

static void take(const char *key, const char *value)
{
	if (!strcmp(key, "init"))
		snprintf(job.init, sizeof(job.init), "%s", value);
	else if (!strcmp(key, "writable"))
		job.writable = atoi(value);
	else if (!strcmp(key, "seconds"))
		job.seconds = atoi(value);
	else if (!strcmp(key, "settle"))
		job.settle = atoi(value);
	else if (!strcmp(key, "interactive"))
		job.interactive = atoi(value);
	else if (!strcmp(key, "trigger"))
		job.trigger = atoi(value);
	else if (!strcmp(key, "label"))
		snprintf(job.label, sizeof(job.label), "%s", value);
	else if (!strcmp(key, "options"))
		snprintf(job.options, sizeof(job.options), "%s", value);
	else if (!strcmp(key, "confine"))
		snprintf(job.confine, sizeof(job.confine), "%s", value);
	else if (!strcmp(key, "preload"))
		snprintf(job.preload, sizeof(job.preload), "%s", value);
	else if (!strcmp(key, "interfaces"))
		snprintf(job.interfaces, sizeof(job.interfaces), "%s", value);
}

static void read_job(void)
{
	static char text[8192];
	char *line, *next, *value;

	slurp("/arena/job", text, sizeof(text));
	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		next = next ? (*next = 0, next + 1) : line + strlen(line);
		value = strchr(line, '=');
		if (value) {
			*value = 0;
			take(line, value + 1);
		}
	}
}

/* ---- modules, loop device ------------------------------------------------------------------------------------ */

static void load_modules(void)
{
	static char text[4096];
	char path[256], *name, *state;
	int file;

	slurp("/arena/modules/order", text, sizeof(text));
	for (name = strtok_r(text, "\n", &state); name; name = strtok_r(NULL, "\n", &state)) {
		snprintf(path, sizeof(path), "/arena/modules/%s.ko", name);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		if (syscall(SYS_finit_module, file, "", 0) && errno != EEXIST)
			say("module", "%s: %s", name, strerror(errno));
		close(file);
	}
}

static int attach_loop(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), loop, tries;

	for (tries = 0; tries < 50; tries++) {
		loop = open("/dev/loop0", O_RDONLY | O_CLOEXEC);
		if (loop >= 0)
			break;
		usleep(100000);
	}
	return file < 0 || loop < 0 ? -1 : ioctl(loop, LOOP_SET_FD, file);
}

/* ---- the image's root ------------------------------------------------------------------------------------------ */

static int mount_root(void)
{
	const char *options = *job.options ? job.options : NULL;

	mkdir("/root", 0755);
	mkdir("/lower", 0755);
	mkdir("/upper", 0755);
	if (attach_loop("/arena/root.squashfs")) {
		say("fail", "loop device: %s", strerror(errno));
		return -1;
	}
	if (!job.writable) {
		if (!mount("/dev/loop0", "/root", "squashfs", MS_RDONLY, options))
			return 0;
		say("fail", "mounting the root file system: %s", strerror(errno));
		return -1;
	}
	if (mount("/dev/loop0", "/lower", "squashfs", MS_RDONLY, options) ||
	    mount("none", "/upper", "tmpfs", 0, NULL) || mkdir("/upper/up", 0755) || mkdir("/upper/work", 0755) ||
	    mount("none", "/root", "overlay", 0, "lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work")) {
		say("fail", "mounting the root file system, writable: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* Nodes that the image ships, and those that its kernel would make. */
static void copy_nodes(const char *from, const char *to, int depth)
{
	char source[512], target[512], link[256];
	struct dirent *entry;
	struct stat about;
	ssize_t length;
	DIR *folder = opendir(from);

	while (folder && (entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		if (lstat(source, &about))
			continue;
		if (S_ISDIR(about.st_mode)) {
			mkdir(target, about.st_mode & 07777);
			if (depth < 4)
				copy_nodes(source, target, depth + 1);
		} else if (S_ISLNK(about.st_mode)) {
			length = readlink(source, link, sizeof(link) - 1);
			if (length > 0) {
				link[length] = 0;
				if (symlink(link, target))
					continue;
			}
		} else if (!S_ISREG(about.st_mode)) {
			mknod(target, about.st_mode, about.st_rdev);
		}
	}
	if (folder)
		closedir(folder);
}

static void make_devices(void)
{
	static const struct { const char *name; mode_t mode; int major, minor; } nodes[] = {
		{ "console", S_IFCHR | 0600, 5, 1 }, { "null", S_IFCHR | 0666, 1, 3 },
		{ "zero", S_IFCHR | 0666, 1, 5 },    { "full", S_IFCHR | 0666, 1, 7 },
		{ "random", S_IFCHR | 0666, 1, 8 },  { "urandom", S_IFCHR | 0666, 1, 9 },
		{ "kmsg", S_IFCHR | 0644, 1, 11 },   { "mem", S_IFCHR | 0640, 1, 1 },
		{ "tty", S_IFCHR | 0666, 5, 0 },     { "ptmx", S_IFCHR | 0666, 5, 2 },
		{ "ttyS0", S_IFCHR | 0600, 4, 64 },  { "ttyS1", S_IFCHR | 0600, 4, 65 },
		{ "tty0", S_IFCHR | 0600, 4, 0 },    { "ppp", S_IFCHR | 0600, 108, 0 },
	};
	char path[256];
	size_t at;

	if (mount("none", "/root/dev", "tmpfs", 0, "mode=0755"))
		return;
	copy_nodes(job.writable ? "/lower/dev" : "/lower-dev", "/root/dev", 0);
	for (at = 0; at < sizeof(nodes) / sizeof(*nodes); at++) {
		snprintf(path, sizeof(path), "/root/dev/%s", nodes[at].name);
		mknod(path, nodes[at].mode, makedev(nodes[at].major, nodes[at].minor));
	}
	mkdir("/root/dev/net", 0755);
	mknod("/root/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
	mkdir("/root/dev/pts", 0755);
	mkdir("/root/dev/shm", 01777);
	mount("none", "/root/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666");
}

static int is_empty(const char *path)
{
	struct dirent *entry;
	struct stat about;
	int count = 0;
	DIR *folder;

	if (lstat(path, &about) || !S_ISDIR(about.st_mode))
		return 0;
	folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	if (folder)
		closedir(folder);
	return folder && !count;
}

/* Where a device mounts flash or memory: an empty directory gets memory. The image may mount over it. */
static void mount_empty(void)
{
	static const char *const folders[] = { "tmp", "var", "var/run", "var/log", "var/tmp", "var/lock", "run",
					       "mnt", "data", "overlay", "configs", "etc/config", "nvram", "conf", "media" };
	char path[256];
	size_t at;

	for (at = 0; at < sizeof(folders) / sizeof(*folders); at++) {
		snprintf(path, sizeof(path), "/root/%s", folders[at]);
		if (is_empty(path) && !mount("none", path, "tmpfs", 0, at ? "mode=0755" : "mode=1777"))
			say("memory", "/%s", folders[at]);
	}
	mount("none", "/root/kakoi", "tmpfs", 0, "mode=0755");
}

/* Labels are written only where the kernel has who reads them. */
static void label(const char *path, int number)
{
	char text[256], *name, *value, *state;

	snprintf(text, sizeof(text), "%s", job.label);
	name = strtok_r(text, " ", &state);
	value = name ? strtok_r(NULL, " ", &state) : NULL;
	if (value && number)
		value = strtok_r(NULL, " ", &state);
	if (value && setxattr(path, name, value, strlen(value), 0))
		say("defence", "%s of %s: %s", name, path, strerror(errno));
}

/* The image's directories of devices, before memory is mounted over it. */
static int prepare_image(void)
{
	if (mount_root())
		return -1;
	if (!job.writable) {
		mkdir("/lower-dev", 0755);
		mount("/root/dev", "/lower-dev", NULL, MS_BIND, NULL);
	}
	make_devices();
	mount("none", "/root/sys", "sysfs", 0, NULL);
	mount_empty();
	open_tools();
	copy_tools("/root/kakoi");
	label("/root/kakoi/telnetd", 0);
	label("/root/kakoi/cgid", 1);
	image_root = open("/root", O_PATH | O_DIRECTORY);
	return image_root < 0 ? -1 : 0;
}

/* ---- defences: what is written where, before init; /arena/writes has FROM TO a line -------------------------------- */

/* SELinux labels file systems as they are mounted, so its policy comes before them; all others come last. */
static void write_files(int early)
{
	static char text[16384], bytes[1 << 20];
	char *line, *to, *state;
	size_t length;
	int file;

	slurp("/arena/writes", text, sizeof(text));
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		to = strchr(line, ' ');
		if (!to)
			continue;
		*to++ = 0;
		if (early != !strncmp(to, "/sys/fs/selinux/", 16))
			continue;
		length = slurp(line, bytes, sizeof(bytes));
		file = open(to, O_WRONLY | O_CLOEXEC);
		if (file < 0 || write(file, bytes, length) != (ssize_t)length)
			say("defence", "%s: %s", to, strerror(errno));
		else
			say("defence", "%s: %zu bytes", to, length);
		if (file >= 0)
			close(file);
	}
}

/* TOMOYO loads its policy when a program of a certain name is run (TOMOYO_trigger=); the loader has nothing left to do. */
static void pull_trigger(void)
{
	static char text[256];
	pid_t child;
	int status;

	if (job.trigger) {
		child = fork();
		if (!child) {
			execl("/arena/tools/payload", "payload", (char *)NULL);
			_exit(127);
		}
		waitpid(child, &status, 0);
	}
	slurp("/sys/kernel/security/lsm", text, sizeof(text));
	say("lsm", "%s", text);
}

/* ---- network ----------------------------------------------------------------------------------------------------- */

/* In the image's network: its loopback, the interfaces that it knows, and a line to what it takes for the world. */
static void make_interfaces(void)
{
	char names[1024], *name, *state;

	link_up("lo");
	snprintf(names, sizeof(names), "%s", job.interfaces);
	for (name = strtok_r(names, " ", &state); name; name = strtok_r(NULL, " ", &state))
		if (add_link("dummy", name) && errno != EEXIST)
			say("interface", "%s: %s", name, strerror(errno));
}

/* ---- init ------------------------------------------------------------------------------------------------------------ */

static void become_init(void)
{
	char *const arguments[] = { job.init, NULL };
	int console;

	if (mount("none", "/root/proc", "proc", 0, NULL))
		say("memory", "no /proc: %s", strerror(errno));
	make_interfaces();
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
		say("fail", "changing the root: %s", strerror(errno));
		_exit(125);
	}
	setsid();
	console = open("/dev/console", O_RDWR);
	if (console >= 0) {
		dup2(console, 0);
		dup2(console, 1);
		dup2(console, 2);
	}
	clearenv();
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 1);
	if (*job.preload)
		setenv("LD_PRELOAD", job.preload, 1);
	signal(SIGPIPE, SIG_DFL);
	execv(job.init, arguments);
	say("fail", "%s cannot be run: %s", job.init, strerror(errno));
	_exit(126);
}

/* Two steps: the mounts of the image are its own, so that ours stay reachable. */
static void start_image(void)
{
	int wait_for[2];
	char byte;

	if (pipe(wait_for))
		return;
	if (unshare(CLONE_NEWPID))
		say("fail", "no process space: %s", strerror(errno));
	image_init = fork();
	if (!image_init) {
		close(wait_for[1]);
		if (unshare(CLONE_NEWNS | CLONE_NEWNET))
			say("fail", "namespaces: %s", strerror(errno));
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		say("network", "own");
		if (read(wait_for[0], &byte, 1) < 0)
			_exit(125);
		become_init();
	}
	close(wait_for[0]);
	usleep(300000);
	if (add_pair("world0", "kakoi0", image_init))
		say("interface", "no line to the world: %s", strerror(errno));
	add_address("world0", "192.0.2.10", 24);
	link_up("world0");
	configure_line();
	say("init", "%d %s", image_init, job.init);
	if (write(wait_for[1], "", 1) < 0)
		say("fail", "init cannot be told");
	close(wait_for[1]);
}

static void mount_ours(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("none", "/dev", "devtmpfs", 0, NULL);
	mount("none", "/proc", "proc", 0, NULL);
	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/sys/kernel/security", "securityfs", 0, NULL);
	mount("none", "/sys/fs/selinux", "selinuxfs", 0, NULL);
	mount("none", "/sys/fs/smackfs", "smackfs", 0, NULL);
	mount("none", "/sys/fs/bpf", "bpf", 0, NULL);
}

/* The image's firewall may drop what does not come from its LAN; we come by its loopback. */
static void open_loopback(void)
{
	static char said[128];
	int code;

	if (!image_init)
		return;
	code = run_inside("iptables -I INPUT -i lo -j ACCEPT", 15, said, sizeof(said));
	say("firewall", "%d", code);
}

static void leave(void)
{
	say("end", "%ld", now());
	sync();
	usleep(200000);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	int watching;

	if (!strcmp(name, "telnetd"))
		return login_daemon(argc > 1 ? atoi(argv[1]) : 2323, argc > 2 ? argv[2] : "");
	if (!strcmp(name, "cgid"))
		return fixture(argc > 1 ? argv[1] : "");
	if (getpid() != 1)
		return fetch(argc, argv);
	umask(0);
	mount_ours();
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	say("up", "%ld", now());
	read_job();
	load_modules();
	link_up("lo");
	if (!add_address("eth0", "10.0.2.15", 24))
		link_up("eth0");
	write_files(1);
	if (prepare_image())
		leave();
	write_files(0);
	pull_trigger();
	watching = open_watch();
	start_image();
	serve_downloads();
	watch(watching, now() + job.settle * 1000L, 15000);
	open_loopback();
	report_listeners(1);
	report_alive("booted");
	act_steps();
	watch(watching, job.interactive ? -1 : now() + 2000, 0);
	if (image_init) {
		report_listeners(0);
		report_alive("alive");
	}
	forward_events();
	forward_denied();
	leave();
	return 0;
}
