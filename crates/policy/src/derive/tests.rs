// SPDX-License-Identifier: Apache-2.0
use std::collections::{BTreeMap, HashMap};

use kakoi_model::{
    Confidence, Container, Evidence, Fact, File, FileKind, ImagePath, OpenState, StartCertainty,
    StartMechanism,
};

use super::*;

/// An image in small: a web server that is a script's reader, and BusyBox.
#[derive(Default)]
struct Made {
    facts: Facts,
    contents: HashMap<Digest, Vec<u8>>,
}

impl Made {
    fn new() -> Self {
        let mut made = Self::default();
        made.facts.lines.push(Fact::Container(Container {
            id: ContainerId(0),
            parent: None,
            blob: Digest::of(b""),
            offset: 0,
            size: 0,
            format: "squashfs".to_owned(),
            confidence: Confidence::Structure,
            state: OpenState::Full,
            attributes: BTreeMap::new(),
            entries: 0,
            root: true,
        }));
        made
    }

    fn entry(mut self, path: &str, kind: FileKind) -> Self {
        self.facts.lines.push(Fact::File(File {
            container: ContainerId(0),
            path: ImagePath::from(path),
            kind,
            mode: Some(0o755),
            uid: Some(0),
            gid: Some(0),
            mtime: None,
            xattrs: BTreeMap::new(),
        }));
        self
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        let digest = Digest::of(content);
        self.contents.insert(digest, content.to_vec());
        self.entry(path, FileKind::Regular { digest, size: content.len() as u64 })
    }

    fn start(mut self, command: &str, path: &str, applet: Option<&str>, port: &str) -> Self {
        self.facts.lines.push(Fact::StartUp(StartUp {
            command: command.to_owned(),
            arguments: vec!["-h".to_owned(), "/www".to_owned()],
            program: Some(FileRef { container: ContainerId(0), path: ImagePath::from(path) }),
            applet: applet.map(str::to_owned),
            mechanism: StartMechanism::RcScript,
            certainty: StartCertainty::Always,
            service: true,
            user: "root".to_owned(),
            chain: vec![Evidence::new("rcS").on_line(3)],
            listens: vec![port.to_owned()],
        }));
        self
    }

    fn derive(&self) -> Result<Derived, Nothing> {
        derive(&Image {
            facts: &self.facts,
            content: &|digest| self.contents.get(digest).cloned(),
            profile: &|_| None,
        })
    }
}

fn router() -> Made {
    Made::new()
        .file("/bin/busybox", b"\x7fELF busybox")
        .entry("/bin/sh", FileKind::Symlink { target: "busybox".to_owned() })
        .entry("/usr/sbin/httpd", FileKind::Symlink { target: "../../bin/busybox".to_owned() })
        .entry("/www", FileKind::Directory)
        .file("/etc/crontabs/root", b"* * * * * /sbin/rotate\n")
        .start("httpd", "/bin/busybox", Some("httpd"), "tcp:80")
        .start("crond", "/bin/busybox", Some("crond"), "")
        .start("telnetd", "/bin/busybox", Some("telnetd"), "tcp:23")
}

#[test]
fn a_derived_policy_reads_and_compiles_and_keeps_applets_apart() {
    let derived = router().derive().unwrap();
    let enters: Vec<&str> = derived.services.iter().map(|one| one.enter.as_str()).collect();
    assert_eq!(enters, ["busybox:crond", "busybox:httpd"]);
    assert_eq!(derived.logins, ["telnetd"]);
    let text = render(&derived);
    let reading = crate::read(&text);
    assert_eq!(reading.render("derived", &text), "");
    crate::compile(&reading.policy.unwrap()).unwrap();
}

#[test]
fn arguments_ports_and_directories_become_lines_with_their_evidence() {
    let derived = router().derive().unwrap();
    let httpd = derived.services.iter().find(|one| one.name == "httpd").unwrap();
    assert_eq!(httpd.read["/www/**"].known, Known::Static);
    assert!(httpd.bind.contains_key("tcp:80"));
    assert!(httpd.capabilities.contains_key("net_bind_service"));
    assert!(httpd.exec.is_empty(), "{:?}", httpd.exec);
}

#[test]
fn what_a_run_showed_is_added_exactly_and_marked() {
    let mut derived = router().derive().unwrap();
    let seen = |control: &str, what: &str| Seen {
        domain: "httpd".to_owned(),
        control: control.to_owned(),
        what: what.to_owned(),
    };
    let learnt = Learnt::from([
        seen("files.read", "/www/index.html"),
        seen("files.read", "/proc/71/stat"),
        seen("files.write", "/tmp/httpd.lock"),
        seen("network.bind", "any:80"),
    ]);
    derived.observe(&learnt, "run 1");
    let httpd = derived.services.iter().find(|one| one.name == "httpd").unwrap();
    assert_eq!(httpd.read["/www/**"].known, Known::Both);
    assert_eq!(httpd.read["/proc/*/**"].known, Known::Observed);
    assert_eq!(httpd.write["/tmp/httpd.lock"].known, Known::Observed);
    assert!(!httpd.read.contains_key("/www/index.html"));
    assert_eq!(httpd.bind["tcp:80"].known, Known::Both);
    assert_eq!(httpd.bind.len(), 1);
}

#[test]
fn an_image_without_a_root_says_so_and_one_without_services_holds_sessions() {
    let nothing = Made::default().derive().unwrap_err();
    assert!(nothing.to_string().contains("no root file system"), "{nothing}");
    let derived = Made::new().file("/bin/busybox", b"x").derive().unwrap();
    let policy = crate::read(&render(&derived)).policy.unwrap();
    assert_eq!(policy.domains[0].name, "remote-session");
}

#[test]
fn names_of_an_intruders_choosing_stay_inside_their_strings() {
    let made = Made::new()
        .file("/sbin/a\"]\n[domain.x]", b"\x7fELF")
        .file("/bin/busybox", b"\x7fELF")
        .start("x\n[provenance]", "/bin/busybox", Some("httpd"), "tcp:80\"");
    let derived = made.derive().unwrap();
    let text = render(&derived);
    assert_eq!(crate::read(&text).render("derived", &text), "");
    assert!(!text.contains("\n[domain.x]"));
}
