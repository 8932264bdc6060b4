// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection is taken: the next child of a login daemon is a session. Nothing is judged. It is also the
 * last moment at which the other hooks can still be put in place before a session begins.
 */
#include "kakoi_lkm.h"

static struct kakoi_hook accept_hook;

static noinline long my_accept(unsigned long a, unsigned long b, unsigned long c, unsigned long d,
			       unsigned long e, unsigned long f)
{
	long answer;

	kakoi_mark_accepted();
	kakoi_hooks_need();
	answer = KAKOI_ORIGINAL(accept_hook, my_accept)(a, b, c, d, e, f);
	kakoi_leave();
	return answer;
}
/* The first does not wait for the connection, so that nobody sleeps in this module. */
static KAKOI_HOOK(accept_hook, my_accept, KAKOI_ACCEPT, "security_socket_accept", "inet_accept");

struct kakoi_hook *const kakoi_accept_hooks[] = { &accept_hook, NULL };
