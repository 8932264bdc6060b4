// SPDX-License-Identifier: Apache-2.0
//! Runs the truth table on several kernels and writes what was measured into docs/EVALUATION.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use kakoi_arena::debian::put;
use kakoi_policy::Action;
use serde::{Deserialize, Serialize};

use super::kernels::{self, Kernel};
use super::packages;
use super::table::Row;
use super::truth::{self, Backend, Difference, Run};

/// What was measured on one kernel with one backend; kept under target/vm/results.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Result {
    backend: String,
    kernel: String,
    release: String,
    seconds: f64,
    cases: Vec<CaseResult>,
}

impl Result {
    /// Cases that were not run now stay as they were, if the kernel is the same.
    fn with_older(mut self, older: Option<String>) -> Self {
        let older = older.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let Some(older) = older.filter(|older| older.release == self.release) else { return self };
        let new: BTreeSet<String> = self.cases.iter().map(|case| case.name.clone()).collect();
        self.cases.extend(older.cases.into_iter().filter(|case| !new.contains(&case.name)));
        self.seconds = self.seconds.max(older.seconds);
        self
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CaseResult {
    name: String,
    file: String,
    policy: String,
    row: Option<String>,
    way: Option<String>,
    limit: Option<String>,
    refuses: bool,
    /// Something was refused or stopped.
    refused: bool,
    stopped: bool,
    difference: Option<String>,
    reason: Option<String>,
    inapplicable: bool,
}

/// Runs the whole table on these kernels, as many guests at once as there are processors; every difference without
/// a reason is an error, at the end.
pub fn run(backends: &[&Backend], names: &[String]) -> anyhow::Result<()> {
    let jobs = Mutex::new(jobs(backends, names)?);
    let errors = Mutex::new(Vec::new());
    let work = || {
        while let Some((backend, kernel)) = taken(&jobs) {
            if let Err(error) = check(backend, kernel, &|_| true) {
                let error = format!("{} on {}: {error:#}", backend.name, kernel.name);
                errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
            }
        }
    };
    let guests = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    std::thread::scope(|scope| (0..guests).for_each(|_| drop(scope.spawn(work))));
    write()?;
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    anyhow::ensure!(errors.is_empty(), "{}", errors.join("\n"));
    Ok(())
}

type Jobs<'a> = Vec<(&'a Backend, &'static Kernel)>;

/// The last job comes first.
fn taken<'a>(jobs: &Mutex<Jobs<'a>>) -> Option<(&'a Backend, &'static Kernel)> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn jobs<'a>(backends: &[&'a Backend], names: &[String]) -> anyhow::Result<Jobs<'a>> {
    let mut kernels: Vec<&Kernel> = kernels::KERNELS.iter().collect();
    if !names.is_empty() {
        kernels = names.iter().map(|name| kernels::named(name)).collect::<anyhow::Result<_>>()?;
    }
    let mut jobs = Vec::new();
    for backend in backends {
        let fit = |kernel: &&&Kernel| !names.is_empty() || (backend.fits)(kernel);
        jobs.extend(kernels.iter().rev().filter(fit).map(|kernel| (*backend, *kernel)));
    }
    Ok(jobs)
}

/// Runs a part of the table, keeps what was measured, and fails on whatever is neither as the table says nor known.
pub fn check(
    backend: &Backend,
    kernel: &Kernel,
    wanted: &dyn Fn(&Row) -> bool,
) -> anyhow::Result<()> {
    keep(backend, kernel, &truth::run(backend, kernel, wanted)?)
}

