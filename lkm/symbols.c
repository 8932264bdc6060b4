// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of functions that the kernel does not export. By a probe on kallsyms_lookup_name, or, where
 * the kernel has no probes, from whoever loads the module: it reads /proc/kallsyms.
 */
#include <linux/kallsyms.h>

#include "kakoi_lkm.h"

static unsigned long lookup;
module_param(lookup, ulong, 0400);
MODULE_PARM_DESC(lookup, "address of kallsyms_lookup_name, for kernels without kprobes");

static unsigned long (*find)(const char *name);
char *(*kakoi_absolute_path)(const struct path *path, char *buffer, int size);

static unsigned long by_probe(void)
{
	unsigned long at = 0;
#ifdef CONFIG_KPROBES
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };

	if (!register_kprobe(&probe)) {
		at = (unsigned long)probe.addr;
		unregister_kprobe(&probe);
	}
#endif
	return at;
}

int kakoi_symbols_find(void)
{
	find = (void *)(lookup ? lookup : by_probe());
	if (!find) {
		pr_err("kallsyms_lookup_name cannot be found; give its address: lookup=0x…\n");
		return -ENOENT;
	}
	kakoi_absolute_path = kakoi_symbol("d_absolute_path");
	if (!kakoi_absolute_path) {
		pr_err("d_absolute_path cannot be found\n");
		return -ENOENT;
	}
	return 0;
}

void *kakoi_symbol(const char *name)
{
	return find ? (void *)find(name) : NULL;
}
