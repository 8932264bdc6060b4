// SPDX-License-Identifier: Apache-2.0
//! The compiled filter as a C array.

use std::fmt::Write;

use super::Subject;
use crate::filter::{Budget, TooLong, compile};

pub(super) fn render(subject: &Subject<'_>) -> Result<String, TooLong> {
    let program = compile(subject.rules, Budget::List)?;
    let name = subject.short_name().replace('-', "_");
    let architecture = subject.rules.architecture;
    let mut text = format!(
        "/* System calls of {}, for {} (audit architecture {:#010x}), by kakoi. */\n#include <linux/filter.h>\n\n\
         static const struct sock_filter kakoi_{name}_filter[] = {{\n",
        subject.quoted_program(),
        architecture.name(),
        architecture.audit(),
    );
    for instruction in program.instructions() {
        // Writing to memory does not fail.
        let _ = writeln!(
            text,
            "\t{{ {:#04x}, {}, {}, {:#010x} }},",
            instruction.code, instruction.then, instruction.otherwise, instruction.constant
        );
    }
    text.push_str("};\n");
    Ok(text)
}
