// SPDX-License-Identifier: Apache-2.0
//! A root file system whose scripts and configuration files are the input: start-up, accounts,
//! listeners, components, update marks. The input is cut at bytes 0xff into files.
#![no_main]

use std::collections::HashMap;

use kakoi_inspect::{Sketch, component, start_up, surface};
use libfuzzer_sys::fuzz_target;

const NAMES: &[&str] = &[
    "/etc/inittab", "/etc/init.d/rcS", "/etc/passwd", "/etc/shadow", "/etc/inetd.conf", "/etc/rc.d/S10boot",
    "/etc/systemd/system/a.service", "/usr/lib/opkg/status", "/var/lib/dpkg/status", "/lib/apk/db/installed",
    "/etc/crontabs/root", "/etc/lighttpd/lighttpd.conf", "/etc/init.d/network",
];

fuzz_target!(|data: &[u8]| {
    let mut sketch = Sketch::new().file("/bin/busybox", 0o755, b"\x7fELF").link("/sbin/init", "../bin/busybox");
    for (name, part) in NAMES.iter().zip(data.split(|byte| *byte == 0xff)) {
        sketch = sketch.file(name, 0o755, part);
    }
    let root = sketch.root();
    let starts = start_up::find_start_ups(&root);
    let _ = surface::find_accounts(&root);
    let _ = surface::find_listeners(&root, &starts);
    let _ = surface::find_update_marks(&root, &starts);
    let roots = std::slice::from_ref(&root);
    let _ = component::find_components(&sketch.files, roots, &HashMap::new(), &HashMap::new(), &[], &sketch.contents);
});
