// SPDX-License-Identifier: Apache-2.0
//! Functions of stripped ARM and MIPS programs are counted from their code nearly as they are
//! counted from their symbols.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on should stop.

mod toolchain;

use kakoi_inspect::elf::parse_elf;
use kakoi_model::Coverage;
use toolchain::{ARMHF, MIPS, MIPSEL, TOOLCHAINS, Toolchain};

/// Functions that a stripped file has more: those of the start files have symbols without a size.
const START_FUNCTIONS: u32 = 7;

/// 240 functions of several shapes: leaves and not, with and without arrays, early returns,
/// switches, loops, functions that are only pointed at, functions that end in a call without return.
fn program() -> String {
    let head = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
        #define ALONE __attribute__((noinline, noclone))\nvolatile int sink;\n";
    let mut text = head.to_owned();
    for n in 0..30 {
        text += &format!(
            "ALONE static int leaf{n}(int a, int b) {{ return a * {n} + (b ^ {}); }}\n\
             ALONE static int early{n}(const char *p) {{ if (!p) return -{n}; sink += {n}; return puts(p) + sink; }}\n\
             ALONE static int array{n}(const char *p) {{ char to[{}]; strcpy(to, p); sink = to[{n}]; return leaf{n}(sink, to[1]); }}\n\
             ALONE static int cases{n}(int a) {{ switch (a) {{ case 0: return puts(\"a{n}\"); case 1: return leaf{n}(a, 2); \
             case 2: sink = {n}; return 9; case 3: return early{n}(\"c\") + 1; case 4: return 77 + {n}; case 5: puts(\"e\"); \
             return sink; default: return leaf{n}(3, a) * {n}; }} }}\n\
             ALONE static int loops{n}(int a) {{ int s = 0; for (int i = 0; i < a; i++) {{ s += leaf{n}(i, a); if (s > {n}000) return s; }} return s; }}\n\
             ALONE static void ends{n}(int a) {{ printf(\"%d\", a + {n}); exit(a); }}\n\
             static int pointed{n}(const void *a, const void *b) {{ return *(const int *) a - *(const int *) b - {n}; }}\n\
             ALONE int all{n}(int a, char *p) {{ int v[{}] = {{ a }}; qsort(v, 4, 4, pointed{n}); if (a == 8{n}) ends{n}(a); \
             return leaf{n}(a, 1) + early{n}(p) + array{n}(p) + cases{n}(a) + loops{n}(v[1]); }}\n",
            n + 7,
            n + 40,
            n + 4,
        );
    }
    text += "int main(int c, char **v) { int s = 0;\n";
    (0..30).for_each(|n| text += &format!("s += all{n}(c, v[0]);\n"));
    text + "return s; }\n"
}

fn coverage(content: &[u8]) -> Coverage {
    let facts = parse_elf(content).unwrap();
    *facts.hardening.stack_protector.observed.present().unwrap()
}

fn check(toolchain: &Toolchain, flags: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("program.c"), program()).unwrap();
    let flags = [&["-fstack-protector-strong"], flags].concat();
    let built = toolchain.compile(directory.path(), "count", &flags);
    let told = coverage(&std::fs::read(&built).unwrap());
    let counted = coverage(&toolchain.strip(&built, &[]));
    let name = format!("{} {flags:?}: {counted:?}, by symbols {told:?}", toolchain.name);
    let of = told.of.unwrap();
    assert!(of > 150, "{name}");
    assert_eq!(counted.protected, told.protected, "{name}");
    let allowed = of - of / 50..=of + of / 50 + START_FUNCTIONS;
    assert!(counted.of.is_some_and(|of| allowed.contains(&of)), "{name}");
}

#[test]
fn functions_of_stripped_arm_programs_are_counted_by_their_code() {
    for level in ["-O2", "-Os", "-O1"] {
        for set in ["-marm", "-mthumb"] {
            check(&ARMHF, &[level, set, "-fPIE", "-pie"]);
            check(&ARMHF, &[level, set, "-fno-pie", "-no-pie"]);
        }
    }
}

#[test]
fn functions_of_stripped_mips_programs_are_counted_by_their_code() {
    for level in ["-O2", "-Os", "-O1"] {
        for toolchain in [&MIPS, &MIPSEL] {
            check(toolchain, &[level, "-fPIE", "-pie"]);
            check(toolchain, &[level, "-fno-pie", "-no-pie"]);
            check(
                toolchain,
                &[level, "-no-pie", "-fno-pic", "-mno-abicalls", "-mplt", "-mabicalls"],
            );
        }
    }
}

#[test]
fn functions_of_programs_with_musl_are_counted_on_every_architecture() {
    for toolchain in TOOLCHAINS.iter().filter(|toolchain| toolchain.libc == "musl") {
        check(toolchain, &["-O2", "-fPIE", "-pie"]);
    }
}
