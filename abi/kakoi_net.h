/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: network rules: which domains one of them allows a bind or connect in.
 */
#ifndef KAKOI_NET_H
#define KAKOI_NET_H

#include "kakoi_control.h"

/* IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4. */
KK_FN kk_u32 kk_mapped(const struct kk_attempt *attempt)
{
	kk_u32 at, zero = 0;

	for (at = 0; at < 10u; at++)
		zero |= attempt->address[at];
	return attempt->family == 10u && !zero && attempt->address[10] == 0xff &&
	       attempt->address[11] == 0xff ? 12u : 0;
}

KK_FN int kk_address_matches(const struct kk_policy *policy, kk_u32 net,
			     const struct kk_attempt *attempt, kk_u32 skip)
{
	kk_u32 prefix = kk_u8_at(policy, net + KK_N_PREFIX), at, mask, bits;

	for (at = 0; at < 16u; at++) {
		if (at * 8u >= prefix || at + skip > 15u)
			break;
		bits = prefix - at * 8u;
		mask = bits >= 8u ? 0xffu : 0xffu << (8u - bits) & 0xffu;
		if ((kk_u8_at(policy, net + KK_N_ADDRESS + at) ^
		     attempt->address[(at + skip) & 15u]) & mask)
			return 0;
	}
	return 1;
}

/* One network rule: does it allow this, for its domain? */
KK_FN void kk_find_net(struct kk_case *c, kk_u32 index)
{
	const struct kk_attempt *a = c->attempt;
	kk_u32 op = a->op == KK_OP_BIND ? 1u : 2u, skip = kk_mapped(a), domain, wanted;
	kk_u32 family = skip ? 2u : a->family, net = kk_u32_at(c->policy, KK_H_NETS) + index * KK_NET;

	wanted = kk_u8_at(c->policy, net + KK_N_FAMILY);
	if (!(kk_u8_at(c->policy, net + KK_N_OPS) & op) || (wanted && wanted != family))
		return;
	wanted = kk_u8_at(c->policy, net + KK_N_PROTOCOL);
	if ((wanted && wanted != a->protocol) ||
	    a->port < kk_u16_at(c->policy, net + KK_N_LOW) ||
	    a->port > kk_u16_at(c->policy, net + KK_N_HIGH))
		return;
	if (!kk_address_matches(c->policy, net, a, skip))
		return;
	domain = kk_u8_at(c->policy, net + KK_N_DOMAIN);
	if (domain < 32u)
		c->nets[0] |= 1u << (domain & 31u);
	else
		c->nets[1] |= 1u << (domain & 31u);
}

#endif
