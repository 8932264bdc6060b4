// SPDX-License-Identifier: Apache-2.0
//! Kernels: identity, hardening verdicts, security modules in four steps, configuration.

use kakoi_model::{ConfigSource, HardeningVerdict, KernelFacts, KernelHardening, Observed};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section, terms};
use super::plot::{Stretch, bar, legend};
use crate::overview::{Overview, state};
use crate::text::observed;

/// Kernels that are shown.
const MOST_KERNELS: usize = 8;
/// Options that the tables of all kernels show together.
const MOST_OPTIONS: usize = 5000;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "kernel", "Kernel", |page| {
        let kernels: Vec<&KernelFacts> = overview.facts.kernels().map(|it| &it.facts).collect();
        if kernels.is_empty() {
            nothing(page, "No kernel was found.");
        }
        if kernels.len() > MOST_KERNELS {
            nothing(page, "Only the first kernels are shown here; facts.jsonl has all.");
        }
        for kernel in kernels.iter().take(MOST_KERNELS) {
            page.leaf("h3", &[], &format!("Linux {}", kernel.release));
            terms(page, &identity(kernel));
            write_hardening(page, kernel);
            write_modules(page, kernel);
            write_options(page, kernel, MOST_OPTIONS / kernels.len().clamp(1, MOST_KERNELS));
        }
    });
}

fn identity(kernel: &KernelFacts) -> Vec<(&'static str, String)> {
    let source = match kernel.config_source {
        ConfigSource::Ikconfig => "the kernel's own copy (IKCONFIG)",
        ConfigSource::ConfigFile => "a configuration file beside it",
        ConfigSource::Inferred => "inferred from symbols, strings and modules",
    };
    let options = format!("{} options, {source}", kernel.options.len());
    vec![
        ("Banner", kernel.banner.clone()),
        ("Machine", observed(&kernel.machine, Clone::clone)),
        ("Compiler", kernel.compiler.clone().unwrap_or_default()),
        ("Built", kernel.built.clone().unwrap_or_default()),
        ("Command line", kernel.command_line.clone().unwrap_or_default()),
        ("Configuration", options),
        (
            "Symbols",
            kernel.kallsyms.map(|number| format!("{number} in kallsyms")).unwrap_or_default(),
        ),
    ]
}

const VERDICTS: [(&str, &str); 4] = [
    ("h-full", "as wanted"),
    ("h-lacking", "not as wanted"),
    ("h-cannot", "not in this version or architecture"),
    ("h-undetermined", "undetermined"),
];

fn verdict(verdict: &HardeningVerdict) -> usize {
    match verdict {
        HardeningVerdict::Met => 0,
        HardeningVerdict::NotMet { .. } => 1,
        HardeningVerdict::NotInVersion { .. } | HardeningVerdict::NotOnArchitecture => 2,
        HardeningVerdict::Undetermined { .. } => 3,
    }
}

