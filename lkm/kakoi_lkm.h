/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kakoi: the guard as a kernel module. What its parts share.
 *
 * The decision is abi/, the same as in BPF and on the host. Here are only the facts it
 * asks for, and the places where its verdict takes effect.
 */
#ifndef KAKOI_LKM_H
#define KAKOI_LKM_H

#include <linux/atomic.h>
#include <linux/binfmts.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/path.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/version.h>

#include "compat/trace.h"
#include "kakoi_lineage.h"

#define KAKOI_BIT(op) (1u << (op))
/* Beside the operations: taking a connection, of a login daemon. */
#define KAKOI_ACCEPT KAKOI_BIT(31)
/* And: getting a filter of system calls, of a domain that has one. */
#define KAKOI_FILTER KAKOI_BIT(30)

#ifdef pr_fmt
#undef pr_fmt
#endif
#define pr_fmt(text) "kakoi: " text

/* ---- symbols.c: addresses of what the kernel does not export ------------------------------------ */

int kakoi_symbols_find(void);
/* The address of a symbol, or NULL. */
void *kakoi_symbol(const char *name);

/* d_absolute_path(): the path from the root of the mount namespace. */
extern char *(*kakoi_absolute_path)(const struct path *path, char *buffer, int size);

/* ---- policy.c ------------------------------------------------------------------------------------ */

struct kakoi_policy {
	struct kk_policy blob;
	struct rcu_head rcu;
	u32 domain_ops[KK_DOMAINS];	/* operations that some rule of the domain judges */
	u32 unknown_ops;		/* and for those whose mark was lost */
	u32 everyone_ops;		/* and for everybody */
	u32 ops;			/* any of them */
	bool only_dropped;		/* rules for everybody speak of dropped content only */
	bool remote;			/* some domain is entered by what a session looks like */
	u32 filtering[2];		/* domains that have a filter of system calls */
	u32 controls;			/* that some domain has a rule for */
	bool digests;			/* some rule trusts what a digest vouches for */
	u8 bytes[] __aligned(8);
};

/* Within rcu_read_lock(). */
extern struct kakoi_policy __rcu *kakoi_policy;

int kakoi_policy_load(const u8 *bytes, size_t length);
void kakoi_policy_drop(void);
/* Operations that matter for a mark. Within rcu_read_lock(). */
u32 kakoi_ops_of(const struct kakoi_policy *policy, const struct kk_subject *subject);
const char *kakoi_domain_name(const struct kakoi_policy *policy, u32 index);
const char *kakoi_control_name(u32 control);
/* Operations that a control judges, bit by enum kk_op. */
u32 kakoi_ops_of_control(u32 control);
struct sock_filter;
/* 1 and a copy of the filter of a domain for an architecture, to be freed; 0: the domain asks for none. */
int kakoi_policy_filter(u32 domain, u32 architecture, struct sock_filter **program, u32 *count);

/* ---- marks.c: the mark of a process (all its threads share it) ----------------------------------- */

/* Something that a task is in the middle of: what an inner hook must know of an outer one. */
struct kakoi_frame {
	struct list_head list;
	struct task_struct *task;
	const struct path *path;	/* of a chmod */
	umode_t asked;			/* mode as asked for, before it was rewritten; with `rewritten` */
	bool rewritten;
	struct dentry *made;		/* what is being made, and becomes dropped content when it is there */
};

struct kakoi_mark {
	struct hlist_node node;
	struct rcu_head rcu;
	struct signal_struct *process;
	spinlock_t lock;
	struct kk_subject subject;
	struct kk_subject next;		/* after the exec that is under way */
	const struct linux_binprm *exec;
	u32 ops;			/* operations that matter for it */
	u32 filtered[2];		/* domains whose filter it has already; kept by the kernel over fork and exec */
	struct list_head frames;
};

int kakoi_marks_begin(void);
void kakoi_marks_end(void);
/* The mark of a process, all zero if it has none. True if it has one. */
bool kakoi_subject_of(struct task_struct *task, struct kk_subject *subject);
/* What these operations by the current process are to the policy. */
enum kakoi_concern {
	KAKOI_FREE,
	KAKOI_IF_DROPPED,	/* judged if dropped content has to do with it */
	KAKOI_JUDGED,
};
enum kakoi_concern kakoi_concern(u32 ops);
int kakoi_mark_set(struct task_struct *task, const struct kk_subject *subject, gfp_t memory);
void kakoi_mark_remove(struct task_struct *task);
int kakoi_mark_pend(const struct linux_binprm *bprm, const struct kk_subject *next);
void kakoi_mark_commit(struct task_struct *task, const struct linux_binprm *bprm);
void kakoi_mark_accepted(void);
/* Domains whose filter the current process is to get now; and that it has got them. */
void kakoi_mark_filters(const struct linux_binprm *bprm, u32 *domains);
void kakoi_mark_filtered(const u32 *domains);
/* A child has the filters of its parent. */
void kakoi_mark_inherit(struct task_struct *parent, struct task_struct *child);
bool kakoi_frame_push(struct kakoi_frame *frame);
void kakoi_frame_pop(struct kakoi_frame *frame);
/* The innermost frame of the current task, or NULL. Nobody else touches it. */
struct kakoi_frame *kakoi_frame_top(void);
void kakoi_marks_renumber(const struct kakoi_policy *old, const struct kakoi_policy *new);
u32 kakoi_serial(void);
/* How many processes are in a domain. */
extern atomic_t kakoi_held;
extern atomic_t kakoi_marks;

