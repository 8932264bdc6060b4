# SPDX-License-Identifier: Apache-2.0
printf '#\n# Linux/mips 3.10.14 Kernel Configuration\n#\nCONFIG_MIPS=y\n' > config
(printf '\1\2\3\0Linux version 3.10.14 (build@host)\n\0'; printf IKCFG_ST; gzip -9nc < config; printf IKCFG_ED; head -c 100 /dev/zero) > "$OUT"
