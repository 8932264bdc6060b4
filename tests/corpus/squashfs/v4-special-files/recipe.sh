# SPDX-License-Identifier: Apache-2.0
mkdir t t/etc
echo one > t/etc/first
ln t/etc/first t/etc/second
mksquashfs t "$OUT" -noappend -no-progress -all-root -root-mode 755 -comp gzip \
    -p 'console c 600 0 0 5 1' -p 'wide c 660 0 0 259 70000' -p 'mtd b 640 0 0 31 7' \
    -p 'pipe i 622 0 0 f' -p 'log i 666 0 0 s' \
    -p 'etc m 755 0 0' -p 'etc/first m 4711 0 0'
