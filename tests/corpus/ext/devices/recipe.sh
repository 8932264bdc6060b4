# SPDX-License-Identifier: Apache-2.0
mkdir -p root/dev
echo content > root/file
mke2fs -q -F -t ext2 -b 1024 -E root_owner=0:0 -d root "$OUT" 1M
debugfs -w -f - "$OUT" <<END
rmdir lost+found
cd dev
mknod console c 5 1
mknod mtdblock300 b 31 300
mknod pipe p
set_inode_field console mode 020600
set_inode_field mtdblock300 mode 060640
set_inode_field pipe mode 010622
cd ..
ln file second-name
set_inode_field file links_count 2
ea_set file user.origin factory
END
