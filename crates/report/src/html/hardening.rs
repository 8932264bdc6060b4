// SPDX-License-Identifier: Apache-2.0
//! How programs and libraries are built: what starts at boot against the rest, and each file.

use std::collections::BTreeSet;

use kakoi_model::{
    Absence, Digest, ElfFacts, ElfRole, Facts, File, Hardening, Mitigation, Observed, Relro,
};

use super::markup::Markup;
use super::page::{Cells, Column, Table, nothing, section};
use super::plot::{Stretch, bar, legend};
use crate::overview::Overview;
use crate::text::percent;

/// Files that the table shows.
const MOST_FILES: usize = 1500;

/// What a file has of one mitigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Degree {
    Full,
    Partial,
    Lacking,
    Cannot,
    Needless,
    Undetermined,
}

const DEGREES: [(Degree, &str, &str); 6] = [
    (Degree::Full, "h-full", "has it"),
    (Degree::Partial, "h-partial", "in part"),
    (Degree::Lacking, "h-lacking", "lacks it"),
    (Degree::Cannot, "h-cannot", "toolchain, architecture or kernel cannot"),
    (Degree::Needless, "h-needless", "nothing to protect"),
    (Degree::Undetermined, "h-undetermined", "undetermined"),
];

type Property = (&'static str, fn(&ElfFacts) -> Option<Degree>);

const PROPERTIES: [Property; 7] = [
    ("Stack not executable (NX)", |elf| Some(of(&elf.hardening.nx))),
    ("Random addresses (PIE)", |elf| {
        (elf.role == ElfRole::Executable).then(|| of(&elf.hardening.pie))
    }),
    ("Read-only relocations (RELRO)", |elf| Some(of_relro(&elf.hardening.relro))),
    ("Stack protector", |elf| Some(of(&elf.hardening.stack_protector))),
    ("Checked copies (FORTIFY)", |elf| Some(of(&elf.hardening.fortify))),
    ("Stack clash protection", |elf| Some(of(&elf.hardening.stack_clash))),
    ("Control flow (CET, BTI, PAC)", |elf| Some(of(&elf.hardening.control_flow))),
];

fn of<T>(mitigation: &Mitigation<T>) -> Degree {
    match (&mitigation.observed, mitigation.absence) {
        (Observed::Present(_), _) => Degree::Full,
        (Observed::Undetermined(_), _) => Degree::Undetermined,
        (Observed::Absent, Some(Absence::NotApplicable)) => Degree::Needless,
        (
            Observed::Absent,
            Some(Absence::ToolchainCannot | Absence::ArchitectureCannot | Absence::NotEnforced),
        ) => Degree::Cannot,
        (Observed::Absent, _) => Degree::Lacking,
    }
}

fn of_relro(relro: &Mitigation<Relro>) -> Degree {
    match relro.observed {
        Observed::Present(Relro::Partial) => Degree::Partial,
        _ => of(relro),
    }
}

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "hardening", "Hardening of programs and libraries", |page| {
        let (boot, rest) = split(overview);
        if boot.is_empty() && rest.is_empty() {
            nothing(page, "No program or library was found.");
            return;
        }
        page.raw(
            "<p>Distinct contents, not places. <i>At boot</i>: programs that start-up runs. \
             <i>The rest</i>: all other programs and libraries.</p>",
        );
        legend(page, &DEGREES.map(|(_, class, name)| (class, name)));
        write_plot(page, &[("At boot", boot), ("The rest", rest)]);
        page.within("details", &[], |page| {
            page.raw("<summary>Each file</summary>");
            write_files(page, overview);
        });
    });
}

type Group<'a> = (&'static str, Vec<&'a ElfFacts>);

