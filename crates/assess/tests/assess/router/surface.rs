// SPDX-License-Identifier: Apache-2.0
//! What starts on the router, and the rest of its attack surface.

use kakoi_model::*;
use serde_json::{Value, json};

use super::build::{place, seen};

pub(crate) fn start_ups() -> Vec<StartUp> {
    let inittab = || seen("inittab ::sysinit", "/etc/inittab", 1, "::sysinit:/etc/rc.d/rcS");
    let from_rc = |line, text: &str| {
        vec![init(), inittab(), seen("script line", "/etc/rc.d/rcS", line, text)]
    };
    let mut all = vec![
        start("/sbin/init", "/bin/busybox", Some("init"), StartMechanism::Kernel, vec![init()]),
        start(
            "/etc/rc.d/rcS",
            "/etc/rc.d/rcS",
            None,
            StartMechanism::Inittab,
            vec![init(), inittab()],
        ),
        start(
            "telnetd",
            "/bin/busybox",
            Some("telnetd"),
            StartMechanism::RcScript,
            from_rc(21, "telnetd &"),
        ),
        start(
            "httpd",
            "/usr/bin/httpd",
            None,
            StartMechanism::RcScript,
            from_rc(24, "/usr/bin/httpd &"),
        ),
        start(
            "upnpd",
            "/usr/sbin/upnpd",
            None,
            StartMechanism::RcScript,
            from_rc(31, "[ -f /tmp/upnp ] && upnpd &"),
        ),
        start("/tmp/custom.sh", "", None, StartMechanism::RcScript, from_rc(40, "/tmp/custom.sh")),
        start(
            "/bin/ash",
            "/bin/busybox",
            Some("ash"),
            StartMechanism::Inittab,
            vec![
                init(),
                seen("inittab ttyS0", "/etc/inittab", 2, "ttyS0::askfirst:/bin/ash --login"),
            ],
        ),
    ];
    let ports = [("telnetd", "tcp:23"), ("httpd", "tcp:80"), ("upnpd", "tcp:5000")];
    for one in &mut all {
        one.listens.extend(
            ports.iter().filter(|(name, _)| *name == one.command).map(|(_, port)| (*port).into()),
        );
        one.service = ports.iter().any(|(name, _)| *name == one.command);
    }
    if let Some(upnpd) = all.get_mut(4) {
        upnpd.certainty = StartCertainty::Conditional;
    }
    if let Some(shell) = all.last_mut() {
        shell.arguments = vec!["--login".into()];
    }
    all
}

fn init() -> Evidence {
    Evidence::new("the kernel starts /sbin/init").in_file(place(1, "/bin/busybox"))
}

fn start(
    command: &str,
    program: &str,
    applet: Option<&str>,
    mechanism: StartMechanism,
    chain: Vec<Evidence>,
) -> StartUp {
    StartUp {
        command: command.into(),
        arguments: vec![],
        program: (!program.is_empty()).then(|| place(1, program)),
        applet: applet.map(str::to_owned),
        mechanism,
        certainty: StartCertainty::Always,
        service: false,
        user: "root".into(),
        chain,
        listens: vec![],
    }
}

pub(crate) fn components() -> Vec<Component> {
    vec![
        component("busybox", ComponentKind::Application, "1.15.3", "GPL-2.0-only", "/bin/busybox"),
        component(
            "openssl",
            ComponentKind::Library,
            "0.9.8k",
            "OpenSSL",
            "/lib/libcrypto.so.0.9.8",
        ),
        component(
            "uclibc",
            ComponentKind::Library,
            "0.9.30",
            "LGPL-2.1-or-later",
            "/lib/libuClibc-0.9.30.so",
        ),
        component(
            "dnsmasq",
            ComponentKind::Application,
            "2.40",
            "GPL-2.0-only",
            "/usr/sbin/dnsmasq",
        ),
        component("linux", ComponentKind::OperatingSystem, "2.6.31", "GPL-2.0-only", "/linux.bin"),
    ]
}

