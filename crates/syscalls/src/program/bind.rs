// SPDX-License-Identifier: Apache-2.0
//! Which definition a name binds to: the first in the order of loading that fits its version.

use super::Program;
use crate::module::Summary;
use crate::object::{Export, Import};

impl Program {
    /// Module and definition that a name binds to.
    pub(crate) fn bind(&self, import: &Import) -> Option<(usize, &Export)> {
        let exact = self.modules.iter().enumerate().find_map(|(number, module)| {
            definition(&module.summary, import).map(|export| (number, export))
        });
        // A library of another version than the one linked against: any definition of the name.
        exact.or_else(|| {
            self.modules.iter().enumerate().find_map(|(number, module)| {
                named(&module.summary, &import.name).first().map(|export| (number, export))
            })
        })
    }
}

/// Definitions of a name in one file.
pub(crate) fn named<'a>(summary: &'a Summary, name: &str) -> &'a [Export] {
    let exports = &summary.exports;
    let start = exports.partition_point(|export| export.name.as_str() < name);
    let rest = exports.get(start..).unwrap_or_default();
    let count = rest.partition_point(|export| export.name == name);
    rest.get(..count).unwrap_or_default()
}

/// The definition that fits: of the version asked for, or without version; without a version asked
/// for, the default one.
fn definition<'a>(summary: &'a Summary, import: &Import) -> Option<&'a Export> {
    let all = named(summary, &import.name);
    match &import.version {
        Some(version) => all
            .iter()
            .find(|export| export.version.as_ref() == Some(version) || export.version.is_none()),
        None => all.iter().find(|export| !export.hidden).or_else(|| all.first()),
    }
}
