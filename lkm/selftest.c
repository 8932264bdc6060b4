// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before the module is used, it must have shown on this kernel that it works: that the decision works,
 * that a function can be replaced and its replacement can call it, and that it is asked about programs.
 * If not, it does not load, and the device is as it was.
 */
#include "compat/arch.h"
#include "kakoi_lkm.h"

/* ---- the decision --------------------------------------------------------------------------------------------- */

static int refuses_garbage(void)
{
	static u8 zeros[KK_HEADER] __aligned(4);
	struct kk_policy blob;
	bool bad = kakoi_check(zeros, KK_HEADER, &blob) == KK_OK || kakoi_check(zeros, 3, &blob) != KK_SHORT;

	return bad ? -EINVAL : 0;
}

static int marks_fork(void)
{
	struct kk_subject daemon, session;

	memset(&daemon, 0, sizeof(daemon));
	daemon.daemon[0] = 1;
	kk_fork(&daemon, &session, 7);
	if (session.domains[0])
		return -EINVAL;
	kk_accept(&daemon);
	kk_fork(&daemon, &session, 7);
	return session.domains[0] == 1 && session.session == 7 && !session.daemon[0] ? 0 : -EINVAL;
}

/* ---- replacing a function --------------------------------------------------------------------------------------- */

#ifdef CONFIG_KPROBES

static noinline long victim(long a, long b, long c, long d, long e, long f);
static long (*volatile call)(long, long, long, long, long, long) = victim;
static int entered;

static noinline long victim(long a, long b, long c, long d, long e, long f)
{
	/* Not foldable: what is called is what is written here. */
	barrier();
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

static noinline long replacement(long a, long b, long c, long d, long e, long f)
{
	barrier();
	return 1000 + a - b;
}

static int redirect(struct kprobe *probe, struct pt_regs *regs)
{
	if (entered++)
		return kakoi_step(probe, regs);
	instruction_pointer_set(regs, (unsigned long)replacement);
	return 1;
}

static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static int replaces(void)
{
	struct kprobe probe = { .addr = (void *)victim, .pre_handler = redirect, .post_handler = after };
	long first, second;
	int error = register_kprobe(&probe);

	if (error)
		return error;
	if (!kakoi_can_step(&probe)) {
		unregister_kprobe(&probe);
		return 0;
	}
	first = call(5, 3, 1, 1, 1, 1);
	second = call(5, 3, 1, 1, 1, 1);
	unregister_kprobe(&probe);
	return first == 1002 && second == 5 + 6 + 3 + 4 + 5 + 6 ? 0 : -EINVAL;
}

#else

static int replaces(void)
{
	return 0;
}

#endif

int kakoi_selftest_before(void)
{
	static const struct {
		const char *name;
		int (*test)(void);
	} tests[] = {
		{ "a damaged policy is refused", refuses_garbage },
		{ "a session is held", marks_fork },
		{ "a function can be replaced", replaces },
	};
	size_t at;
	int error;

	for (at = 0; at < ARRAY_SIZE(tests); at++) {
		error = tests[at].test();
		if (error) {
			pr_err("self-test failed (%s): %d; not loaded\n", tests[at].name, error);
			return error;
		}
	}
	return 0;
}
