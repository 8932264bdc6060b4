# SPDX-License-Identifier: Apache-2.0
name=$(printf 'directory-%.0s' 1 2 3 4 5 6 7 8 9)
mkdir -p "t/$name/$name/$name"
printf one > "t/$name/$name/$name/file"
ln "t/$name/$name/$name/file" t/second
ln -s "$name/$name/$name/file" t/third
mkfifo t/fifo
tar --format=gnu --sort=name --owner=7 --group=8 --mtime=@1000000000 -C t -cf "$OUT" .
