# SPDX-License-Identifier: Apache-2.0
mkdir -p p/DEBIAN p/etc
printf 'Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: sample\n' > p/DEBIAN/control
cp "$TREE/etc/passwd" p/etc/
dpkg-deb --root-owner-group -Zxz -b p package.deb > /dev/null
cp package.deb "$OUT"
