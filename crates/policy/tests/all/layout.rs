// SPDX-License-Identifier: Apache-2.0
//! The numbers of abi/kakoi.h are those of Rust, and the header compiles everywhere it is used.

use std::process::Command;

use kakoi_policy::layout::LAYOUT;
use kakoi_policy::{
    Action, Control, FileType, Op, Program, Protect, StandardInput, Trust, Unknown, Xattr,
};

/// Every number as an assertion in C, so that a compiler alone can check it.
fn assertions() -> String {
    let mut text = String::from("#include \"kakoi_lineage.h\"\n");
    let mut check = |name: &str, value: usize| {
        let line = text.lines().count();
        text.push_str(&format!("KK_ASSERT(n{line}, ({name}) == {value}u);\n"));
    };
    for (name, value) in LAYOUT {
        check(name, *value);
    }
    let upper = |word: &str| word.to_uppercase().replace('-', "_");
    for action in Action::ALL {
        check(&format!("KK_{}", upper(action.word())), usize::from(action.number()));
    }
    for op in Op::ALL {
        check(&format!("KK_OP_{}", upper(op.word())), usize::from(op.number()));
    }
    for kind in FileType::ALL {
        check(&format!("KK_TYPE_{}", upper(kind.word())), usize::from(kind.number()));
    }
    for kind in StandardInput::ALL {
        check(&format!("KK_STDIN_{}", upper(kind.word())), usize::from(kind.number()));
    }
    for kind in Xattr::ALL {
        check(&format!("KK_XATTR_{}", upper(kind.word())), usize::from(kind.number()));
    }
    let named = [
        ("KK_C_FILES_FORBID", Control::FilesForbid.number()),
        ("KK_C_EXEC_LIST", Control::ExecList.number()),
        ("KK_C_CAPABILITIES", Control::Capabilities.number()),
        ("KK_C_INTERPRET_DROPPED", Control::InterpretDropped.number()),
        ("KK_X_HELPER", Protect::Helper.number()),
        ("KK_X_START_UP", Protect::StartUp.number()),
    ];
    for (name, number) in named {
        check(name, usize::from(number));
    }
    let bits = [
        ("KK_P_DEPUTY", Program::Deputy.number()),
        ("KK_P_MULTICALL", Program::MultiCall.number()),
        ("KK_T_UNTAINTED", Trust::Untainted.number()),
        ("KK_T_READ_ONLY", Trust::Rootfs.number()),
        ("KK_U_MODE", Unknown::Mode.number()),
        ("KK_U_STDIN", Unknown::StandardInput.number()),
    ];
    for (name, bit) in bits {
        check(name, 1 << bit);
    }
    check("KK_CONTROLS", Control::ALL.len());
    check("KK_PROTECTS", Protect::ALL.len());
    check("KK_OPS", Op::ALL.len() + 1);
    text.push_str(
        "int decide(const struct kk_policy *p, const struct kk_subject *s, const struct kk_attempt *a, struct kk_verdict *v)\n\
         { kk_decide(p, s, a, v); return v->action; }\n",
    );
    text
}

#[test]
fn the_numbers_are_the_same_in_c_on_every_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("assertions.c");
    std::fs::write(&source, assertions()).unwrap();
    let compilers = [
        ("gcc", vec!["-std=gnu89"]),
        ("gcc", vec!["-std=gnu11"]),
        ("mips-linux-gnu-gcc", vec!["-std=gnu89"]),
        ("mipsel-linux-gnu-gcc", vec!["-std=gnu89"]),
        ("arm-linux-gnueabihf-gcc", vec!["-std=gnu89"]),
        ("aarch64-linux-gnu-gcc", vec!["-std=gnu11"]),
        ("clang", vec!["-target", "bpf"]),
    ];
    for (compiler, arguments) in compilers {
        let done = Command::new(compiler)
            .args(&arguments)
            .args([
                "-O2",
                "-ffreestanding",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Wdeclaration-after-statement",
                "-c",
                "-o",
            ])
            .arg(folder.path().join("assertions.o"))
            .arg("-I")
            .arg(crate::top().join("abi"))
            .arg(&source)
            .output()
            .unwrap_or_else(|error| {
                panic!("{compiler}: {error} (tools/install.sh test installs it)")
            });
        assert!(
            done.status.success(),
            "{compiler} {arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