/* ---- lineage.c: fork, exec, exit; and what ran before the policy came ---------------------------- */

int kakoi_lineage_begin(void);
void kakoi_lineage_end(void);
void kakoi_lineage_seed(void);
/* The program that a process runs, or NULL; to be put. */
struct file *kakoi_exe_file(struct task_struct *task);

/* ---- dropped.c: what members of tainting domains wrote -------------------------------------------- */

extern atomic_t kakoi_dropped_count;
void kakoi_drop(const struct inode *inode);
bool kakoi_dropped(const struct dentry *dentry);
int kakoi_dropped_begin(void);
void kakoi_dropped_end(void);
bool kakoi_dropped_overflow(void);

/* ---- vouched.c: files whose digest the agent has confirmed ---------------------------------------- */

/* Files that are vouched for, or being checked; and those whose content was changed since. */
extern atomic_t kakoi_vouched_count, kakoi_vouched_changed;

/* A check that is under way. */
struct kakoi_check {
	const struct super_block *system;
	unsigned long inode;
	u32 generation;
	u32 serial;			/* 0: none */
};

/* Enters the file as being checked. 0, or why not: -ETXTBSY: it is open for writing; -EOPNOTSUPP: its file system shows
 * content under numbers that do not keep it; -EINVAL: no regular file; -ENOSPC; -ENODATA: the policy asks for no digests;
 * -ENOSYS: changes cannot be seen on this kernel. */
int kakoi_check_begin(struct file *file, struct kakoi_check *check);
/* Its digest is right: vouched for, unless it was changed meanwhile (-ESTALE). */
int kakoi_check_confirm(struct kakoi_check *check);
void kakoi_check_end(struct kakoi_check *check);
bool kakoi_vouched(const struct inode *inode);
/* Somebody is about to change it. May be called in atomic context. */
void kakoi_content_changes(const struct inode *inode);
void kakoi_vouched_forget(void);
void kakoi_vouched_end(void);
/* files.c: is every change of content seen? */
bool kakoi_content_watched(void);

/* ---- objects.c and judge.c: one attempt ---------------------------------------------------------- */

struct kakoi_case {
	struct kk_subject subject;
	struct kk_attempt attempt;
	struct kk_verdict verdict;
	char *room[2];			/* for the paths; may be NULL, then they are unknown */
	const char *path, *target;	/* in `room`; NULL where there is none */
	const char *word;		/* for the event: what else was tried */
	const struct inode *taint;	/* becomes dropped content if the verdict says so */
	gfp_t memory;
	bool quiet;			/* no event */
};

int kakoi_objects_begin(void);
void kakoi_objects_end(void);
void kakoi_begin(struct kakoi_case *c, enum kk_op op, gfp_t memory);
void kakoi_end(struct kakoi_case *c);
/* Fills in the object, or the target, of the attempt. */
void kakoi_object(struct kakoi_case *c, const struct path *path);
void kakoi_target(struct kakoi_case *c, const struct path *path);
/* What is about to be made: a name in a folder. */
void kakoi_new_object(struct kakoi_case *c, const struct path *folder, struct dentry *dentry, umode_t mode);
void kakoi_new_target(struct kakoi_case *c, const struct path *folder, struct dentry *dentry);
/* An object of which only the dentry is known. */
void kakoi_object_of_dentry(struct kakoi_case *c, struct dentry *dentry);
u8 kakoi_type(umode_t mode);
/* Decides, marks dropped content, tells. 0 or a negative errno. */
int kakoi_judge(struct kakoi_case *c);
/* The same with classes and mark given: for exec. Within rcu_read_lock(). */
int kakoi_settle(struct kakoi_case *c, const struct kakoi_policy *policy);
/* abi/, of which the module has one copy: the class of a path (may be NULL), the mark after an exec, the check. */
u16 kakoi_class_of(const struct kakoi_policy *policy, const char *path);
void kakoi_next_mark(const struct kakoi_policy *policy, const struct kk_subject *old,
		     const struct kk_arguments *arguments, struct kk_attempt *attempt, u32 remote, u32 serial,
		     struct kk_subject *next);
enum kk_fault kakoi_check(const u8 *bytes, size_t length, struct kk_policy *blob);
/* A kind of self-protection, where nothing else is to be known; may be called in atomic context. */
int kakoi_protected(enum kk_protect kind, const char *word);
int kakoi_grant(u32 session, u32 seconds);

