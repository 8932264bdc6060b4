#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs one root file system in the container and file-system forms that devices ship, each made by
# the form's own tool. The bench and `cargo xtask corpus-check` read them.
# usage: forms.sh ROOTFS KERNEL OUTPUT-DIRECTORY
set -euo pipefail
rootfs=$(realpath "$1") kernel=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quiet() { "$@" > "$work/log" 2>&1 || { echo "forms: $* failed:" >&2; tail -n 5 "$work/log" >&2; exit 1; }; }
for compressor in gzip lzma lzo xz lz4 zstd; do
    rm -f "$out/sq4_$compressor.bin"
    quiet mksquashfs "$rootfs" "$out/sq4_$compressor.bin" -comp "$compressor" -noappend -all-root -no-progress -mkfs-time 1 -all-time 1
done
quiet mkfs.jffs2 -r "$rootfs" -o "$out/jffs2_le.bin" -e 131072 -l -n -p
quiet mkfs.jffs2 -r "$rootfs" -o "$out/jffs2_be.bin" -e 131072 -b -n -p
quiet mkfs.jffs2 -r "$rootfs" -o "$out/jffs2_le_lzo.bin" -e 131072 -l -n -p -X lzo
for compressor in lzo zlib zstd; do
    quiet mkfs.ubifs -r "$rootfs" -m 2048 -e 126976 -c 2000 -x "$compressor" -o "$out/ubifs_$compressor.bin"
    printf '[rootfs]\nmode=ubi\nimage=%s\nvol_id=0\nvol_type=dynamic\nvol_name=rootfs\nvol_flags=autoresize\n' \
        "$out/ubifs_$compressor.bin" > "$work/ubi.ini"
    quiet ubinize -o "$out/ubi_$compressor.bin" -m 2048 -p 131072 "$work/ubi.ini"
done
quiet mkfs.cramfs "$rootfs" "$out/cramfs.bin"
quiet genromfs -d "$rootfs" -f "$out/romfs.bin" -V kakoi
size=$(($(du -s --apparent-size -BM "$rootfs" | cut -dM -f1) + 16))
for version in 2 4; do
    rm -f "$out/ext$version.bin"
    quiet mke2fs -q -t "ext$version" -d "$rootfs" -m 0 -L rootfs "$out/ext$version.bin" "${size}M"
done
quiet img2simg "$out/ext4.bin" "$out/android_sparse.bin"
quiet mkfs.erofs -zlz4hc "$out/erofs.bin" "$rootfs"
(cd "$rootfs" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$work/rootfs.cpio"
gzip -9 -n -c "$work/rootfs.cpio" > "$out/cpio_gz.bin"
tar -C "$rootfs" --owner=0 --group=0 --sort=name -czf "$out/tar_gz.bin" .
quiet mkimage -A arm -O linux -T ramdisk -C gzip -n rootfs -d "$out/cpio_gz.bin" "$out/uimage_ramdisk.bin"
quiet mkimage -A arm -O linux -T kernel -C none -a 0x80008000 -e 0x80008000 -n linux -d "$kernel" "$work/uImage"
{ cat "$work/uImage"; head -c $(((65536 - $(stat -c %s "$work/uImage") % 65536) % 65536)) /dev/zero; cat "$out/sq4_xz.bin"; } > "$out/router_uimage_squashfs.bin"
python3 - "$work/uImage" "$out/sq4_lzma.bin" "$out/trx_v1.bin" <<'PY'
import struct, sys, zlib
kernel, root = (open(name, "rb").read() for name in sys.argv[1:3])
kernel += bytes(-(28 + len(kernel)) % 4096)
body = struct.pack("<HHIII", 0, 1, 28, 28 + len(kernel), 0) + kernel + root
body += bytes(-(len(body) + 12) % 4096)
# TRX: magic, length, CRC-32 without final inversion over everything behind it, flags, version, offsets.
head = struct.pack("<4sII", b"HDR0", len(body) + 12, zlib.crc32(body) ^ 0xFFFFFFFF)
open(sys.argv[3], "wb").write(head + body)
PY
cp "$kernel" "$work/kernel"; cp "$out/sq4_gzip.bin" "$work/rootfs"; cp "$out/cpio_gz.bin" "$work/ramdisk"
cat > "$work/fit.its" <<'ITS'
/dts-v1/;
/ {
    description = "kakoi bench"; #address-cells = <1>;
    images {
        kernel { data = /incbin/("kernel"); type = "kernel"; arch = "arm"; os = "linux"; compression = "none"; load = <0x80008000>; entry = <0x80008000>; hash { algo = "sha256"; }; };
        rootfs { data = /incbin/("rootfs"); type = "filesystem"; arch = "arm"; os = "linux"; compression = "none"; hash { algo = "crc32"; }; };
    };
    configurations { default = "conf"; conf { kernel = "kernel"; }; };
};
ITS
(cd "$work" && quiet mkimage -f fit.its "$out/fit.bin" && quiet mkimage -E -f fit.its "$out/fit_external.bin")
quiet mkbootimg --kernel "$kernel" --ramdisk "$out/cpio_gz.bin" --header_version 0 -o "$out/android_boot.bin"
cp "$kernel" "$out/zimage_arm.bin"
ls "$out" | wc -l
