// SPDX-License-Identifier: Apache-2.0
//! U-Boot's saved environment: a checksum, then `key=value` texts.

use kakoi_model::{Confidence, Endian, Problem, escape};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Output, Refusal, Scope};

/// The format.
pub(super) struct UbootEnvironment;

static DOC: FormatDoc = FormatDoc {
    name: "uboot-env",
    title: "U-Boot environment",
    family: Family::Header,
    scope: Scope::Aligned(4),
    // With and without the flag byte of a redundant environment.
    magics: &[
        Magic::at(4, b"bootargs="),
        Magic::at(5, b"bootargs="),
        Magic::at(4, b"bootcmd="),
        Magic::at(5, b"bootcmd="),
        Magic::at(4, b"bootdelay="),
        Magic::at(5, b"bootdelay="),
        Magic::at(4, b"baudrate="),
        Magic::at(5, b"baudrate="),
        Magic::at(4, b"ethaddr="),
        Magic::at(5, b"ethaddr="),
        Magic::at(4, b"arch="),
        Magic::at(5, b"arch="),
        Magic::at(4, b"addargs="),
        Magic::at(4, b"addmisc="),
        Magic::at(4, b"altbootcmd="),
    ],
    reads: "sizes of 1 KiB to 512 KiB; the checksum decides",
    limits: "only those that begin with one of the usual variables are looked for",
    references: &["U-Boot include/env_internal.h (facts only)"],
};

/// Names that an environment usually begins with are the magics; the checksum covers all of its
/// size, which is not recorded.
fn find_size(input: &Input, start: usize) -> Option<(usize, usize)> {
    let (little, big) = (
        input.u32(start, Endian::Little, "checksum").ok()?,
        input.u32(start, Endian::Big, "checksum").ok()?,
    );
    for header in [4, 5] {
        // Beyond 64 KiB only zeros or ones can follow the texts: else each candidate would cost the
        // checksum of half a megabyte.
        let window = input.tail(start + header);
        let window = window.get(..1 << 16).unwrap_or(window);
        let texts = memchr::memmem::find(window, b"\0\0")?;
        let rest = input.tail(start + header + texts + 2);
        let fill = rest.first().copied().unwrap_or(0);
        let filled = rest.iter().take(1 << 16).all(|&byte| byte == fill);
        let mut hasher = crc32fast::Hasher::new();
        let mut at = start + header;
        for size in (10..=19).flat_map(|shift| [1 << shift, 3 << (shift - 1)]) {
            if size > 1 << 16 && !filled {
                break;
            }
            let Ok(bytes) = input.bytes(at, (start + size).saturating_sub(at), "environment")
            else {
                break;
            };
            hasher.update(bytes);
            at = start + size;
            let sum = hasher.clone().finalize();
            if sum == little || sum == big {
                return Some((header, size));
            }
        }
    }
    None
}

impl Format for UbootEnvironment {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let (_, size) = find_size(input, start).ok_or(Refusal("checksum"))?;
        Ok(Claim { start, end: start + size, confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let (header, size) = find_size(input, claim.start).unwrap_or((4, 4));
        let bytes = input.bytes(claim.start + header, size - header, "environment")?;
        // An empty text ends the list.
        let variables = bytes.split(|&byte| byte == 0).take_while(|text| !text.is_empty());
        let mut lines = Vec::new();
        for variable in variables {
            for (name, key) in [("bootargs=", "bootargs"), ("bootcmd=", "bootcmd")] {
                if let Some(value) = variable.strip_prefix(name.as_bytes()) {
                    output.attribute(key, escape(value));
                }
            }
            lines.extend_from_slice(variable);
            lines.push(b'\n');
        }
        output.file(Meta::named("environment"), lines)
    }
}
