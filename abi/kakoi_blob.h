/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: reading the compiled policy: bounds, and the check of a whole blob. See kakoi.h for the layout.
 */
#ifndef KAKOI_BLOB_H
#define KAKOI_BLOB_H

#include "kakoi.h"

/* A loaded policy. `bytes` is aligned to four; kk_check() refuses it otherwise. In BPF it is the value of an array map of
 * KK_BLOB_MAX + KK_HEADER bytes, and size is not used. */
struct kk_policy {
	const kk_u8 *bytes;
	kk_u32 size;
};

/* Every read is within bounds, whatever the blob says; kk_check() makes sure that it is also right. */
#if defined(__bpf__)
/* The map may be smaller than KK_BLOB_MAX: its size, a power of two, less one. */
#ifndef KK_BLOB_MASK
#define KK_BLOB_MASK (KK_BLOB_MAX - 1u)
#endif
#define KK_HIDE(value) __asm__ volatile("" : "+r"(value))
KK_FN const kk_u8 *kk_bytes_at(const struct kk_policy *policy, kk_u32 offset)
{
	kk_u64 at = offset;

	KK_HIDE(at);
	return policy->bytes + (at & KK_BLOB_MASK);
}

/* BPF objects are made for little-endian machines, which read what the compiler wrote as it is. */
KK_FN kk_u32 kk_u8_at(const struct kk_policy *policy, kk_u32 offset)
{
	return *kk_bytes_at(policy, offset);
}

KK_FN kk_u32 kk_u16_at(const struct kk_policy *policy, kk_u32 offset)
{
	return *(const kk_u16 *)kk_bytes_at(policy, offset);
}

KK_FN kk_u32 kk_u32_at(const struct kk_policy *policy, kk_u32 offset)
{
	return *(const kk_u32 *)kk_bytes_at(policy, offset);
}
#else
KK_FN kk_u32 kk_within(const struct kk_policy *policy, kk_u32 offset, kk_u32 length)
{
	return offset <= policy->size - length ? offset : 0;
}

KK_FN kk_u32 kk_u8_at(const struct kk_policy *policy, kk_u32 offset)
{
	return policy->bytes[kk_within(policy, offset, 1)];
}

/* Numbers lie at multiples of their size, and the blob at one of four: one load each. */
typedef kk_u16 __attribute__((may_alias)) kk_u16_alias;
typedef kk_u32 __attribute__((may_alias)) kk_u32_alias;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define KK_LE16(value) ((kk_u16)((value) >> 8 | (value) << 8))
#define KK_LE32(value) ((value) >> 24 | ((value) >> 8 & 0xff00u) | ((value) << 8 & 0xff0000u) | (value) << 24)
#else
#define KK_LE16(value) (value)
#define KK_LE32(value) (value)
#endif

KK_FN kk_u32 kk_le16(const void *at)
{
	kk_u16 value = *(const kk_u16_alias *)at;

	return KK_LE16(value);
}

KK_FN kk_u32 kk_le32(const void *at)
{
	kk_u32 value = *(const kk_u32_alias *)at;

	return KK_LE32(value);
}

KK_FN kk_u32 kk_u16_at(const struct kk_policy *policy, kk_u32 offset)
{
	return kk_le16(policy->bytes + kk_within(policy, offset & ~1u, 2));
}

KK_FN kk_u32 kk_u32_at(const struct kk_policy *policy, kk_u32 offset)
{
	return kk_le32(policy->bytes + kk_within(policy, offset & ~3u, 4));
}
#endif

/* ---- the check of a blob: once, when it is loaded ---------------------------------------------- */

enum kk_fault {
	KK_OK = 0,
	KK_SHORT = 1,		/* fewer bytes than the header or than it announces */
	KK_NOT_A_POLICY = 2,	/* magic */
	KK_OTHER_VERSION = 3,	/* made by another version of kakoi: refused, the policy in force stays */
	KK_CHECKSUM = 4,
	KK_BAD_TABLE = 5,	/* a table leaves the blob or overlaps the header, or is too large */
	KK_BAD_ENTRY = 6	/* an entry names what is not there */
};

#if !defined(__bpf__)
KK_FN kk_u32 kk_crc(const kk_u8 *bytes, kk_u32 size)
{
	kk_u32 crc = 0xffffffffu, at, bit;

	for (at = 0; at < size; at++) {
		crc ^= at >= KK_H_CRC && at < KK_H_CRC + 4u ? 0u : bytes[at];
		for (bit = 0; bit < 8u; bit++)
			crc = crc >> 1 ^ (crc & 1u ? 0xedb88320u : 0u);
	}
	return ~crc;
}

KK_FN int kk_table(const struct kk_policy *policy, kk_u32 offset, kk_u32 count, kk_u32 entry)
{
	if (offset % 4u || offset < KK_HEADER || offset > policy->size)
		return 0;
	return count <= (policy->size - offset) / entry;
}

KK_FN int kk_label_ok(kk_u32 label)
{
	return label < KK_LABELS || label == KK_NONE;
}

KK_FN int kk_rules_ok(const struct kk_policy *policy, kk_u32 domain)
{
	kk_u32 control, rule;

	for (control = 0; control < KK_CONTROLS; control++) {
		rule = domain + KK_D_RULES + control * KK_RULE;
		if (kk_u8_at(policy, rule + KK_R_ACTION) > KK_KILL)
			return 0;
		if (!kk_label_ok(kk_u16_at(policy, rule + KK_R_EXCEPT)) ||
		    !kk_label_ok(kk_u16_at(policy, rule + KK_R_ONLY)) ||
		    !kk_label_ok(kk_u16_at(policy, rule + KK_R_TRUSTED)))
			return 0;
	}
	return 1;
}

