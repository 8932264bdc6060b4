// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a remote session looks like, without anybody having said what the login daemons are: descriptor
 * 0, 1 or 2 is a connected internet socket; or the controlling terminal is a pty whose master is held by a
 * process that also has such a socket. Looked at when a free process runs a program.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/sched/task.h>
#include <linux/tty.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "kakoi_lkm.h"

/* Descriptors of a process that are looked at. */
#define DESCRIPTORS 256

static bool connected(struct file *file)
{
	struct socket *socket;

	if (!S_ISSOCK(file_inode(file)->i_mode))
		return false;
	socket = SOCKET_I(file_inode(file));
	if (!socket || !socket->sk)
		return false;
	if (socket->sk->sk_family != AF_INET && socket->sk->sk_family != AF_INET6)
		return false;
	return socket->sk->sk_type == SOCK_STREAM ? socket->sk->sk_state != TCP_LISTEN &&
						    socket->sk->sk_state != TCP_CLOSE
						  : socket->sk->sk_state == TCP_ESTABLISHED;
}

static bool on_socket(void)
{
	struct file *file;
	bool found = false;
	int at;

	for (at = 0; at < 3 && !found; at++) {
		file = fget(at);
		if (file) {
			found = connected(file);
			fput(file);
		}
	}
	return found;
}

/* Is it the master of this terminal? A pty's master is a file of /dev/ptmx; its private data begins with
 * its terminal, whose link is the slave. */
static bool is_master(struct file *file, const struct tty_struct *slave)
{
	struct tty_struct *const *data = file->private_data;

	if (!S_ISCHR(file_inode(file)->i_mode) || imajor(file_inode(file)) != 5 ||
	    iminor(file_inode(file)) != 2 || !data || !*data)
		return false;
	return (*data)->link == slave;
}

/* Within rcu_read_lock(), with the task's lock, so that its table of files stays. */
static bool serves(struct task_struct *task, const struct tty_struct *slave)
{
	bool master = false, remote = false;
	struct fdtable *files;
	struct file *file;
	unsigned int at;

	if (!task->files)
		return false;
	files = files_fdtable(task->files);
	for (at = 0; at < min_t(unsigned int, files->max_fds, DESCRIPTORS); at++) {
		file = rcu_dereference(files->fd[at]);
		if (!file || !file->f_path.dentry)
			continue;
		master = master || is_master(file, slave);
		remote = remote || connected(file);
	}
	return master && remote;
}

static bool on_pty(void)
{
	struct tty_struct *terminal = get_current_tty();
	struct task_struct *task;
	bool found = false;

	if (!terminal)
		return false;
	if (terminal->driver && terminal->driver->subtype == PTY_TYPE_SLAVE) {
		rcu_read_lock();
		for_each_process(task) {
			if (task->flags & PF_KTHREAD || task == current)
				continue;
			task_lock(task);
			found = serves(task, terminal);
			task_unlock(task);
			if (found)
				break;
		}
		rcu_read_unlock();
	}
	tty_kref_put(terminal);
	return found;
}

u32 kakoi_remote(void)
{
	const struct kakoi_policy *policy;
	struct kk_subject subject;
	bool asked;
	u32 remote = 0;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	asked = policy && policy->remote;
	rcu_read_unlock();
	kakoi_subject_of(current, &subject);
	if (!asked || subject.domains[0] | subject.domains[1])
		return 0;
	if (on_socket())
		remote |= KK_REMOTE_SOCKET;
	if (on_pty())
		remote |= KK_REMOTE_PTY;
	return remote;
}
