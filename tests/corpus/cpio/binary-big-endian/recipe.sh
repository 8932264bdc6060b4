# SPDX-License-Identifier: Apache-2.0
mkdir t; printf 'hello, world' > t/greeting
(cd t && printf 'greeting' | cpio --quiet -o -H bin) > little
python3 - little "$OUT" <<'END'
import sys
# Names and contents are byte strings; only the 16-bit numbers are swapped.
data, out, at = open(sys.argv[1], "rb").read(), b"", 0
while data[at:at + 2] == b"\xc7\x71":
    header = data[at:at + 26]
    words = [int.from_bytes(header[i:i + 2], "little") for i in range(0, 26, 2)]
    name, size = words[10], words[11] << 16 | words[12]
    rest = (name + 1) // 2 * 2 + (size + 1) // 2 * 2
    out += b"".join(word.to_bytes(2, "big") for word in words) + data[at + 26:at + 26 + rest]
    at += 26 + rest
open(sys.argv[2], "wb").write(out + data[at:])
END
