// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modes: where a file gets its permission bits, and where they can be changed without a race. What the
 * user gave is looked at after the kernel has copied it, and under the lock of the inode where there is one.
 *
 *   chmod and its family   notify_change: the attributes that will be stored
 *   open and its family    do_filp_open: the kernel's own copy of the mode
 *   mknod                  do_mknodat: a register
 *
 * A mode that could not be changed there is refused when the name is made (security_path_mknod).
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/xattr.h>

#include "compat/cred.h"
#include "compat/inode.h"
#include "kakoi_lkm.h"

/* Since 5.15 `filename_mknodat` (later `do_mknodat`) has several callers there too. */
#if defined(CONFIG_ARM64) && LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#define KAKOI_SYS_MKNODAT
static struct kakoi_hook sys_mknodat_hook;
#endif

static struct kakoi_hook chmod_hook, change_hook, filp_open_hook, mknodat_hook, mknod_hook, mkdir_hook,
	symlink_hook, setxattr_hook, set_acl_hook;

/* ---- chmod ------------------------------------------------------------------------------------------------- */

/* Only remembers the path, which the inner function is not told. */
static noinline int my_chmod_common(const struct path *path, umode_t mode)
{
	struct kakoi_frame frame = { .path = path };
	bool pushed = kakoi_frame_push(&frame);
	int answer = KAKOI_ORIGINAL(chmod_hook, my_chmod_common)(path, mode);

	if (pushed)
		kakoi_frame_pop(&frame);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(chmod_hook, my_chmod_common, KAKOI_BIT(KK_OP_CHMOD), "chmod_common");

static void object_of_change(struct kakoi_case *c, struct dentry *dentry)
{
	struct kakoi_frame *frame = kakoi_frame_top();

	if (frame && frame->path && frame->path->dentry == dentry)
		kakoi_object(c, frame->path);
	else
		kakoi_object_of_dentry(c, dentry);
}

/* An overlay repeats what it was asked on its upper file system, where nobody has a path, with the credentials of whoever
 * mounted it; what the caller asked was judged on the overlay itself. No system call changes modes, owners or times with
 * credentials that are not the caller's. */
static bool of_overlay(const struct kakoi_case *c)
{
	return c->attempt.unknown & KK_U_PATH && kakoi_lent_credentials();
}

static int judge_change(struct dentry *dentry, struct iattr *attr)
{
	bool mode = attr->ia_valid & ATTR_MODE;
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, mode ? KK_OP_CHMOD : KK_OP_SETATTR, GFP_KERNEL);
	object_of_change(&c, dentry);
	if (of_overlay(&c)) {
		kakoi_end(&c);
		return 0;
	}
	if (mode) {
		c.attempt.mode = attr->ia_mode & 07777;
		c.attempt.flags |= KK_A_CAN_REWRITE;
	}
	answer = kakoi_judge(&c);
	if (!answer && c.verdict.action == KK_REWRITE)
		attr->ia_mode = (attr->ia_mode & ~07777) | c.verdict.mode;
	kakoi_end(&c);
	return answer;
}

/* Size is judged as truncation; what writing changes by itself, times and set-user-ID, is not judged. */
static bool concerns(const struct iattr *attr)
{
	return attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME_SET | ATTR_MTIME_SET) &&
	       !(attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID));
}

static noinline int my_notify_change(KAKOI_MAP_ARG struct dentry *dentry, struct iattr *attr,
				     struct inode **delegated)
{
	int answer = concerns(attr) ? judge_change(dentry, attr) : 0;

