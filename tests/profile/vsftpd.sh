#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file server: logins, listings, files both ways, errors, stop.
cd "$WORK" || exit 1
v=$(command -v vsftpd || echo /usr/sbin/vsftpd); mkdir -p /run/vsftpd/empty ftp/up; echo hello > ftp/f; chmod 555 ftp; chmod 777 ftp/up
printf 'listen=YES\nlisten_port=18210\nlisten_address=127.0.0.1\nanonymous_enable=YES\nanon_root=%s/ftp\nanon_upload_enable=YES\nwrite_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nlocal_enable=YES\nbackground=NO\nxferlog_enable=YES\nvsftpd_log_file=%s/log\nsecure_chroot_dir=/run/vsftpd/empty\nseccomp_sandbox=NO\n' "$WORK" "$WORK" > conf; chmod 755 "$WORK"
$TRACE timeout 20 $v conf & sleep 1; u=ftp://127.0.0.1:18210
c() { timeout 5 curl -s "$@" > /dev/null 2>&1; }
c $u/; c $u/f; c -T conf $u/up/c; c -r 1-2 $u/f; c $u/none; c -P - $u/f; c -u root:wrong $u/; c -Q 'MKD up/d' -Q 'RMD up/d' -Q 'SITE CHMOD 600 up/c' -Q 'RNFR up/c' -Q 'RNTO up/e' -Q 'DELE up/e' -Q 'SIZE f' -Q 'MDTM f' -Q 'FEAT' -Q 'STAT' $u/; echo garbage | timeout 2 nc 127.0.0.1 18210 > /dev/null
p=$(pgrep -o vsftpd); kill -HUP "$p"; sleep 0.4; c $u/f; kill -TERM "$p"; sleep 0.4; $TRACE $v -v; $TRACE timeout 2 $v /nonexistent; echo bad > bad; $TRACE timeout 2 $v bad
exit 0
