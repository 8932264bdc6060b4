# SPDX-License-Identifier: Apache-2.0
# No tool of Debian makes volumes: a file with a name and a program, a raw file, and a volume within a
# section that is LZMA-compressed; a section of UEFI's own compression, coded as literals.
# volume.py OUT nested|flat
import lzma, struct, sys, uuid
FFS2 = uuid.UUID("8c8ce578-8a3d-4f1c-9935-896185c32dd3").bytes_le
LZMA = uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf").bytes_le
def pad(data, to, fill=b"\0"): return data + fill * (-len(data) % to)
def section(kind, body): return struct.pack("<I", 4 + len(body) | kind << 24) + body
def sections(*list_): return b"".join(pad(s, 4) for s in list_)
def file(number, kind, body):
    size = struct.pack("<I", 24 + len(body))[:3]
    return pad(uuid.UUID(int=number).bytes_le + b"\0\xaa" + bytes([kind, 0]) + size + b"\xf8" + body, 8, b"\xff")
def volume(files):
    body = pad(files, 4096, b"\xff")
    header = bytearray(bytes(16) + FFS2 + struct.pack("<Q4sIHHHBBIIII", 72 + len(body), b"_FVH", 0x4FEFF, 72, 0, 0, 0, 2, 1, 72 + len(body), 0, 0))
    struct.pack_into("<H", header, 50, -sum(struct.unpack("<36H", header)) & 0xFFFF)
    return bytes(header) + body
def compress(data):
    # One block of literals whose codes are all 8 bits long, then the end of the stream.
    bits = ""
    take = lambda value, width: format(value, "0%db" % width)
    bits += take(len(data), 16)
    bits += take(0, 5) + take(10, 5)      # lengths of codes: always 8, coded as 10
    bits += take(256, 9)                  # 256 symbols, each of that length
    bits += take(0, 4) + take(0, 4)       # no positions
    bits += "".join(take(byte, 8) for byte in data)
    bits += "0" * (-len(bits) % 8 + 32)
    stream = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return struct.pack("<II", len(stream), len(data)) + stream
def guided(guid, body): return section(2, guid + struct.pack("<HH", 24, 1) + body)
def alone(data): return lzma.compress(data, lzma.FORMAT_ALONE)
name = lambda text: section(0x15, text.encode("utf-16-le") + b"\0\0")
inner = volume(file(7, 7, sections(name("InnerDriver"), section(0x10, b"MZ inner program"))))
packed = sections(section(0x19, b"raw bytes of a section"))
outer = volume(
    file(1, 7, sections(name("Driver"), section(0x10, b"MZ program" * 20)))
    + file(2, 1, b"a raw file")
    + file(3, 0xF0, bytes(40))
    + (b"" if sys.argv[2] == "flat" else file(4, 0x0B, sections(guided(LZMA, alone(sections(section(0x19, b""), section(0x17, inner)))))))
    + file(5, 2, sections(section(1, struct.pack("<IB", len(packed), 1) + compress(packed)))))
open(sys.argv[1], "wb").write(outer)
