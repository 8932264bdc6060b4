# SPDX-License-Identifier: Apache-2.0
# make.sh, with the STATE of the cipher: long-state or short-state.
gzip -n < "$TREE/lib/text.txt" > image.gz
python3 - image.gz "$OUT" "$STATE" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
def crypt(seed, text):
    key = bytes([seed]) + b"Buffalo"
    size = len(text) if sys.argv[3] == "long-state" else 256
    state, k = [i & 0xff for i in range(size)], 0
    for i in range(size):
        k = (k + key[i % len(key)] + state[i]) % size
        state[i], state[k] = state[k], state[i]
    i = j = 0
    out = bytearray()
    for byte in text:
        i = (i + 1) % size & 0xff
        j = (j + state[i]) % size & 0xff
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % size])
    return bytes(out)
def checksum(data):
    value = len(data)
    for byte in data:
        value ^= byte if byte < 128 else byte | 0xffffff00
        for _ in range(8):
            value = value >> 1 ^ (0xedb88320 if value & 1 else 0)
    return value
seed = 0x4f
product = crypt(seed, b"WZR-HP-G300NH\0")
version = crypt(product[0], b"1.65\0")
image = b"start\0" + bytes([seed]) + struct.pack(">I", len(product)) + product
image += struct.pack(">I", len(version)) + version + struct.pack(">I", len(data)) + crypt(version[0], data)
open(sys.argv[2], "wb").write(image + struct.pack(">I", checksum(data)))
END
