#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A database: commands, saving in the background, append-only file, replication, scripts, cluster bus, memory report, reload, shutdown.
cd "$WORK" || exit 1
cat > conf <<END
port 18100
bind 127.0.0.1
unixsocket $WORK/sock
dir $WORK
logfile $WORK/log
appendonly yes
save 1 1
io-threads 2
maxmemory 50mb
maxmemory-policy allkeys-lru
daemonize no
pidfile $WORK/pid
END
$TRACE redis-server conf &
sleep 1
c='redis-cli -p 18100'
$c set a 1; $c get a; $c lpush l 1 2 3; $c hset h f v; $c zadd z 1 a; $c expire a 100; $c save; $c bgsave; sleep 0.5; $c bgrewriteaof; sleep 1; $c info; $c config get '*' > /dev/null; $c config set maxmemory 60mb; $c config rewrite; $c client list; $c debug sleep 0.1; $c eval 'return redis.call("get", "a")' 0; $c memory doctor; $c memory purge; $c latency doctor; $c slowlog get; $c object encoding a; $c flushall async; $c wait 0 10; $c dbsize; $c lastsave; $c time; $c nonsense; $c config set save ''; $c module load /nonexistent.so; $c acl save
$c subscribe ch & sleep 0.3; $c publish ch m; kill $!; redis-cli -s sock ping; echo garbage | timeout 1 nc 127.0.0.1 18100; redis-benchmark -p 18100 -n 2000 -q -t set,get,lpush > /dev/null
mkdir two; $TRACE redis-server --port 18101 --bind 127.0.0.1 --dir "$WORK/two" --logfile "$WORK/two/log" --replicaof 127.0.0.1 18100 --daemonize yes --pidfile "$WORK/pid2" --repl-diskless-sync yes
sleep 3; $c set b 2; sleep 1; redis-cli -p 18101 get b; redis-cli -p 18101 replicaof no one; redis-cli -p 18101 failover; redis-cli -p 18101 shutdown nosave
mkdir three; $TRACE redis-server --port 18102 --bind 127.0.0.1 --dir "$WORK/three" --cluster-enabled yes --daemonize yes --pidfile "$WORK/pid3"; sleep 1; redis-cli -p 18102 cluster info; redis-cli -p 18102 cluster addslots 1; redis-cli -p 18102 cluster meet 127.0.0.1 18102; sleep 1; kill -TERM "$(cat pid3)"
mv log log.1; $c set c 3; $c debug segfault-not; kill -INT "$(cat pid)"; sleep 2
$TRACE redis-server conf & sleep 1; $c get c; $c shutdown save; sleep 0.5
$TRACE redis-server /nonexistent; $TRACE redis-server --version; $TRACE redis-server --port x; $TRACE redis-server --test-memory 1 > /dev/null; $TRACE redis-server --help > /dev/null; $TRACE redis-server --check-system > /dev/null
$TRACE redis-server --port 18103 --save '' --tls-port 0 & p=$!; sleep 1; redis-cli -p 18103 debug panic; sleep 1; redis-cli -p 18103 shutdown nosave
printf 'sentinel monitor m 127.0.0.1 18100 1\nport 18104\ndir %s\n' "$WORK" > sentinel; $TRACE timeout 3 redis-server sentinel --sentinel > /dev/null
exit 0
