// SPDX-License-Identifier: GPL-2.0-only
/* `nokakoi` on the kernel's command line: the way back for a device whose policy locks its owner out. */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kakoi_lkm.h"

#define LINE 4096

static bool has_word(char *line, const char *wanted)
{
	char *word;

	while ((word = strsep(&line, " \n")))
		if (!strcmp(word, wanted))
			return true;
	return false;
}

int kakoi_escape(void)
{
	struct file *file = filp_open("/proc/cmdline", O_RDONLY, 0);
	char *line;
	loff_t at = 0;
	ssize_t length;
	bool escape;

	if (IS_ERR(file))
		return 0;
	line = kzalloc(LINE, GFP_KERNEL);
	length = line ? kernel_read(file, line, LINE - 1, &at) : 0;
	filp_close(file, NULL);
	escape = length > 0 && has_word(line, "nokakoi");
	kfree(line);
	if (escape)
		pr_warn("nokakoi was asked for at boot\n");
	return escape ? -EPERM : 0;
}
