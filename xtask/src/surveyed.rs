// SPDX-License-Identifier: Apache-2.0
//! Profiles of many programs, without runs: `cargo xtask profile-images DATA` over every image beneath, `cargo xtask profile-debian
//! [COUNT]` over executables of this machine. With `--write` the tables go into docs/PROFILES.md.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::measure;
use crate::docs::replace;
use crate::kakoi;

const PAGE: &str = "docs/PROFILES.md";

/// Programs, and calls allowed, of some profiles.
#[derive(Default, Clone, Copy)]
struct Sum {
    programs: usize,
    resolved: usize,
    calls: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.resolved += other.resolved;
        self.calls += other.calls;
    }

    fn share(self) -> f64 {
        100.0 * self.resolved as f64 / self.programs.max(1) as f64
    }

    fn mean(self) -> f64 {
        self.calls as f64 / self.programs.max(1) as f64
    }
}

/// Every image beneath a directory: what starts at boot.
pub fn images(arguments: &[String]) -> anyhow::Result<()> {
    let mut plain = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let Some(data) = plain.next() else { anyhow::bail!("give the directory of the images") };
    let binary = kakoi()?;
    let work = tempfile::tempdir()?;
    let mut text =
        "| image | programs | resolved | calls (mean) | CPU s | peak MiB | ended with |\n\
                    |---|---|---|---|---|---|---|\n"
            .to_owned();
    let mut all = Sum::default();
    for image in files(Path::new(data))? {
        let out = work.path().join("profiles");
        let _ = std::fs::remove_dir_all(&out);
        let paths = [&binary, &image, &out].map(|path| path.display().to_string());
        let [binary, path, target] = paths;
        let words = ["profile", "image", &path, "--no-cache", "-o", &target].map(str::to_owned);
        let cost = measure(&mut [vec![binary], words.to_vec()].concat(), work.path())?;
        let sum = count(&out)?;
        all.add(sum);
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        let line = format!(
            "| {name} | {} | {} | {:.0} | {:.2} | {} | {} |\n",
            sum.programs,
            sum.resolved,
            sum.mean(),
            cost.cpu_s,
            cost.peak_kib / 1024,
            cost.exit
        );
        print!("{line}");
        text += &line;
    }
    let last = format!(
        "| all | {} | {} ({:.0} %) | {:.0} | | | |\n\n",
        all.programs,
        all.resolved,
        all.share(),
        all.mean()
    );
    println!("{last}");
    write(arguments, "images", &(text + &last))
}

fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Counts what profiles a directory holds.
fn count(directory: &Path) -> anyhow::Result<Sum> {
    let mut sum = Sum::default();
    if !directory.exists() {
        return Ok(sum);
    }
    for path in files(directory)? {
        let profile: Value = toml::from_str(&std::fs::read_to_string(&path)?)?;
        sum.add(of_profile(&profile));
    }
    Ok(sum)
}

fn of_profile(profile: &Value) -> Sum {
    let open = profile.get("unresolved").and_then(Value::as_array).map_or(0, Vec::len);
    let calls = profile.get("call").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    Sum { programs: 1, resolved: usize::from(open == 0), calls }
}

/// Executables of this machine, evenly from the list of all.
pub fn debian(arguments: &[String]) -> anyhow::Result<()> {
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(200_usize);
    let binary = kakoi()?;
    let work = tempfile::tempdir()?;
    let mut all = executables()?;
    let step = (all.len() / count.max(1)).max(1);
    all = all.into_iter().step_by(step).take(count).collect();
    let (mut sum, mut cpu_s, mut failed) = (Sum::default(), 0.0, 0);
    for path in all {
        let out = work.path().join("profile.json");
        let paths = [&binary, &path, &out].map(|path| path.display().to_string());
        let [binary, path, target] = paths;
        let cache = work.path().join("cache").display().to_string();
        let words = ["profile", "static", &path, "--format", "json", "--cache", &cache, "-o"];
        let mut command = vec![binary];
        command.extend(words.map(str::to_owned));
        command.push(target);
        let cost = measure(&mut command, work.path())?;
        cpu_s += cost.cpu_s;
        if cost.exit == "0" {
            sum.add(of_profile(&serde_json::from_slice(&std::fs::read(&out)?)?));
        } else {
            failed += 1;
        }
    }
    let text = format!(
        "{} executables of /usr/bin and /usr/sbin: {:.1} calls in the mean, {} ({:.0} %) without unresolved places, {failed} \
         failed, {cpu_s:.0} CPU seconds with one cache.\n\n",
        sum.programs,
        sum.mean(),
        sum.resolved,
        sum.share()
    );
    print!("{text}");
    write(arguments, "debian", &text)
}

/// ELF executables, links left out.
fn executables() -> anyhow::Result<Vec<PathBuf>> {
    use std::io::Read;
    let is_elf = |path: &PathBuf| {
        let mut magic = [0; 4];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
        !path.is_symlink() && read.is_ok() && magic == *b"\x7fELF"
    };
    let mut found = Vec::new();
    for directory in ["/usr/bin", "/usr/sbin"] {
        found.extend(files(Path::new(directory))?.into_iter().filter(is_elf));
    }
    Ok(found)
}

fn write(arguments: &[String], name: &str, text: &str) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--write") {
        replace(PAGE, name, text)?;
    }
    Ok(())
}
