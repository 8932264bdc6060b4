# SPDX-License-Identifier: Apache-2.0
truncate -s 4M volume.img
echo -n passphrase | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 volume.img -
# The header is enough.
head -c 16K volume.img > "$OUT"
