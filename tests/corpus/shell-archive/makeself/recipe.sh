# SPDX-License-Identifier: Apache-2.0
makeself --gzip --nox11 --tar-format posix "$TREE" "$OUT" "vendor update" ./bin/small > log
