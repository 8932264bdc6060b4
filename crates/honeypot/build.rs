// SPDX-License-Identifier: Apache-2.0
//! Compiles bpf/record.bpf.c.

#[path = "../kernel/bpf_object.rs"]
mod bpf_object;

use std::path::PathBuf;

fn main() -> Result<(), String> {
    let out = PathBuf::from(bpf_object::variable("OUT_DIR")?);
    let sources = bpf_object::top()?.join("bpf");
    for file in ["kernel.h", "record.h", "record.bpf.c"] {
        println!("cargo:rerun-if-changed={}", sources.join(file).display());
    }
    let full = out.join("record.full.o");
    bpf_object::compile("record.bpf.c", &full)?;
    bpf_object::strip(&full, &[], &out.join("record.bpf.o"))
}
