# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" "$OUT" -noappend -no-progress -all-root -comp gzip
