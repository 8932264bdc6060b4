#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Scripts, jobs, redirections, traps, an interactive shell, /dev/tcp, errors.
cd "$WORK" || exit 1
export HOME="$WORK"
$TRACE timeout -k 1 6 bash -c 'echo one; cd /; pwd; ls > /dev/null; x=$(date); for i in 1 2; do echo $i; done; [ -f /etc/passwd ] && [ -x /bin/ls ] && [ -w . ] && test -r / && [[ -S /dev/log || -t 0 ]]'
$TRACE timeout -k 1 6 bash -c 'sleep 0.1 & wait; (exit 3); echo $?; trap "echo got" USR1; kill -USR1 $$; read -t 0.1 line < /dev/zero; umask 027; ulimit -a; ulimit -n 512; times'
$TRACE timeout -k 1 6 bash -c 'cat <<< here; cat << END
there
END
exec 3> f; echo x >&3; exec 3>&-; echo y >> f; mapfile -t a < f; printf "%s\n" "${a[@]}"; diff <(echo 1) <(echo 2); : > f; set -o noclobber; echo z > f; echo z >| f'
$TRACE timeout -k 1 6 bash -c 'coproc cat; echo hello >&${COPROC[1]}; read -u ${COPROC[0]} l; kill $COPROC_PID; wait'
$TRACE timeout -k 1 6 bash -c 'set -m; sleep 5 & jobs; kill -STOP %1; kill -CONT %1; kill %1; wait; disown -a;'
$TRACE timeout -k 1 6 bash -c 'exec 5<>/dev/tcp/127.0.0.1/1; exec 5<>/dev/udp/127.0.0.1/9; echo x >&5; exec 5<>/dev/tcp/localhost/1'
$TRACE timeout -k 1 6 bash -c 'cd /nonexistent; ./nothing; /etc; exec /nonexistent/program'
$TRACE timeout -k 1 6 bash -c 'hash; type ls; command -v cat; echo ~ ~root ~nobody; echo /usr/*/ls; shopt -s globstar; echo /etc/init.d/**; printf -v t "%(%F)T"; echo $RANDOM $SECONDS $EPOCHSECONDS $SRANDOM $HOSTNAME $UID; pushd /; popd; enable -n echo; enable -f /nonexistent/x.so x'
$TRACE timeout -k 1 6 bash -c 'time sleep 0.01; wait -n; let x=3; select y in a b; do break; done <<< 1; history; fc -l; bind -p > /dev/null; complete -p; caller; help cd > /dev/null; getopts a: o -a 1; unset x; exit 0'
printf 'echo hi\nls\ncd /\nhistory\nfc -ln\nsleep 3 &\nfg\n\003stty size\njobs\nexit\n' > input
$TRACE timeout -k 1 6 script -qc 'bash -i' /dev/null < input
$TRACE timeout -k 1 6 script -qc 'bash --login' /dev/null < input
$TRACE timeout -k 1 6 bash -r -c 'cd /'; $TRACE timeout -k 1 6 bash --posix -c 'echo $((1/0))'; $TRACE timeout -k 1 6 bash --version; $TRACE timeout -k 1 6 bash --bad; $TRACE timeout -k 1 6 bash /nonexistent
echo 'echo script; exit 2' > s.sh; chmod +x s.sh; $TRACE timeout -k 1 6 bash s.sh; $TRACE timeout -k 1 6 bash -c ./s.sh; $TRACE timeout -k 1 6 bash < s.sh; $TRACE timeout -k 1 6 bash -x s.sh
$TRACE timeout -k 1 6 bash -c 'kill -TERM $$'; $TRACE timeout -k 1 6 bash -c 'ulimit -c 0; kill -SEGV $$'; $TRACE timeout -k 1 6 bash -c 'trap "echo bye" EXIT INT; kill -INT $$; sleep 0.1'
$TRACE timeout -k 1 6 bash -c 'echo x > /dev/full'; $TRACE timeout -s HUP 0.3 bash -c 'trap "echo hup; exit" HUP; while :; do sleep 0.1; done'; true
