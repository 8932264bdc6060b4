// SPDX-License-Identifier: Apache-2.0
//! Programs compiled for tests by Debian's compilers.

#![allow(dead_code)] // Each test uses a part of it.

mod musl;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program: four functions with an array on the stack and no reason to inline them, one of
/// which opts out of the stack protector and one of which has a large frame; two without arrays.
/// Of the calls that `_FORTIFY_SOURCE` knows, three have a buffer of known size (`strcpy`,
/// `read`, `printf` by its format) and one has not (`memcpy`).
pub(crate) const PROGRAM: &str = r#"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#define ALONE __attribute__((noinline, noclone))
ALONE int copies(const char *text) { char to[64]; strcpy(to, text); return to[3]; }
ALONE long reads(int fd, size_t size) { char to[48]; long n = read(fd, to, size); return n + to[5]; }
__attribute__((no_stack_protector))
ALONE long opts_out(int fd, size_t size) { char to[56]; long n = read(fd, to, size); return n + to[6]; }
ALONE long is_large(int fd, size_t at) { volatile char to[300000]; to[at] = fd; return to[at / 2]; }
ALONE int adds(int one, int two) { return one * 3 + two; }
ALONE void moves(char *to, const char *from, size_t size) { memcpy(to, from, size); }
int main(int count, char **words) {
    char own[80];
    moves(own, words[0], (size_t) count);
    printf("%d %d\n", copies(words[0]), adds(count, own[7]));
    return (int) (reads(count, (size_t) own[1]) + opts_out(count, 9) + is_large(count, own[2]));
}
"#;

/// Functions of [`PROGRAM`] that `-fstack-protector-strong` protects, `main` included.
pub(crate) const PROTECTED: u32 = 4;
/// Functions of [`PROGRAM`].
pub(crate) const FUNCTIONS: u32 = 7;

/// A C compiler and the tools beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toolchain {
    /// Distinct.
    pub(crate) name: &'static str,
    compiler: &'static str,
    strip: &'static str,
    /// In the words of `ElfFacts::machine`.
    pub(crate) machine: &'static str,
    /// In the words of `LibC::family`.
    pub(crate) libc: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    /// The compiler is made for glibc: architecture and triplet of the musl to build with.
    musl: Option<(&'static str, &'static str)>,
}

pub(crate) const AMD64: Toolchain = Toolchain::glibc("amd64", "gcc", "strip", "x86-64", "gcc");
pub(crate) const ARM64: Toolchain = Toolchain::glibc(
    "arm64",
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-gnu-strip",
    "aarch64",
    "gcc-aarch64-linux-gnu",
);
pub(crate) const ARMHF: Toolchain = Toolchain::glibc(
    "armhf",
    "arm-linux-gnueabihf-gcc",
    "arm-linux-gnueabihf-strip",
    "arm",
    "gcc-arm-linux-gnueabihf",
);
pub(crate) const MIPS: Toolchain = Toolchain::glibc(
    "mips",
    "mips-linux-gnu-gcc",
    "mips-linux-gnu-strip",
    "mips",
    "gcc-mips-linux-gnu",
);
pub(crate) const MIPSEL: Toolchain = Toolchain::glibc(
    "mipsel",
    "mipsel-linux-gnu-gcc",
    "mipsel-linux-gnu-strip",
    "mips",
    "gcc-mipsel-linux-gnu",
);
pub(crate) const MUSL: Toolchain = Toolchain {
    name: "amd64-musl",
    compiler: "musl-gcc",
    libc: "musl",
    package: "musl-tools",
    ..AMD64
};

/// Debian has no musl for big-endian MIPS.
pub(crate) const TOOLCHAINS: [Toolchain; 9] = [
    AMD64,
    ARM64,
    ARMHF,
    MIPS,
    MIPSEL,
    MUSL,
    ARM64.with_musl("arm64-musl", "arm64", "aarch64-linux-musl"),
    ARMHF.with_musl("armhf-musl", "armhf", "arm-linux-musleabihf"),
    MIPSEL.with_musl("mipsel-musl", "mipsel", "mipsel-linux-musl"),
];

impl Toolchain {
    const fn glibc(
        name: &'static str,
        compiler: &'static str,
        strip: &'static str,
        machine: &'static str,
        package: &'static str,
    ) -> Self {
        Self { name, compiler, strip, machine, libc: "glibc", package, musl: None }
    }

    const fn with_musl(
        self,
        name: &'static str,
        architecture: &'static str,
        triplet: &'static str,
    ) -> Self {
        Self { name, libc: "musl", musl: Some((architecture, triplet)), ..self }
    }

    /// Compiles [`PROGRAM`] with these flags; a compiler that is missing fails the test.
    pub(crate) fn compile(&self, directory: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let source = directory.join("program.c");
        if !source.exists() {
            std::fs::write(&source, PROGRAM).unwrap();
        }
        let output = directory.join(format!("{}-{name}", self.name));
        let library = self.musl.map(|(architecture, triplet)| musl::fetch(architecture, triplet));
        let ran = Command::new(self.compiler)
            .args(library.into_iter().flatten())
            .arg("-O2")
            .args(flags)
            .arg("-o")
            .arg(&output)
            .arg(&source)
            .output()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {error}; `make test` installs it (Debian package {})",
                    self.compiler, self.package
                )
            });
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{} {flags:?}: {said}", self.name);
        output
    }

    /// The bytes of a compiled file after `strip` with these options.
    pub(crate) fn strip(&self, file: &Path, options: &[&str]) -> Vec<u8> {
        let stripped = file.with_extension("stripped");
        let mut command = Command::new(self.strip);
        let ran = command.args(options).arg("-o").arg(&stripped).arg(file).status();
        assert!(ran.is_ok_and(|status| status.success()), "{} failed", self.strip);
        std::fs::read(stripped).unwrap()
    }
}
