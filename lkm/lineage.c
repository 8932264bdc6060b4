// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lineage: recorded when a process is made, when it runs a program, and when it ends, by the scheduler's
 * tracepoints. Nobody walks parents afterwards, but for what ran before there was a policy.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>

#include "kakoi_lkm.h"

static struct tracepoint *forked, *executed, *ended;
static struct file *(*exe_file)(struct task_struct *task);

/* ---- tracepoints ------------------------------------------------------------------------------------ */

static void on_fork(void *unused, struct task_struct *parent, struct task_struct *child)
{
	struct kk_subject mine, its;

	if (child->signal == parent->signal || !kakoi_subject_of(parent, &mine))
		return;
	kk_fork(&mine, &its, kakoi_serial());
	if (kakoi_mark_set(child, &its, GFP_ATOMIC)) {
		/* It has not run yet, and will not: a mark that could not be made opens nothing. */
		pr_warn_ratelimited("no memory for the mark of %d: it is ended\n", child->pid);
		send_sig(SIGKILL, child, 1);
	}
	kakoi_mark_inherit(parent, child);
}

static void on_exec(void *unused, struct task_struct *task, pid_t old, struct linux_binprm *bprm)
{
	kakoi_mark_commit(task, bprm);
}

static void on_exit(void *unused, struct task_struct *task)
{
	/* The last thread of its process. */
	if (atomic_read(&task->signal->live) == 0)
		kakoi_mark_remove(task);
}

static void pick(struct tracepoint *point, void *unused)
{
	if (!strcmp(point->name, "sched_process_fork"))
		forked = point;
	else if (!strcmp(point->name, "sched_process_exec"))
		executed = point;
	else if (!strcmp(point->name, "sched_process_exit"))
		ended = point;
}

int kakoi_lineage_begin(void)
{
	int error;

	exe_file = kakoi_symbol("get_task_exe_file");
	for_each_kernel_tracepoint(pick, NULL);
	if (!forked || !executed || !ended) {
		pr_err("this kernel has no tracepoints of processes\n");
		return -ENOENT;
	}
	error = tracepoint_probe_register(ended, on_exit, NULL);
	if (error)
		return error;
	error = tracepoint_probe_register(executed, on_exec, NULL);
	if (error)
		goto no_exec;
	error = tracepoint_probe_register(forked, on_fork, NULL);
	if (!error)
		return 0;
	tracepoint_probe_unregister(executed, on_exec, NULL);
no_exec:
	tracepoint_probe_unregister(ended, on_exit, NULL);
	return error;
}

void kakoi_lineage_end(void)
{
	tracepoint_probe_unregister(forked, on_fork, NULL);
	tracepoint_probe_unregister(executed, on_exec, NULL);
	tracepoint_probe_unregister(ended, on_exit, NULL);
	tracepoint_synchronize_unregister();
}

/* ---- what runs already -------------------------------------------------------------------------------- */

struct file *kakoi_exe_file(struct task_struct *task)
{
	return exe_file ? exe_file(task) : NULL;
}

/* The mark that the program would have got, had it been run under this policy. Its argument vector may
 * have been changed by itself since; daemons of old do not do that to hide. */
static void seed_one(struct task_struct *task, char *room)
{
	struct kk_subject none, next;
	struct kk_attempt attempt;
	struct kk_arguments arguments = { 0, 0, 0 };
	const struct kakoi_policy *policy;
	struct file *file = kakoi_exe_file(task);
	u8 *words = (u8 *)room + KK_PATH_MAX + 8;
	struct mm_struct *mm;
	char *path;
	int got = 0;

	if (!file)
		return;
	memset(&attempt, 0, sizeof(attempt));
	memset(&none, 0, sizeof(none));
	path = kakoi_absolute_path(&file->f_path, room, KK_PATH_MAX + 8);
	mm = get_task_mm(task);
	if (mm) {
		got = access_process_vm(task, mm->arg_start, words,
					min_t(unsigned long, KK_ARGV_MAX, mm->arg_end - mm->arg_start), 0);
		mmput(mm);
	}
	arguments.bytes = words;
	arguments.length = got > 0 ? got : 0;
	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	if (policy && !IS_ERR(path)) {
		attempt.op = KK_OP_EXEC;
		attempt.object.class_ = kakoi_class_of(policy, path);
		kakoi_next_mark(policy, &none, &arguments, &attempt, 0, 0, &next);
		kakoi_mark_set(task, &next, GFP_ATOMIC);
	}
	rcu_read_unlock();
	fput(file);
}

/* A child of a login daemon, however deep, is a session. */
static void seed_session(struct task_struct *task)
{
	struct kk_subject mine, its;
	struct task_struct *up;
	int depth;

	rcu_read_lock();
	up = rcu_dereference(task->real_parent);
	for (depth = 0; up && up->pid > 1 && depth < 64; depth++) {
		if (kakoi_subject_of(up, &its) && its.daemon[0] | its.daemon[1]) {
			kakoi_subject_of(task, &mine);
			if (!(mine.daemon[0] | mine.daemon[1])) {
				mine.domains[0] |= its.daemon[0];
				mine.domains[1] |= its.daemon[1];
				mine.session = kakoi_serial();
				kakoi_mark_set(task, &mine, GFP_ATOMIC);
			}
			break;
		}
		up = rcu_dereference(up->real_parent);
	}
	rcu_read_unlock();
}

/* Processes that there were when this began; those made since have their mark by fork. */
static size_t snapshot(struct task_struct **tasks, size_t room)
{
	struct task_struct *task;
	size_t count = 0;

	rcu_read_lock();
	for_each_process(task) {
		if (count == room)
			break;
		if (task->flags & PF_KTHREAD || task->pid == 1)
			continue;
		get_task_struct(task);
		tasks[count++] = task;
	}
	rcu_read_unlock();
	return count;
}

void kakoi_lineage_seed(void)
{
	enum { ROOM = 1024 };
	struct task_struct **tasks = kmalloc_array(ROOM, sizeof(*tasks), GFP_KERNEL);
	char *room = kmalloc(KK_PATH_MAX + KK_ARGV_MAX + 16, GFP_KERNEL);
	struct kk_subject its;
	size_t count, at;

	if (!tasks || !room) {
		pr_warn("no memory to look at what runs already\n");
	} else {
		count = snapshot(tasks, ROOM);
		for (at = 0; at < count; at++)
			if (!kakoi_subject_of(tasks[at], &its))
				seed_one(tasks[at], room);
		for (at = 0; at < count; at++) {
			seed_session(tasks[at]);
			put_task_struct(tasks[at]);
		}
		if (count == ROOM)
			pr_warn("only the first %d processes were looked at\n", ROOM);
	}
	kfree(tasks);
	kfree(room);
}
