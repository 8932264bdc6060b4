// SPDX-License-Identifier: Apache-2.0
//! What a service does beyond files: whom it talks to, which capabilities its calls need.

use kakoi_model::StartUp;

use super::{Walk, put};

/// A capability, and the system calls or functions that need it (capabilities(7)).
const CAPABILITIES: &[(&str, &[&str])] = &[
    ("chown", &["chown", "fchown", "lchown", "fchownat", "chown32", "fchown32", "lchown32"]),
    ("dac_override", &["open", "openat"]),
    ("fowner", &["chmod", "fchmod", "fchmodat", "utime", "utimes"]),
    ("kill", &["kill"]),
    ("setgid", &["setgid", "setgroups", "setregid", "setresgid", "setgid32", "setgroups32"]),
    ("setuid", &["setuid", "setreuid", "setresuid", "setuid32"]),
    ("net_admin", &["ioctl", "setsockopt"]),
    ("net_raw", &["socket", "socketcall"]),
    ("sys_module", &["init_module", "finit_module", "delete_module"]),
    ("sys_rawio", &["iopl", "ioperm"]),
    ("sys_chroot", &["chroot"]),
    ("sys_ptrace", &["ptrace"]),
    (
        "sys_admin",
        &["mount", "umount", "umount2", "sethostname", "setdomainname", "setns", "unshare"],
    ),
    ("sys_boot", &["reboot"]),
    ("sys_nice", &["setpriority", "sched_setscheduler", "sched_setaffinity", "nice"]),
    ("sys_resource", &["setrlimit", "prlimit64"]),
    ("sys_time", &["settimeofday", "stime", "clock_settime", "adjtimex"]),
    ("mknod", &["mknod", "mknodat"]),
    ("syslog", &["syslog", "klogctl"]),
];

impl Walk<'_> {
    pub(super) fn add_network(&mut self, starts: &[&StartUp]) {
        let imports = |name: &str| self.imports.contains(name);
        let (binds, connects) = (imports("bind"), imports("connect"));
        let (syslog, socket) = (imports("syslog"), imports("socket") || binds || connects);
        let netlink = self.imports.iter().any(|name| name.contains("netlink"));
        let packet =
            ["ether_aton", "ether_ntoa", "pcap_open_live"].iter().any(|name| imports(name));
        let six = imports("getaddrinfo") || imports("inet_pton");
        let service = &mut self.service;
        let mut told = false;
        for (start, port) in
            starts.iter().flat_map(|start| start.listens.iter().map(move |port| (start, port)))
        {
            let well_formed = port.split_once(':').is_some_and(|(protocol, number)| {
                ["tcp", "udp"].contains(&protocol) && number.parse::<u16>().is_ok()
            });
            if well_formed {
                put(
                    &mut service.bind,
                    port,
                    format!("{} {}", start.command, start.arguments.join(" ")),
                );
                told = true;
            }
        }
        if binds && !told {
            put(&mut service.bind, "any:*", "imports bind(); no port is told by the image");
            service.gaps.push("which ports it binds".to_owned());
        }
        if connects || socket {
            put(
                &mut service.connect,
                "any:*",
                "imports connect() or socket(); to whom is not told",
            );
            service.gaps.push("whom it connects to".to_owned());
        }
        put(&mut service.connect, "any:0", "sockets of the file system have no port: syslog(3)");
        let mut family = |name: &str, why: &str| put(&mut service.families, name, why);
        family("unix", "syslog(3)");
        if socket || syslog || told {
            family("inet", "imports socket()");
        }
        if socket && six {
            family("inet6", "imports getaddrinfo() or inet_pton()");
        }
        if netlink || socket {
            family("netlink", "imports socket(); which families is not told");
        }
        if packet {
            family("packet", "imports functions of link-layer addresses");
        }
    }

    /// Capabilities, and address families, from the profile of system calls.
    pub(super) fn add_calls(&mut self, starts: &[&StartUp]) {
        let program = starts.iter().find_map(|start| start.program.clone());
        let profile =
            program.and_then(|place| (self.tree.image.profile)(&self.tree.place(&place.path)));
        let Some(calls) = profile else {
            self.service.gaps.push("its system calls: no profile could be made".to_owned());
            // Without a profile capabilities come from names of functions.
            for (capability, names) in CAPABILITIES {
                if let Some(name) = names.iter().find(|name| self.imports.contains(**name)) {
                    put(&mut self.service.capabilities, *capability, format!("imports {name}()"));
                }
            }
            self.add_port_capability();
            return;
        };
        for (capability, names) in CAPABILITIES {
            if let Some(name) = names.iter().find(|name| calls.names.contains(**name)) {
                let evidence = format!("call {name} in {}", calls.file);
                put(&mut self.service.capabilities, *capability, evidence);
            }
        }
        self.add_port_capability();
        if calls.unresolved > 0 {
            self.service
                .gaps
                .push(format!("{} places that may make other system calls", calls.unresolved));
        }
        self.service.syscalls = Some((calls.file, calls.names.len(), calls.unresolved));
    }

    pub(super) fn add_port_capability(&mut self) {
        let low = |port: &String| {
            let number = port.split_once(':').and_then(|(_, number)| number.parse::<u16>().ok());
            number.is_none_or(|number| number < 1024)
        };
        if let Some(port) = self.service.bind.keys().find(|port| low(port)).cloned() {
            put(&mut self.service.capabilities, "net_bind_service", format!("binds {port}"));
        }
    }
}
