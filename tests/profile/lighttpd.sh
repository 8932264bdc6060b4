#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A web server: files, ranges, directories, CGI, errors, large files, log rotation, reload, graceful and hard stop.
cd "$WORK" || exit 1
mkdir -p www/cgi www/dir; echo hello > www/index.html; head -c 3000000 /dev/zero > www/large; echo x > www/dir/f
printf '#!/bin/sh\necho Content-Type: text/plain\necho\necho $QUERY_STRING\ncat\n' > www/cgi/x.cgi; chmod +x www/cgi/x.cgi
cat > conf <<END
server.modules = ("mod_cgi", "mod_accesslog", "mod_dirlisting", "mod_expire", "mod_redirect", "mod_status", "mod_access", "mod_auth", "mod_authn_file", "mod_deflate", "mod_proxy")
server.document-root = "$WORK/www"
server.port = 18090
server.bind = "127.0.0.1"
server.pid-file = "$WORK/pid"
server.errorlog = "$WORK/error.log"
accesslog.filename = "$WORK/access.log"
index-file.names = ("index.html")
dir-listing.activate = "enable"
cgi.assign = (".cgi" => "/bin/sh")
status.status-url = "/status"
deflate.mimetypes = ("text/")
deflate.allowed-encodings = ("gzip")
mimetype.assign = (".html" => "text/html")
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "$WORK/users"
auth.require = ("/private" => ("method" => "basic", "realm" => "r", "require" => "valid-user"))
\$HTTP["url"] =~ "^/proxy" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => 18099))) }
END
echo 'user:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=' > users
$TRACE lighttpd -tt -f conf
$TRACE lighttpd -D -f conf &
sleep 1
u=http://127.0.0.1:18090
curl -s $u/ -o /dev/null; curl -s $u/large -o /dev/null; curl -s -r 10-20 $u/large -o /dev/null; curl -s $u/dir/ -o /dev/null; curl -s "$u/cgi/x.cgi?a=b" -o /dev/null
curl -s -d @www/large $u/cgi/x.cgi -o /dev/null; curl -s $u/none -o /dev/null; curl -s -I $u/ -o /dev/null; curl -s -X PUT -T conf $u/put -o /dev/null; curl -s $u/status -o /dev/null; curl -s --compressed $u/ -o /dev/null; curl -s $u/private -u user:secret -o /dev/null; curl -s $u/proxy -o /dev/null
echo 'GARBAGE' | timeout 2 nc 127.0.0.1 18090 > /dev/null; for i in 1 2 3 4 5; do curl -s $u/large -o /dev/null & done; wait %3 %4 2> /dev/null
curl -s --limit-rate 500k -m 2 $u/large -o /dev/null
mv access.log access.log.1; mv error.log error.log.1; kill -HUP "$(cat pid)"; sleep 0.5; curl -s $u/ -o /dev/null
kill -USR1 "$(cat pid)"; sleep 1; curl -s $u/ -o /dev/null; kill -INT "$(cat pid)"; sleep 1.5
$TRACE lighttpd -f conf; sleep 1; curl -s $u/ -o /dev/null; kill -TERM "$(cat pid)"; sleep 1
$TRACE lighttpd -f /nonexistent; $TRACE lighttpd -v; $TRACE lighttpd -V; echo 'server.port = 1x' > bad; $TRACE lighttpd -t -f bad
printf 'server.username = "www-data"\nserver.groupname = "www-data"\nserver.max-worker = 2\n' >> conf; chmod 755 "$WORK" www; chmod 777 "$WORK"; rm -f error.log access.log
$TRACE lighttpd -D -f conf & sleep 1; curl -s $u/ -o /dev/null; kill -TERM "$(cat pid)"; sleep 1
exit 0
