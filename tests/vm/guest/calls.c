// SPDX-License-Identifier: Apache-2.0
/*
 * System calls as a test suite makes them, all of those that the guard's hooks see: `kakoi-try calls`. One line
 * for each: its name and what came of it, so that two guests can be compared. Outside a session a guard
 * changes none of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "try.h"

#define FILE_A "/tmp/calls/a"
#define FILE_B "/tmp/calls/b"

/* ---- files -------------------------------------------------------------------------------------------------------- */

static long make(const char *path, int mode)
{
	int file = open(path, O_CREAT | O_RDWR | O_TRUNC, mode);
	long written = file < 0 ? -1 : write(file, "#!/bin/true\n", 12);

	close(file);
	return written;
}

static long mode_of(const char *path)
{
	struct stat about;

	return stat(path, &about) ? -1 : (long)(about.st_mode & 07777);
}

static long with(const char *path, int flags, long (*once)(int file))
{
	int file = open(path, flags, 0644);
	long answer = file < 0 ? -1 : once(file);

	close(file);
	return answer;
}

static long f_open_create(void) { return make(FILE_A, 0644); }
static long f_open_exclusive(void) { return open(FILE_A, O_CREAT | O_EXCL | O_WRONLY, 0644); }
static long f_creat_executable(void) { close(creat(FILE_B, 0755)); return mode_of(FILE_B); }
static long f_open_missing(void) { return open("/tmp/calls/missing", O_RDONLY); }
static long f_open_directory(void) { return open("/tmp/calls", O_WRONLY); }
static long f_chmod(void) { return chmod(FILE_A, 0755) ? -1 : mode_of(FILE_A); }
static long f_chmod_suid(void) { return chmod(FILE_A, 04755) ? -1 : mode_of(FILE_A); }
static long once_fchmod(int file) { return fchmod(file, 0700); }
static long f_fchmod(void) { return with(FILE_A, O_RDONLY, once_fchmod) ? -1 : mode_of(FILE_A); }
static long f_fchmodat(void) { return fchmodat(AT_FDCWD, FILE_A, 0755, 0) ? -1 : mode_of(FILE_A); }
static long f_chown(void) { return chown(FILE_B, 1000, 1000); }
static long f_write_executable(void) { return make(FILE_B, 0755); }
static long f_truncate(void) { return truncate(FILE_B, 3); }
static long once_ftruncate(int file) { return ftruncate(file, 5); }
static long f_ftruncate(void) { return with(FILE_B, O_RDWR, once_ftruncate); }
static long once_append(int file) { return write(file, "x", 1); }
static long f_append(void) { return with(FILE_A, O_WRONLY | O_APPEND, once_append); }
static long f_link(void) { return link(FILE_A, "/tmp/calls/l"); }
static long f_symlink(void) { return symlink(FILE_A, "/tmp/calls/s"); }
static long f_rename(void) { return rename("/tmp/calls/l", "/tmp/calls/r"); }
static long f_rename_over(void) { return rename("/tmp/calls/r", FILE_B); }
static long f_exchange(void) { make("/tmp/calls/x", 0644); return syscall(SYS_renameat2, AT_FDCWD, FILE_A, AT_FDCWD, "/tmp/calls/x", 2); }
static long f_mkdir(void) { return mkdir("/tmp/calls/d", 0755) ? -1 : mode_of("/tmp/calls/d"); }
static long f_rmdir(void) { return rmdir("/tmp/calls/d"); }
static long f_mknod(void) { return mknod("/tmp/calls/n", S_IFREG | 0755, 0) ? -1 : mode_of("/tmp/calls/n"); }
static long f_mkfifo(void) { return mkfifo("/tmp/calls/p", 0644); }
static long f_device(void) { return mknod("/tmp/calls/null", S_IFCHR | 0666, 1 << 8 | 3); }
static long f_unlink(void) { return unlink("/tmp/calls/n"); }
static long f_unlink_missing(void) { return unlink("/tmp/calls/n"); }
static long f_tmpfile(void) { return open("/tmp/calls", O_TMPFILE | O_RDWR, 0755) < 0; }
static long f_setxattr(void) { return setxattr(FILE_A, "trusted.x", "1", 1, 0); }
static long f_utimes(void) { return utimes(FILE_A, NULL); }
static long f_statfs(void) { struct statfs about; return statfs("/tmp", &about); }
static long f_access(void) { return access(FILE_A, X_OK); }
static long once_lock(int file) { return flock(file, LOCK_EX); }
static long f_flock(void) { return with(FILE_A, O_RDWR, once_lock); }
static long once_allocate(int file) { return posix_fallocate(file, 0, 4096); }
static long f_allocate(void) { return with(FILE_A, O_RDWR, once_allocate); }
static long f_inotify(void) { int watch = inotify_init(); return inotify_add_watch(watch, "/tmp/calls", IN_CREATE) < 0; }
static long f_sendfile(void)
{
	int from = open("/etc/passwd", O_RDONLY), to = open("/tmp/calls/copy", O_CREAT | O_WRONLY, 0644);
	long sent = sendfile(to, from, NULL, 16);

	close(from);
	close(to);
	return sent;
}

