// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: one JSON object a line, in a ring that whoever reads empties. When it is full the newest are
 * lost and counted: what is refused does not depend on anybody reading.
 */
#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "kakoi_lkm.h"

#define RING (64u << 10)
#define LINE 2048u

static bool log_kernel;
module_param_named(log, log_kernel, bool, 0600);
MODULE_PARM_DESC(log, "events also go to the kernel's log");

static char *ring;
static u32 head, tail;	/* bytes ever written and read */
static DEFINE_SPINLOCK(lock);
static DECLARE_WAIT_QUEUE_HEAD(readers);
atomic_t kakoi_events_lost = ATOMIC_INIT(0);

static const char *const ops[KK_OPS] = {
	"none", "exec", "map-exec", "mem-exec", "open", "create", "chmod", "setxattr", "truncate", "link",
	"rename", "remove", "setattr", "receive", "socket", "bind", "connect", "capable", "protect",
};
static const char *const controls[KK_CONTROLS] = {
	"shell-start", "script-exec", "grant-exec", "write-exec", "exec-outside", "run-dropped",
	"interpret-dropped", "exec-memory", "self-protect", "files.read", "files.write", "files.forbid",
	"exec.allow", "exec.forbid", "network.bind", "network.connect", "network.families", "capabilities",
};
static const char *const actions[] = { "allow", "audit", "rewrite", "deny", "kill" };
static const char *const protects[KK_PROTECTS] = {
	"module", "bpf", "ptrace", "signal", "mount", "device", "helper", "kexec", "reboot", "policy", "log",
	"namespace", "memory", "start-up",
};

const char *kakoi_control_name(u32 control)
{
	return controls[control % KK_CONTROLS];
}

/* ---- one line ---------------------------------------------------------------------------------------- */

struct line {
	char *text;
	u32 length;
};

static __printf(2, 3) void put(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line->length += vscnprintf(line->text + line->length, LINE - line->length, format, arguments);
	va_end(arguments);
}

/* Bytes of others: what is no plain ASCII is escaped; bytes beyond it as U+0080 to U+00FF. */
static void put_text(struct line *line, const char *name, const char *text)
{
	put(line, ",\"%s\":\"", name);
	for (; *text && line->length < LINE - 160; text++) {
		unsigned char byte = *text;

		if (byte == '"' || byte == '\\')
			put(line, "\\%c", byte);
		else if (byte < 32 || byte > 126)
			put(line, "\\u%04x", byte);
		else
			put(line, "%c", byte);
	}
	put(line, "\"");
}

static void put_mode(struct line *line, const char *name, u16 mode)
{
	put(line, ",\"%s\":\"%04o\"", name, mode);
}

static void describe(struct line *line, const struct kakoi_case *c, const struct kakoi_policy *policy)
{
	const struct kk_attempt *a = &c->attempt;
	const struct kk_verdict *v = &c->verdict;
	u64 now = ktime_get_real_ns();
	u32 part = do_div(now, 1000000000);

	put(line, "{\"time\":%llu.%09u,\"session\":%u,\"pid\":%d,\"uid\":%u", now, part, c->subject.session,
	    task_tgid_nr(current), from_kuid(&init_user_ns, current_uid()));
	put_text(line, "comm", current->comm);
	put_text(line, "domain", kakoi_domain_name(policy, v->domain));
	put(line, ",\"op\":\"%s\",\"control\":\"%s\",\"rule\":%u,\"verdict\":\"%s\"", ops[a->op % KK_OPS],
	    controls[v->control % KK_CONTROLS], v->rule, actions[v->action % ARRAY_SIZE(actions)]);
	if (v->would != v->action)
		put(line, ",\"would\":\"%s\"", actions[v->would % ARRAY_SIZE(actions)]);
	if (a->op == KK_OP_PROTECT)
		put(line, ",\"protect\":\"%s\"", protects[a->arg % KK_PROTECTS]);
	if (a->op == KK_OP_CREATE || a->op == KK_OP_CHMOD || a->op == KK_OP_SETXATTR)
		put_mode(line, "mode", a->mode);
	if (v->action == KK_REWRITE)
		put_mode(line, "mode-used", v->mode);
	/* Reading is judged first; who learns from events wants to know that the same open would have written, too. */
	if (a->op == KK_OP_OPEN && a->flags & KK_A_WRITE)
		put(line, ",\"write\":true");
	if (a->op == KK_OP_EXEC && !a->object.trust)
		put(line, ",\"untrusted\":true");
	if (a->object.flags & KK_O_TAINTED)
		put(line, ",\"dropped\":true");
	if (v->effects & KK_E_OVERRIDDEN)
		put(line, ",\"override\":true");
	if (a->unknown)
		put(line, ",\"unknown\":%u", a->unknown);
	if (a->op == KK_OP_BIND || a->op == KK_OP_CONNECT || a->op == KK_OP_SOCKET)
		put(line, ",\"family\":%u,\"port\":%u", a->family, a->port);
	if (a->op == KK_OP_CAPABLE)
		put(line, ",\"capability\":%u", a->arg);
	if (c->path)
		put_text(line, "path", c->path);
	if (c->target)
		put_text(line, "target", c->target);
	if (c->word)
		put_text(line, "what", c->word);
	put(line, "}\n");
}

