// SPDX-License-Identifier: Apache-2.0
//! Component recognition against ground truth: Debian packages, whose name and version are known,
//! looked at without any package database.
//!
//! Needs `apt-get` with a package source and `dpkg-deb`; without them the test fails and says so.

// Helpers of a test fail like the test itself.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use kakoi_inspect::component::{find_components, find_marks};
use kakoi_inspect::{Root, elf::parse_elf};
use kakoi_model::{Component, ContainerId, Digest, ElfFacts, File, FileKind, ImagePath};

/// Debian package, and the rule that it should be recognised as.
const TRUTH: &str = "
    atftpd=atftp avahi-daemon=avahi bash=bash bluez=bluez bridge-utils=bridge-utils
    busybox-static=busybox bzip2=bzip2 chrony=chrony curl=curl dbus=dbus dnsmasq-base=dnsmasq
    dosfstools=dosfstools dropbear-bin=dropbear e2fsprogs=e2fsprogs ebtables=ebtables
    ethtool=ethtool frr=frr hostapd=hostapd igmpproxy=igmpproxy inadyn=inadyn
    inetutils-telnetd=inetutils iperf=iperf iproute2=iproute2 iptables=iptables
    iputils-ping=iputils isc-dhcp-client=isc-dhcp iw=iw keepalived=keepalived kmod=kmod
    ksmbd-tools=ksmbd-tools libarchive13=libarchive libasound2=alsa-lib libavutil57=ffmpeg
    libblkid1=util-linux libbz2-1.0=bzip2 libc-ares2=c-ares libc6=glibc libcap2=libcap
    libcjson1=cjson libcurl4=curl libdbus-1-3=dbus libevent-2.1-7=libevent libexpat1=expat
    libfreetype6=freetype libgcrypt20=libgcrypt libglib2.0-0=glib libgmp10=gmp libgnutls30=gnutls
    libiw30=wireless-tools libjansson4=jansson libjpeg62-turbo=libjpeg-turbo libjson-c5=json-c
    liblua5.1-0=lua liblua5.3-0=lua liblz4-1=lz4 liblzma5=xz liblzo2-2=lzo libmbedcrypto7=mbedtls
    libmicrohttpd12=libmicrohttpd libmodbus5=libmodbus libncurses6=ncurses libnettle8=nettle
    libnghttp2-14=nghttp2 libnl-3-200=libnl libpcap0.8=libpcap libpng16-16=libpng
    libprotobuf-c1=protobuf-c libreadline8=readline libsnmp40=net-snmp libsodium23=libsodium
    libsqlite3-0=sqlite libssh-4=libssh libssh2-1=libssh2 libssl3=openssl libstrongswan=strongswan
    libtiff6=libtiff libtomcrypt1=libtomcrypt libupnp13=libupnp libuv1=libuv libwolfssl35=wolfssl
    libxml2=libxml2 libzstd1=zstd lighttpd=lighttpd lrzsz=lrzsz mini-httpd=mini_httpd
    minidlna=minidlna miniupnpd-nftables=miniupnpd mosquitto=mosquitto mtd-utils=mtd-utils musl=musl
    net-tools=net-tools nftables=nftables nginx=nginx ntfs-3g=ntfs-3g ntpsec=ntpsec
    openssh-server=openssh openvpn=openvpn perl-base=perl ppp=pppd pppoe=rp-pppoe pptp-linux=pptp
    pptpd=pptpd procps=procps proftpd-core=proftpd pure-ftpd=pure-ftpd radvd=radvd rsync=rsync
    samba-libs=samba strongswan-charon=strongswan tcpdump=tcpdump tinyproxy-bin=tinyproxy
    u-boot-tools=u-boot-tools unbound=unbound usb-modeswitch=usb-modeswitch util-linux=util-linux
    vsftpd=vsftpd wget=wget wireless-tools=wireless-tools wpasupplicant=wpa_supplicant
    xinetd=xinetd xl2tpd=xl2tpd zlib1g=zlib
";

