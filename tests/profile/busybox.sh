#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Applets of a static busybox.
cd "$WORK" || exit 1
cp "$(command -v busybox)" ./busybox; bb=./busybox
run() { $TRACE timeout 20 $bb "$@"; }
run ls -la /; run cat /etc/passwd; run cp -a /etc/passwd p; run mv p q; run ln -s q l; run ln q h; run rm l; run mkdir -p a/b/c
run rmdir a/b/c; run touch -d 2020-01-01 t; run chmod 600 t; run chown 0:0 t; run chgrp 0 t; run stat t; run stat -f /; run df; run du /etc
run find /etc -name passwd -exec echo {} \;; run grep -r root /etc/passwd; run sed -i s/root/toor/ q; run awk '{print $1}' q; run sort -o s q
run uniq q; run wc q; run head -n 1 q; run tail -n 1 q; run cut -d: -f1 q; run tr a-z A-Z < q; run tee z < q; run dd if=/dev/zero of=zz bs=1k count=4 conv=fsync
run sync; run truncate -s 10 zz; run fallocate -l 100 fa; run split -b 1 zz; run md5sum q; run sha256sum q; run gzip -k q; run gunzip -c q.gz; run tar cf t.tar q h; run tar xf t.tar; run tar czf t.tgz q
run ps; run top -b -n 1; run free; run uptime; run uname -a; run hostname; run id; run whoami; run who; run date; run date -s 2020; run sleep 0.1; run usleep 10; run kill -l; run pidof sh; run pgrep sh; run killall nothing
run sh -c 'echo a | cat; for i in 1 2; do sleep 0.01 & done; wait; trap "echo x" USR1; kill -USR1 $$; cd /; read x < /etc/passwd; ulimit -a; umask 022; time true; exec true'
run nice -n 5 true; run renice 5 -p $$; run nohup true; run setsid true; run timeout 1 true; run env; run printenv; run test -f q; run expr 1 + 1; run seq 3; run yes | head -1; run mktemp; run readlink -f q; run realpath q; run which ls
run mount; run umount /nonexistent; run ifconfig -a; run ip addr; run ip route; run route -n; run netstat -an; run arp -an; run ping -c 1 127.0.0.1; run nslookup localhost 127.0.0.1
run traceroute -m 1 127.0.0.1; run hexdump -C q; run od q; run strings $bb | head -1; run diff q h; run patch < /dev/null; run cmp q h; run comm q h; run bc < /dev/null; run vi -c q q < /dev/null
run mkfifo ff; run mknod nn p; run losetup -a; run dmesg; run logger hello; run lsof; run fuser q; run blkid; run fdisk -l; run mkswap zz; run swapon zz; run swapoff zz; run insmod /nonexistent; run lsmod; run rmmod x; run modprobe x
run chroot / /bin/true; run chroot /nonexistent true; run su -c true; run login -f root < /dev/null; run passwd -l nobody; run adduser -D u$$; run crontab -l; run stty -a < /dev/null; run tty; run reset; run clear; run watch -n 1 -t true &
sleep 2; kill $! 2> /dev/null
(run httpd -f -p 18080 -h "$WORK" & echo $! > pid; sleep 0.5; wget -q -O /dev/null http://127.0.0.1:18080/q; wget -q -O /dev/null http://127.0.0.1:18080/none; run wget -q -O w http://127.0.0.1:18080/q; sleep 0.2; pkill -P "$(cat pid)" -f 'httpd -f')
(echo hello | run nc -l -p 18081 & sleep 0.5; echo x | run nc -w 1 127.0.0.1 18081)
(run telnetd -F -p 18082 & sleep 0.5; (sleep 0.5; echo exit) | run telnet 127.0.0.1 18082; pkill -f 'telnetd -F')
run tftp -g -r x 127.0.0.1 19; run ftpget 127.0.0.1 x x; run ntpd -n -q -p 127.0.0.1; run udhcpc -n -q -t 1 -T 1 -i lo; run syslogd -O log & sleep 1; pkill -f "syslogd -O"
run start-stop-daemon -S -b -x /bin/sleep -- 1; run flock q true; run ionice true; run taskset 1 true; run chrt -p $$; run hwclock -r; run adjtimex; run rdate 127.0.0.1; run getopt a -a; run xargs echo < q; run script -c true ts < /dev/null; run cpio -o < /dev/null; run unzip -l x; run dpkg -l nothing; run less q < /dev/null; run nothing; run --help; run --list
exit 0
