// SPDX-License-Identifier: GPL-2.0-only
/* Opening, truncating, linking, renaming, removing, receiving a descriptor. */
#include <linux/file.h>
#include <linux/slab.h>

#include "compat/cred.h"
#include "compat/inode.h"
#include "kakoi_lkm.h"

static struct kakoi_hook open_hook, receive_hook, truncate_path_hook, truncate_file_hook, link_hook,
	rename_hook, unlink_hook, rmdir_hook;

/* ---- open, receive ------------------------------------------------------------------------------------- */

static u16 access_of(const struct file *file)
{
	u16 access = 0;

	if (file->f_mode & FMODE_READ)
		access |= KK_A_READ;
	if (file->f_mode & FMODE_WRITE)
		access |= KK_A_WRITE;
	if (file->f_flags & O_TRUNC)
		access |= KK_A_TRUNCATE;
	return access;
}

/* An overlay opens what lies beneath it by mounts of its own, which have no place in anybody's tree, with the
 * credentials of whoever mounted it (fs/overlayfs/util.c, ovl_path_open()). The caller's own open was judged by its
 * path already; this one is the kernel's. */
static bool of_overlay(const struct file *file)
{
#ifdef FMODE_BACKING
	if (file->f_mode & FMODE_BACKING)
		return true;
#endif
	return file->f_flags & O_NOATIME && kakoi_lent_credentials();
}

static int judge_file(struct file *file, enum kk_op op)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, op, GFP_KERNEL);
	kakoi_object(&c, &file->f_path);
	if (c.attempt.unknown & KK_U_PATH && of_overlay(file)) {
		kakoi_end(&c);
		return 0;
	}
	c.attempt.flags = access_of(file);
	/* Made by this very open: judged as that already, and no bit of it was there before. */
	if (file->f_mode & FMODE_CREATED) {
		c.attempt.object.mode = 0;
		c.attempt.object.trust &= ~KK_T_DIGEST;
	}
	c.taint = file_inode(file);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

/* Free processes are asked only about dropped content. */
static bool of_dropped(unsigned long first)
{
	return kakoi_dropped(((struct file *)first)->f_path.dentry);
}

/* Beneath an overlay the file that is really written is opened by itself. */
static void opens(unsigned long first)
{
	const struct file *file = (const struct file *)first;

	if (file->f_mode & FMODE_WRITE || file->f_flags & O_TRUNC)
		kakoi_content_changes(file_inode(file));
}