/// Packages whose programs say something else than Debian's version, and why.
const KNOWN_DIFFERENCES: &[(&str, &str)] =
    &[("bridge-utils", "configure.ac of release 1.7.1 still says 1.7, and so does the program")];

struct Outcome {
    package: &'static str,
    truth: String,
    named: bool,
    told: Vec<String>,
}

#[test]
fn names_and_versions_of_debian_packages_are_recognised_without_their_database() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("component-truth");
    let archives = fetch(&folder);
    let outcomes: Vec<_> = truth()
        .map(|(package, rule)| {
            let archive = archives.get(package);
            let (version, file) = archive.unwrap_or_else(|| panic!("{package} was not fetched"));
            examine(package, rule, version, file, &folder)
        })
        .collect();
    report(&outcomes);
    let share = |count: usize| 100.0 * count as f64 / outcomes.len() as f64;
    let named = share(outcomes.iter().filter(|outcome| outcome.named).count());
    let exact = share(outcomes.iter().filter(|outcome| outcome.is_exact()).count());
    println!("{} packages: name {named:.1} %, name and version {exact:.1} %", outcomes.len());
    let wrong: Vec<_> =
        outcomes.iter().filter(|outcome| outcome.is_wrong()).map(|one| one.package).collect();
    assert_eq!(wrong, Vec::<&str>::new(), "wrong versions");
    assert!(named >= 95.0, "name {named}");
    assert!(exact >= 90.0, "name and version {exact}");
}

fn truth() -> impl Iterator<Item = (&'static str, &'static str)> {
    TRUTH.split_whitespace().filter_map(|pair| pair.split_once('='))
}

impl Outcome {
    fn is_exact(&self) -> bool {
        self.told.len() == 1 && self.told[0] == self.truth
    }

    /// A version that is not the package's: not merely silent.
    fn is_wrong(&self) -> bool {
        let excused = KNOWN_DIFFERENCES.iter().any(|(package, _)| *package == self.package);
        !excused && self.told.iter().any(|version| *version != self.truth)
    }
}

fn report(outcomes: &[Outcome]) {
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_exact()) {
        let Outcome { package, truth, named, told } = outcome;
        println!("{package}: truth {truth}, named {named}, told {told:?}");
    }
}

/// Downloads what is missing; gives version and file by package name.
fn fetch(folder: &Path) -> BTreeMap<String, (String, PathBuf)> {
    std::fs::create_dir_all(folder).expect("a folder beneath target/");
    let present = archives(folder);
    let missing: Vec<&str> =
        truth().map(|(package, _)| package).filter(|name| !present.contains_key(*name)).collect();
    if !missing.is_empty() {
        let status = Command::new("apt-get")
            .args(["-q", "-o", "APT::Sandbox::User=root", "download"])
            .args(&missing)
            .current_dir(folder)
            .status()
            .expect("this test needs apt-get to fetch its ground truth");
        assert!(status.success(), "apt-get could not fetch the ground truth: {missing:?}");
    }
    archives(folder)
}

fn archives(folder: &Path) -> BTreeMap<String, (String, PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let archives = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let stem = path.file_name()?.to_str()?.strip_suffix(".deb")?.to_owned();
        let mut parts = stem.splitn(3, '_');
        let (name, version) = (parts.next()?.to_owned(), parts.next()?.replace("%3a", ":"));
        Some((name, (version, path)))
    });
    archives.collect()
}

fn examine(
    package: &'static str,
    rule: &str,
    version: &str,
    archive: &Path,
    folder: &Path,
) -> Outcome {
    let tree = folder.join("tree").join(archive.file_stem().expect("an archive has a name"));
    if !tree.exists() {
        std::fs::create_dir_all(&tree).expect("a folder for the package");
        let status = Command::new("dpkg-deb").arg("-x").arg(archive).arg(&tree).status();
        assert!(status.expect("this test needs dpkg-deb").success(), "{package} does not unpack");
    }
    let found: Vec<Component> =
        recognise(&tree).into_iter().filter(|component| component.name == rule).collect();
    let told = found.iter().filter_map(|component| component.version.present().cloned()).collect();
    Outcome { package, truth: upstream(version), named: !found.is_empty(), told }
}