/* ---- the ring ---------------------------------------------------------------------------------------- */

static void keep(const struct line *line)
{
	unsigned long flags;
	u32 at, first;

	spin_lock_irqsave(&lock, flags);
	if (head - tail + line->length > RING) {
		atomic_inc(&kakoi_events_lost);
	} else {
		at = head % RING;
		first = min(line->length, RING - at);
		memcpy(ring + at, line->text, first);
		memcpy(ring, line->text + first, line->length - first);
		head += line->length;
	}
	spin_unlock_irqrestore(&lock, flags);
	wake_up_interruptible(&readers);
}

void kakoi_event(const struct kakoi_case *c, const struct kakoi_policy *policy)
{
	struct line line = { .text = kmalloc(LINE, GFP_ATOMIC) };

	if (!line.text) {
		atomic_inc(&kakoi_events_lost);
		return;
	}
	describe(&line, c, policy);
	keep(&line);
	if (log_kernel)
		pr_notice_ratelimited("%.*s\n", (int)line.length - 1, line.text);
	kfree(line.text);
}

/* The length of the first line, or 0. With the lock held. */
static u32 first_line(void)
{
	u32 at;

	for (at = tail; at != head; at++)
		if (ring[at % RING] == '\n')
			return at - tail + 1;
	return 0;
}

ssize_t kakoi_events_read(char __user *to, size_t size, bool wait)
{
	char *text = kmalloc(LINE, GFP_KERNEL);
	unsigned long flags;
	size_t done = 0;
	u32 length, at;

	if (!text)
		return -ENOMEM;
	if (wait && wait_event_interruptible(readers, READ_ONCE(head) != READ_ONCE(tail))) {
		kfree(text);
		return -ERESTARTSYS;
	}
	for (;;) {
		spin_lock_irqsave(&lock, flags);
		length = first_line();
		if (length > size - done)
			length = 0;
		for (at = 0; at < length; at++)
			text[at] = ring[(tail + at) % RING];
		tail += length;
		spin_unlock_irqrestore(&lock, flags);
		if (!length)
			break;
		if (copy_to_user(to + done, text, length)) {
			kfree(text);
			return -EFAULT;
		}
		done += length;
	}
	kfree(text);
	return done;
}

__poll_t kakoi_events_poll(struct file *file, struct poll_table_struct *table)
{
	poll_wait(file, &readers, table);
	return READ_ONCE(head) != READ_ONCE(tail) ? EPOLLIN | EPOLLRDNORM : 0;
}

int kakoi_events_begin(void)
{
	ring = vmalloc(RING);
	return ring ? 0 : -ENOMEM;
}

void kakoi_events_end(void)
{
	vfree(ring);
}
