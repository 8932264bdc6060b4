// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask vm`: Debian kernels under QEMU, with a small userland, for whatever needs a kernel of its
//! own. Everything is fetched by name with apt and kept under `target/vm`.

pub mod agent;
mod evaluate;
pub mod guest;
mod harmless;
mod infections;
pub mod kernels;
mod learn;
mod module;
pub mod packages;
mod programs;
pub mod root;
mod signed;
mod stress;
mod table;
pub mod telnet;
mod truth;

use anyhow::Context;

use guest::Job;
use kernels::Kernel;
use root::Entry;
use table::Row;
use truth::Backend;

const USAGE: &str = "vm list
vm fetch KERNEL...
vm run KERNEL [--file HOST=GUEST]... [--seconds N] [--memory MIB] [--append WORDS] [--quiet] COMMAND
vm telnet KERNEL [COMMAND]...
vm module KERNEL...
vm truth KERNEL [PART]
vm truth-bpf KERNEL [PART]
vm evaluate [KERNEL]...
vm evaluate-bpf [KERNEL]...
vm evaluate-all
vm report
vm unguarded KERNEL [PART]
vm quick
vm stress KERNEL RACES EXECS ROUNDS FORKS
vm stress-bpf KERNEL RACES EXECS ROUNDS FORKS
vm harmless KERNEL...
vm harmless-bpf KERNEL...
vm learn KERNEL...
vm signed KERNEL...
vm cost KERNEL...
vm cost-bpf KERNEL...
vm infections KERNEL [TRANSCRIPTS]
vm infections-bpf KERNEL [TRANSCRIPTS]";

/// `cargo xtask vm VERB …`
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (verb, rest) = arguments.split_first().context(USAGE)?;
    match verb.as_str() {
        "list" => {
            kernels::KERNELS.iter().for_each(|kernel| println!("{}", kernel.name));
            Ok(())
        }
        "fetch" => rest.iter().try_for_each(|name| {
            let installed = packages::kernel(kernels::named(name)?)?;
            println!("{name}: {}", installed.release);
            Ok(())
        }),
        "evaluate" | "evaluate-bpf" => evaluate::run(&[backend(verb)], rest),
        "evaluate-all" => evaluate::run(&[&truth::MODULE, &truth::BPF], rest),
        "report" => evaluate::write(),
        "truth" | "truth-bpf" | "unguarded" => {
            let (name, part) = rest.split_first().context(USAGE)?;
            let part = part.first().map_or("", String::as_str);
            let kernel = kernels::named(name)?;
            let wanted = |row: &Row| row.file.contains(part) || row.case.name.contains(part);
            match verb.as_str() {
                "unguarded" => unguarded(kernel, &wanted),
                _ => evaluate::check(backend(verb), kernel, &wanted),
            }
        }
        "quick" => quick(),
        "infections" | "infections-bpf" => {
            let (name, folder) = rest.split_first().context(USAGE)?;
            let folder = folder.first().map(std::path::Path::new);
            infections::run(backend(verb), kernels::named(name)?, folder)
        }
        "stress" | "stress-bpf" => run_stress(backend(verb), rest),
        "cost" | "cost-bpf" => each(rest, |kernel| stress::cost(backend(verb), kernel)),
        "harmless" | "harmless-bpf" => each(rest, |kernel| harmless::run(backend(verb), kernel)),
        "learn" => each(rest, learn::run),
        "signed" => each(rest, signed::run),
        "module" => rest.iter().try_for_each(|name| {
            println!("{}", module::build(kernels::named(name)?)?.display());
            Ok(())
        }),
        "run" => run_command(rest),
        "telnet" => try_telnet(rest),
        _ => anyhow::bail!("{USAGE}"),
    }
}

/// The backend that a verb is about.
fn backend(verb: &str) -> &'static Backend {
    if verb.ends_with("-bpf") { &truth::BPF } else { &truth::MODULE }
}

fn each(names: &[String], once: impl Fn(&Kernel) -> anyhow::Result<()>) -> anyhow::Result<()> {
    names.iter().try_for_each(|name| once(kernels::named(name)?))
}

