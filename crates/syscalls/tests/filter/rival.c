// SPDX-License-Identifier: Apache-2.0
// libseccomp's filter for the same rules. Arguments: architecture, then "names" to print its table of calls, or "list" or "tree" to
// build a filter that kills what is not allowed. Input: lines "NAME" or "NAME ARGUMENT MASK VALUE", each an allowed combination.
// Output: struct sock_filter[].
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *subject)
{
	fprintf(stderr, "rival: %s %s\n", what, subject);
	exit(2);
}

static uint32_t architecture(const char *name)
{
	uint32_t arch = seccomp_arch_resolve_name(name);

	if (!arch)
		fail("unknown architecture", name);
	return arch;
}

static int names(uint32_t arch)
{
	for (int number = 0; number < 8000; number++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, number);

		if (name)
			printf("%s %d\n", name, number);
		free(name);
	}
	return 0;
}

static scmp_filter_ctx empty(uint32_t arch, int tree)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (arch != seccomp_arch_native() && (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) || seccomp_arch_add(ctx, arch)))
		fail("cannot set", "architecture");
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
		fail("cannot set", "bad-architecture action");
	if (tree && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2))
		fail("cannot set", "optimisation");
	return ctx;
}

static void allow(scmp_filter_ctx ctx, const char *line)
{
	char name[64];
	unsigned argument;
	uint64_t mask, value;
	int fields = sscanf(line, "%63s %u %" SCNu64 " %" SCNu64, name, &argument, &mask, &value);
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		fail("unknown call", name);
	if (fields == 4 && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 1, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value)))
		fail("cannot add", name);
	if (fields == 1 && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0))
		fail("cannot add", name);
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc != 3)
		fail("usage:", "rival ARCHITECTURE names|list|tree");
	uint32_t arch = architecture(argv[1]);

	if (!strcmp(argv[2], "names"))
		return names(arch);
	scmp_filter_ctx ctx = empty(arch, !strcmp(argv[2], "tree"));

	while (fgets(line, sizeof line, stdin))
		allow(ctx, line);
	if (seccomp_export_bpf(ctx, 1))
		fail("cannot export", argv[1]);
	return 0;
}
