// SPDX-License-Identifier: Apache-2.0
//! The truth table, made ready for a guest: compiled policies, and for each case the world that it
//! assumes. What a case says about its object (who wrote it, its mode) is made so before it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Context;
use kakoi_policy::{Action, Case, FileType, Object, Op, Table, Trust};

use super::root::{Entry, Files};

/// One case that has a place in a guest.
pub struct Row {
    /// Its folder in the guest.
    pub folder: String,
    /// File of the table.
    pub file: String,
    pub policy: String,
    pub case: Case,
}

/// The cases of the table that are run in guests, by policy, and what they need there.
pub fn rows() -> anyhow::Result<(Vec<Row>, Files)> {
    let mut rows = Vec::new();
    for path in tables()? {
        let text = fs::read_to_string(&path)?;
        let table: Table = toml::from_str(&text).with_context(|| path.display().to_string())?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for case in table.cases.iter().filter(|case| case.place != "none") {
            let policy = case.policy.clone().unwrap_or_else(|| table.policy.clone());
            rows.push(Row {
                folder: String::new(),
                file: file.clone(),
                policy,
                case: case.clone(),
            });
        }
    }
    // A policy is loaded once; within it the order of the files holds.
    rows.sort_by(|left, right| left.policy.cmp(&right.policy));
    let mut files = Files::new();
    let mut policies = BTreeMap::new();
    for (number, row) in rows.iter_mut().enumerate() {
        row.folder = format!("{number:03}");
        let loaded = match policies.get(&row.policy) {
            Some(loaded) => loaded,
            None => {
                let loaded = Loaded::of(&row.policy, &mut files)?;
                policies.entry(row.policy.clone()).or_insert(loaded)
            }
        };
        prepare(row, loaded, &mut files);
    }
    Ok((rows, files))
}

