// SPDX-License-Identifier: GPL-2.0-only
/*
 * The marks of processes. One for all threads (and for io_uring's workers, which are threads too), found
 * by the signal_struct that they share. A process without an entry is free: an entry is never lost, for
 * whoever cannot be given one at fork is not let live (lineage.c).
 */
#include <linux/hash.h>
#include <linux/slab.h>

#include "kakoi_lkm.h"

#define BITS 9
static struct hlist_head table[1 << BITS];
static DEFINE_SPINLOCK(table_lock);
static struct kmem_cache *cache;
static atomic_t serial = ATOMIC_INIT(0);
atomic_t kakoi_held = ATOMIC_INIT(0);
atomic_t kakoi_marks = ATOMIC_INIT(0);

static struct hlist_head *bucket(const struct signal_struct *process)
{
	return &table[hash_ptr(process, BITS)];
}

/* Within rcu_read_lock() or with the table's lock. */
static struct kakoi_mark *find(const struct signal_struct *process)
{
	struct kakoi_mark *mark;

	hlist_for_each_entry_rcu(mark, bucket(process), node, 1)
		if (mark->process == process)
			return mark;
	return NULL;
}

static bool holds(const struct kk_subject *subject)
{
	return subject->domains[0] | subject->domains[1] || subject->flags & KK_SF_UNKNOWN;
}

/* Is there anything in it that anybody asks for? */
static bool says_something(const struct kk_subject *subject)
{
	return holds(subject) || subject->daemon[0] | subject->daemon[1] ||
	       subject->program & KK_P_READS_CODE;
}