fn write_hardening(page: &mut Markup, kernel: &KernelFacts) {
    page.raw("<h4>Hardening options</h4>");
    if kernel.hardening.is_empty() {
        nothing(page, "No verdicts: the configuration is not known.");
        return;
    }
    let number =
        |index: usize| kernel.hardening.iter().filter(|it| verdict(&it.verdict) == index).count();
    let stretch = |(index, (class, meaning)): (usize, &(&'static str, &'static str))| Stretch {
        amount: number(index) as u64,
        class,
        title: format!("{} of {}: {meaning}", number(index), kernel.hardening.len()),
    };
    let stretches: Vec<Stretch> = VERDICTS.iter().enumerate().map(stretch).collect();
    bar(page, "share tall", "Verdicts on hardening options", &stretches);
    let names: Vec<String> = VERDICTS
        .iter()
        .enumerate()
        .map(|(index, (_, meaning))| {
            format!("{meaning}: {} of {}", number(index), kernel.hardening.len())
        })
        .collect();
    let entries: Vec<(&'static str, &str)> =
        VERDICTS.iter().zip(&names).map(|((class, _), name)| (*class, name.as_str())).collect();
    legend(page, &entries);
    write_verdicts(page, &kernel.hardening);
}

fn write_verdicts(page: &mut Markup, hardening: &[KernelHardening]) {
    let mut rows: Vec<&KernelHardening> = hardening.iter().collect();
    rows.sort_by_key(|row| ([1, 0, 3, 2][verdict(&row.verdict)], &row.option));
    let columns = [
        Column::Code("Option"),
        Column::Code("Wanted"),
        Column::Text("Verdict"),
        Column::Text("Purpose"),
    ];
    let table = Table { caption: "Hardening options, unmet first", columns: &columns, most: 400 };
    page.within("details", &[("open", "")], |page| {
        page.raw("<summary>Verdicts</summary>");
        table.write(page, &rows, |cells, row| {
            cells.text(&format!("CONFIG_{}", row.option));
            cells.text(&row.wanted);
            cells.write(|page| write_verdict(page, &row.verdict));
            cells.text(&row.purpose);
        });
    });
}

fn write_verdict(page: &mut Markup, verdict: &HardeningVerdict) {
    let (class, text) = match verdict {
        HardeningVerdict::Met => ("mark yes", "as wanted".to_owned()),
        HardeningVerdict::NotMet { found } => ("mark no", format!("is {found}")),
        HardeningVerdict::NotInVersion { exists } => ("mark none", format!("exists in {exists}")),
        HardeningVerdict::NotOnArchitecture => ("mark none", "not on this architecture".to_owned()),
        HardeningVerdict::Undetermined { reason } => {
            ("mark unknown", format!("undetermined: {reason}"))
        }
    };
    page.leaf("span", &[("class", class)], &text);
}

fn write_modules(page: &mut Markup, kernel: &KernelFacts) {
    page.raw("<h4>Security modules</h4>");
    if kernel.lsm.is_empty() {
        nothing(page, "Nothing is known of security modules.");
        return;
    }
    page.raw("<p>A module protects only when all four steps are there; <i>compiled</i> alone is not <i>used</i>.</p>");
    let columns = [
        Column::Text("Module"),
        Column::Text("Compiled"),
        Column::Text("Enabled at boot"),
        Column::Text("Policy in the image"),
        Column::Text("Policy loaded"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Security modules in four steps", columns: &columns, most: 40 };
    table.write(page, &kernel.lsm, |cells, lsm| {
        cells.text(&lsm.name);
        for step in [&lsm.compiled, &lsm.enabled, &lsm.policy_present, &lsm.policy_loaded] {
            cells.mark(step);
        }
        cells.evidence(&lsm.evidence);
    });
}

fn write_options(page: &mut Markup, kernel: &KernelFacts, most: usize) {
    if kernel.options.is_empty() {
        return;
    }
    let columns = [Column::Code("Option"), Column::Code("Value"), Column::Text("Known from")];
    let table = Table { caption: "Configuration", columns: &columns, most };
    let options: Vec<_> = kernel.options.iter().collect();
    page.within("details", &[], |page| {
        page.within("summary", &[], |page| {
            page.text(&format!("Configuration ({} options)", options.len()));
        });
        table.write(page, &options, |cells, (name, option)| {
            cells.text(&format!("CONFIG_{name}"));
            match &option.value {
                Observed::Present(value) => cells.text(value),
                Observed::Absent => cells.text("is not set"),
                undetermined => cells.text(state(undetermined)),
            }
            let witness = option.witness.as_ref().map(|it| format!("inferred from {it}"));
            let renamed = option.found_as.as_ref().map(|it| format!("as CONFIG_{it}"));
            let source = match option.source {
                ConfigSource::Ikconfig => "IKCONFIG",
                ConfigSource::ConfigFile => "configuration file",
                ConfigSource::Inferred => "inferred",
            };
            cells.text(&witness.or(renamed).unwrap_or_else(|| source.to_owned()));
        });
    });
}
