// SPDX-License-Identifier: Apache-2.0
//! Kernels and their configurations from Debian packages, fetched once into the target directory.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;

/// One kernel of a package.
#[allow(dead_code)] // Each test uses a part of it.
pub(crate) struct DebianKernel {
    pub(crate) release: String,
    /// In the words of `ElfFacts::machine`.
    pub(crate) machine: &'static str,
    /// Decompressed.
    pub(crate) image: Vec<u8>,
    pub(crate) config: String,
}

/// A package to fetch: suite, start and end of its name, its architecture, and the machine.
type Wanted = (&'static str, &'static str, &'static str, &'static str, &'static str);

const WANTED: [Wanted; 4] = [
    ("bookworm", "linux-image-6.1.0-", "-4kc-malta", "mipsel", "mips"),
    ("bookworm", "linux-image-6.1.0-", "-rpi", "armel", "arm"),
    ("bookworm", "linux-image-6.1.0-", "-cloud-arm64", "arm64", "aarch64"),
    ("bullseye", "linux-image-5.10.0-", "-cloud-amd64", "amd64", "x86-64"),
];
/// Fetched only where `KAKOI_KERNELS=all` asks for it: about 550 MB.
const MORE: [Wanted; 10] = [
    ("bookworm", "linux-image-6.1.0-", "-armmp", "armhf", "arm"),
    ("bookworm", "linux-image-6.1.0-", "-marvell", "armel", "arm"),
    ("bookworm", "linux-image-6.1.0-", "-arm64", "arm64", "aarch64"),
    ("bookworm", "linux-image-6.1.0-", "-5kc-malta", "mips64el", "mips"),
    ("bookworm", "linux-image-6.1.0-", "-loongson-3", "mips64el", "mips"),
    ("bookworm", "linux-image-6.1.0-", "-powerpc64le", "ppc64el", "powerpc64"),
    ("bookworm", "linux-image-6.1.0-", "-686", "i386", "i386"),
    ("bullseye", "linux-image-5.10.0-", "-armmp", "armhf", "arm"),
    ("bullseye", "linux-image-5.10.0-", "-rt-686-pae", "i386", "i386"),
    ("bookworm-backports", "linux-image-6.12.", "-armmp", "armhf", "arm"),
];
const SUITES: [(&str, &str); 3] = [
    ("bookworm", "mipsel armel arm64 armhf mips64el ppc64el i386 amd64"),
    ("bullseye", "amd64 armhf i386"),
    ("bookworm-backports", "mips64el armhf"),
];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// All of them; panics with what is missing when they cannot be had.
#[allow(dead_code)] // Each test uses a part of it.
pub(crate) fn fetch_kernels() -> Vec<DebianKernel> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernel-truth");
    fs::create_dir_all(&cache).expect("a cache directory");
    let all = std::env::var_os("KAKOI_KERNELS").is_some_and(|which| which == "all");
    let more = if all { &MORE[..] } else { &[] };
    WANTED
        .iter()
        .chain(more)
        .map(|wanted| {
            let (suite, start, end, arch, machine) = wanted;
            let stem = start.trim_end_matches(['-', '.']);
            let folder = cache.join(format!("{suite}-{stem}{end}-{arch}"));
            if !folder.join("done").exists() {
                fetch(&cache, &folder, wanted);
            }
            read(&folder, machine)
        })
        .collect()
}

/// The files of the one package of Debian that has a kernel with `CONFIG_IKCONFIG`: `linux.uml`, and
/// its module `configs.ko`.
#[allow(dead_code)] // Each test uses a part of it.
pub(crate) fn fetch_user_mode_linux() -> (Vec<u8>, Vec<u8>) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("user-mode-linux");
    if !cache.join("done").exists() {
        fs::create_dir_all(&cache).expect("a cache directory");
        let conf = apt_root(&cache, "bookworm");
        run(Command::new("apt-get").env("APT_CONFIG", &conf).current_dir(&cache).args([
            "-q",
            "download",
            "user-mode-linux:amd64",
        ]));
        let unpack = "dpkg-deb --fsys-tarfile user-mode-linux_*.deb | tar -x --wildcards --transform 's,.*/,,' \
            ./usr/bin/linux.uml '*/configs.ko' && rm -f *.deb && touch done";
        run(Command::new("sh").args(["-ec", unpack]).current_dir(&cache));
    }
    let read =
        |name: &str| fs::read(cache.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    (read("linux.uml"), read("configs.ko"))
}

fn fetch(cache: &Path, folder: &Path, (suite, start, end, arch, _): &Wanted) {
    let conf = apt_root(cache, suite);
    let names = run(Command::new("apt-cache").env("APT_CONFIG", &conf).args(["pkgnames", start]));
    let newest = names
        .lines()
        .filter(|name| {
            let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            middle.is_some_and(|middle| !middle.contains(['-', 'r']))
        })
        .max_by_key(|name| (name.len(), name.to_owned()));
    let newest =
        newest.unwrap_or_else(|| panic!("no package {start}*{end} in the package sources"));
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder for the kernel");
    run(Command::new("apt-get").env("APT_CONFIG", &conf).current_dir(folder).args([
        "-q",
        "download",
        &format!("{newest}:{arch}"),
    ]));
    let unpack = "dpkg-deb --fsys-tarfile *.deb | tar -x --strip-components=2 ./boot && rm -f *.deb && touch done";
    run(Command::new("sh").args(["-ec", unpack]).current_dir(folder));
}

