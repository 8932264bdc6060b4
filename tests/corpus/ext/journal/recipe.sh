# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 1024 -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
# What a crash leaves: the new mode of a file is in the journal and not yet in its place.
cp "$OUT" changed
debugfs -w -R "set_inode_field bin/small mode 0100711" changed
python3 - "$OUT" changed > commands <<END
import sys
old, new = (open(path, "rb").read() for path in sys.argv[1:])
print("journal_open")
for at in range(4096, len(old), 1024):
    if old[at:at + 1024] != new[at:at + 1024]:
        open(f"block{at}", "wb").write(new[at:at + 1024])
        print(f"journal_write -b {at // 1024} block{at}")
print("journal_close")
END
debugfs -w -f commands "$OUT"
