// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/kakoi: how the agent, or a start-up script without one, speaks with the module.
 *
 *   policy    write: a compiled policy, in force with the write that completes it
 *   status    read: what is enforced
 *   events    read: JSON lines; whoever has it open is the agent, and protected
 *   control   write: `seal`; `override SESSION SECONDS`
 *   vouch     write: `check DESCRIPTOR`, of a file whose digest the writer is about to work out; then `confirm`
 *
 * Only root of the initial namespaces, and never a process that is held.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>

#include "kakoi_lkm.h"

static struct proc_dir_entry *folder;
bool kakoi_sealed;
static const struct signal_struct *agents[4];
static DEFINE_SPINLOCK(agents_lock);

static int allowed(void)
{
	struct kk_subject subject;

	kakoi_subject_of(current, &subject);
	if (subject.domains[0] | subject.domains[1] || subject.flags & KK_SF_UNKNOWN) {
		kakoi_protected(KK_X_POLICY, "/proc/kakoi");
		return -EPERM;
	}
	if (current_user_ns() != &init_user_ns || !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/* ---- policy ------------------------------------------------------------------------------------------- */

struct upload {
	struct mutex lock;
	size_t length;
	u8 bytes[];
};

static int policy_open(struct inode *inode, struct file *file)
{
	struct upload *upload;
	int error = allowed();

	if (error)
		return error;
	if (kakoi_sealed)
		return -EPERM;
	upload = vmalloc(sizeof(*upload) + KK_BLOB_MAX);
	if (!upload)
		return -ENOMEM;
	mutex_init(&upload->lock);
	upload->length = 0;
	file->private_data = upload;
	return 0;
}

/* It comes into force by the write that completes it: how long it is stands in its header. */
static int take(struct upload *upload)
{
	struct kk_policy blob = { upload->bytes, upload->length };
	int error = 0;

	if (upload->length < KK_HEADER || upload->length < kk_u32_at(&blob, KK_H_SIZE))
		return 0;
	error = kakoi_sealed ? -EPERM : kakoi_policy_load(upload->bytes, upload->length);
	upload->length = 0;
	return error;
}

static ssize_t policy_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct upload *upload = file->private_data;
	int error = 0;

	mutex_lock(&upload->lock);
	if (size > KK_BLOB_MAX - upload->length)
		error = -EFBIG;
	else if (copy_from_user(upload->bytes + upload->length, from, size))
		error = -EFAULT;
	if (!error) {
		upload->length += size;
		error = take(upload);
	}
	mutex_unlock(&upload->lock);
	return error ? error : size;
}

static int policy_release(struct inode *inode, struct file *file)
{
	struct upload *upload = file->private_data;

	if (upload->length)
		pr_err("policy refused: %zu bytes are not all of it\n", upload->length);
	vfree(file->private_data);
	return 0;
}

/* ---- events --------------------------------------------------------------------------------------------- */

bool kakoi_is_agent(const struct signal_struct *process)
{
	size_t at;

	for (at = 0; at < ARRAY_SIZE(agents); at++)
		if (READ_ONCE(agents[at]) == process)
			return true;
	return false;
}

static bool change_agent(const struct signal_struct *from, const struct signal_struct *to)
{
	bool found = false;
	size_t at;

	spin_lock(&agents_lock);
	for (at = 0; at < ARRAY_SIZE(agents) && !found; at++) {
		if (agents[at] == from) {
			WRITE_ONCE(agents[at], to);
			found = true;
		}
	}
	spin_unlock(&agents_lock);
	return found;
}

static int events_open(struct inode *inode, struct file *file)
{
	int error = allowed();

	if (error)
		return error;
	if (!change_agent(NULL, current->signal))
		return -EBUSY;
	file->private_data = current->signal;
	return 0;
}

static ssize_t events_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	return kakoi_events_read(to, size, !(file->f_flags & O_NONBLOCK));
}

static int events_release(struct inode *inode, struct file *file)
{
	change_agent(file->private_data, NULL);
	return 0;
}

/* ---- control --------------------------------------------------------------------------------------------- */

static int seal(void)
{
	if (!kakoi_sealed) {
		if (!try_module_get(THIS_MODULE))
			return -EBUSY;
		kakoi_sealed = true;
		pr_info("sealed: policy and module stay until the device starts again\n");
	}
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return allowed();
}

static ssize_t control_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int session, seconds;
	char text[64];
	int error = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, from, size))
		return -EINVAL;
	text[size] = 0;
	if (!strncmp(text, "seal", 4))
		error = seal();
	else if (sscanf(text, "override %u %u", &session, &seconds) == 2)
		error = kakoi_grant(session, seconds);
	return error ? error : size;
}

/* ---- vouch ------------------------------------------------------------------------------------------------ */

static int vouch_open(struct inode *inode, struct file *file)
{
	int error = allowed();

	if (error)
		return error;
	/* What is trusted is part of what is sealed. */
	if (kakoi_sealed)
		return -EPERM;
	file->private_data = kzalloc(sizeof(struct kakoi_check), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int check_descriptor(unsigned int number, struct kakoi_check *check)
{
	struct file *file = fget(number);
	int error;

	if (!file)
		return -EBADF;
	error = kakoi_check_begin(file, check);
	fput(file);
	return error;
}

static ssize_t vouch_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct kakoi_check *check = file->private_data;
	unsigned int number;
	char text[32];
	int error = -EINVAL;

	if (size >= sizeof(text) || copy_from_user(text, from, size))
		return -EINVAL;
	text[size] = 0;
	if (kakoi_sealed)
		return -EPERM;
	if (sscanf(text, "check %u", &number) == 1)
		error = check_descriptor(number, check);
	else if (!strncmp(text, "confirm", 7))
		error = kakoi_check_confirm(check);
	return error ? error : size;
}

static int vouch_release(struct inode *inode, struct file *file)
{
	kakoi_check_end(file->private_data);
	kfree(file->private_data);
	return 0;
}

static int status_open(struct inode *inode, struct file *file)
{
	int error = allowed();

	return error ? error : single_open(file, kakoi_status_show, NULL);
}

/* ---- the folder ------------------------------------------------------------------------------------------- */

static const struct proc_ops policy_ops = {
	.proc_open = policy_open,
	.proc_write = policy_write,
	.proc_release = policy_release,
	.proc_lseek = noop_llseek,
};
static const struct proc_ops events_ops = {
	.proc_open = events_open,
	.proc_read = events_read,
	.proc_poll = kakoi_events_poll,
	.proc_release = events_release,
	.proc_lseek = noop_llseek,
};
static const struct proc_ops control_ops = {
	.proc_open = control_open,
	.proc_write = control_write,
	.proc_lseek = noop_llseek,
};
static const struct proc_ops vouch_ops = {
	.proc_open = vouch_open,
	.proc_write = vouch_write,
	.proc_lseek = noop_llseek,
	.proc_release = vouch_release,
};
static const struct proc_ops status_ops = {
	.proc_open = status_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

int kakoi_control_begin(void)
{
	folder = proc_mkdir_mode("kakoi", 0500, NULL);
	if (!folder)
		return -ENOMEM;
	if (proc_create("policy", 0200, folder, &policy_ops) &&
	    proc_create("events", 0400, folder, &events_ops) &&
	    proc_create("control", 0200, folder, &control_ops) &&
	    proc_create("vouch", 0200, folder, &vouch_ops) &&
	    proc_create("status", 0400, folder, &status_ops))
		return 0;
	proc_remove(folder);
	return -ENOMEM;
}

void kakoi_control_end(void)
{
	proc_remove(folder);
}
