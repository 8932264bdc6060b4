# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" "$OUT" -noappend -no-progress -all-root -comp xz -Xbcj x86,arm,armthumb,powerpc -Xdict-size 25%