/// A package configuration of our own beside the machine's, which stays untouched.
fn apt_root(cache: &Path, suite: &str) -> PathBuf {
    let root = cache.join(format!("apt-{suite}"));
    let conf = root.join("apt.conf");
    if root.join("updated").exists() {
        return conf;
    }
    for folder in [
        "etc/sources.list.d",
        "etc/preferences.d",
        "etc/apt.conf.d",
        "state/lists/partial",
        "cache/archives/partial",
    ] {
        fs::create_dir_all(root.join(folder)).expect("folders of apt");
    }
    let mirror = mirror();
    let arches = SUITES.iter().find(|(name, _)| *name == suite).expect("a known suite").1;
    let sources = format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nArchitectures: {arches}\nSigned-By: {KEYRING}\n"
    );
    let quoted: String = arches.split(' ').map(|arch| format!("\"{arch}\"; ")).collect();
    fs::write(root.join("etc/sources.list.d/debian.sources"), sources).expect("sources");
    fs::write(root.join("status"), "").expect("status");
    let text = format!(
        "Dir::Etc \"{0}/etc\";\nDir::State \"{0}/state\";\nDir::State::status \"{0}/status\";\nDir::Cache \"{0}/cache\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ {quoted}}};\n\
         Acquire::Languages \"none\";\nAPT::Sandbox::User \"root\";\nAcquire::Check-Valid-Until \"false\";\n",
        root.display()
    );
    fs::write(&conf, text).expect("apt.conf");
    run(Command::new("apt-get").env("APT_CONFIG", &conf).args(["-q", "update"]));
    fs::write(root.join("updated"), "").expect("mark");
    conf
}

/// The archive that this machine already takes its packages from.
fn mirror() -> String {
    let list = run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ]));
    let uri = list.lines().find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    uri.expect("this test needs a Debian machine with a package source that ends in /debian")
        .to_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("kernel_truth needs apt-get, apt-cache and dpkg-deb: {command:?}: {error}")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "kernel_truth could not fetch its kernels: {command:?}\n{errors}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn read(folder: &Path, machine: &'static str) -> DebianKernel {
    let entries = || fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let named = |start: &str| {
        entries()
            .find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
            })
            .unwrap_or_else(|| panic!("no {start}* in {}", folder.display()))
    };
    let config = named("config-");
    let release = config.file_name().unwrap().to_string_lossy()["config-".len()..].to_owned();
    let packed = fs::read(named("vmlinu")).expect("the kernel");
    let image =
        decompress(packed).unwrap_or_else(|| panic!("{release}: nothing in it decompresses"));
    DebianKernel {
        release,
        machine,
        image,
        config: fs::read_to_string(config).expect("the config"),
    }
}

type Decoder = fn(&[u8]) -> Option<Vec<u8>>;

/// The first stream in a boot image that is a kernel; the image itself when it is not packed.
fn decompress(packed: Vec<u8>) -> Option<Vec<u8>> {
    let decoders: [(&[u8], Decoder); 4] = [
        (b"\xfd7zXZ\0", xz),
        (b"\x1f\x8b\x08", gzip),
        (b"\x5d\0\0", lzma),
        (b"\x02\x21\x4c\x18", lz4_legacy),
    ];
    if packed.get(0x38..0x3c) == Some(b"ARM\x64") {
        return Some(packed);
    }
    let unpacked = decoders.iter().find_map(|(magic, decode)| {
        memmem::find_iter(&packed, magic).take(64).find_map(|at| {
            let kernel = decode(&packed[at..])?;
            memmem::find(&kernel, b"Linux version ").map(|_| kernel)
        })
    });
    unpacked.or_else(|| memmem::find(&packed, b"Linux version ").map(|_| packed))
}

/// What comes out before the decoder meets the bytes that follow the stream.
fn drain(mut decoder: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let _ = decoder.read_to_end(&mut out);
    (out.len() > 1 << 20).then_some(out)
}

fn xz(stream: &[u8]) -> Option<Vec<u8>> {
    drain(liblzma::read::XzDecoder::new(stream))
}

fn gzip(stream: &[u8]) -> Option<Vec<u8>> {
    drain(flate2::bufread::GzDecoder::new(stream))
}

fn lzma(stream: &[u8]) -> Option<Vec<u8>> {
    let format = liblzma::stream::Stream::new_lzma_decoder(256 << 20).ok()?;
    drain(liblzma::read::XzDecoder::new_stream(stream, format))
}

/// Blocks of at most 8 MB, each after its length.
fn lz4_legacy(stream: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = 4;
    while let Some(length) = stream.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let Some(block) = stream.get(at + 4..at + 4 + length) else { break };
        let Ok(block) = lz4_flex::block::decompress(block, 8 << 20) else { break };
        out.extend(block);
        at += 4 + length;
    }
    Some(out)
}