fn keep(backend: &Backend, kernel: &Kernel, run: &Run) -> anyhow::Result<()> {
    let unknown = truth::print(backend, kernel, run)?;
    let known = truth::known()?;
    // A guest that was cut off says nothing about what it did not come to.
    let reached =
        run.rows.iter().zip(&run.measured).filter(|(_, measured)| !measured.never_reached());
    let cases = reached.map(|(row, measured)| {
        let case = &row.case;
        let known = known.iter().find(|it| it.covers(backend.name, kernel.name, &case.name));
        let refusal = |(_, verdict): &(String, String)| verdict != "audit";
        CaseResult {
            name: case.name.clone(),
            file: row.file.clone(),
            policy: row.policy.clone(),
            row: case.row.clone(),
            way: case.way.clone(),
            limit: case.limit.clone(),
            refuses: case.expect.verdict >= Action::Rewrite,
            refused: measured.stopped || measured.events.iter().any(refusal),
            stopped: measured.stopped,
            difference: truth::difference(row, measured).map(|difference| named(&difference)),
            reason: known.map(|known| known.reason.clone()),
            inapplicable: known.is_some_and(|known| known.inapplicable),
        }
    });
    let result = Result {
        backend: backend.name.to_owned(),
        kernel: kernel.name.to_owned(),
        release: packages::kernel(kernel)?.release,
        seconds: run.outcome.seconds,
        cases: cases.collect(),
    };
    let folder = packages::store().join("results");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{}.json", backend.name, kernel.name));
    let result = result.with_older(fs::read_to_string(&path).ok());
    put(&path, &serde_json::to_string_pretty(&result)?)?;
    anyhow::ensure!(run.outcome.faults.is_empty(), "{}", run.outcome.faults.join("\n"));
    anyhow::ensure!(unknown == 0, "{unknown} differences without a reason");
    Ok(())
}

fn named(difference: &Difference) -> String {
    match difference {
        Difference::SilentAllow => "silent allow".to_owned(),
        Difference::NotStopped => "refused in part".to_owned(),
        Difference::Refused => "refused".to_owned(),
        Difference::OtherReason => "stopped otherwise".to_owned(),
        Difference::NotRun(why) => format!("not run: {why}"),
    }
}