KK_FN int kk_domains_ok(const struct kk_policy *policy)
{
	kk_u32 index, domain = kk_u32_at(policy, KK_H_DOMAINS);

	for (index = 0; index < kk_u16_at(policy, KK_H_N_DOMAINS); index++, domain += KK_DOMAIN) {
		if (kk_u8_at(policy, domain + KK_D_NAME + 31u) != 0 || !kk_rules_ok(policy, domain))
			return 0;
		if (!kk_label_ok(kk_u16_at(policy, domain + KK_D_ENTER)) ||
		    !kk_label_ok(kk_u16_at(policy, domain + KK_D_DAEMONS)))
			return 0;
	}
	return 1;
}

KK_FN int kk_automaton_ok(const struct kk_policy *policy)
{
	kk_u32 states = kk_u16_at(policy, KK_H_N_STATES), edges = kk_u32_at(policy, KK_H_N_EDGES);
	kk_u32 classes = kk_u16_at(policy, KK_H_N_CLASSES);
	kk_u32 state = kk_u32_at(policy, KK_H_STATES), edge = kk_u32_at(policy, KK_H_EDGES), index;

	if (kk_u16_at(policy, KK_H_START_PATH) >= states ||
	    kk_u16_at(policy, KK_H_START_NAME) >= states || edges < 256u || classes == 0)
		return 0;
	for (index = 0; index < states; index++, state += KK_STATE)
		if (kk_u32_at(policy, state + KK_S_BASE) > edges - 256u ||
		    kk_u16_at(policy, state + KK_S_DEFAULT) >= states ||
		    kk_u16_at(policy, state + KK_S_CLASS) >= classes)
			return 0;
	for (index = 0; index < edges; index++, edge += KK_EDGE)
		if (kk_u16_at(policy, edge + 2u) >= states)
			return 0;
	return 1;
}

KK_FN int kk_lists_ok(const struct kk_policy *policy)
{
	kk_u32 domains = kk_u16_at(policy, KK_H_N_DOMAINS), index;
	kk_u32 at = kk_u32_at(policy, KK_H_NETS);

	for (index = 0; index < kk_u16_at(policy, KK_H_N_NETS); index++, at += KK_NET)
		if (kk_u8_at(policy, at + KK_N_DOMAIN) >= domains ||
		    kk_u8_at(policy, at + KK_N_PREFIX) > 128u)
			return 0;
	at = kk_u32_at(policy, KK_H_FILTERS);
	for (index = 0; index < kk_u16_at(policy, KK_H_N_FILTERS); index++, at += KK_FILTER) {
		kk_u32 count = kk_u32_at(policy, at + 12u);

		if (kk_u32_at(policy, at) >= domains || count > KK_FILTER_INSNS ||
		    !kk_table(policy, kk_u32_at(policy, at + 8u), count, 8u))
			return 0;
	}
	return 1;
}

KK_FN int kk_authority_ok(const struct kk_policy *policy)
{
	kk_u32 at = kk_u32_at(policy, KK_H_AUTHORITY), keys;

	if (!at)
		return 1;
	if (!kk_table(policy, at, 1, KK_AUTHORITY))
		return 0;
	keys = kk_u32_at(policy, at + 4u);
	return keys <= KK_KEYS && kk_table(policy, at + KK_AUTHORITY, keys, KK_KEY);
}

KK_FN int kk_tables_ok(const struct kk_policy *policy)
{
	kk_u32 domains = kk_u16_at(policy, KK_H_N_DOMAINS), nets = kk_u16_at(policy, KK_H_N_NETS);

	return domains <= KK_DOMAINS && nets <= KK_NETS && kk_authority_ok(policy) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_DOMAINS), domains, KK_DOMAIN) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_CLASSES),
			kk_u16_at(policy, KK_H_N_CLASSES), KK_CLASS) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_STATES),
			kk_u16_at(policy, KK_H_N_STATES), KK_STATE) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_EDGES),
			kk_u32_at(policy, KK_H_N_EDGES), KK_EDGE) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_NETS), nets, KK_NET) &&
	       kk_table(policy, kk_u32_at(policy, KK_H_FILTERS),
			kk_u16_at(policy, KK_H_N_FILTERS), KK_FILTER);
}

/* May these bytes be used as a policy? Total: any bytes of any length. */
KK_FN enum kk_fault kk_check(const kk_u8 *bytes, kk_u32 length, struct kk_policy *policy)
{
	policy->bytes = bytes;
	policy->size = length;
	if (length < KK_HEADER || length > KK_BLOB_MAX)
		return KK_SHORT;
	if ((unsigned long)bytes % 4u)
		return KK_BAD_TABLE;
	if (kk_u32_at(policy, KK_H_MAGIC) != KK_MAGIC)
		return KK_NOT_A_POLICY;
	if (kk_u16_at(policy, KK_H_VERSION) != KK_VERSION)
		return KK_OTHER_VERSION;
	if (kk_u32_at(policy, KK_H_SIZE) != length)
		return KK_SHORT;
	if (kk_crc(bytes, length) != kk_u32_at(policy, KK_H_CRC))
		return KK_CHECKSUM;
	if (!kk_tables_ok(policy))
		return KK_BAD_TABLE;
	if (!kk_domains_ok(policy) || !kk_automaton_ok(policy) || !kk_lists_ok(policy))
		return KK_BAD_ENTRY;
	return KK_OK;
}
#endif /* !__bpf__ */

#endif