static noinline int my_file_open(struct file *file)
{
	int answer = 0;

	/* What is opened to be run is judged as that. */
	if (!(file->f_flags & __FMODE_EXEC))
		answer = judge_file(file, KK_OP_OPEN);
	if (!answer)
		opens((unsigned long)file);
	if (!answer)
		answer = KAKOI_ORIGINAL(open_hook, my_file_open)(file);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK_CONTENT(open_hook, my_file_open, KAKOI_BIT(KK_OP_OPEN), of_dropped, opens, "security_file_open");

static noinline int my_file_receive(struct file *file)
{
	int answer = judge_file(file, KK_OP_RECEIVE);

	if (!answer)
		answer = KAKOI_ORIGINAL(receive_hook, my_file_receive)(file);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK_DROPPED(receive_hook, my_file_receive, KAKOI_BIT(KK_OP_RECEIVE), of_dropped,
			  "security_file_receive");

/* ---- truncate ---------------------------------------------------------------------------------------------- */

static int judge_truncate(const struct path *path)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, KK_OP_TRUNCATE, GFP_KERNEL);
	kakoi_object(&c, path);
	c.taint = d_backing_inode(path->dentry);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

static void truncates_path(unsigned long first)
{
	kakoi_content_changes(d_real_inode(((const struct path *)first)->dentry));
}

static noinline int my_path_truncate(const struct path *path)
{
	int answer = judge_truncate(path);

	if (!answer)
		truncates_path((unsigned long)path);
	if (!answer)
		answer = KAKOI_ORIGINAL(truncate_path_hook, my_path_truncate)(path);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK_CONTENT(truncate_path_hook, my_path_truncate, KAKOI_BIT(KK_OP_TRUNCATE), NULL, truncates_path,
			  "security_path_truncate");

static void truncates_file(unsigned long first)
{
	truncates_path((unsigned long)&((const struct file *)first)->f_path);
}

static noinline int my_file_truncate(struct file *file)
{
	int answer = judge_truncate(&file->f_path);

	if (!answer)
		truncates_file((unsigned long)file);
	if (!answer)
		answer = KAKOI_ORIGINAL(truncate_file_hook, my_file_truncate)(file);
	kakoi_leave();
	return answer;
}
static struct kakoi_hook truncate_file_hook = {
	.symbols = { "security_file_truncate" },
	.replacement = my_file_truncate,
	.ops = KAKOI_BIT(KK_OP_TRUNCATE),
	.changes = truncates_file,
	.otherwise = true,
};

bool kakoi_content_watched(void)
{
	return open_hook.armed && truncate_path_hook.armed &&
	       (truncate_file_hook.armed || !truncate_file_hook.original);
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static int judge_two(enum kk_op op, const struct path *from, const struct path *folder, struct dentry *to)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, op, GFP_KERNEL);
	kakoi_object(&c, from);
	kakoi_new_target(&c, folder, to);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

static noinline int my_path_link(struct dentry *old, const struct path *folder, struct dentry *new)
{
	/* A link stays within one mount. */
	struct path from = { .mnt = folder->mnt, .dentry = old };
	int answer = judge_two(KK_OP_LINK, &from, folder, new);

	if (!answer)
		answer = KAKOI_ORIGINAL(link_hook, my_path_link)(old, folder, new);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(link_hook, my_path_link, KAKOI_BIT(KK_OP_LINK), "security_path_link");

static noinline int my_path_rename(const struct path *old_folder, struct dentry *old,
				   const struct path *new_folder, struct dentry *new, unsigned int flags)
{
	struct path from = { .mnt = old_folder->mnt, .dentry = old };
	struct path to = { .mnt = new_folder->mnt, .dentry = new };
	int answer = judge_two(KK_OP_RENAME, &from, new_folder, new);

	if (!answer && flags & RENAME_EXCHANGE)
		answer = judge_two(KK_OP_RENAME, &to, old_folder, old);
	if (!answer)
		answer = KAKOI_ORIGINAL(rename_hook, my_path_rename)(old_folder, old, new_folder, new, flags);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(rename_hook, my_path_rename, KAKOI_BIT(KK_OP_RENAME), "security_path_rename");

static int judge_remove(const struct path *folder, struct dentry *dentry)
{
	struct path path = { .mnt = folder->mnt, .dentry = dentry };
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, KK_OP_REMOVE, GFP_KERNEL);
	kakoi_object(&c, &path);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

static noinline int my_path_unlink(const struct path *folder, struct dentry *dentry)
{
	int answer = judge_remove(folder, dentry);

	if (!answer)
		answer = KAKOI_ORIGINAL(unlink_hook, my_path_unlink)(folder, dentry);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(unlink_hook, my_path_unlink, KAKOI_BIT(KK_OP_REMOVE), "security_path_unlink");

static noinline int my_path_rmdir(const struct path *folder, struct dentry *dentry)
{
	int answer = judge_remove(folder, dentry);

	if (!answer)
		answer = KAKOI_ORIGINAL(rmdir_hook, my_path_rmdir)(folder, dentry);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(rmdir_hook, my_path_rmdir, KAKOI_BIT(KK_OP_REMOVE), "security_path_rmdir");

struct kakoi_hook *const kakoi_file_hooks[] = {
	&open_hook, &receive_hook, &truncate_path_hook, &truncate_file_hook, &link_hook, &rename_hook,
	&unlink_hook, &rmdir_hook, NULL,
};