int kakoi_marks_begin(void)
{
	cache = kmem_cache_create("kakoi_mark", sizeof(struct kakoi_mark), 0, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

static void release(struct rcu_head *head)
{
	kmem_cache_free(cache, container_of(head, struct kakoi_mark, rcu));
}

void kakoi_marks_end(void)
{
	struct kakoi_mark *mark;
	struct hlist_node *next;
	size_t at;

	rcu_barrier();
	for (at = 0; at < ARRAY_SIZE(table); at++)
		hlist_for_each_entry_safe(mark, next, &table[at], node)
			kmem_cache_free(cache, mark);
	kmem_cache_destroy(cache);
}

u32 kakoi_serial(void)
{
	return atomic_inc_return(&serial);
}

bool kakoi_subject_of(struct task_struct *task, struct kk_subject *subject)
{
	struct kakoi_mark *mark;

	memset(subject, 0, sizeof(*subject));
	rcu_read_lock();
	mark = find(task->signal);
	if (mark)
		*subject = mark->subject;
	rcu_read_unlock();
	return mark;
}

enum kakoi_concern kakoi_concern(u32 ops)
{
	enum kakoi_concern concern = KAKOI_FREE;
	const struct kakoi_policy *policy;
	const struct kakoi_mark *mark;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	mark = atomic_read(&kakoi_marks) ? find(current->signal) : NULL;
	if (!policy)
		concern = KAKOI_FREE;
	else if (mark && READ_ONCE(mark->ops) & ops)
		concern = KAKOI_JUDGED;
	else if (!(policy->everyone_ops & ops))
		concern = KAKOI_FREE;
	else if (!policy->only_dropped)
		concern = KAKOI_JUDGED;
	/* Rules for everybody that speak of dropped content only: as long as there is none, of nothing; and
	 * opening it is then what an interpreter does. */
	else if (atomic_read(&kakoi_dropped_count) &&
		 (ops != KAKOI_BIT(KK_OP_OPEN) || (mark && mark->subject.program & KK_P_READS_CODE)))
		concern = KAKOI_IF_DROPPED;
	rcu_read_unlock();
	return concern;
}

/* With the table's lock held, or for a mark that nobody sees yet. */
static void assign(struct kakoi_mark *mark, const struct kk_subject *subject)
{
	const struct kakoi_policy *policy;
	bool held = holds(&mark->subject);

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	mark->ops = policy ? kakoi_ops_of(policy, subject) : 0;
	rcu_read_unlock();
	mark->subject = *subject;
	if (holds(subject) && !held)
		atomic_inc(&kakoi_held);
	else if (!holds(subject) && held)
		atomic_dec(&kakoi_held);
}

static struct kakoi_mark *make(struct signal_struct *process, gfp_t memory)
{
	struct kakoi_mark *mark = kmem_cache_zalloc(cache, memory);

	if (!mark)
		return NULL;
	mark->process = process;
	spin_lock_init(&mark->lock);
	INIT_LIST_HEAD(&mark->frames);
	return mark;
}

/* The mark of a process, made if it has none. With the table's lock held, and then still so. */
static struct kakoi_mark *present(struct signal_struct *process, struct kakoi_mark **spare)
{
	struct kakoi_mark *mark = find(process);

	if (!mark && *spare) {
		mark = *spare;
		*spare = NULL;
		hlist_add_head_rcu(&mark->node, bucket(process));
		atomic_inc(&kakoi_marks);
	}
	return mark;
}

static bool has_mark(const struct signal_struct *process)
{
	bool found;

	rcu_read_lock();
	found = find(process);
	rcu_read_unlock();
	return found;
}

/* Will a domain that it is in after the exec under way want a filter that it has not? */
static bool asks_filter(const struct kakoi_mark *mark)
{
	const struct kakoi_policy *policy;
	u32 word, asked = 0;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	for (word = 0; policy && word < 2; word++)
		asked |= policy->filtering[word] & mark->next.domains[word] & ~mark->filtered[word];
	rcu_read_unlock();
	return asked;
}

/* Gives a process a mark: at once, or, for an exec that is under way, when that is over. */
static int give(struct signal_struct *process, const struct kk_subject *subject,
		const struct linux_binprm *exec, gfp_t memory)
{
	struct kakoi_mark *mark, *spare = NULL;
	unsigned long flags;

	if (!has_mark(process)) {
		if (!says_something(subject))
			return 0;
		spare = make(process, memory);
		if (!spare)
			return -ENOMEM;
	}
	spin_lock_irqsave(&table_lock, flags);
	mark = present(process, &spare);
	if (mark && exec) {
		mark->next = *subject;
		mark->exec = exec;
		if (asks_filter(mark))
			mark->ops |= KAKOI_FILTER;
	} else if (mark) {
		assign(mark, subject);
	}
	spin_unlock_irqrestore(&table_lock, flags);
	if (spare)
		kmem_cache_free(cache, spare);
	return mark ? 0 : -ENOMEM;
}

int kakoi_mark_set(struct task_struct *task, const struct kk_subject *subject, gfp_t memory)
{
	return give(task->signal, subject, NULL, memory);
}

int kakoi_mark_pend(const struct linux_binprm *bprm, const struct kk_subject *next)
{
	return give(current->signal, next, bprm, GFP_KERNEL);
}

void kakoi_mark_remove(struct task_struct *task)
{
	struct kakoi_mark *mark;
	unsigned long flags;

	if (!atomic_read(&kakoi_marks))
		return;
	spin_lock_irqsave(&table_lock, flags);
	mark = find(task->signal);
	if (mark) {
		if (holds(&mark->subject))
			atomic_dec(&kakoi_held);
		hlist_del_rcu(&mark->node);
		atomic_dec(&kakoi_marks);
	}
	spin_unlock_irqrestore(&table_lock, flags);
	if (mark)
		call_rcu(&mark->rcu, release);
}

void kakoi_mark_commit(struct task_struct *task, const struct linux_binprm *bprm)
{
	struct kakoi_mark *mark;
	unsigned long flags;

	if (!atomic_read(&kakoi_marks))
		return;
	spin_lock_irqsave(&table_lock, flags);
	mark = find(task->signal);
	if (mark && mark->exec == bprm) {
		assign(mark, &mark->next);
		mark->exec = NULL;
	}
	spin_unlock_irqrestore(&table_lock, flags);
}

void kakoi_mark_filters(const struct linux_binprm *bprm, u32 *domains)
{
	const struct kakoi_policy *policy;
	const struct kakoi_mark *mark;
	u32 word;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	mark = find(current->signal);
	for (word = 0; word < 2; word++)
		domains[word] = policy && mark && mark->exec == bprm ?
				policy->filtering[word] & mark->next.domains[word] & ~mark->filtered[word] : 0;
	rcu_read_unlock();
}

static void add_filtered(const struct signal_struct *process, const u32 *domains)
{
	struct kakoi_mark *mark;
	unsigned long flags;

	spin_lock_irqsave(&table_lock, flags);
	mark = find(process);
	if (mark) {
		mark->filtered[0] |= domains[0];
		mark->filtered[1] |= domains[1];
	}
	spin_unlock_irqrestore(&table_lock, flags);
}

void kakoi_mark_filtered(const u32 *domains)
{
	add_filtered(current->signal, domains);
}

void kakoi_mark_inherit(struct task_struct *parent, struct task_struct *child)
{
	const struct kakoi_mark *mark;
	u32 domains[2] = { 0, 0 };

	rcu_read_lock();
	mark = find(parent->signal);
	if (mark) {
		domains[0] = mark->filtered[0];
		domains[1] = mark->filtered[1];
	}
	rcu_read_unlock();
	if (domains[0] | domains[1])
		add_filtered(child->signal, domains);
}

void kakoi_mark_accepted(void)
{
	struct kakoi_mark *mark;
	unsigned long flags;

	spin_lock_irqsave(&table_lock, flags);
	mark = find(current->signal);
	if (mark)
		kk_accept(&mark->subject);
	spin_unlock_irqrestore(&table_lock, flags);
}

/* ---- frames --------------------------------------------------------------------------------------- */

bool kakoi_frame_push(struct kakoi_frame *frame)
{
	struct kakoi_mark *mark;

	frame->task = current;
	rcu_read_lock();
	mark = find(current->signal);
	if (mark) {
		spin_lock(&mark->lock);
		list_add(&frame->list, &mark->frames);
		spin_unlock(&mark->lock);
	}
	rcu_read_unlock();
	return mark;
}

void kakoi_frame_pop(struct kakoi_frame *frame)
{
	struct kakoi_mark *mark;

	rcu_read_lock();
	mark = find(current->signal);
	if (mark) {
		spin_lock(&mark->lock);
		list_del(&frame->list);
		spin_unlock(&mark->lock);
	}
	rcu_read_unlock();
}

struct kakoi_frame *kakoi_frame_top(void)
{
	struct kakoi_frame *frame, *found = NULL;
	struct kakoi_mark *mark;

	rcu_read_lock();
	mark = find(current->signal);
	if (mark) {
		spin_lock(&mark->lock);
		list_for_each_entry(frame, &mark->frames, list) {
			if (frame->task == current) {
				found = frame;
				break;
			}
		}
		spin_unlock(&mark->lock);
	}
	rcu_read_unlock();
	return found;
}

/* ---- another policy -------------------------------------------------------------------------------- */

/* Domains keep their names, not their numbers. */
static bool translate(const struct kakoi_policy *old, const struct kakoi_policy *new, u32 *domains)
{
	u32 from, to, next[2] = { 0, 0 };
	bool lost = false;

	for (from = 0; from < KK_DOMAINS; from++) {
		if (!kk_bit(domains[from >> 5], from))
			continue;
		for (to = 0; to < kk_u16_at(&new->blob, KK_H_N_DOMAINS); to++)
			if (!strcmp(kakoi_domain_name(old, from), kakoi_domain_name(new, to)))
				break;
		if (to < kk_u16_at(&new->blob, KK_H_N_DOMAINS))
			next[to >> 5] |= 1u << (to & 31);
		else
			lost = true;
	}
	domains[0] = next[0];
	domains[1] = next[1];
	return lost;
}

static void renumber(struct kk_subject *subject, const struct kakoi_policy *old,
		     const struct kakoi_policy *new)
{
	if (old) {
		/* Who was held by a domain that is no more is in all sessions' domains of the new one. */
		if (translate(old, new, subject->domains))
			subject->flags |= KK_SF_UNKNOWN;
		translate(old, new, subject->daemon);
	}
	subject->class_ = subject->applet = 0;
}

void kakoi_marks_renumber(const struct kakoi_policy *old, const struct kakoi_policy *new)
{
	struct kakoi_mark *mark;
	unsigned long flags;
	size_t at;

	spin_lock_irqsave(&table_lock, flags);
	for (at = 0; at < ARRAY_SIZE(table); at++)
		hlist_for_each_entry(mark, &table[at], node) {
			renumber(&mark->subject, old, new);
			renumber(&mark->next, old, new);
			if (old)
				translate(old, new, mark->filtered);
			mark->ops = kakoi_ops_of(new, &mark->subject);
		}
	spin_unlock_irqrestore(&table_lock, flags);
}
