// SPDX-License-Identifier: GPL-2.0-only
/* Memory that becomes executable: of a file (ld.so, LD_PRELOAD, dlopen), or of none. */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/slab.h>

#include "kakoi_lkm.h"

static struct kakoi_hook mmap_hook, mprotect_hook;

/* Memory that processes share (shmget(2), MAP_SHARED | MAP_ANONYMOUS): the kernel keeps it in a file of its own, which
 * nobody can open or name; shared memory of memfd_create(2) is called `memfd:`. */
static bool is_shared_memory(const struct file *file)
{
	const struct dentry *dentry = file->f_path.dentry;
	const char *name = dentry->d_name.name;

	return dentry->d_sb->s_magic == TMPFS_MAGIC && dentry->d_sb->s_flags & SB_NOUSER &&
	       (!strncmp(name, "SYSV", 4) || !strcmp(name, "dev/zero"));
}

/* `asked`: not only because with this personality whatever can be read can be run. */
static int judge_map(struct file *file, bool asked)
{
	struct kakoi_case c;
	int answer;

	if (file && !asked && is_shared_memory(file))
		file = NULL;
	kakoi_begin(&c, file ? KK_OP_MAP_EXEC : KK_OP_MEM_EXEC, GFP_KERNEL);
	if (file)
		kakoi_object(&c, &file->f_path);
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}

/* Most maps have no file, or are not to be run: free processes are not asked about them. */
static bool of_dropped(unsigned long first)
{
	const struct file *file = (const struct file *)first;

	return file && kakoi_dropped(file->f_path.dentry);
}

static noinline int my_mmap_file(struct file *file, unsigned long prot, unsigned long flags)
{
	/* With this personality whatever can be read can be run. */
	bool executable = prot & PROT_EXEC || (prot & PROT_READ && current->personality & READ_IMPLIES_EXEC);
	int answer = executable ? judge_map(file, prot & PROT_EXEC) : 0;

	if (!answer)
		answer = KAKOI_ORIGINAL(mmap_hook, my_mmap_file)(file, prot, flags);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK_DROPPED(mmap_hook, my_mmap_file, KAKOI_BIT(KK_OP_MAP_EXEC) | KAKOI_BIT(KK_OP_MEM_EXEC),
			  of_dropped, "security_mmap_file");

static noinline int my_file_mprotect(struct vm_area_struct *area, unsigned long asked, unsigned long prot)
{
	int answer = 0;

	if (prot & PROT_EXEC && !(area->vm_flags & VM_EXEC))
		answer = judge_map(area->vm_file, asked & PROT_EXEC);
	if (!answer)
		answer = KAKOI_ORIGINAL(mprotect_hook, my_file_mprotect)(area, asked, prot);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(mprotect_hook, my_file_mprotect, KAKOI_BIT(KK_OP_MAP_EXEC) | KAKOI_BIT(KK_OP_MEM_EXEC),
		  "security_file_mprotect");

struct kakoi_hook *const kakoi_memory_hooks[] = { &mmap_hook, &mprotect_hook, NULL };
