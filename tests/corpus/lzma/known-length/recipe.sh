# SPDX-License-Identifier: Apache-2.0
# With the length in the header, as the SDK of LZMA writes it, and rare properties (0x6d).
xz --format=lzma --lzma1=dict=8MiB,lc=1,lp=2,pb=2 -c < "$TREE/lib/text.txt" > stream
python3 - "$TREE/lib/text.txt" stream "$OUT" <<'END'
import os, struct, sys
text, stream, out = sys.argv[1:]
data = open(stream, "rb").read()
size = struct.pack("<Q", os.path.getsize(text))
open(out, "wb").write(data[:5] + size + data[13:])
END
