// SPDX-License-Identifier: Apache-2.0
//! How fast an image is extracted, beside the tool that its format comes with: pairs on the same
//! input, one after the other, the shortest of several runs of each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Pairs of runs; the machine may be busy, so the shortest counts.
const ROUNDS: usize = 7;

/// Part of a form's name, and the command that extracts it: `IN` and `OUT` stand for paths.
const TOOLS: &[(&str, &str)] = &[
    ("sq4_", "unsquashfs -q -n -d OUT IN"),
    ("erofs", "fsck.erofs --extract=OUT IN"),
    ("tar_gz", "mkdir OUT && tar -xf IN -C OUT"),
    ("cpio_gz", "mkdir OUT && cd OUT && zcat IN | cpio -id --quiet"),
    ("cramfs", "7zz x -oOUT IN"),
    ("ext4", "mkdir OUT && debugfs -R 'rdump / OUT' IN"),
    ("ext2", "mkdir OUT && debugfs -R 'rdump / OUT' IN"),
    ("ubi_zlib", "ubireader_extract_files -o OUT IN"),
    ("jffs2_le.bin", "jefferson -d OUT IN"),
];

/// Prints the table. `bytes` are those of all files in each form.
pub(super) fn table(
    kakoi: &Path,
    forms: &[PathBuf],
    bytes: u64,
    work: &Path,
) -> anyhow::Result<()> {
    println!(
        "\n| image | tool | kakoi MB/s | tool MB/s | ratio of time | ratio of CPU |\n|---|---|---|---|---|---|"
    );
    for form in forms {
        let name = form.file_name().unwrap_or_default().to_string_lossy();
        let Some((_, command)) = TOOLS.iter().find(|(part, _)| name.contains(part)) else {
            continue;
        };
        let own = format!("{} extract -q IN OUT", kakoi.display());
        let mut shortest = [Took::LONG; 2];
        for _ in 0..ROUNDS {
            for (took, command) in shortest.iter_mut().zip([own.as_str(), command]) {
                *took = took.or_shorter(once(command, form, work)?);
            }
        }
        let [own, theirs] = shortest;
        let tool = command.split("&& ").last().unwrap_or(command);
        let tool = tool.rsplit("| ").next().unwrap_or(tool).split(' ').next().unwrap_or(tool);
        let speed = |took: Took| bytes as f64 / 1e6 / took.wall.as_secs_f64();
        if theirs.wall == Duration::MAX {
            println!("| {name} | {tool} (not installed, or it failed) | {:.0} | | | |", speed(own));
            continue;
        }
        println!(
            "| {name} | {tool} | {:.0} | {:.0} | {:.2} | {:.2} |",
            speed(own),
            speed(theirs),
            theirs.wall.as_secs_f64() / own.wall.as_secs_f64(),
            theirs.cpu_s / own.cpu_s
        );
    }
    Ok(())
}

/// What one run took.
#[derive(Debug, Clone, Copy)]
struct Took {
    wall: Duration,
    cpu_s: f64,
}

impl Took {
    const LONG: Self = Self { wall: Duration::MAX, cpu_s: f64::MAX };

    fn or_shorter(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self {
            wall: self.wall.min(other.wall),
            cpu_s: self.cpu_s.min(other.cpu_s),
        })
    }
}

/// None when the command failed.
fn once(command: &str, form: &Path, work: &Path) -> anyhow::Result<Option<Took>> {
    let (out, log) = (work.join("extracted"), work.join("time.log"));
    let _ = fs::remove_dir_all(&out);
    let quoted = |path: &Path| format!("'{}'", path.display());
    let command = command
        .replace("/ OUT'", &format!("/ {}'", out.display()))
        .replace("OUT", &quoted(&out))
        .replace("IN", &quoted(form));
    let beside = work.join("peers/unblob/bin");
    let path = format!("{}:{}", beside.display(), std::env::var("PATH")?);
    let start = Instant::now();
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%U %S", "-o"])
        .arg(&log)
        .args(["sh", "-c", &command])
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("/usr/bin/time")?;
    let wall = start.elapsed();
    let text = fs::read_to_string(&log)?;
    let last = text.lines().last().unwrap_or_default();
    let cpu_s = last.split(' ').filter_map(|field| field.parse::<f64>().ok()).sum();
    fs::remove_dir_all(&out).ok();
    Ok(status.success().then_some(Took { wall, cpu_s }))
}
