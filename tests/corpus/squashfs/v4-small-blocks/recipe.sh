# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" "$OUT" -noappend -no-progress -all-root -b 4096 -always-use-fragments