fn recognise(tree: &Path) -> Vec<Component> {
    let mut files = Vec::new();
    let mut contents = HashMap::new();
    walk(tree, tree, &mut files, &mut contents);
    let mut elves = HashMap::new();
    let mut marks = HashMap::new();
    for (digest, content) in &contents {
        let content: &Bytes = content;
        if content.starts_with(b"\x7fELF") {
            elves.insert(*digest, parse_elf(content).unwrap_or_else(|| read_dynamic(content)));
            marks.insert(*digest, find_marks(content));
        }
    }
    let root = Root::new(ContainerId(0), &files, &contents);
    find_components(&files, &[root], &elves, &marks, &[], &contents)
}

fn walk(
    top: &Path,
    directory: &Path,
    files: &mut Vec<File>,
    contents: &mut HashMap<Digest, Bytes>,
) {
    for entry in std::fs::read_dir(directory).expect("an unpacked package") {
        let path = entry.expect("an entry").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(top, &path, files, contents);
            continue;
        }
        let content = Bytes::from(std::fs::read(&path).expect("a readable file"));
        let digest = Digest::of(&content);
        let name = path.strip_prefix(top).expect("beneath the top").to_str().expect("UTF-8");
        files.push(File {
            container: ContainerId(0),
            path: ImagePath::from(name),
            kind: FileKind::Regular { digest, size: content.len() as u64 },
            mode: None,
            uid: None,
            gid: None,
            mtime: None,
            xattrs: BTreeMap::new(),
        });
        contents.insert(digest, content);
    }
}

/// Library name and needed libraries of a 64-bit little-endian file, for what the ELF reader does
/// not read; everything else stays unsaid.
fn read_dynamic(content: &[u8]) -> ElfFacts {
    let mut facts = bare_facts();
    let word = |at: usize| {
        let bytes = content.get(at..at + 8);
        bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap())) as usize
    };
    let headers: Vec<usize> = (0..word(56) & 0xffff).map(|index| word(32) + index * 56).collect();
    let kind = |at: usize| word(at) & 0xffff_ffff;
    let place = |address: usize| {
        let loads = headers.iter().filter(|at| kind(**at) == 1);
        let mut holders =
            loads.filter(|&&at| (word(at + 16)..word(at + 16) + word(at + 32)).contains(&address));
        holders.next().map_or(0, |at| address - word(at + 16) + word(at + 8))
    };
    let Some(dynamic) = headers.iter().find(|at| kind(**at) == 2) else { return facts };
    let entries: Vec<(usize, usize)> = (0..word(dynamic + 32) / 16)
        .map(|index| word(dynamic + 8) + index * 16)
        .map(|at| (word(at), word(at + 8)))
        .collect();
    let strings = entries.iter().find(|(tag, _)| *tag == 5).map_or(0, |(_, value)| place(*value));
    let text = |at: usize| {
        let bytes = content.get(strings + at..).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    facts.needed = entries.iter().filter(|(tag, _)| *tag == 1).map(|(_, at)| text(*at)).collect();
    facts.soname = entries.iter().find(|(tag, _)| *tag == 14).map(|(_, at)| text(*at));
    facts
}

fn bare_facts() -> ElfFacts {
    let absent = serde_json::json!({"is": "absent"});
    let mitigation = serde_json::json!({"observed": absent});
    serde_json::from_value(serde_json::json!({
        "bits": 64, "endian": "little", "machine": "x86-64", "role": "executable",
        "linkage": absent, "libc": mitigation, "compiler": absent, "symbols": absent,
        "hardening": {
            "nx": mitigation, "pie": mitigation, "relro": mitigation,
            "stack_protector": mitigation, "fortify": mitigation, "stack_clash": mitigation,
            "control_flow": mitigation, "search_path": absent, "text_relocations": absent,
            "writable_executable": absent,
        },
    }))
    .expect("facts that say nothing")
}

/// The upstream version of a Debian version: without epoch, revision and repacking marks.
fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    let version = version.split(['+', '~']).next().unwrap_or(version);
    version.trim_end_matches(".dfsg").to_owned()
}
