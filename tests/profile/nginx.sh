#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A web server with workers: files, proxy, cache, TLS, limits, log rotation, reload, binary upgrade, stop.
cd "$WORK" || exit 1
chmod 755 "$WORK"; mkdir -p www cache tmp; echo hello > www/index.html; head -c 3000000 /dev/zero > www/large; chmod -R a+rX www; chmod 777 cache tmp
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost 2> /dev/null
cat > conf <<END
user www-data;
worker_processes 2;
worker_cpu_affinity auto;
worker_rlimit_nofile 1024;
pid $WORK/pid;
error_log $WORK/error.log info;
events { worker_connections 256; multi_accept on; }
http {
  access_log $WORK/access.log; sendfile on; tcp_nopush on; aio threads; gzip on; gzip_types text/html; open_file_cache max=10;
  client_body_temp_path $WORK/tmp; proxy_temp_path $WORK/tmp/p; fastcgi_temp_path $WORK/tmp/f; uwsgi_temp_path $WORK/tmp/u; scgi_temp_path $WORK/tmp/s;
  proxy_cache_path $WORK/cache keys_zone=c:1m levels=1:2 inactive=1m; limit_req_zone \$binary_remote_addr zone=z:1m rate=100r/s;
  server { listen 127.0.0.1:18110; listen unix:$WORK/sock; root $WORK/www; autoindex on; location /dav { alias $WORK/tmp; dav_methods PUT DELETE; } location /p { proxy_pass http://127.0.0.1:18111/; proxy_cache c; } location /dead { proxy_pass http://127.0.0.1:1; } location /status { stub_status; } location /l { limit_req zone=z; } location /name { resolver 127.0.0.1; set \$h localhost; proxy_pass http://\$h:1; } location /direct { directio 512; alias $WORK/www; } }
  server { listen 127.0.0.1:18111; root $WORK/www; }
  server { listen 127.0.0.1:18112 ssl http2; ssl_certificate $WORK/cert.pem; ssl_certificate_key $WORK/key.pem; ssl_session_cache shared:s:1m; root $WORK/www; }
}
END
grep -q dav conf && nginx -t -c "$WORK/conf" 2>&1 | grep -q dav_methods && sed -i 's/dav_methods[^;]*;//' conf
$TRACE nginx -t -c "$WORK/conf"; $TRACE nginx -T -c "$WORK/conf" > /dev/null
$TRACE nginx -c "$WORK/conf" -g 'daemon off;' &
sleep 1.5
u=http://127.0.0.1:18110
curl -s $u/ -o /dev/null; curl -s $u/large -o /dev/null; curl -s -r 5-9 $u/large -o /dev/null; curl -s $u/p/large -o /dev/null; curl -s $u/p/large -o /dev/null; curl -s $u/dead -o /dev/null; curl -s $u/status -o /dev/null; curl -s $u/none -o /dev/null; curl -s --compressed $u/ -o /dev/null; curl -s -d @www/large $u/p -o /dev/null; curl -s -T conf $u/dav/x -o /dev/null; curl -s -X DELETE $u/dav/x -o /dev/null; curl -s -m 2 $u/name -o /dev/null; curl -s $u/direct/large -o /dev/null
curl -sk https://127.0.0.1:18112/large -o /dev/null; curl -sk --http1.1 https://127.0.0.1:18112/ -o /dev/null; curl -s --unix-socket sock http://x/ -o /dev/null; echo GARBAGE | timeout 1 nc 127.0.0.1 18110 > /dev/null; curl -s --limit-rate 800k -m 2 $u/large -o /dev/null; for i in 1 2 3 4 5 6; do curl -s $u/l -o /dev/null & done
mv access.log access.log.1; kill -USR1 "$(cat pid)"; sleep 0.5; curl -s $u/ -o /dev/null
kill -HUP "$(cat pid)"; sleep 1; curl -s $u/ -o /dev/null; $TRACE nginx -c "$WORK/conf" -s reload; sleep 1; $TRACE nginx -c "$WORK/conf" -s reopen
kill -USR2 "$(cat pid)"; sleep 1.5; [ -f pid.oldbin ] && { kill -WINCH "$(cat pid.oldbin)"; sleep 0.5; kill -QUIT "$(cat pid.oldbin)"; }; sleep 1; curl -s $u/ -o /dev/null
pkill -KILL -f 'nginx: worker' -n; sleep 0.5; kill -QUIT "$(cat pid)"; sleep 1.5
$TRACE nginx -c "$WORK/conf"; sleep 1; $TRACE nginx -c "$WORK/conf" -s stop; sleep 1
$TRACE nginx -c /nonexistent; $TRACE nginx -v; $TRACE nginx -V 2> /dev/null; echo 'bad' > bad; $TRACE nginx -t -c "$WORK/bad"; $TRACE nginx -h; $TRACE nginx -s stop -c "$WORK/conf"
exit 0
