// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask syscall-tables`: the numbers of system calls, from the kernel headers that Debian
//! packages for each architecture (linux-libc-dev and its -cross packages). Names and numbers are
//! facts of the kernel's interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::top;

/// ABI, package, include directory, macros that choose it.
const ABIS: &[(&str, &str, &str, &[&str])] = &[
    (
        "x86-64",
        "linux-libc-dev:amd64",
        "/usr/include/x86_64-linux-gnu",
        &["-D__x86_64__", "-U__i386__"],
    ),
    ("i386", "linux-libc-dev-i386-cross", "/usr/i686-linux-gnu/include", &["-m32"]),
    (
        "aarch64",
        "linux-libc-dev-arm64-cross",
        "/usr/aarch64-linux-gnu/include",
        &["-D__aarch64__", "-U__x86_64__"],
    ),
    (
        "arm",
        "linux-libc-dev-armhf-cross",
        "/usr/arm-linux-gnueabihf/include",
        &["-D__ARM_EABI__", "-U__x86_64__"],
    ),
    (
        "mips-o32",
        "linux-libc-dev-mips-cross",
        "/usr/mips-linux-gnu/include",
        &["-D_MIPS_SIM=1", "-D_MIPS_SIM_ABI32=1"],
    ),
    (
        "mips-n64",
        "linux-libc-dev-mips-cross",
        "/usr/mips-linux-gnu/include",
        &["-D_MIPS_SIM=3", "-D_MIPS_SIM_ABI64=3"],
    ),
    (
        "mips-n32",
        "linux-libc-dev-mips-cross",
        "/usr/mips-linux-gnu/include",
        &["-D_MIPS_SIM=2", "-D_MIPS_SIM_NABI32=2"],
    ),
];

pub fn run(_: &[String]) -> anyhow::Result<()> {
    let mut text = String::from(
        "# SPDX-License-Identifier: Apache-2.0\n\
         # Numbers of Linux system calls by ABI, as they stand in the number register (MIPS: with the\n\
         # base of the ABI). Made by `cargo xtask syscall-tables` from Debian's kernel headers.\n",
    );
    for (abi, package, include, flags) in ABIS {
        let version = version_of(package)?;
        let calls = read(include, flags).with_context(|| format!("{abi}: {include}"))?;
        write!(
            text,
            "\n[{abi}]\nsource = \"{package} {version}, asm/unistd.h\"\n\n[{abi}.calls]\n"
        )?;
        for (number, name) in calls {
            writeln!(text, "{name} = {number}")?;
        }
    }
    std::fs::write(top().join("rules/syscalls.toml"), text)?;
    Ok(())
}

fn version_of(package: &str) -> anyhow::Result<String> {
    let arguments = ["-W", "-f", "${Version}", package];
    let output = Command::new("dpkg-query").args(arguments).output().context("dpkg-query")?;
    anyhow::ensure!(output.status.success(), "{package} is not installed; see tools/install.sh");
    Ok(String::from_utf8(output.stdout)?)
}

/// Numbers and names, by number; of two names with one number the first of the alphabet.
fn read(include: &str, flags: &[&str]) -> anyhow::Result<BTreeMap<u64, String>> {
    let header = "#include <asm/unistd.h>\n";
    let macros = preprocess(include, flags, header, &["-dM"])?;
    let mut source = header.to_owned();
    for name in macros.lines().filter_map(|line| line.split_whitespace().nth(1)) {
        let Some(call) = name.strip_prefix("__NR_").or_else(|| name.strip_prefix("__ARM_NR_"))
        else {
            continue;
        };
        let is_base = call.ends_with("_Linux")
            || call.ends_with("_syscalls")
            || call.ends_with("_BASE")
            || call.ends_with("_MASK")
            || call == "BASE"
            || name.contains('(')
            || call.starts_with("arm_")
            || call == "Linux"
            || call == "arch_specific_syscall";
        if !is_base {
            writeln!(source, "kakoi {call} = {name}")?;
        }
    }
    let mut calls = BTreeMap::new();
    for line in preprocess(include, flags, &source, &["-P"])?.lines() {
        let Some((name, value)) = line.strip_prefix("kakoi ").and_then(|line| line.split_once('='))
        else {
            continue;
        };
        let number = sum(value).with_context(|| format!("{line}: no number"))?;
        let name = name.trim().to_owned();
        let known = calls.entry(number).or_insert_with(|| name.clone());
        if name < *known {
            *known = name;
        }
    }
    Ok(calls)
}

/// Sums and differences of numbers, as the headers write them.
fn sum(text: &str) -> Option<u64> {
    let plain: String =
        text.chars().filter(|c| !matches!(c, '(' | ')') && !c.is_whitespace()).collect();
    plain.split('+').try_fold(0_u64, |sum, part| {
        let number = match part.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => part.parse().ok()?,
        };
        sum.checked_add(number)
    })
}

fn preprocess(
    include: &str,
    flags: &[&str],
    source: &str,
    mode: &[&str],
) -> anyhow::Result<String> {
    use std::io::Write as _;
    let mut child = Command::new("gcc")
        .args(["-E", "-nostdinc", "-I", include])
        .args(flags)
        .args(mode)
        .args(["-x", "c", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("gcc")?;
    child.stdin.take().context("gcc")?.write_all(source.as_bytes())?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "gcc -E failed");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn sums_of_the_headers_are_numbers() {
        assert_eq!(sum(" (4000 + 12)"), Some(4012));
        assert_eq!(sum("(0+0x0f0000)+2"), Some(0x0f_0002));
        assert_eq!(sum("x"), None);
    }
}
