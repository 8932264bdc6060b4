# SPDX-License-Identifier: Apache-2.0
(printf 'first ' | gzip -n; printf 'second\n' | gzip -n) > "$OUT"