/// Writes docs/EVALUATION.md from all results that there are.
pub fn write() -> anyhow::Result<()> {
    let mut results = Vec::new();
    for entry in fs::read_dir(packages::store().join("results"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let result: Result =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        results.push(result);
    }
    results
        .sort_by(|left, right| (&left.backend, &left.kernel).cmp(&(&right.backend, &right.kernel)));
    let text = [
        HEAD.to_owned(),
        table_two(&results),
        kernels_table(&results),
        ways(&results),
        differences(&results),
        kept("costs", COSTS)?,
        kept("infections", INFECTIONS)?,
    ];
    let path = crate::top().join("docs/EVALUATION.md");
    Ok(fs::write(path, text.join("\n"))?)
}

const COSTS: &str = "\n## Cost\n\nInstructions of one operation (QEMU, `-icount shift=0`), and what the guard adds: with a policy loaded \
                     before anybody has logged in, outside a session while there is one, and in one. Smallest of five rounds.\n";
const INFECTIONS: &str = "\n## Infections\n\nscenarios/infections, and recorded sessions of intruders (files beginning with a year), typed into a \
                          session of root by telnet. `came to nothing by itself`: it asks for what the guest does not have, with and without \
                          the guard. The stage that each control ends stands behind it.\n";

/// What other runs left: tables, one for each kernel.
fn kept(folder: &str, head: &str) -> anyhow::Result<String> {
    let Ok(entries) = fs::read_dir(packages::store().join(folder)) else {
        return Ok(String::new());
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut text = head.to_owned();
    for path in paths {
        text.push('\n');
        text.push_str(fs::read_to_string(path)?.trim_end());
        text.push('\n');
    }
    Ok(text)
}

const HEAD: &str = "<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `cargo xtask vm evaluate`; do not edit. -->
# Evaluation of the guard

Measured in guests (docs/VM.md): each case of the truth table (tests/policy) is a real action in a session that was logged
in to by telnet; where a policy lets no session have a shell, in one of a login daemon whose shell the policy does not know.
A case counts as stopped when what it was to bring about did not come about, and the guard's own event says that it was
the control which the table names.
";

const ROWS: &[(&str, &str)] = &[
    ("S1", "(1) start a shell"),
    ("S2", "(2) search a writable directory"),
    ("S3", "(3) survey the environment"),
    ("S4a", "(4)-(a) download a file"),
    ("S4b", "(4)-(b) write a binary by echo"),
    ("S5", "(5) grant execute permission"),
    ("S6a", "(6)-(a) run a shell script"),
    ("S6b", "(6)-(b) run a binary"),
];

/// Table 2 of the report, row by control: `YES` where one of the row's commands is refused.
const CONTROLS: &[(&str, &str, [bool; 8])] = &[
    ("write-exec", "write to executable", [false, false, false, false, false, true, false, false]),
    ("shell-ban", "shell execution ban", [true, false, false, false, false, false, true, false]),
    ("grant-exec", "exec-permission ban", [false, false, false, false, false, true, false, false]),
];

fn table_two(results: &[Result]) -> String {
    let mut text = "## Table 2: each control alone\n\nYES: one of the row's commands was refused. Each cell is what was measured; where kernels \
                    differ they are named.\n"
        .to_owned();
    let backends: BTreeSet<&str> = results.iter().map(|result| result.backend.as_str()).collect();
    for backend in backends {
        let own: Vec<&Result> = results.iter().filter(|result| result.backend == backend).collect();
        let _ = write!(text, "\n{backend}, {} kernels:\n\n| action |", own.len());
        for (_, title, _) in CONTROLS {
            let _ = write!(text, " {title} |");
        }
        text.push_str("\n|---|---|---|---|\n");
        let mut equal = true;
        for (index, (row, title)) in ROWS.iter().enumerate() {
            let _ = write!(text, "| {title} |");
            for (control, _, expected) in CONTROLS {
                let cells: Vec<bool> =
                    own.iter().map(|result| cell(result, row, control)).collect();
                equal &= cells.iter().all(|cell| *cell == expected[index]);
                let _ = write!(text, " {} |", shown(&cells, &own));
            }
            text.push('\n');
        }
        let word = if equal { "equals" } else { "DIFFERS FROM" };
        let _ = writeln!(
            text,
            "\nThe measured table {word} the report's Table 2 in all 24 cells on each kernel."
        );
    }
    text
}

fn cell(result: &Result, row: &str, control: &str) -> bool {
    result.cases.iter().any(|case| {
        case.policy.ends_with(&format!("alone/{control}.toml"))
            && case.row.as_deref() == Some(row)
            && case.refused
    })
}

fn shown(cells: &[bool], results: &[&Result]) -> String {
    let word = |cell: bool| if cell { "**YES**" } else { "no" };
    match cells {
        [first, rest @ ..] if rest.iter().all(|cell| cell == first) => word(*first).to_owned(),
        _ => cells
            .iter()
            .zip(results)
            .map(|(cell, result)| format!("{}: {}", result.kernel, word(*cell)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn kernels_table(results: &[Result]) -> String {
    let mut text = "\n## The truth table, by backend and kernel\n\n| backend | kernel | release | cases | as the table says | \
                    stopped otherwise | not applicable | silent allow |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for result in results {
        let count = |test: &dyn Fn(&CaseResult) -> bool| {
            result.cases.iter().filter(|case| test(case)).count()
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            result.backend,
            result.kernel,
            result.release,
            result.cases.len(),
            count(&|case| case.difference.is_none()),
            count(&|case| case.difference.is_some() && !case.inapplicable),
            count(&|case| case.difference.is_some() && case.inapplicable),
            count(&|case| case.difference.as_deref() == Some("silent allow") && !case.inapplicable),
        );
    }
    text
}

/// Every way around, and what became of it on each kernel.
fn ways(results: &[Result]) -> String {
    let mut text = "\n## Ways around\n\nUnder policies/admin.toml, where a session has a shell, unless the case says otherwise. `blocked` is \
                    blocked on every kernel that was run.\n\n| way | case | verdict |\n|---|---|---|\n"
        .to_owned();
    let Some(first) = results.first() else { return text };
    for case in first.cases.iter().filter(|case| case.way.is_some()) {
        let mut verdicts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for result in results {
            if let Some(own) = result.cases.iter().find(|own| own.name == case.name) {
                let place = format!("{} {}", result.backend, result.kernel);
                verdicts.entry(verdict(own)).or_default().push(place);
            }
        }
        let verdict = if verdicts.len() == 1 {
            verdicts.keys().cloned().collect()
        } else {
            let said = |(verdict, places): (&String, &Vec<String>)| {
                format!("{verdict}: {}", places.join(", "))
            };
            verdicts.iter().map(said).collect::<Vec<_>>().join("; ")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {verdict} |",
            case.way.as_deref().unwrap_or_default(),
            case.name
        );
    }
    text
}

fn verdict(case: &CaseResult) -> String {
    if case.inapplicable {
        return "not applicable".to_owned();
    }
    if case.stopped && case.refuses {
        return "blocked".to_owned();
    }
    match &case.limit {
        Some(limit) if !case.refuses => format!("let through: {limit}"),
        _ if !case.refuses => "let through, as the table says".to_owned(),
        _ => "**RAN**".to_owned(),
    }
}

fn differences(results: &[Result]) -> String {
    let mut text = "\n## Where guests differ from the table\n\n| case | what | where | why |\n|---|---|---|---|\n".to_owned();
    let mut rows: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for result in results {
        for case in &result.cases {
            let Some(difference) = &case.difference else { continue };
            let what =
                if case.inapplicable { "not applicable".to_owned() } else { difference.clone() };
            let why = case.reason.clone().unwrap_or_else(|| "**not explained**".to_owned());
            let place = format!("{} {}", result.backend, result.kernel);
            rows.entry((case.name.clone(), what, why)).or_default().push(place);
        }
    }
    for ((name, what, why), places) in rows {
        let place =
            if places.len() == results.len() { "everywhere".to_owned() } else { places.join(", ") };
        let _ = writeln!(text, "| {name} | {what} | {place} | {why} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, difference: Option<&str>) -> CaseResult {
        CaseResult {
            name: name.to_owned(),
            file: String::new(),
            policy: String::new(),
            row: None,
            way: None,
            limit: None,
            refuses: true,
            refused: true,
            stopped: true,
            difference: difference.map(str::to_owned),
            reason: None,
            inapplicable: false,
        }
    }

    fn result(release: &str, cases: Vec<CaseResult>) -> Result {
        let name = |text: &str| text.to_owned();
        Result {
            backend: name("bpf"),
            kernel: name("amd64-6.1"),
            release: name(release),
            seconds: 1.0,
            cases,
        }
    }

    #[test]
    fn a_case_that_is_run_again_replaces_itself_and_the_others_stay() {
        let older = result("6.1", vec![case("a", Some("silent allow")), case("b", None)]);
        let older = serde_json::to_string(&older).unwrap();
        let new = result("6.1", vec![case("a", None)]).with_older(Some(older.clone()));
        let names: Vec<&str> = new.cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(new.cases.iter().all(|case| case.difference.is_none()));
        let other = result("6.12", vec![case("a", None)]).with_older(Some(older));
        assert_eq!(other.cases.len(), 1);
    }

    #[test]
    fn bpf_is_run_only_where_it_can_be_attached() {
        let names = |backend| -> Vec<&str> {
            jobs(&[backend], &[]).unwrap().iter().map(|(_, kernel)| kernel.name).rev().collect()
        };
        let bpf = ["amd64-5.10", "amd64-6.1", "amd64-6.12", "amd64-new", "arm64-6.12", "arm64-new"];
        assert_eq!(names(&truth::BPF), bpf);
        assert!(names(&truth::MODULE).contains(&"mips64el-6.12"));
    }
}
