// SPDX-License-Identifier: GPL-2.0-only
/* What a new program gets: its argument vector, from its own memory, where nobody can change it any more;
 * and its standard input. */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/tty.h>
#include <net/sock.h>

#include "kakoi_lkm.h"

static struct page *page_of(struct linux_binprm *bprm, unsigned long at)
{
	struct page *page = NULL;
	long got;

	mmap_read_lock(bprm->mm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	got = get_user_pages_remote(bprm->mm, at, 1, FOLL_FORCE, &page, NULL);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 9, 0)
	got = get_user_pages_remote(bprm->mm, at, 1, FOLL_FORCE, &page, NULL, NULL);
#else
	got = get_user_pages_remote(current, bprm->mm, at, 1, FOLL_FORCE, &page, NULL, NULL);
#endif
	mmap_read_unlock(bprm->mm);
	return got == 1 ? page : NULL;
}

/* Copies bytes of the new memory from `at` on. How many. */
static size_t copy(struct linux_binprm *bprm, unsigned long at, u8 *to, size_t length)
{
	size_t done = 0, part;
	struct page *page;
	char *bytes;

	while (done < length) {
		part = min_t(size_t, length - done, PAGE_SIZE - offset_in_page(at));
		page = page_of(bprm, at);
		if (!page)
			break;
		bytes = kmap(page);
		memcpy(to + done, bytes + offset_in_page(at), part);
		kunmap(page);
		put_page(page);
		done += part;
		at += part;
	}
	return done;
}

/* Cuts what was read to the strings of the vector: after them comes the environment. */
static void cut(struct kk_arguments *arguments, int count)
{
	u32 at;

	for (at = 0; at < arguments->length; at++) {
		if (arguments->bytes[at] == 0 && --count == 0) {
			arguments->length = at + 1;
			return;
		}
	}
	arguments->cut = 1;
}

bool kakoi_arguments(struct linux_binprm *bprm, u8 *room, struct kk_arguments *arguments)
{
	unsigned long left = bprm->exec > bprm->p ? bprm->exec - bprm->p : 0;
	size_t wanted = KK_ARGV_MAX;

	arguments->bytes = room;
	arguments->length = 0;
	arguments->cut = 0;
	if (bprm->argc <= 0)
		return true;
	/* The vector and the environment end where the program's name begins. */
	if (left && left < wanted)
		wanted = left;
	arguments->length = copy(bprm, bprm->p, room, wanted);
	if (!arguments->length)
		return false;
	cut(arguments, bprm->argc);
	return true;
}

static u8 kind_of(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		return KK_STDIN_FILE;
	case S_IFIFO:
		return KK_STDIN_PIPE;
	case S_IFSOCK:
		return KK_STDIN_SOCKET;
	case S_IFCHR:
		/* Terminals: console and serial lines, pty slaves. */
		if (imajor(inode) == 4 || imajor(inode) == 5 || (imajor(inode) >= 136 && imajor(inode) <= 143) ||
		    imajor(inode) == 204)
			return KK_STDIN_TTY;
		return KK_STDIN_OTHER;
	default:
		return KK_STDIN_OTHER;
	}
}

u8 kakoi_standard_input(bool *known)
{
	struct file *file = fget(0);
	u8 kind;

	*known = true;
	if (!file)
		return KK_STDIN_OTHER;
	kind = kind_of(file);
	fput(file);
	return kind;
}
