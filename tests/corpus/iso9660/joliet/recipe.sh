# SPDX-License-Identifier: Apache-2.0
genisoimage -quiet -J -joliet-long -o "$OUT" "$TREE" 2> log