/* ---- events.c ------------------------------------------------------------------------------------- */

int kakoi_events_begin(void);
void kakoi_events_end(void);
void kakoi_event(const struct kakoi_case *c, const struct kakoi_policy *policy);
ssize_t kakoi_events_read(char __user *to, size_t size, bool wait);
__poll_t kakoi_events_poll(struct file *file, struct poll_table_struct *table);
extern atomic_t kakoi_events_lost;

/* ---- hooks.c: a kernel function is replaced by one of ours, which calls it ------------------------- */

struct kakoi_hook {
	const char *symbols[4];		/* the first that exists is taken */
	void *replacement;
	u32 ops;			/* operations, by enum kk_op, that it serves */
	void *original;
	const char *name;		/* the one that exists */
	struct kprobe probe;
#ifdef KAKOI_TRACE
	struct ftrace_ops trace;
#endif
	/* For those who are not held: has dropped content to do with it? By its first argument; may not sleep. */
	bool (*of_dropped)(unsigned long first);
	/* For those who are not judged: does it change content that is vouched for? Likewise. */
	void (*changes)(unsigned long first);
	bool armed;
	bool traced;			/* by the function tracer, not by a probe */
	bool otherwise;			/* where it is missing, another one sees the same */
	const char *why;		/* if not armed */
};

/* One that free processes meet only with dropped content. */
#define KAKOI_HOOK_DROPPED(hook, function, operations, test, ...)					\
	struct kakoi_hook hook = { .symbols = { __VA_ARGS__ }, .replacement = (function),	\
				   .ops = (operations), .of_dropped = (test) }

/* One by which content is changed, by whomever. */
#define KAKOI_HOOK_CONTENT(hook, function, operations, test, change, ...)				\
	struct kakoi_hook hook = { .symbols = { __VA_ARGS__ }, .replacement = (function),	\
				   .ops = (operations), .of_dropped = (test), .changes = (change) }

/* One that sees what another sees too, on kernels that have it. */
#define KAKOI_HOOK_OR(hook, function, operations, ...)							\
	struct kakoi_hook hook = { .symbols = { __VA_ARGS__ }, .replacement = (function),	\
				   .ops = (operations), .otherwise = true }

/* The original of a hook, with the type of its replacement. */
#define KAKOI_ORIGINAL(hook, replacement) ((typeof(&(replacement)))(hook).original)

#define KAKOI_HOOK(hook, function, operations, ...)						\
	struct kakoi_hook hook = { .symbols = { __VA_ARGS__ }, .replacement = (function),	\
				   .ops = (operations) }

/* Where the text of this module lies: calls from there are our own. */
extern unsigned long kakoi_text, kakoi_text_size;

int kakoi_hooks_find(void);
/*
 * Tries what a policy needs. What can be put in place stays there only if somebody is held already: until
 * the first session nobody else pays for hooks.
 */
void kakoi_hooks_prepare(u32 ops);
/* Somebody is about to be held: puts them in place, for good. May sleep. */
void kakoi_hooks_need(void);
bool kakoi_hooks_waiting(void);
void kakoi_hooks_disarm(void);
struct kakoi_hook *kakoi_hook_at(size_t index);
/* Every replacement ends with it. */
void kakoi_leave(void);

extern struct kakoi_hook *const kakoi_accept_hooks[], *const kakoi_file_hooks[], *const kakoi_creation_hooks[],
	*const kakoi_memory_hooks[], *const kakoi_protect_hooks[], *const kakoi_network_hooks[],
	*const kakoi_filter_hooks[];

/* ---- exec.c, arguments.c, remote.c ------------------------------------------------------------------ */

int kakoi_exec_begin(void);
void kakoi_exec_end(void);
/* The argument vector of a program that is about to run, up to KK_ARGV_MAX bytes. */
bool kakoi_arguments(struct linux_binprm *bprm, u8 *room, struct kk_arguments *arguments);
u8 kakoi_standard_input(bool *known);
/* KK_REMOTE_*: what the session of the current process looks like. */
u32 kakoi_remote(void);

/* ---- filter.c: filters of system calls ---------------------------------------------------------------- */

int kakoi_filters_begin(void);
/* NULL, or why this kernel cannot. */
const char *kakoi_filters_missing(void);
extern atomic_t kakoi_filters_attached;

/* ---- control.c, status.c, selftest.c, escape.c ---------------------------------------------------------------- */

int kakoi_control_begin(void);
void kakoi_control_end(void);
bool kakoi_is_agent(const struct signal_struct *process);
extern bool kakoi_sealed;
int kakoi_status_show(struct seq_file *out, void *unused);
/* 0, or why the module must not be used here. */
int kakoi_selftest_before(void);
/* Was the module told at boot to stay away? */
int kakoi_escape(void);


#endif
