# SPDX-License-Identifier: Apache-2.0
mkfs.ubifs -m 2048 -e 126976 -c 100 -d "$TREE" -o root.ubifs
printf 'static payload' > static
cat > ubi.ini <<END
[rootfs]
mode=ubi
image=root.ubifs
vol_id=0
vol_size=20MiB
vol_type=dynamic
vol_name=rootfs
vol_flags=autoresize
[kernel]
mode=ubi
image=static
vol_id=3
vol_size=1MiB
vol_type=static
vol_name=kernel
END
ubinize -p 128KiB -m 2048 -s 2048 -O 2048 -Q 7 -o "$OUT" ubi.ini
cat > other.ini <<END
[data]
mode=ubi
image=static
vol_id=0
vol_type=dynamic
vol_size=1MiB
vol_name=data
END
ubinize -p 128KiB -m 2048 -s 2048 -Q 8 -o other other.ini
python3 "$CASE/make.py" "$OUT" other
