# SPDX-License-Identifier: Apache-2.0
# The padding behind the file system is cut to a few bytes.
mksquashfs "$TREE" image -noappend -no-progress -all-root -nopad
{ cat image; printf '\0\0\0'; } > "$OUT"