fn tables() -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(crate::top().join("tests/policy"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A policy, compiled into the guest.
struct Loaded {
    name: String,
    /// Sessions get no shell under it: theirs is one that it does not know.
    refuses_shells: bool,
}

impl Loaded {
    fn of(path: &str, files: &mut Files) -> anyhow::Result<Self> {
        let policy = policy(path)?;
        let blob = kakoi_policy::compile(&policy)?;
        let name = path.trim_end_matches(".toml").replace('/', "-");
        files.insert(format!("kakoi/policies/{name}.kkb"), Entry::File(0o644, blob));
        let refuses_shells = policy.domains.iter().any(|domain| {
            let rule = domain.rules.get(&kakoi_policy::Control::ShellStart);
            domain.sticky && rule.is_some_and(|rule| rule.action >= Action::Deny && !rule.audit)
        });
        Ok(Self { name, refuses_shells: refuses_shells && !policy.audit })
    }
}

/// A policy of the repository.
fn policy(path: &str) -> anyhow::Result<kakoi_policy::Policy> {
    let text = fs::read_to_string(crate::top().join(path)).with_context(|| path.to_owned())?;
    kakoi_policy::read(&text).policy.with_context(|| format!("{path}: errors"))
}

/// The policy, compiled, as `kakoi/policy.kkb`.
pub fn compiled(path: &str) -> anyhow::Result<Files> {
    let blob = kakoi_policy::compile(&policy(path)?)?;
    Ok(Files::from([("kakoi/policy.kkb".to_owned(), Entry::File(0o600, blob))]))
}

/// Files that every case finds as they were shipped.
const SHIPPED: &[&str] =
    &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/lib/", "/etc/", "/proc/", "/dev/", "/sys/"];

fn prepare(row: &Row, loaded: &Loaded, files: &mut Files) {
    let mut write = |name: &str, text: &str| {
        let path = format!("kakoi/cases/{}/{name}", row.folder);
        files.insert(path, Entry::File(0o644, text.as_bytes().to_vec()));
    };
    let case = &row.case;
    write("policy", &loaded.name);
    if loaded.refuses_shells {
        write("driver", "");
    }
    if case.place == "outside" {
        write("outside", "");
    }
    let run = action(case);
    let world = World::of(case, &run);
    write("before", &format!("{RESET}{}", world.before));
    write("inside", &world.inside);
    write("after", &format!("{}{}", world.after, case.prepared));
    write("run", &run);
    write("stopped", &case.stopped);
    let run = format!("{run}{}", case.prepared);
    if ["mount", "crond", "binfmt", "kakoi-agent", "insmod"].iter().any(|word| run.contains(word)) {
        write("clean", CLEAN);
    }
}

/// Everything as it was; what cases leave behind is taken away.
const RESET: &str = "rm -rf /tmp/* /etc/ld.so.preload /etc/k /bin/harmless /etc/crontabs/root /data/root /opt/l /opt/n\n\
                     mkdir -p /tmp/k; cp -a /kakoi/world/. /\n";
const CLEAN: &str = "grep -qE ' (/mnt|/sbin|/tmp/b) ' /proc/mounts && umount /mnt /sbin /tmp/b 2> /dev/null\n\
                     pidof crond > /dev/null && killall crond\n\
                     pidof kakoi-agent > /dev/null && killall -9 kakoi-agent; rm -f /run/kakoi.events\n\
                     [ -e /run/kept ] || insmod /kakoi/modules/nls_ascii.ko 2> /dev/null; true\n";

/// A block device under the name of flash; it is a loop.
const FLASH: &str = "[ -e /dev/mtdblock3 ] || mknod /dev/mtdblock3 b 7 3\n\
                     losetup -d /dev/loop3 2> /dev/null; dd if=/dev/zero of=/run/flash bs=1k count=64 2> /dev/null\n\
                     losetup /dev/loop3 /run/flash\n";

/// The action: what the table gives, or, where it gives none, the program that its attempt names.
fn action(case: &Case) -> String {
    let attempt = &case.attempt;
    if case.run.trim() == "true" && attempt.op == Op::Exec && !attempt.argv.is_empty() {
        let words: Vec<String> = attempt.argv.iter().map(|word| format!("'{word}'")).collect();
        let path = attempt.object.path.as_deref().unwrap_or_default();
        return format!("kakoi-try exec {path} {}", words.join(" "));
    }
    // Lines of the table are written with \n where a line ends.
    case.run.replace("\\n", "\n")
}

/// What is made before a case: outside, then in the session, then outside again.
#[derive(Default)]
struct World {
    before: String,
    inside: String,
    after: String,
}

impl World {
    fn of(case: &Case, run: &str) -> Self {
        let mut world = Self::default();
        let attempt = &case.attempt;
        let mut done = BTreeSet::new();
        let creates = attempt.op == Op::Create;
        for (object, is_target) in [(&attempt.object, false), (&attempt.target, true)] {
            let Some(path) = &object.path else { continue };
            if object.unlinked {
                continue;
            }
            if SHIPPED.iter().any(|folder| path.starts_with(folder)) {
                continue;
            }
            done.insert(path.clone());
            if (creates && !is_target) || (is_target && !object.exists) {
                world.before.push_str(&format!("rm -rf {path}\n"));
            } else if object.file_type() == FileType::Directory {
                world
                    .before
                    .push_str(&format!("mkdir -p {path}\nchmod {:o} {path}\n", object.mode.0));
            } else if object.file_type() == FileType::Regular {
                world.file(path, object);
            }
        }
        for path in ["/tmp/f", "/tmp/s", "/tmp/p.so", "/tmp/i", "/tmp/m.ko"] {
            if !done.contains(path)
                && (run.contains(path) || case.stopped.contains(path))
                && !creates
            {
                world.file(
                    path,
                    &Object { tainted: true, mode: kakoi_policy::Mode(0o644), ..Object::default() },
                );
            }
        }
        if run.contains("receive-fd") {
            world.before.push_str("kakoi-try give-fd /opt/tool\n");
        }
        if run.contains("inert.tar") {
            world.before.push_str("tar cf /mnt/inert.tar -C /kakoi/archive x\n");
        }
        if run.contains("mtdblock3") {
            world.before.push_str(FLASH);
        }
        if run.contains("insmod") {
            world
                .before
                .push_str("rm -f /run/kept; rmmod nls_ascii 2> /dev/null || : > /run/kept\n");
        }
        if run.contains("proc-fd-exec") {
            let object =
                Object { tainted: true, mode: kakoi_policy::Mode(0o755), ..Object::default() };
            world.file("/tmp/gone", &object);
        }
        if run.contains("kakoi-agent") {
            world.before.push_str("/kakoi/backend/agent\n");
        }
        world
    }

    fn file(&mut self, path: &str, object: &Object) {
        if object.trust.contains(&Trust::Rootfs) {
            return;
        }
        let content = content(path);
        let text = format!("cat {content} > {path} || cat /etc/hostname > {path}\n");
        if object.tainted {
            self.inside.push_str(&text);
        } else {
            self.before.push_str(&format!("rm -f {path}\n{text}"));
        }
        self.after.push_str(&format!("chmod {:o} {path}\n", object.mode.0));
    }
}

/// Which of the rig's files is a thing of this name.
fn content(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap_or_default() {
        name if name.contains(".so") => "/kakoi/preload.so",
        name if name.starts_with('s') || name.contains("cron") => "/kakoi/script",
        // A module that is in use only while something is mounted.
        name if name.ends_with(".ko") => "/kakoi/modules/nls_ascii.ko",
        "i" => "/kakoi/carrier",
        "root" => "/kakoi/crontab",
        _ => "/kakoi/payload",
    }
}
