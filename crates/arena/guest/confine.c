// SPDX-License-Identifier: Apache-2.0
/*
 * What a program can do to itself and its children without a security module that others configure: Landlock
 * (Documentation/userspace-api/landlock.rst) and system-call filters (seccomp_filter.rst).
 *
 *   landlock         nothing may be run
 *   landlock-shell   what lies in the image's directories of programs may be run
 *   seccomp          nothing may be run
 *   seccomp-shell    no execute bits are given: modes are numbers, paths are out of a filter's reach
 */
#include "arena.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static int allow_beneath(int rules, const char *folder)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_EXECUTE };
	int result;

	rule.parent_fd = open(folder, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;
	result = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return result;
}

static int landlock(int shell)
{
	static const char *const folders[] = { "/bin", "/sbin", "/lib", "/usr", "/kakoi-bin" };
	struct landlock_ruleset_attr handled = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };
	int rules = syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0), result = 0;
	size_t at;

	if (rules < 0)
		return -1;
	for (at = 0; shell && at < sizeof(folders) / sizeof(*folders); at++)
		result |= allow_beneath(rules, folders[at]);
	result |= syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
	return result;
}

#define LOW(number) (offsetof(struct seccomp_data, args[number]) + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)
/* The call with this number is refused. */
#define NEVER(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), REFUSE
/* So is this one where its argument has one of these bits; else it is allowed. */
#define NEVER_WITH(number, argument, bits)                                                          \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),                                            \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(argument)),                                      \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1), REFUSE, ANSWER(SECCOMP_RET_ALLOW)

static int filter(int shell)
{
	struct sock_filter nothing_run[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		NEVER(SYS_execve), NEVER(SYS_execveat), ANSWER(SECCOMP_RET_ALLOW),
	};
	/* An open without O_CREAT ignores its mode, and callers leave there what they like: only those that create. */
	struct sock_filter no_bits[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_chmod
		NEVER_WITH(SYS_chmod, 1, 0111),
#endif
		NEVER_WITH(SYS_fchmod, 1, 0111), NEVER_WITH(SYS_fchmodat, 2, 0111),
#ifdef SYS_creat
		NEVER_WITH(SYS_creat, 1, 0111),
#endif
#ifdef SYS_memfd_create
		NEVER(SYS_memfd_create),
#endif
		NEVER(SYS_execveat), ANSWER(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(nothing_run) / sizeof(*nothing_run), nothing_run };

	if (shell)
		program = (struct sock_fprog){ sizeof(no_bits) / sizeof(*no_bits), no_bits };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int confine_self(const char *how)
{
	int shell = strstr(how, "-shell") != NULL;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return !strncmp(how, "landlock", 8) ? landlock(shell) : filter(shell);
}
