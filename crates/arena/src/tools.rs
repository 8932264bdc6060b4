// SPDX-License-Identifier: Apache-2.0
//! Programs of guests, compiled from their source in this crate with Debian's cross compilers and kept.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kakoi_model::Digest;

use crate::debian::run;
use crate::machine::Machine;
use crate::store::write;
use crate::{Error, Store};

macro_rules! sources {
    ($($name:literal),+) => { &[$(($name, include_str!(concat!("../guest/", $name)))),+] };
}

const SOURCES: &[(&str, &str)] = sources!(
    "arena.h",
    "init.c",
    "net.c",
    "enter.c",
    "watch.c",
    "serve.c",
    "steps.c",
    "fetch.c",
    "confine.c",
    "fixture.c",
    "payload.c",
    "shim.c"
);

/// The compiled programs of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    /// First process, and login daemon.
    pub(crate) init: PathBuf,
    /// What scenarios download.
    pub(crate) payload: PathBuf,
    /// The same, as a library.
    pub(crate) preload: PathBuf,
    /// What stands for a vendor's flash and drivers.
    pub(crate) shim: PathBuf,
}

/// Compiles what is not there yet; the folder's name is the digest of the source.
pub(crate) fn tools(store: &Store, machine: &Machine) -> Result<Tools, Error> {
    let all: Vec<u8> = SOURCES.iter().flat_map(|(_, text)| text.bytes()).collect();
    let folder = store.folder(format!("tools/{}-{}", machine.name, Digest::of(&all).short()))?;
    for (name, text) in SOURCES {
        write(&folder.join(name), text)?;
    }
    let tools = Tools {
        init: folder.join("arena-init"),
        payload: folder.join("payload"),
        preload: folder.join("preload.so"),
        shim: folder.join("shim.so"),
    };
    if tools.shim.exists() {
        return Ok(tools);
    }
    let units = [
        "init.c",
        "net.c",
        "enter.c",
        "watch.c",
        "serve.c",
        "steps.c",
        "fetch.c",
        "confine.c",
        "fixture.c",
    ];
    compile(machine, &folder, &tools.init, &units, &["-static"])?;
    let soft: &[&str] = if machine.name == "armhf" {
        &["-marm", "-march=armv5te", "-mfloat-abi=soft"]
    } else {
        &[]
    };
    // Old dynamic linkers know the older hash table only.
    let bare = ["-nostdlib", "-fno-stack-protector", "-Wl,--hash-style=sysv"];
    let plain: &[&str] =
        if machine.kernel == "mips" { &["-mno-abicalls", "-fno-pic"] } else { &["-no-pie"] };
    compile(
        machine,
        &folder,
        &tools.payload,
        &["payload.c"],
        &[&bare, soft, plain, &["-static"]].concat(),
    )?;
    let shared = ["-shared", "-fPIC", "-Wl,-init,ran"];
    compile(machine, &folder, &tools.preload, &["payload.c"], &[&bare, soft, &shared].concat())?;
    let plain = ["-shared", "-fPIC"];
    compile(machine, &folder, &tools.shim, &["shim.c"], &[&bare, soft, &plain].concat())?;
    Ok(tools)
}

fn compile(
    machine: &Machine,
    folder: &std::path::Path,
    output: &std::path::Path,
    units: &[&str],
    flags: &[&str],
) -> Result<(), Error> {
    let half = output.with_extension("half");
    run(Command::new(format!("{}gcc", machine.cross))
        .args(["-Os", "-s", "-Wall", "-o"])
        .arg(&half)
        .args(units.iter().map(|unit| folder.join(unit)))
        .args(flags)
        .args(machine.flags))?;
    fs::rename(&half, output).map_err(crate::error::host(output.display()))
}