/* ---- programs and memory ------------------------------------------------------------------------------------------- */

static long run(const char *path, const char *first, const char *second)
{
	int status;
	pid_t child = fork();

	if (!child) {
		execl(path, first, second, (char *)NULL);
		_exit(errno);
	}
	return child < 0 || waitpid(child, &status, 0) != child ? -1 : WEXITSTATUS(status);
}

static long p_exec(void) { return run("/bin/true", "true", NULL); }
static long p_exec_missing(void) { return run("/bin/nothing", "nothing", NULL); }
static long p_exec_data(void) { return run("/etc/passwd", "passwd", NULL); }
static long p_exec_copied(void)
{
	int from = open("/kakoi/payload", O_RDONLY), to = open("/tmp/calls/run", O_CREAT | O_WRONLY, 0755);

	while (sendfile(to, from, NULL, 1 << 16) > 0)
		;
	close(from);
	close(to);
	return run("/tmp/calls/run", "run", NULL);
}
static long p_script(void) { make("/tmp/calls/script", 0755); return run("/tmp/calls/script", "script", NULL); }
static long p_sh_file(void) { make("/tmp/calls/text", 0644); return run("/bin/sh", "sh", "/tmp/calls/text"); }
static long p_memfd(void)
{
	int file = syscall(SYS_memfd_create, "calls", 0), from = open("/kakoi/payload", O_RDONLY), status;
	char *const vector[] = { (char *)"calls", NULL }, *const none[] = { NULL };
	pid_t child;

	while (sendfile(file, from, NULL, 1 << 16) > 0)
		;
	close(from);
	child = fork();
	if (!child) {
		syscall(SYS_execveat, file, "", vector, none, 0x1000);
		_exit(errno);
	}
	return waitpid(child, &status, 0) != child ? -1 : WEXITSTATUS(status);
}
static long p_map(int prot, int flags, int file) { void *at = mmap(NULL, 4096, prot, flags, file, 0); return at == MAP_FAILED ? -1 : munmap(at, 4096); }
static long once_map(int file) { return p_map(PROT_READ | PROT_EXEC, MAP_PRIVATE, file); }
static long p_map_library(void) { return with("/kakoi/preload.so", O_RDONLY, once_map); }
static long p_map_anonymous(void) { return p_map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static long p_mprotect(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long answer = mprotect(at, 4096, PROT_READ | PROT_EXEC);

	munmap(at, 4096);
	return answer;
}
static void *nothing(void *unused) { return unused; }
static long p_thread(void) { pthread_t thread; return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL); }
static long p_session(void) { pid_t child = fork(); int status; if (!child) _exit(setsid() < 0); waitpid(child, &status, 0); return WEXITSTATUS(status); }
static long p_ptrace(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	if (ptrace(PTRACE_ATTACH, child, NULL, NULL))
		return -1;
	waitpid(child, &status, 0);
	ptrace(PTRACE_DETACH, child, NULL, NULL);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return WTERMSIG(status);
}
static long p_kill_self(void) { return kill(getpid(), 0); }
static long p_nice(void) { return setpriority(PRIO_PROCESS, 0, 1); }
static long p_name(void) { return prctl(PR_SET_NAME, "calls"); }
static long p_unshare(void) { pid_t child = fork(); int status; if (!child) _exit(unshare(CLONE_NEWNS) != 0); waitpid(child, &status, 0); return WEXITSTATUS(status); }

/* ---- the system and the network --------------------------------------------------------------------------------------- */

