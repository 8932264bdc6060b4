// SPDX-License-Identifier: Apache-2.0
//! `kakoi corpus survey`: one page and CSV files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use kakoi_corpus::{Adoption, Corpus, Count, Dimension, Interval, Survey, schema, survey};
use kakoi_report::{Plot, Share, SurveyPage, SurveyPart, render_survey};

use crate::exit::Exit;
use crate::output;

/// Survey a corpus: how common each mitigation is, by year, vendor, architecture and kit
///
/// Writes survey.html, which needs no network, and CSV files with the same numbers and more.
#[derive(Args)]
pub struct Arguments {
    /// Into this directory; made if it is missing
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// What the page is called
    #[arg(long, default_value = "Survey of firmware")]
    title: String,
}

/// Runs the command.
pub fn exec(corpus: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let found = survey(&Corpus::read(corpus)?)?;
    let folder = &arguments.output;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let files = [
        ("adoption.csv", adoption(&found)),
        ("kernel.csv", kernels(&found)),
        ("lsm.csv", modules(&found)),
        ("explained.csv", explained(&found)),
        ("regressions.csv", regressions(&found)),
        ("numbers.csv", numbers(&found)),
        ("survey.html", render_survey(&page(&found, &arguments.title))),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    let it = &found.numbers;
    output::data(&format!(
        "{} images, {} distinct, {} with other files; unpacked: {} full, {} in part, {} not; {} programs in {} places\n{}\n",
        it.places,
        it.images,
        it.distinct_images,
        it.unpacked_full,
        it.unpacked_partial,
        it.unpacked_nothing,
        it.programs,
        it.program_places,
        folder.join("survey.html").display()
    ))?;
    Ok(Exit::Done)
}

/// A field as RFC 4180 wants it; a leading sign of a formula is no formula of ours.
pub(super) fn quote(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@']) && field.parse::<f64>().is_err();
    let field = if is_formula { format!("'{field}") } else { field.to_owned() };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

fn csv(head: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("{head}\r\n");
    for row in rows {
        let fields: Vec<String> = row.iter().map(|field| quote(field)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn interval(share: Option<Interval>) -> Vec<String> {
    let number = |value: f64| format!("{value:.6}");
    share.map_or_else(
        || vec![String::new(); 3],
        |it| vec![number(it.share), number(it.low), number(it.high)],
    )
}

fn count(count: &Count) -> Vec<String> {
    [count.present, count.absent, count.undetermined, count.not_applicable]
        .map(|it| it.to_string())
        .to_vec()
}

fn adoption(survey: &Survey) -> String {
    let rows = survey.adoption.iter().map(|it| {
        let mut row = vec![
            it.dimension.as_str().to_owned(),
            it.group.clone(),
            it.mitigation.to_owned(),
            it.images.to_string(),
        ];
        row.extend(count(&it.distinct));
        row.extend(interval(it.share));
        row.extend(count(&it.places));
        row
    });
    let head = "dimension,group,mitigation,images,present,absent,undetermined,not_applicable,share,low,high,places_present,places_absent,places_undetermined,places_not_applicable";
    csv(head, rows)
}

fn kernels(survey: &Survey) -> String {
    let rows = survey.kernels.iter().map(|it| {
        let mut row = vec![it.dimension.as_str().to_owned(), it.group.clone(), it.option.clone()];
        row.extend([it.met, it.not_met, it.not_possible, it.undetermined].map(|n| n.to_string()));
        row.extend(interval(it.share));
        row
    });
    csv("dimension,group,option,met,not_met,not_possible,undetermined,share,low,high", rows)
}

fn modules(survey: &Survey) -> String {
    let rows = survey.modules.iter().flat_map(|it| {
        let steps = [
            ("compiled", it.compiled),
            ("enabled", it.enabled),
            ("policy_present", it.policy_present),
            ("policy_loaded", it.policy_loaded),
        ];
        steps.map(|(step, states)| {
            let mut row = vec![it.name.clone(), step.to_owned()];
            row.extend([states.present, states.absent, states.undetermined].map(|n| n.to_string()));
            row.extend(interval(states.share()));
            row
        })
    });
    csv("module,step,present,absent,undetermined,share,low,high", rows)
}

fn explained(survey: &Survey) -> String {
    let rows = survey.explained.iter().map(|it| {
        vec![
            it.mitigation.to_owned(),
            it.dimension.as_str().to_owned(),
            it.images.to_string(),
            it.groups.to_string(),
            it.explained.map_or(String::new(), |value| format!("{value:.6}")),
        ]
    });
    csv("mitigation,dimension,images,groups,variance_explained", rows)
}

fn regression_rows(survey: &Survey) -> impl Iterator<Item = Vec<String>> {
    survey.regressions.iter().map(|it| {
        let kind = it.kind.to_owned();
        vec![
            it.vendor.clone(),
            it.model.clone(),
            it.old.clone(),
            it.new.clone(),
            kind,
            it.subject.clone(),
            it.change.clone(),
        ]
    })
}

fn regressions(survey: &Survey) -> String {
    csv("vendor,model,old,new,kind,subject,change", regression_rows(survey))
}

fn number_rows(survey: &Survey) -> Vec<(&'static str, String)> {
    let it = &survey.numbers;
    let unpacked = it.unpacked_full + it.unpacked_partial;
    let rate = kakoi_corpus::wilson(unpacked, it.distinct_images);
    vec![
        ("images added", it.places.to_string()),
        ("distinct images", it.images.to_string()),
        ("with other files in them", it.distinct_images.to_string()),
        ("unpacked in full", it.unpacked_full.to_string()),
        ("unpacked in part", it.unpacked_partial.to_string()),
        ("not unpacked", it.unpacked_nothing.to_string()),
        ("unpack rate", rate.map_or(String::new(), |it| format!("{:.1} %", it.share * 100.0))),
        ("without a known year", it.undated.to_string()),
        ("files in distinct images", it.files.to_string()),
        ("distinct files", it.contents.to_string()),
        ("programs in all places", it.program_places.to_string()),
        ("distinct programs", it.programs.to_string()),
        ("distinct kernels", it.kernels.to_string()),
    ]
}

fn numbers(survey: &Survey) -> String {
    csv(
        "what,count",
        number_rows(survey).into_iter().map(|(what, count)| vec![what.to_owned(), count]),
    )
}

fn share(interval: Option<Interval>, decided: u64, undetermined: u64) -> Share {
    Share { share: interval.map(|it| (it.share, it.low, it.high)), decided, undetermined }
}

fn share_of(it: &Adoption) -> Share {
    share(it.share, it.distinct.present + it.distinct.absent, it.distinct.undetermined)
}

/// Words for the columns.
fn title(mitigation: &str) -> String {
    match mitigation {
        "nx" => "NX stack".to_owned(),
        "pie" => "PIE".to_owned(),
        "relro" => "RELRO".to_owned(),
        "full_relro" => "full RELRO".to_owned(),
        "no_search_path" => "no RPATH".to_owned(),
        other => other.replace('_', " "),
    }
}

const NOTE: &str = "Distinct programs and libraries, each counted once per group; 95 % Wilson intervals. What is undetermined or not applicable is in no denominator. Programs of one image are not independent: where a group has few images, its intervals are too narrow.";

fn page(survey: &Survey, name: &str) -> SurveyPage {
    let part =
        |id, heading, note: &str, plot| SurveyPart { id, heading, note: note.to_owned(), plot };
    let explained = "Share of the differences between images (in their shares of programs with the mitigation) that lies between the groups: eta squared, 0 to 1.";
    let parts = vec![
        part("adoption", "Mitigations", NOTE, bars(survey)),
        part("years", "By year of release", NOTE, years(survey)),
        part("vendors", "By vendor", NOTE, grid(survey, Dimension::Vendor)),
        part("architectures", "By architecture", NOTE, grid(survey, Dimension::Architecture)),
        part("kits", "By kit of the chip vendor", NOTE, grid(survey, Dimension::Sdk)),
        part("explained", "What explains the differences", explained, explained_table(survey)),
        part(
            "kernel",
            "Kernel options",
            "Distinct kernels whose version and architecture have the option.",
            kernel_bars(survey),
        ),
        part(
            "modules",
            "Security modules",
            "Distinct kernels. Compiled is not used: a module that needs a policy protects only where one is loaded.",
            module_table(survey),
        ),
        part(
            "regressions",
            "Lost with an update",
            "Later versions of one vendor's model against the version before.",
            Plot::Table {
                columns: ["vendor", "model", "from", "to", "what", "subject", "change"]
                    .map(str::to_owned)
                    .to_vec(),
                rows: regression_rows(survey).collect(),
            },
        ),
    ];
    SurveyPage { title: name.to_owned(), numbers: number_rows(survey), parts }
}

fn bars(survey: &Survey) -> Plot {
    let all = survey.adoption.iter().filter(|it| it.dimension == Dimension::All);
    Plot::Bars(all.map(|it| (title(it.mitigation), share_of(it))).collect())
}

fn years(survey: &Survey) -> Plot {
    let lines = schema::MITIGATIONS.iter().map(|mitigation| {
        let of = |it: &&Adoption| it.dimension == Dimension::Year && it.mitigation == *mitigation;
        let points = survey.adoption.iter().filter(of);
        let points = points.filter_map(|it| Some((it.group.parse().ok()?, share_of(it))));
        (title(mitigation), points.collect())
    });
    Plot::Years(lines.collect())
}

fn grid(survey: &Survey, dimension: Dimension) -> Plot {
    let mut rows: BTreeMap<&str, (u64, Vec<Share>)> = BTreeMap::new();
    for it in survey.adoption.iter().filter(|it| it.dimension == dimension) {
        let row = rows.entry(&it.group).or_insert((it.images, Vec::new()));
        row.1.push(share_of(it));
    }
    let mut rows: Vec<(&str, (u64, Vec<Share>))> = rows.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(b.0)));
    Plot::Grid {
        columns: schema::MITIGATIONS.iter().map(|name| title(name)).collect(),
        rows: rows
            .into_iter()
            .map(|(group, (images, shares))| (format!("{group} ({images})"), shares))
            .collect(),
    }
}

fn kernel_bars(survey: &Survey) -> Plot {
    let all = survey.kernels.iter().filter(|it| it.dimension == Dimension::All);
    let told = all.filter(|it| it.met + it.not_met > 0);
    Plot::Bars(
        told.map(|it| (it.option.clone(), share(it.share, it.met + it.not_met, it.undetermined)))
            .collect(),
    )
}

fn explained_table(survey: &Survey) -> Plot {
    let dimensions: BTreeSet<Dimension> = survey.explained.iter().map(|it| it.dimension).collect();
    let mut columns = vec!["mitigation".to_owned()];
    columns.extend(dimensions.iter().map(|it| format!("by {}", it.as_str())));
    let rows = schema::MITIGATIONS.iter().map(|mitigation| {
        let mut row = vec![title(mitigation)];
        for it in survey.explained.iter().filter(|it| it.mitigation == *mitigation) {
            row.push(match it.explained {
                Some(value) => format!("{value:.2} ({} images, {} groups)", it.images, it.groups),
                None => format!("\u{2013} ({} images, {} groups)", it.images, it.groups),
            });
        }
        row
    });
    Plot::Table { columns, rows: rows.collect() }
}

fn module_table(survey: &Survey) -> Plot {
    let cell = |it: &Count| {
        format!("{} yes, {} no, {} undetermined", it.present, it.absent, it.undetermined)
    };
    let rows = survey.modules.iter().map(|it| {
        let mut row = vec![it.name.clone()];
        row.extend([&it.compiled, &it.enabled, &it.policy_present, &it.policy_loaded].map(cell));
        row
    });
    let columns = ["module", "compiled", "enabled", "policy present", "policy loaded"];
    Plot::Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() }
}
