/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * libFuzzer: any bytes as a blob. The checksum is made right, so that the tables behind it are
 * reached. `cargo xtask fuzz` builds it with clang -fsanitize=fuzzer,address,undefined.
 */
#include <stddef.h>
#include <string.h>
#include "../kakoi_lineage.h"

static union { kk_u32 aligned; kk_u8 bytes[1 << 16]; } blob;

int LLVMFuzzerTestOneInput(const kk_u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const kk_u8 *data, size_t size)
{
	struct kk_policy policy;
	struct kk_attempt attempt;
	struct kk_subject subject = { { ~0u, ~0u }, { 1, 0 }, 0, 0, 7, 0, 0 }, next;
	struct kk_verdict verdict;
	kk_u32 crc, at;

	if (size < KK_HEADER || size > sizeof(blob.bytes))
		return 0;
	memcpy(blob.bytes, data, size);
	crc = kk_crc(blob.bytes, (kk_u32)size);
	for (at = 0; at < 4; at++)
		blob.bytes[KK_H_CRC + at] = (kk_u8)(crc >> 8 * at);
	if (kk_check(blob.bytes, (kk_u32)size, &policy) != KK_OK)
		return 0;
	memset(&attempt, 0, sizeof(attempt));
	attempt.object.class_ = kk_match_path(&policy, data, size > 64 ? 64 : (kk_u32)size);
	attempt.object.type = KK_TYPE_REGULAR;
	for (attempt.op = 0; attempt.op < KK_OPS; attempt.op++) {
		kk_decide(&policy, &subject, &attempt, &verdict);
		kk_exec(&policy, &subject, &attempt, 3, 1, &next);
	}
	return 0;
}
