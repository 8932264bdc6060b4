// SPDX-License-Identifier: Apache-2.0
//! Facts of a made-up router of about 2010: MIPS, Linux 2.6.31, squashfs, telnet at boot. Nothing in
//! it is taken from a real device.

pub(crate) mod build;
mod kernel;
pub(crate) mod surface;

use build::{binary, container, directory, gap, hidden, module, place, regular, symlink};
use kakoi_model::*;

/// 2026-01-15 12:00:00 UTC.
pub(crate) const SCANNED_AT: i64 = 1_768_478_400;

/// The facts, in the order of a scan.
pub(crate) fn facts() -> Facts {
    let mut lines = vec![Fact::Image(image())];
    lines.extend(containers());
    lines.extend(regions());
    lines.push(Fact::Problem(
        Problem::new(ProblemCode::BadStream, 0x003a_0010, "config partition")
            .because("lzma: range coder ended early"),
    ));
    lines.extend(files());
    lines.extend(elves());
    lines.push(Fact::Kernel(kernel::kernel()));
    lines.extend(surface::start_ups().into_iter().map(Fact::StartUp));
    lines.extend(surface::components().into_iter().map(Fact::Component));
    lines.extend(surface::accounts().into_iter().map(Fact::Account));
    lines.extend(surface::secrets().into_iter().map(Fact::Secret));
    lines.extend(surface::permissions().into_iter().map(Fact::Permission));
    lines.extend(surface::listeners().into_iter().map(Fact::Listener));
    lines.extend(surface::marks());
    lines.extend(kernel::backends().into_iter().map(Fact::Backend));
    Facts { lines }
}

fn image() -> Image {
    Image {
        schema: SCHEMA_VERSION,
        tool: "kakoi 0.1.0".into(),
        name: "HomeRouter-R300_v1.0.7.bin".into(),
        size: 3_932_160,
        digest: Digest::of(b"image"),
        scanned_at: Some(SCANNED_AT),
        confined: true,
    }
}

fn containers() -> Vec<Fact> {
    let squashfs = [("compression", "lzma"), ("byte-order", "big"), ("version", "3.1")];
    let uimage = [("compression", "lzma"), ("load-address", "0x80002000"), ("name", "MIPS Linux")];
    vec![
        Fact::Container(container(0, None, 0x100, 983_040, "uimage", &uimage, 1)),
        Fact::Container(container(1, None, 0x10_0000, 2_621_440, "squashfs", &squashfs, 412)),
        Fact::Container(Container {
            state: OpenState::Partial,
            ..container(2, None, 0x3a_0000, 65_536, "jffs2", &[], 3)
        }),
    ]
}

fn regions() -> Vec<Fact> {
    let spans = [
        (0, 0x100, RegionKind::Data { kind: "vendor header".into() }),
        (0x100, 983_040, RegionKind::Container { id: ContainerId(0) }),
        (983_296, 65_280, RegionKind::Padding { byte: 0xff }),
        (0x10_0000, 2_621_440, RegionKind::Container { id: ContainerId(1) }),
        (3_670_016, 131_072, RegionKind::Unknown { entropy: 7.98 }),
        (3_801_088, 65_536, RegionKind::Container { id: ContainerId(2) }),
        (3_866_624, 65_536, RegionKind::Padding { byte: 0xff }),
    ];
    spans.map(|(offset, size, what)| Fact::Region(gap(offset, size, what))).into()
}

fn files() -> Vec<Fact> {
    let mut files = vec![
        regular(0, "/linux.bin", 0o644, 2_913_280),
        directory("/bin", 0o755),
        regular(1, "/bin/busybox", 0o4755, 389_120),
        symlink("/bin/sh", "busybox"),
        symlink("/usr/sbin/telnetd", "../../bin/busybox"),
        regular(1, "/etc/inittab", 0o644, 96),
        regular(1, "/etc/rc.d/rcS", 0o777, 1_870),
        regular(1, "/etc/passwd", 0o644, 164),
        regular(1, "/etc/services.conf", 0o666, 512),
        regular(1, "/etc/server.key", 0o644, 887),
        regular(1, "/etc/server.crt", 0o644, 1_021),
        regular(1, "/usr/bin/httpd", 0o755, 1_204_224),
        regular(1, "/usr/sbin/upnpd", 0o755, 94_208),
        regular(1, "/usr/sbin/dnsmasq", 0o755, 131_072),
        regular(1, "/usr/sbin/flash_tool", 0o777, 24_576),
        regular(1, "/lib/ld-uClibc-0.9.30.so", 0o755, 25_296),
        symlink("/lib/ld-uClibc.so.0", "ld-uClibc-0.9.30.so"),
        regular(1, "/lib/libuClibc-0.9.30.so", 0o644, 344_064),
        symlink("/lib/libc.so.0", "libuClibc-0.9.30.so"),
        regular(1, "/lib/libcrypto.so.0.9.8", 0o644, 1_310_720),
        regular(1, "/lib/modules/2.6.31/wlan.ko", 0o644, 912_384),
        regular(2, "/config/user.conf", 0o600, 2_048),
    ];
    for page in 0..40 {
        files.push(regular(1, &format!("/web/page{page:02}.htm"), 0o644, 900 + page * 37));
    }
    files.into_iter().map(Fact::File).collect()
}

fn elves() -> Vec<Fact> {
    let names = ["/bin/busybox", "/usr/bin/httpd", "/usr/sbin/upnpd", "/usr/sbin/dnsmasq"];
    let mut elves: Vec<_> = names.iter().map(|name| (*name, binary(&[]))).collect();
    if let Some((_, httpd)) = elves.get_mut(1) {
        httpd.needed.insert(0, "libcrypto.so.0.9.8".into());
        httpd.dangerous_imports = ["sprintf", "strcpy", "system"].map(str::to_owned).into();
        httpd.imports = ["accept", "sprintf", "strcpy", "system"].map(str::to_owned).into();
    }
    elves.push(("/usr/sbin/flash_tool", hidden()));
    for library in
        ["/lib/libuClibc-0.9.30.so", "/lib/libcrypto.so.0.9.8", "/lib/ld-uClibc-0.9.30.so"]
    {
        elves.push((library, ElfFacts { role: ElfRole::Library, needed: vec![], ..binary(&[]) }));
    }
    elves.push(("/lib/modules/2.6.31/wlan.ko", module()));
    let fact = |(name, facts)| {
        Fact::Elf(OfContent { digest: Digest::of(place(1, name).path.as_bytes()), facts })
    };
    elves.into_iter().map(fact).collect()
}
