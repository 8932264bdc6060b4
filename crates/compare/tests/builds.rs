// SPDX-License-Identifier: Apache-2.0
//! Builds of one source by Debian's compilers: with other flags, in another place, in another order, and with patches.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use kakoi_compare::{Change, Difference, Program, Verdict, compare};

/// A program with functions that a compiler cannot drop.
fn source(patch: Patch) -> String {
    let limit = if patch == Patch::Check { "if (n < 0 || n > 64) return -1;" } else { "" };
    let size = if patch == Patch::Constant { 4097 } else { 4096 };
    let message = if patch == Patch::Text { "name too long" } else { "name was too short" };
    let call = if patch == Patch::Call { "setsid();" } else { "" };
    let mut text = format!(
        r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <ctype.h>
static char store[4200];
__attribute__((noinline)) int take(const char *from, int n) {{
    {limit}
    for (int i = 0; i < n; i++) store[i] = (char)toupper(from[i]);
    return n;
}}
__attribute__((noinline)) int fill(int fd) {{
    {call}
    long got = read(fd, store, {size});
    if (got < 0) {{ perror("cannot read the input"); return -1; }}
    return (int)got;
}}
__attribute__((noinline)) int check(const char *name) {{
    if (getenv(name) == NULL) {{ fprintf(stderr, "{message}: %s built %s\n", name, __DATE__ __TIME__); return 1; }}
    return access(name, 4);
}}
"#
    );
    for number in 0..40 {
        let body = format!(
            "__attribute__((noinline)) long step{number}(long a, const char *b) {{
    long sum = a * {factor};
    for (const char *p = b; *p; p++) sum += *p ^ {number};
    if (sum > {bound}) printf(\"step {number} went beyond its bound by %ld\\n\", sum);
    lseek((int)a, sum, {whence});
    return sum / {divisor};
}}\n",
            factor = number * 7 + 3,
            bound = number * 1000 + 77,
            whence = number % 3,
            divisor = number + 2
        );
        text.push_str(&body);
    }
    text.push_str("int main(int argc, char **argv) {\n    long all = 0;\n");
    for number in 0..40 {
        text.push_str(&format!("    all += step{number}(argc, argv[0]);\n"));
    }
    text.push_str("    return take(argv[0], argc) + fill(0) + check(argv[0]) + (int)all;\n}\n");
    text
}

/// What is changed in the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patch {
    None,
    Check,
    Constant,
    Text,
    Call,
}

fn build(folder: &Path, compiler: &str, flags: &[&str], patch: Patch) -> Vec<u8> {
    compile(folder, compiler, flags, &source(patch))
}

fn compile(folder: &Path, compiler: &str, flags: &[&str], source: &str) -> Vec<u8> {
    std::fs::create_dir_all(folder).unwrap();
    let (code, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&code, source).unwrap();
    let status = Command::new(compiler).args(flags).arg("-o").args([&program, &code]).status();
    let status = status.unwrap_or_else(|error| panic!("{compiler} (tools/install.sh): {error}"));
    assert!(status.success(), "{compiler} {flags:?}");
    std::fs::read(program).unwrap()
}

fn diff(old: &[u8], new: &[u8]) -> Difference {
    let read = |bytes: &[u8]| Program::read(bytes, None).unwrap();
    compare(&read(old), &read(new))
}

fn changed(found: &Difference) -> Vec<(&str, Change)> {
    found.functions.iter().map(|change| (change.name.as_str(), change.change)).collect()
}

const PLAIN: &[&str] = &["-O2"];

#[test]
fn the_same_bytes_are_identical_and_a_stripped_file_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let whole = build(folder.path(), "gcc", PLAIN, Patch::None);
    let stripped = build(folder.path(), "gcc", &["-O2", "-s"], Patch::None);
    assert_eq!(diff(&whole, &whole).verdict, Verdict::Identical);
    let found = diff(&whole, &stripped);
    assert_eq!((found.verdict, changed(&found)), (Verdict::Rebuilt, vec![]));
}

#[test]
fn another_place_date_or_flag_is_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    // The clock is not asked: two builds within one second would be of one time.
    let at = |time: &str, flags: &[&str]| {
        let time = format!("-D__TIME__=\"{time}\"");
        let flags = [flags, &["-Wno-builtin-macro-redefined", &time]].concat();
        build(&folder.path().join(&time), "gcc", &flags, Patch::None)
    };
    let one = at("12:00:00", &["-O2", "-g", "-s"]);
    let variants: [&[&str]; 8] = [
        &["-O2", "-g", "-s", "-Wl,--build-id=uuid", "-D__DATE__=\"Jan 1 2020\""],
        &["-O1", "-s"],
        &["-O3", "-s"],
        &["-Os", "-s"],
        &["-O0", "-s"],
        &["-O2", "-s", "-fno-stack-protector", "-fcf-protection=none", "-fno-pie", "-no-pie"],
        &["-O2", "-s", "-fstack-protector-all", "-D_FORTIFY_SOURCE=2"],
        &["-O2", "-s", "-falign-functions=64", "-fno-omit-frame-pointer"],
    ];
    for (number, flags) in variants.iter().enumerate() {
        let other = at(&format!("{number:02}:00:00"), flags);
        let found = diff(&one, &other);
        assert_eq!(
            (found.verdict, changed(&found)),
            (Verdict::Rebuilt, vec![]),
            "{flags:?} {:?}",
            found.reasons
        );
    }
}

