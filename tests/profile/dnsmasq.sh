#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A name server with DHCP and TFTP: queries, forwarding, TCP, authoritative zone, leases, script, reload, dump, log rotation, stop.
cd "$WORK" || exit 1
chmod 777 "$WORK"; mkdir -p tftp; echo boot > tftp/file; chmod -R a+rX .; echo '10.9.8.7 fixed.test' > hosts; echo 'nameserver 127.0.0.1' > resolv; printf '#!/bin/sh\nexit 0\n' > hook; chmod +x hook
ip link add kk0 type dummy 2> /dev/null; ip addr add 192.0.2.1/24 dev kk0 2> /dev/null; ip link set kk0 up 2> /dev/null
o="--port=18053 --listen-address=127.0.0.1 --bind-interfaces --conf-file=/dev/null --pid-file=$WORK/pid --log-facility=$WORK/log --log-queries --addn-hosts=$WORK/hosts --resolv-file=$WORK/resolv --server=127.0.0.1#18054 --cache-size=100 --user=nobody --dhcp-leasefile=$WORK/leases"
$TRACE dnsmasq -k $o --dhcp-range=192.0.2.10,192.0.2.20,1h --interface=kk0 --dhcp-script=$WORK/hook --enable-tftp --tftp-root=$WORK/tftp --enable-ra --dhcp-range=::10,::20,constructor:kk0 --auth-server=a.test,kk0 --auth-zone=z.test --dnssec-check-unsigned=no --domain=test --all-servers &
sleep 1
d='dig @127.0.0.1 -p 18053 +time=1 +tries=1'
for q in 'fixed.test' '-x 10.9.8.7' 'nothing.example' '+tcp fixed.test' 'CH TXT version.bind' 'a.z.test' 'AAAA fixed.test' '+dnssec fixed.test' 'CH TXT cachesize.bind'; do $d $q > /dev/null; done
for i in 1 2 3; do $d +tcp other$i.example > /dev/null & done; wait %2 %3 %4 2> /dev/null
busybox tftp -g -r file -l got 127.0.0.1 69; busybox tftp -g -r none -l none 127.0.0.1 69; busybox udhcpc -n -q -t 1 -T 1 -i kk0 -s /bin/true 2> /dev/null
echo GARBAGE | timeout 1 nc -u 127.0.0.1 18053 > /dev/null
p=$(cat pid); kill -HUP "$p"; sleep 0.3; kill -USR1 "$p"; sleep 0.3; mv log log.1; kill -USR2 "$p"; sleep 0.3; echo '10.9.8.6 more.test' >> hosts; ip link set kk0 down; ip link set kk0 up; sleep 0.5; $d more.test > /dev/null; kill -TERM "$p"; sleep 1
$TRACE dnsmasq $o; sleep 1; $d fixed.test > /dev/null; kill -TERM "$(cat pid)"; sleep 0.5
$TRACE dnsmasq --test $o; $TRACE dnsmasq -v > /dev/null; $TRACE dnsmasq --bad; $TRACE dnsmasq -w > /dev/null; $TRACE dnsmasq -C /nonexistent; $TRACE dnsmasq -k --port=1 --user=nouser --conf-file=/dev/null
mkdir d hd; echo 'address=/x.test/192.0.2.3' > d/a.conf; $TRACE timeout 2 dnsmasq -d --port=18055 --conf-dir=$WORK/d --no-resolv --hostsdir=$WORK/hd --dhcp-hostsdir=$WORK/hd --pid-file=$WORK/pid4 --user=nobody 2> /dev/null & sleep 0.7; echo '192.0.2.9 new.test' > hd/n; dig @127.0.0.1 -p 18055 +time=1 +tries=1 x.test > /dev/null; sleep 1.5
$TRACE timeout 2 dnsmasq -k --port=18056 --conf-file=/dev/null --enable-dbus --pid-file= --user=root
ip link del kk0 2> /dev/null
exit 0
