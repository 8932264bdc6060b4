# SPDX-License-Identifier: Apache-2.0
tar --format=gnu --sort=name --owner=0 --group=0 --mtime=@1000000000 -C "$TREE" -cf all.tar bin etc; head -c 72000 all.tar > "$OUT"
