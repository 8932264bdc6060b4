// SPDX-License-Identifier: Apache-2.0
//! Types whole infections into sessions of guarded guests, and tells where each ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use kakoi_arena::debian::put;

use super::guest::{self, Outcome};
use super::kernels::Kernel;
use super::root::{Entry, Files, program};
use super::truth::{self, Backend};
use super::{packages, programs, table};

/// Types every scenario, and every `*.txt` of `folder`: unguarded, and under two policies.
pub fn run(backend: &Backend, kernel: &Kernel, folder: Option<&Path>) -> anyhow::Result<()> {
    let mut paths = texts(&crate::top().join("scenarios/infections"))?;
    if let Some(folder) = folder {
        paths.extend(texts(folder)?);
    }
    // What destroys the guest comes last, and has a guest of its own.
    let destroys = |path: &PathBuf| path.to_string_lossy().contains("brick");
    paths.sort_by_key(destroys);
    let gentle = paths.partition_point(|path| !destroys(path));
    let policies = [None, Some("policies/remote-session.toml"), Some("policies/admin.toml")];
    let mut columns = Vec::new();
    for policy in policies {
        let mut column = infect(backend, kernel, &paths[..gentle], policy)?;
        for path in &paths[gentle..] {
            column.extend(infect(backend, kernel, std::slice::from_ref(path), policy)?);
        }
        columns.push(column);
    }
    let mut table = format!(
        "{}, {}:\n\n| infection | unguarded | remote-session.toml | admin.toml |\n|---|---|---|---|\n",
        backend.name, kernel.name
    );
    let mut bad = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let cells: Vec<&str> = columns.iter().map(|column| column[at].text.as_str()).collect();
        println!("{name}: {}", cells.join(" | "));
        table.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
        let is_bad = |end: &End| end.ran || !end.typed || (at < gentle && !end.survived);
        if columns[1..].iter().any(|column| is_bad(&column[at])) {
            bad.push(name);
        }
    }
    let kept = packages::store().join("infections");
    fs::create_dir_all(&kept)?;
    put(&kept.join(format!("{}-{}.md", backend.name, kernel.name)), &table)?;
    let count = |column: &[End]| column.iter().filter(|end| end.ran).count();
    println!(
        "{} infections on {}: {} ran unguarded, {} under remote-session.toml, {} under admin.toml",
        paths.len(),
        kernel.name,
        count(&columns[0]),
        count(&columns[1]),
        count(&columns[2])
    );
    anyhow::ensure!(bad.is_empty(), "got through or were not typed: {}", bad.join(", "));
    Ok(())
}

fn texts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    Ok(found)
}

/// How one infection ended.
struct End {
    ran: bool,
    typed: bool,
    survived: bool,
    text: String,
}

fn infect(
    backend: &Backend,
    kernel: &Kernel,
    paths: &[PathBuf],
    policy: Option<&str>,
) -> anyhow::Result<Vec<End>> {
    let mut files = Files::new();
    for (number, path) in paths.iter().enumerate() {
        files.insert(format!("kakoi/typed/{number:03}"), Entry::File(0o644, fs::read(path)?));
    }
    programs::files(&kernel.architecture)?;
    let tool = packages::store().join("programs").join(kernel.architecture.name).join("kakoi-try");
    for name in ["wget", "curl", "tftp", "ftpget"] {
        files.insert(format!("usr/bin/{name}"), program(&tool)?);
    }
    let begin = match policy {
        Some(policy) => {
            files.extend(table::compiled(policy)?);
            "/kakoi/backend/policy /kakoi/policy.kkb || exit 1\n"
        }
        None => "",
    };
    let mut job = truth::job(backend, kernel, files, &(truth::START.to_owned() + begin + TYPE))?;
    job.seconds = 2400;
    let outcome = guest::run(kernel, &job)?;
    // When its first process is gone a kernel ends with a panic, which is no fault of its own.
    let killed = |fault: &&String| !fault.contains("Attempted to kill init");
    let faults: Vec<_> = outcome.faults.iter().take_while(killed).cloned().collect();
    anyhow::ensure!(faults.is_empty(), "the kernel: {}", faults.join("\n"));
    Ok((0..paths.len()).map(|number| end_of(&outcome, number)).collect())
}

fn end_of(outcome: &Outcome, number: usize) -> End {
    let number = format!("{number:03} ");
    let own = |word: &'static str| {
        outcome.all(word).filter_map(|text| text.strip_prefix(number.as_str())).collect::<Vec<_>>()
    };
    let typed = !own("typing").is_empty();
    let survived = !own("result").is_empty();
    let told = !survived && outcome.all("ran").next().is_some();
    let ran = told || own("result").iter().any(|text| text.starts_with("ran"));
    let events = own("event").into_iter().filter_map(truth::event);
    let controls: BTreeSet<String> =
        events.filter(|(_, verdict)| verdict != "audit").map(|(control, _)| control).collect();
    let by: Vec<String> =
        controls.into_iter().map(|control| format!("{control} ({})", stage_of(&control))).collect();
    let text = match (typed, ran, by.is_empty()) {
        (false, ..) => "not typed: the guest did not survive the one before".to_owned(),
        (true, true, _) => "**ran**".to_owned(),
        (true, false, _) if !survived => "nothing dropped ran; the guest was destroyed".to_owned(),
        (true, false, true) => "came to nothing by itself".to_owned(),
        (true, false, false) => format!("stopped: {}", by.join(", ")),
    };
    End { ran, typed, survived, text }
}

/// The stage that a control ends (docs/STAGES.md).
fn stage_of(control: &str) -> &'static str {
    match control {
        "shell-start" => "S1",
        "grant-exec" | "write-exec" => "S5",
        "script-exec" | "interpret-dropped" => "S6a",
        "exec-outside" | "run-dropped" | "exec-memory" => "S6b",
        _ => "beside the stages",
    }
}

/// The session is root's, by telnet.
const TYPE: &str = "for file in /kakoi/typed/*; do
    name=${file##*/}
    rm -rf /tmp/* /tmp/.[a-z]* /data/* /etc/crontabs/root; cp -a /kakoi/world/. /; chmod 1777 /tmp
    /kakoi/backend/events > /dev/null 2>&1
    say typing \"$name now\"
    kakoi-try type $file > /dev/null 2>&1
    result=nothing; [ -e /tmp/ran ] && result=ran
    /kakoi/backend/events 2> /dev/null | head -n 20 | while read -r line; do say event \"$name $line\"; done
    say result \"$name $result\"
done
true
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_that_ends_a_stage_is_named_with_it() {
        let controls = kakoi_policy::Control::ALL.iter().map(|control| control.word());
        let staged: Vec<&str> = controls.filter(|word| stage_of(word).starts_with('S')).collect();
        assert_eq!(staged.len(), 8);
        assert_eq!(stage_of("grant-exec"), "S5");
        assert_eq!(stage_of("self-protect"), "beside the stages");
    }
}