static long s_mount(void) { mkdir("/tmp/calls/m", 0755); return mount("none", "/tmp/calls/m", "tmpfs", 0, ""); }
static long s_bind(void) { return mount("/tmp/calls/m", "/tmp/calls/m", NULL, MS_BIND, NULL); }
static long s_remount(void) { return mount(NULL, "/tmp/calls/m", NULL, MS_REMOUNT | MS_RDONLY | MS_BIND, NULL); }
static long s_umount(void) { return umount("/tmp/calls/m") | umount("/tmp/calls/m"); }
static long s_core_pattern(void) { int file = open("/proc/sys/kernel/core_pattern", O_WRONLY); long answer = write(file, "core\n", 5); close(file); return answer; }
static long s_hostname(void) { return sethostname("guest", 5); }
static long s_module(void) { return syscall(SYS_init_module, "x", 1L, ""); }
static long s_log(void) { return syscall(SYS_syslog, 10, NULL, 0) <= 0; }
static long n_bind(int type, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int end = socket(AF_INET, type, 0);
	long answer = bind(end, (struct sockaddr *)&address, sizeof(address));

	close(end);
	return answer;
}
static long n_tcp(void) { return n_bind(SOCK_STREAM, 8080); }
static long n_udp(void) { return n_bind(SOCK_DGRAM, 5353); }
static long n_raw(void) { int end = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); close(end); return end < 0; }
static long n_refused(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int end = socket(AF_INET, SOCK_STREAM, 0);
	long answer = connect(end, (struct sockaddr *)&address, sizeof(address));
	int why = errno;

	close(end);
	errno = why;
	return answer;
}
static long n_pass(void)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int pair[2], file = open(FILE_B, O_RDWR);
	long answer;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &file, sizeof(file));
	answer = sendmsg(pair[0], &message, 0) == 1 ? recvmsg(pair[1], &message, 0) : -1;
	close(pair[0]);
	close(pair[1]);
	close(file);
	return answer;
}

#define CALL(function) { #function, function }
static const struct {
	const char *name;
	long (*once)(void);
} all[] = {
	CALL(f_open_create), CALL(f_open_exclusive), CALL(f_creat_executable), CALL(f_open_missing),
	CALL(f_open_directory), CALL(f_chmod), CALL(f_chmod_suid), CALL(f_fchmod), CALL(f_fchmodat), CALL(f_chown),
	CALL(f_write_executable), CALL(f_truncate), CALL(f_ftruncate), CALL(f_append), CALL(f_link), CALL(f_symlink),
	CALL(f_rename), CALL(f_rename_over), CALL(f_exchange), CALL(f_mkdir), CALL(f_rmdir), CALL(f_mknod),
	CALL(f_mkfifo), CALL(f_device), CALL(f_unlink), CALL(f_unlink_missing), CALL(f_tmpfile), CALL(f_setxattr),
	CALL(f_utimes), CALL(f_statfs), CALL(f_access), CALL(f_flock), CALL(f_allocate), CALL(f_inotify),
	CALL(f_sendfile), CALL(p_exec), CALL(p_exec_missing), CALL(p_exec_data), CALL(p_exec_copied), CALL(p_script),
	CALL(p_sh_file), CALL(p_memfd), CALL(p_map_library), CALL(p_map_anonymous), CALL(p_mprotect), CALL(p_thread),
	CALL(p_session), CALL(p_ptrace), CALL(p_kill_self), CALL(p_nice), CALL(p_name), CALL(p_unshare), CALL(s_mount),
	CALL(s_bind), CALL(s_remount), CALL(s_umount), CALL(s_core_pattern), CALL(s_hostname), CALL(s_module),
	CALL(s_log), CALL(n_tcp), CALL(n_udp), CALL(n_raw), CALL(n_refused), CALL(n_pass),
};

static int calls(int argc, char **argv)
{
	size_t at;
	long answer;

	umask(022);
	if (system("rm -rf /tmp/calls"))
		return 1;
	mkdir("/tmp/calls", 0755);
	for (at = 0; at < sizeof(all) / sizeof(*all); at++) {
		errno = 0;
		answer = all[at].once();
		printf("%s %ld %s\n", all[at].name, answer, answer < 0 ? strerror(errno) : "");
		fflush(stdout);
	}
	return 0;
}

const struct word call_words[] = { { "calls", calls }, { NULL, NULL } };
