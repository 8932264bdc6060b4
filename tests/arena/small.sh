#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One whole, small `kakoi protect`: a router of BusyBox alone, assembled from Debian's armhf package, with httpd, crond, telnetd and
# syslogd as applets. What must hold is asked of the runs that it wrote.
# usage: small.sh KAKOI WORK-DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(realpath "$here/../..")
kakoi=$(realpath "$1") work=$(mkdir -p "$2" && realpath "$2")
root=$work/root out=$work/out
rm -rf "$root" "$out" "$work/router.bin"
"$top/demo/foreign-packages.sh" armhf "$work/apt" "$work/packages" busybox-static
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,var,root,www,etc/init.d,etc/crontabs}
cp "$work/packages/bin/busybox" "$root/bin/busybox"
for applet in sh ls cat cp mv rm ln mkdir mount umount ps kill chmod echo grep sed df sleep ping gzip date printf rmdir; do
    ln -sf busybox "$root/bin/$applet"
done
for applet in init ifconfig route syslogd; do ln -sf ../bin/busybox "$root/sbin/$applet"; done
for applet in telnetd httpd crond; do ln -sf ../../bin/busybox "$root/usr/sbin/$applet"; done
for applet in wget tftp logger free uptime head; do ln -sf ../../bin/busybox "$root/usr/bin/$applet"; done
printf '::sysinit:/etc/init.d/rcS\n::respawn:/sbin/syslogd -n\n' > "$root/etc/inittab"
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
printf '* * * * * /bin/date > /var/clock\n' > "$root/etc/crontabs/root"
printf '<html>the small router</html>\n' > "$root/www/index.html"
cat > "$root/etc/init.d/rcS" << 'END'
#!/bin/sh
mount -t proc proc /proc
ifconfig lo 127.0.0.1 up
crond -c /etc/crontabs
httpd -p 80 -h /www
telnetd -l /bin/sh -p 23
END
chmod 755 "$root/etc/init.d/rcS"
mksquashfs "$root" "$work/router.bin" -all-root -noappend -no-progress -quiet > /dev/null

"$kakoi" protect "$work/router.bin" -o "$out" --boot 30 --sources "$top" --quiet > "$out.txt" 2> "$out.log" || {
    tail -n 30 "$out.txt" "$out.log" >&2
    exit 1
}
"$kakoi" policy check "$out/policy.toml" "$out/policy.static.toml"
python3 "$here/small.py" "$out"