/// What `make test` runs: each backend in one guest, a part of the truth table.
fn quick() -> anyhow::Result<()> {
    evaluate::check(&truth::MODULE, kernels::named("mipsel-6.1")?, &|row| {
        ["lineage.toml", "table-2.toml", "sessions.toml"].contains(&row.file.as_str())
    })?;
    evaluate::check(&truth::BPF, kernels::named("amd64-6.1")?, &|row| row.file == "table-2.toml")
}

/// The table without a guard: a case that is stopped all the same shows nothing of a guard.
fn unguarded(kernel: &Kernel, wanted: &dyn Fn(&Row) -> bool) -> anyhow::Result<()> {
    let run = truth::run(&truth::NOBODY, kernel, wanted)?;
    let known = truth::known()?;
    let mut empty = 0;
    for (row, measured) in run.rows.iter().zip(&run.measured) {
        let refuses = row.case.expect.verdict >= kakoi_policy::Action::Rewrite;
        let name = &row.case.name;
        let told = known.iter().any(|known| known.covers(truth::NOBODY.name, kernel.name, name));
        if refuses && measured.stopped && !told {
            println!("stopped without a guard: {} {name}", row.folder);
            empty += 1;
        }
    }
    println!("{}: {} cases, {empty} stopped without a guard", kernel.name, run.rows.len());
    anyhow::ensure!(empty == 0, "{empty} cases show nothing");
    Ok(())
}

fn run_stress(backend: &Backend, arguments: &[String]) -> anyhow::Result<()> {
    let [name, race, execs, rounds, forks] = arguments else { anyhow::bail!("{USAGE}") };
    let counts = stress::Counts {
        race: race.parse()?,
        execs: execs.parse()?,
        rounds: rounds.parse()?,
        forks: forks.parse()?,
    };
    stress::run(backend, kernels::named(name)?, &counts)
}

/// Boots a kernel, runs a command in it and shows the console.
fn run_command(arguments: &[String]) -> anyhow::Result<()> {
    let (name, mut rest) = arguments.split_first().context(USAGE)?;
    let mut job = Job::script("");
    let mut quiet = false;
    while let [option, value, more @ ..] = rest {
        match option.as_str() {
            "--file" => {
                let (host, path) = value.split_once('=').context("--file HOST=GUEST")?;
                let entry = root::program(std::path::Path::new(host))?;
                job.files.insert(path.trim_start_matches('/').to_owned(), entry);
            }
            "--seconds" => job.seconds = value.parse()?,
            "--memory" => job.memory = value.parse()?,
            "--append" => job.append.clone_from(value),
            "--quiet" => {
                quiet = true;
                rest = &rest[1..];
                continue;
            }
            _ => break,
        }
        rest = more;
    }
    let text = format!(". /kakoi/rig.sh\n{}\n", rest.join(" "));
    job.files.insert("kakoi/start".to_owned(), Entry::File(0o755, text.into_bytes()));
    let outcome = guest::run(kernels::named(name)?, &job)?;
    if quiet {
        outcome.all("out").for_each(|line| println!("{line}"));
    } else {
        outcome.console.iter().for_each(|line| println!("{line}"));
    }
    println!("{:.1} s", outcome.seconds);
    outcome.good()
}

/// Logs in by telnet and runs commands: shows that the rig's login is a real one.
fn try_telnet(arguments: &[String]) -> anyhow::Result<()> {
    let (name, commands) = arguments.split_first().context(USAGE)?;
    let script = "telnetd -l /bin/login -p 23\nsay ready\n\
                  n=0; while [ ! -e /tmp/over ] && [ $n -lt 600 ]; do usleep 100000; n=$((n+1)); done\n";
    let mut job = Job::script(script);
    job.ports.push(23);
    let mut guest = guest::Guest::start(kernels::named(name)?, &job)?;
    guest.hear("ready")?;
    let mut telnet = telnet::Telnet::connect(guest.ports[0])?;
    telnet.log_in("root", root::PASSWORD)?;
    telnet.until("# ", 15)?;
    for command in commands {
        telnet.send(command)?;
        print!("{}", telnet.until("# ", 30)?);
    }
    println!();
    telnet.send("touch /tmp/over")?;
    guest.finish()?.good()
}
