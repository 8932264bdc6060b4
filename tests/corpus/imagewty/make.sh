# SPDX-License-Identifier: Apache-2.0
# make.sh, with the VERSION of the header.
python3 - "$TREE/lib/text.txt" "$OUT" "$VERSION" <<'END'
import struct, sys
data, version = open(sys.argv[1], "rb").read(), int(sys.argv[3])
files = [(b"boot.fex", b"BOOT", data[:2000]), (b"rootfs.fex", b"ROOTFS", data[7:3007]), (b"rootfs.fex", b"VERIFY", data[:16])]
at = 1024 * (1 + len(files))
heads = body = b""
for name, kind, content in files:
    place = at + len(body)
    head = struct.pack("<II8s16s", 256, 1024, b"RFSFAT16", kind)
    if version == 1:
        head += struct.pack("<5I256s", 0, len(content), len(content), place, 0, name)
    else:
        head += struct.pack("<I256s5I", 0, name, len(content), 0, len(content), 0, place)
    heads += head.ljust(1024, b"\0")
    body += content + bytes(-len(content) % 16)
extra = [] if version == 1 else [0]
head = struct.pack("<8s6I", b"IMAGEWTY", version << 8, 0x50, 0x04d00000, 0x100234, at + len(body), 1024)
head += struct.pack("<%dI" % (7 + len(extra)), *extra, 0x1234, 0x8743, 0x100, 0x100, 1, 1024, len(files))
open(sys.argv[2], "wb").write(head.ljust(1024, b"\0") + heads + body)
END