/// Through JSON, as [`secrets`].
pub(crate) fn component(
    name: &str,
    kind: ComponentKind,
    version: &str,
    license: &str,
    path: &str,
) -> Component {
    let file = place(u32::from(path != "/linux.bin"), path);
    let seen = Evidence::at(format!("version string {version}"), 0x5_1020).in_file(file.clone());
    let component = json!({
        "name": name, "kind": kind, "version": Observed::Present(version), "supplier": name,
        "license": license, "purl": format!("pkg:generic/{name}@{version}"),
        "cpe": format!("cpe:2.3:a:{name}:{name}:{version}:*:*:*:*:*:*:*"),
        "digests": [Digest::of(file.path.as_bytes())], "source": "version-string",
        "evidence": [seen], "files": [file],
    });
    serde_json::from_value(component).unwrap()
}

pub(crate) fn account(name: &str, uid: u32, password: Password, line: usize) -> Account {
    let evidence = seen("password file", "/etc/passwd", line, &format!("{name}:…:{uid}"));
    Account { name: name.into(), uid: Some(uid), shell: Some("/bin/sh".into()), password, evidence }
}

pub(crate) fn accounts() -> Vec<Account> {
    let hash =
        |scheme: &str, field: &str| Password::Hash { scheme: scheme.into(), field: field.into() };
    vec![
        account("root", 0, hash("md5", "$1$$iC.dUsGpxNNJGeOm1dFio/"), 1),
        account("support", 0, hash("des", "abmF1QH4PEr.E"), 2),
        account("guest", 100, Password::Empty, 3),
        account("nobody", 65534, Password::Locked, 4),
    ]
}

/// Through JSON, so that a field that facts gain later does not concern this test.
pub(crate) fn secrets() -> Vec<Secret> {
    let secret = |mut kind: Value, path: &str| -> Secret {
        kind["files"] = json!([place(1, path)]);
        kind["evidence"] = json!(Evidence::at("PEM block", 0).in_file(place(1, path)));
        serde_json::from_value(kind).unwrap()
    };
    let key = json!({
        "secret": "private-key", "algorithm": "rsa", "bits": 1024, "encrypted": false,
        "encoding": "pem",
    });
    let certificate = json!({
        "secret": "certificate", "subject": "CN=router.local, O=Example Networks",
        "issuer": "CN=Example Networks CA", "not_before": 1_262_304_000, "not_after": 1_577_836_799,
        "key": "rsa 1024", "signature": "md5WithRSAEncryption", "private_key_present": true,
    });
    vec![secret(key, "/etc/server.key"), secret(certificate, "/etc/server.crt")]
}

pub(crate) fn permission(path: &str, mode: u32, notable: NotablePermission) -> Permission {
    Permission { file: place(1, path), mode, uid: Some(0), notable }
}

pub(crate) fn permissions() -> Vec<Permission> {
    vec![
        permission("/bin/busybox", 0o4755, NotablePermission::SetUserId),
        permission("/etc/rc.d/rcS", 0o777, NotablePermission::WorldWritable),
        permission("/etc/services.conf", 0o666, NotablePermission::WorldWritable),
        permission("/usr/sbin/flash_tool", 0o777, NotablePermission::WorldWritable),
    ]
}

pub(crate) fn listener(
    service: &str,
    port: &str,
    program: &str,
    starts_at_boot: Observed<()>,
) -> Listener {
    Listener {
        service: service.into(),
        port: Some(port.into()),
        program: Some(place(1, program)),
        starts_at_boot,
        evidence: vec![seen("script line", "/etc/rc.d/rcS", 21, service)],
    }
}

pub(crate) fn listeners() -> Vec<Listener> {
    let unseen = Observed::undetermined("no-start-seen", "what starts it was not seen");
    vec![
        listener("telnet", "tcp:23", "/bin/busybox", Observed::Present(())),
        listener("http", "tcp:80", "/usr/bin/httpd", Observed::Present(())),
        listener("upnp", "tcp:5000", "/usr/sbin/upnpd", Observed::Present(())),
        listener("dns", "udp:53", "/usr/sbin/dnsmasq", unseen),
    ]
}

pub(crate) fn marks() -> Vec<Fact> {
    let evidence = || vec![Evidence::at("kernel banner", 0x2b_1040)];
    vec![
        Fact::SdkMark(SdkMark {
            vendor: "atheros".into(),
            family: Some("LSDK 9.2.0".into()),
            weight: 3,
            evidence: evidence(),
        }),
        Fact::UpdateMark(UpdateMark {
            kind: "update-url".into(),
            subject: "http://update.example.com/r300/".into(),
            evidence: vec![Evidence::at("string", 0x9_0010).in_file(place(1, "/usr/bin/httpd"))],
        }),
    ]
}
