# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import gzip, struct, sys
data = open(sys.argv[1], "rb").read()
stream = gzip.compress(data, mtime=0)
package = b"PLJT 2.1.1\x001\0" + struct.pack("<II", len(stream), 0) + stream
def header(total, length):
    return (b"\x00\x41\x04LMFW" + b"\x03\x41\x062.1.1\0" + b"\x07\x23" + struct.pack(">I", 1606803116)
            + b"\x04\x23" + struct.pack(">I", total) + b"\x01\x20" + bytes([length]))
length = len(header(0, 0))
open(sys.argv[2], "wb").write(header(length + len(package), length) + package)
END