/// Contents that run at boot, and the other programs and libraries.
fn split<'a>(overview: &Overview<'a>) -> (Vec<&'a ElfFacts>, Vec<&'a ElfFacts>) {
    let runs: BTreeSet<Digest> = overview
        .facts
        .files()
        .filter(|file| overview.boot.contains(&file.place()))
        .filter_map(File::digest)
        .collect();
    let own = overview.elves.iter().filter(|(_, elf)| counts(elf));
    let (boot, rest): (Vec<_>, Vec<_>) = own.partition(|(digest, _)| runs.contains(digest));
    let facts =
        |group: Vec<(&Digest, &&'a ElfFacts)>| group.into_iter().map(|(_, elf)| *elf).collect();
    (facts(boot), facts(rest))
}

fn counts(elf: &ElfFacts) -> bool {
    matches!(elf.role, ElfRole::Executable | ElfRole::Library)
}

fn write_plot(page: &mut Markup, groups: &[Group<'_>]) {
    page.raw(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Share of files with each \
         protection\"><table class=\"plot\"><caption>Share of files with each protection</caption>\
         <thead><tr><th scope=\"col\">Protection</th><th scope=\"col\">Files</th>\
         <th scope=\"col\" class=\"wide\">Share</th><th scope=\"col\" class=\"n\">Has it</th>\
         <th scope=\"col\" class=\"n\">Undetermined</th></tr></thead>",
    );
    for (name, degree) in PROPERTIES {
        page.within("tbody", &[], |page| {
            for (index, (group, elves)) in groups.iter().enumerate() {
                page.within("tr", &[], |page| {
                    if index == 0 {
                        let rows = groups.len().to_string();
                        page.leaf("th", &[("scope", "rowgroup"), ("rowspan", &rows)], name);
                    }
                    let degrees: Vec<Degree> = elves.iter().filter_map(|elf| degree(elf)).collect();
                    write_share(page, name, group, &degrees);
                });
            }
        });
    }
    page.raw("</table></div>");
}

fn write_share(page: &mut Markup, name: &str, group: &'static str, degrees: &[Degree]) {
    let number = |wanted: Degree| degrees.iter().filter(|it| **it == wanted).count() as u64;
    let whole = degrees.len() as u64;
    page.leaf("td", &[], group);
    let stretches = DEGREES.map(|(degree, class, meaning)| Stretch {
        amount: number(degree),
        class,
        title: format!("{} of {whole}: {meaning}", number(degree)),
    });
    page.within("td", &[("class", "wide")], |page| {
        bar(page, "share", &format!("{name}, {group}"), &stretches);
        if whole == 0 {
            page.raw("<span class=\"note\">no such file</span>");
        }
    });
    let full = number(Degree::Full);
    let share = percent(full, whole).map_or_else(String::new, |percent| format!(" ({percent} %)"));
    page.leaf("td", &[("class", "n")], &format!("{full} of {whole}{share}"));
    page.leaf("td", &[("class", "n")], &number(Degree::Undetermined).to_string());
}

fn write_files(page: &mut Markup, overview: &Overview<'_>) {
    let columns = [
        Column::Code("Path"),
        Column::Text("Kind"),
        Column::Text("At boot"),
        Column::Text("NX"),
        Column::Text("PIE"),
        Column::Text("RELRO"),
        Column::Text("Stack protector"),
        Column::Text("FORTIFY"),
        Column::Text("Other"),
    ];
    let files: Vec<(&File, &ElfFacts)> = files(overview.facts, overview);
    let table = Table { caption: "Programs and libraries", columns: &columns, most: MOST_FILES };
    table.write(page, &files, |cells, (file, elf)| {
        cells.text(&file.path.absolute());
        cells.text(if elf.role == ElfRole::Library { "library" } else { "program" });
        cells.text(if overview.boot.contains(&file.place()) { "yes" } else { "" });
        write_degrees(cells, elf);
        cells.text(&weaknesses(&elf.hardening).join(", "));
    });
}

fn files<'a>(facts: &'a Facts, overview: &Overview<'a>) -> Vec<(&'a File, &'a ElfFacts)> {
    let elf = |file: &'a File| {
        let elf = *overview.elves.get(&file.digest()?)?;
        counts(elf).then_some((file, elf))
    };
    let mut files: Vec<_> = facts.files().filter_map(elf).collect();
    files.sort_by_key(|(file, _)| {
        (!overview.boot.contains(&file.place()), &file.path, file.container)
    });
    files
}

fn write_degrees(cells: &mut Cells<'_>, elf: &ElfFacts) {
    for (_, degree) in PROPERTIES.iter().take(5) {
        let (class, word) = match degree(elf) {
            None | Some(Degree::Needless) => ("mark none", "n/a"),
            Some(Degree::Full) => ("mark yes", "yes"),
            Some(Degree::Partial) => ("mark partly", "partial"),
            Some(Degree::Lacking) => ("mark no", "no"),
            Some(Degree::Cannot) => ("mark cannot", "cannot"),
            Some(Degree::Undetermined) => ("mark unknown", "?"),
        };
        cells.write(|page| page.leaf("span", &[("class", class)], word));
    }
}

/// Weaknesses that have no column.
fn weaknesses(hardening: &Hardening) -> Vec<&'static str> {
    let all = [
        (hardening.text_relocations.is_present(), "text relocations"),
        (hardening.writable_executable.is_present(), "writable code"),
        (hardening.search_path.is_present(), "search path"),
    ];
    all.into_iter().filter_map(|(there, name)| there.then_some(name)).collect()
}
