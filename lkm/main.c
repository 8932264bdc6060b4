// SPDX-License-Identifier: GPL-2.0-only
/* What comes first and what comes last. Whatever fails takes back all that came before it. */
#include <linux/init.h>
#include <linux/module.h>

#include "kakoi_lkm.h"

static const struct {
	const char *name;
	int (*begin)(void);
	void (*end)(void);
} parts[] = {
	{ "boot parameter", kakoi_escape, NULL },
	{ "symbols", kakoi_symbols_find, NULL },
	{ "self-test", kakoi_selftest_before, NULL },
	{ "dropped content", kakoi_dropped_begin, kakoi_dropped_end },
	{ "vouched content", NULL, kakoi_vouched_end },
	{ "events", kakoi_events_begin, kakoi_events_end },
	{ "paths", kakoi_objects_begin, kakoi_objects_end },
	{ "filters", kakoi_filters_begin, NULL },
	{ "marks", kakoi_marks_begin, kakoi_marks_end },
	{ "lineage", kakoi_lineage_begin, kakoi_lineage_end },
	{ "hooks", kakoi_hooks_find, kakoi_hooks_disarm },
	{ "programs", kakoi_exec_begin, kakoi_exec_end },
	{ "control", kakoi_control_begin, kakoi_control_end },
};

static void take_back(size_t count)
{
	while (count--)
		if (parts[count].end)
			parts[count].end();
}

static int __init kakoi_init(void)
{
	size_t at;
	int error;

	for (at = 0; at < ARRAY_SIZE(parts); at++) {
		error = parts[at].begin ? parts[at].begin() : 0;
		if (error) {
			pr_err("not loaded: %s: %d\n", parts[at].name, error);
			take_back(at);
			return error;
		}
	}
	pr_info("loaded; no policy yet\n");
	return 0;
}

static void __exit kakoi_exit(void)
{
	kakoi_policy_drop();
	take_back(ARRAY_SIZE(parts));
	pr_info("gone\n");
}

module_init(kakoi_init);
module_exit(kakoi_exit);
MODULE_LICENSE("GPL v2");
MODULE_DESCRIPTION("Holds what descends from a remote login");
