# SPDX-License-Identifier: Apache-2.0
genisoimage -quiet -R -J -joliet-long -V KAKOI -o "$OUT" "$TREE"
