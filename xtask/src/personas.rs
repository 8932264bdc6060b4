// SPDX-License-Identifier: Apache-2.0
//! Personas of the honeypot: the descriptions in `personas/`, each with BusyBox of its architecture from Debian's release
//! that the guests are made of. (Some architectures list later releases too, for their kernels.)

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::top;
use crate::vm::kernels::{ARM64, ARMHF, Architecture, MIPSEL};
use crate::vm::packages::{store, unpacked};

const PERSONAS: [(&str, Architecture); 3] =
    [("mipsel-router", MIPSEL), ("arm-recorder", ARMHF), ("aarch64-router", ARM64)];

pub fn run(_: &[String]) -> anyhow::Result<()> {
    let kept = store().parent().unwrap_or(Path::new("target")).join("personas");
    for (name, architecture) in PERSONAS {
        let packages = store().join("userland").join(architecture.name);
        unpacked(&architecture, &["busybox-static/bookworm".to_owned()], &packages)?;
        let into = kept.join(name);
        fs::create_dir_all(&into)?;
        for (from, to) in [
            (packages.join("bin/busybox"), "busybox"),
            (top().join("personas").join(name).join("persona.toml"), "persona.toml"),
        ] {
            fs::copy(&from, into.join(to)).with_context(|| from.display().to_string())?;
        }
        println!("{}", into.display());
    }
    Ok(())
}