#[test]
fn another_compiler_is_a_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let one = build(&folder.path().join("gcc"), "gcc", &["-O2", "-s"], Patch::None);
    let other = build(&folder.path().join("clang"), "clang", &["-O2", "-s"], Patch::None);
    let found = diff(&one, &other);
    assert_eq!((found.verdict, changed(&found)), (Verdict::Rebuilt, vec![]), "{:?}", found.reasons);
}

#[test]
fn a_patch_is_found_by_name_on_every_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let compilers = ["gcc", "aarch64-linux-gnu-gcc", "mipsel-linux-gnu-gcc", "mips-linux-gnu-gcc"];
    for compiler in compilers {
        let place = |name: &str| folder.path().join(compiler).join(name);
        let old = build(&place("old"), compiler, PLAIN, Patch::None);
        for (patch, name) in [
            (Patch::Check, "take"),
            (Patch::Constant, "fill"),
            (Patch::Text, "check"),
            (Patch::Call, "fill"),
        ] {
            let new = build(&place("new"), compiler, PLAIN, patch);
            let found = diff(&old, &new);
            let expected = vec![(name, Change::Modified)];
            assert_eq!(
                (found.verdict, changed(&found)),
                (Verdict::Patched, expected),
                "{compiler}"
            );
        }
    }
}

#[test]
fn a_patch_of_a_stripped_program_is_found_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["-O2", "-s"];
    let old = build(&folder.path().join("old"), "gcc", &flags, Patch::None);
    let new = build(&folder.path().join("new"), "gcc", &flags, Patch::Check);
    let named = build(&folder.path().join("named"), "gcc", &["-O2"], Patch::Check);
    let named = Program::read(&named, None).unwrap();
    let take = named.functions.iter().find(|f| f.name.as_deref() == Some("take")).unwrap();
    let found = diff(&old, &new);
    let expected = format!("fun_{:x}", take.address);
    assert_eq!(
        (found.verdict, changed(&found)),
        (Verdict::Patched, vec![(expected.as_str(), Change::Modified)])
    );
    assert_eq!(found.functions[0].new_address, Some(take.address));
}

#[test]
fn a_new_text_tells_a_patch_even_when_flags_differ() {
    let folder = tempfile::tempdir().unwrap();
    let old = build(&folder.path().join("old"), "gcc", &["-O2", "-s"], Patch::None);
    let new = build(&folder.path().join("new"), "gcc", &["-Os", "-s"], Patch::Text);
    let found = diff(&old, &new);
    assert_eq!(found.verdict, Verdict::Patched, "{:?}", found.reasons);
    assert!(found.functions.iter().any(|c| c.texts_added.iter().any(|t| t.contains("too long"))));
}

/// Functions that tell where they failed, as assertions do; compilers load the name of the file once for all failures of a function.
fn with_line_numbers(patch: &str) -> String {
    let mut text = format!(
        "extern int fail_at(const char *file, int line);\nint first(int n) {{\n{patch}  if (n > 9) return fail_at(__FILE__, __LINE__);\n  return n * 3;\n}}\n"
    );
    for name in ["second", "third", "fourth", "fifth", "sixth", "seventh"] {
        let failure = "return fail_at(__FILE__, __LINE__);\n";
        text += &format!(
            "int {name}(int *p, int n) {{\n  if (!p) {failure}\n\n  for (int i = 0; i < n; i++) {{\n    if (p[i] == {}) {failure}    p[i] += i;\n  }}\n  if (p[0] > n) {failure}  return p[n];\n}}\n",
            name.len()
        );
    }
    text
}

#[test]
fn line_numbers_that_a_patch_above_moved_are_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["-O2", "-shared", "-fPIC", "-s"];
    let [old, new] = ["", "  if (n < -1)\n    return -7;\n\n"]
        .map(|patch| compile(&folder.path().join("x"), "gcc", &flags, &with_line_numbers(patch)));
    let found = diff(&old, &new);
    assert_eq!(found.verdict, Verdict::Patched, "{:?}", found.reasons);
    assert_eq!(changed(&found), [("first", Change::Modified)]);
    assert!(found.functions[0].first.is_some());
}

#[test]
fn another_program_is_different() {
    let folder = tempfile::tempdir().unwrap();
    let old = build(folder.path(), "gcc", &["-O2", "-s"], Patch::None);
    let other = std::fs::read("/bin/tar").unwrap();
    assert_eq!(diff(&old, &other).verdict, Verdict::Different);
}

#[test]
fn broken_files_give_an_error_or_less_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let whole = build(folder.path(), "gcc", PLAIN, Patch::None);
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        if let Ok(program) = Program::read(&whole[..length], None) {
            let _ = compare(&program, &program);
        }
    }
    for place in (64..whole.len()).step_by(whole.len() / 40) {
        let mut broken = whole.clone();
        broken[place..(place + 16).min(whole.len())].fill(0xff);
        if let Ok(program) = Program::read(&broken, None) {
            let _ = compare(&program, &program);
        }
    }
}
