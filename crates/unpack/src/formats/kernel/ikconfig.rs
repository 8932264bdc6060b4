// SPDX-License-Identifier: Apache-2.0
//! The configuration that a kernel carries with it (CONFIG_IKCONFIG).

use kakoi_model::{Confidence, Problem};

use crate::codec::{Codec, decode_into};
use crate::formats::stream::keep;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct IkConfig;

static DOC: FormatDoc = FormatDoc {
    name: "ikconfig",
    title: "Linux kernel configuration (IKCONFIG)",
    family: Family::Kernel,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"IKCFG_ST\x1f\x8b\x08")],
    reads: "the configuration, as `config`",
    limits: "kernels older than 2.6.9 had another form",
    references: &["Linux kernel/configs.c, scripts/extract-ikconfig (facts only)"],
};

/// Length of the marks before and after the stream.
const MARK: usize = 8;

impl Format for IkConfig {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start, 11, "mark")? != b"IKCFG_ST\x1f\x8b\x08" {
            return Err(Refusal("no stream after the mark"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Magic })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let at = claim.start + MARK;
        let mut spool = output.spool();
        let consumed = decode_into(Codec::Gzip, input.tail(at), &mut spool)
            .map_err(|error| error.at(at, "configuration"))?;
        let end = at + consumed;
        let marked = input.tail(end).starts_with(b"IKCFG_ED");
        output.ends_at(if marked { end + MARK } else { end });
        output.confirm(Confidence::Checksum);
        keep(spool, "config", at, output)
    }
}