	if (!answer)
		answer = KAKOI_ORIGINAL(change_hook, my_notify_change)(KAKOI_MAP dentry, attr, delegated);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(change_hook, my_notify_change, KAKOI_BIT(KK_OP_CHMOD) | KAKOI_BIT(KK_OP_SETATTR),
		  "notify_change");

/* ---- open ---------------------------------------------------------------------------------------------------- */

/* fs/internal.h; the same since 3.x. */
struct open_flags {
	int open_flag;
	umode_t mode;
	int acc_mode;
	int intent;
	int lookup_flags;
};

/* Is it a rule for all paths? One that names some must wait until the path is known. */
static bool for_all_paths(const struct kk_verdict *verdict)
{
	const struct kakoi_policy *policy;
	bool all = false;
	u32 rule;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	if (policy) {
		rule = kk_u32_at(&policy->blob, KK_H_DOMAINS) + verdict->domain * KK_DOMAIN + KK_D_RULES +
		       verdict->control * KK_RULE;
		all = kk_u16_at(&policy->blob, rule + KK_R_EXCEPT) == KK_NONE &&
		      kk_u16_at(&policy->blob, rule + KK_R_ONLY) == KK_NONE;
	}
	rcu_read_unlock();
	return all;
}

/* The mode to use for a file that may be made. Without a name (O_TMPFILE) nothing else will tell of it. */
static umode_t new_mode(umode_t mode, bool quiet)
{
	struct kakoi_case c;
	umode_t used = mode;

	if (!(mode & KK_GRANT_BITS))
		return mode;
	kakoi_begin(&c, KK_OP_CREATE, GFP_KERNEL);
	c.quiet = quiet;
	c.attempt.object.type = KK_TYPE_REGULAR;
	c.attempt.mode = mode & 07777;
	c.attempt.flags = KK_A_WRITE | KK_A_CAN_REWRITE;
	if (!kakoi_judge(&c) && c.verdict.action == KK_REWRITE && c.verdict.control == KK_C_GRANT_EXEC &&
	    for_all_paths(&c.verdict))
		used = (mode & ~07777) | c.verdict.mode;
	kakoi_end(&c);
	return used;
}

/* What was made is there now: a pipe carries content as soon as it is opened at both ends. */
static void leave_frame(struct kakoi_frame *frame, bool pushed)
{
	if (pushed)
		kakoi_frame_pop(frame);
	if (frame->made) {
		if (d_is_positive(frame->made))
			kakoi_drop(d_backing_inode(frame->made));
		dput(frame->made);
	}
}

/* 7.x takes the name as a pointer too, under another name of the function. */
static noinline struct file *my_do_filp_open(int folder, void *name, const struct open_flags *op)
{
	struct open_flags changed = *op;
	struct kakoi_frame frame = { .asked = op->mode };
	struct file *answer;
	bool pushed;

	if (op->open_flag & (O_CREAT | __O_TMPFILE))
		changed.mode = new_mode(op->mode, (op->open_flag & __O_TMPFILE) != __O_TMPFILE);
	frame.rewritten = changed.mode != op->mode;
	pushed = kakoi_frame_push(&frame);
	answer = KAKOI_ORIGINAL(filp_open_hook, my_do_filp_open)(folder, name, &changed);
	leave_frame(&frame, pushed);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(filp_open_hook, my_do_filp_open, KAKOI_BIT(KK_OP_CREATE), "do_filp_open", "do_file_open");

/* ---- names that are made ---------------------------------------------------------------------------------------- */

static int judge_new(const struct path *folder, struct dentry *dentry, umode_t mode)
{
	struct kakoi_frame *frame = kakoi_frame_top();
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, KK_OP_CREATE, GFP_KERNEL);
	if (frame && frame->rewritten) {
		/* Judged as asked for, with what was done about it: so the event names the path. */
		c.attempt.flags |= KK_A_CAN_REWRITE;
		mode = (mode & S_IFMT) | (frame->asked & 07777);
	}
	kakoi_new_object(&c, folder, dentry, mode);
	c.attempt.flags |= KK_A_WRITE;
	answer = kakoi_judge(&c);
	if (!answer && c.verdict.effects & KK_E_TAINT && frame && !frame->made)
		frame->made = dget(dentry);
	kakoi_end(&c);
	return answer;
}

static noinline int my_path_mknod(const struct path *folder, struct dentry *dentry, umode_t mode,
				  unsigned int device)
{
	int answer = judge_new(folder, dentry, mode);

	if (!answer)
		answer = KAKOI_ORIGINAL(mknod_hook, my_path_mknod)(folder, dentry, mode, device);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(mknod_hook, my_path_mknod, KAKOI_BIT(KK_OP_CREATE), "security_path_mknod");

static noinline int my_path_mkdir(const struct path *folder, struct dentry *dentry, umode_t mode)
{
	int answer = judge_new(folder, dentry, (mode & 07777) | S_IFDIR);

	if (!answer)
		answer = KAKOI_ORIGINAL(mkdir_hook, my_path_mkdir)(folder, dentry, mode);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(mkdir_hook, my_path_mkdir, KAKOI_BIT(KK_OP_CREATE), "security_path_mkdir");

static noinline int my_path_symlink(const struct path *folder, struct dentry *dentry, const char *text)
{
	int answer = judge_new(folder, dentry, S_IFLNK | 0777);

	if (!answer)
		answer = KAKOI_ORIGINAL(symlink_hook, my_path_symlink)(folder, dentry, text);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(symlink_hook, my_path_symlink, KAKOI_BIT(KK_OP_CREATE), "security_path_symlink");

/* mknod of a regular file: the mode is a register. */
static noinline long my_do_mknodat(int folder, void *name, umode_t mode, unsigned int device)
{
	struct kakoi_frame frame = { .asked = mode };
	umode_t used = mode;
	bool pushed;
	long answer;

	if (S_ISREG(mode) || !(mode & S_IFMT))
		used = new_mode(mode, true);
	frame.rewritten = used != mode;
	pushed = kakoi_frame_push(&frame);
	answer = KAKOI_ORIGINAL(mknodat_hook, my_do_mknodat)(folder, name, used, device);
	leave_frame(&frame, pushed);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(mknodat_hook, my_do_mknodat, KAKOI_BIT(KK_OP_CREATE), "do_mknodat", "filename_mknodat");

#ifdef KAKOI_SYS_MKNODAT

/* Here the function above has one caller, and is a part of it. A mode cannot be changed then (it is refused when the name is
 * made), but what was made must be known. */
static noinline long my_sys_mknodat(const struct pt_regs *regs)
{
	struct kakoi_frame frame = { 0 };
	bool pushed = kakoi_frame_push(&frame);
	long answer = KAKOI_ORIGINAL(sys_mknodat_hook, my_sys_mknodat)(regs);

	leave_frame(&frame, pushed);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(sys_mknodat_hook, my_sys_mknodat, KAKOI_BIT(KK_OP_CREATE), "__arm64_sys_mknodat");

#endif

/* ---- access control lists, capabilities --------------------------------------------------------------------------- */

/* Permission bits that an access control list gives to a file: its entry for the group is the mask, if
 * there is one. */
static u16 mode_of_acl(const struct posix_acl *acl)
{
	const struct posix_acl_entry *entry, *end;
	u16 mode = 0;

	if (!acl)
		return 0;
	FOREACH_ACL_ENTRY(entry, acl, end)
		mode |= entry->e_perm & 1 ? 0111 : 0;
	return mode;
}

/* The same from the attribute's bytes: version, then entries of tag, permissions, id; little-endian. */
static u16 mode_of_bytes(const void *value, size_t size)
{
	const u8 *entry = value;
	size_t at;
	u16 mode = 0;

	for (at = 4; at + 8 <= size; at += 8)
		mode |= entry[at + 2] & 1 ? 0111 : 0;
	return mode;
}

/* Whiteouts and the like (fs/overlayfs/overlayfs.h); a caller's own are judged. */
static bool is_of_overlay(const char *name)
{
	return kakoi_lent_credentials() &&
	       (!strncmp(name, "trusted.overlay.", 16) || !strncmp(name, "user.overlay.", 13));
}

static int judge_attribute(struct dentry *dentry, enum kk_xattr kind, u16 mode)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, KK_OP_SETXATTR, GFP_KERNEL);
	c.attempt.arg = kind;
	c.attempt.mode = mode;
	kakoi_object_of_dentry(&c, dentry);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

static noinline int my_setxattr(KAKOI_MAP_ARG struct dentry *dentry, const char *name, const void *value,
				size_t size, int flags)
{
	int answer = 0;

	if (!strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS))
		answer = judge_attribute(dentry, KK_XATTR_ACL, value ? mode_of_bytes(value, size) : 0);
	else if (!strcmp(name, XATTR_NAME_CAPS))
		answer = judge_attribute(dentry, KK_XATTR_CAPABILITY, 0);
	else if (!is_of_overlay(name))
		answer = judge_attribute(dentry, KK_XATTR_OTHER, 0);
	if (!answer)
		answer = KAKOI_ORIGINAL(setxattr_hook, my_setxattr)(KAKOI_MAP dentry, name, value, size, flags);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(setxattr_hook, my_setxattr, KAKOI_BIT(KK_OP_SETXATTR), "security_inode_setxattr");

static noinline int my_set_acl(KAKOI_MAP_ARG struct dentry *dentry, const char *name, struct posix_acl *acl)
{
	bool access = !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS);
	int answer = judge_attribute(dentry, access ? KK_XATTR_ACL : KK_XATTR_OTHER,
				     access ? mode_of_acl(acl) : 0);

	if (!answer)
		answer = KAKOI_ORIGINAL(set_acl_hook, my_set_acl)(KAKOI_MAP dentry, name, acl);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK_OR(set_acl_hook, my_set_acl, KAKOI_BIT(KK_OP_SETXATTR), "security_inode_set_acl");

struct kakoi_hook *const kakoi_creation_hooks[] = {
	&chmod_hook, &change_hook, &filp_open_hook, &mknodat_hook, &mknod_hook, &mkdir_hook, &symlink_hook,
	&setxattr_hook, &set_acl_hook,
#ifdef KAKOI_SYS_MKNODAT
	&sys_mknodat_hook,
#endif
	NULL,
};
