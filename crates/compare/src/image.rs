// SPDX-License-Identifier: Apache-2.0
//! What changed between two images, from the facts of both: files, versions, mitigations gained and lost, start-up, kernel.
//!
//! Files are the same where their path is, in containers of the same kind; offsets and compression of containers do not matter.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{
    Container, ContainerId, Coverage, Digest, ElfFacts, Facts, FileKind, Mitigation, Observed,
    Password, Relro,
};
use serde::Serialize;

use crate::verdict::Difference;

/// What changed between two images.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ImageDifference {
    /// Files that only the new image has, by place.
    pub added: Vec<String>,
    /// Files that only the old image has.
    pub removed: Vec<String>,
    /// Files in both with another content, target, or rights.
    pub changed: Vec<FileChange>,
    /// Components whose version changed, or that came or went.
    pub components: Vec<ValueChange>,
    /// Mitigations of programs in both images that changed.
    pub mitigations: Vec<MitigationChange>,
    /// Programs that start at boot in one image only: the new one's in `new`, the old one's in `old`.
    pub start_up: Vec<ValueChange>,
    /// Kernel releases and options that changed.
    pub kernel: Vec<ValueChange>,
    /// Accounts that changed, came or went; `old` and `new` are what the password is.
    pub accounts: Vec<ValueChange>,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileChange {
    /// Its place: containers and path.
    pub path: String,
    /// What it was: digest, link target, or kind, and rights.
    pub old: String,
    /// What it is.
    pub new: String,
    /// For programs: what changed in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Difference>,
    /// Contents of both, where both are programs.
    #[serde(skip)]
    pub contents: Option<(Digest, Digest)>,
}

/// Something that changed its value, came (no old one) or went (no new one).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ValueChange {
    /// What.
    pub name: String,
    /// Before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// After.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// A mitigation of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MitigationChange {
    /// The program.
    pub path: String,
    /// `nx`, `pie`, `relro`, `stack-protector`, `fortify`.
    pub mitigation: &'static str,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
    /// Is it weaker now?
    pub lost: bool,
}

/// Compares the facts of two images.
#[must_use]
pub fn compare_images(old: &Facts, new: &Facts) -> ImageDifference {
    let (before, after) = (Tree::of(old), Tree::of(new));
    let mut found = ImageDifference {
        added: only(&after.entries, &before.entries),
        removed: only(&before.entries, &after.entries),
        ..ImageDifference::default()
    };
    for (path, (left, one)) in &before.entries {
        let Some((right, other)) = after.entries.get(path).filter(|right| right.0 != *left) else {
            continue;
        };
        let programs = one.zip(*other).filter(|(a, b)| a != b);
        let programs =
            programs.filter(|(a, b)| before.elves.contains_key(a) && after.elves.contains_key(b));
        if let Some((a, b)) = programs
            && let Some((a, b)) = before.elves.get(&a).zip(after.elves.get(&b))
        {
            found.mitigations.extend(compare_mitigations(path, a, b));
        }
        found.changed.push(FileChange {
            path: path.clone(),
            old: left.clone(),
            new: right.clone(),
            program: None,
            contents: programs,
        });
    }
    found.components = values(&components(old), &components(new));
    found.start_up = values(&start_up(old, &before), &start_up(new, &after));
    found.kernel = values(&kernel(old), &kernel(new));
    found.accounts = values(&accounts(old), &accounts(new));
    found
}

/// Entries by their place: what they are, and their content.
struct Tree<'a> {
    entries: BTreeMap<String, (String, Option<Digest>)>,
    labels: BTreeMap<ContainerId, String>,
    elves: BTreeMap<Digest, &'a ElfFacts>,
}

impl<'a> Tree<'a> {
    fn of(facts: &'a Facts) -> Self {
        let labels = labels(facts);
        let mut entries = BTreeMap::new();
        for file in facts.files() {
            let label = labels.get(&file.container).map_or("", String::as_str);
            let what = match &file.kind {
                FileKind::Regular { digest, .. } => digest.to_string(),
                FileKind::Directory => continue,
                FileKind::Symlink { target } => format!("-> {target}"),
                other => format!("{other:?}"),
            };
            // Only rights that matter: modes of plain files differ with every packer.
            let special = file.mode.map_or(0, |mode| mode & 0o6002);
            let what = if special == 0 { what } else { format!("{what} mode +{special:o}") };
            entries.insert(format!("{label}{}", file.path.absolute()), (what, file.digest()));
        }
        let elves = facts.elves().map(|elf| (elf.digest, &elf.facts)).collect();
        Self { entries, labels, elves }
    }
}

/// Containers by what leads to them: formats and paths, with a number where a file holds several of one format.
fn labels(facts: &Facts) -> BTreeMap<ContainerId, String> {
    let mut labels: BTreeMap<ContainerId, String> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut containers: Vec<&Container> = facts.containers().collect();
    // A container is told after the one that holds it.
    containers.sort_by_key(|container| container.id);
    for container in containers {
        let around = container.parent.as_ref().map(|parent| {
            let label = labels.get(&parent.container).map_or("", String::as_str);
            format!("{label}{}!", parent.path.absolute())
        });
        let plain = format!("{}{}", around.unwrap_or_default(), container.format);
        let count = counts.entry(plain.clone()).or_default();
        *count += 1;
        let label = if *count == 1 { plain } else { format!("{plain}#{count}") };
        labels.insert(container.id, label + ":");
    }
    labels
}

fn only<T>(left: &BTreeMap<String, T>, right: &BTreeMap<String, T>) -> Vec<String> {
    left.keys().filter(|path| !right.contains_key(*path)).cloned().collect()
}

fn values(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<ValueChange> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .map(|name| ValueChange {
            name: name.clone(),
            old: old.get(name).cloned(),
            new: new.get(name).cloned(),
        })
        .filter(|change| change.old != change.new)
        .collect()
}

fn components(facts: &Facts) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for component in facts.components() {
        let version = match &component.version {
            Observed::Present(version) => version.clone(),
            Observed::Absent => "no version".to_owned(),
            Observed::Undetermined(_) => "version unknown".to_owned(),
        };
        all.entry(component.name.clone()).or_default().insert(version);
    }
    joined(all)
}

fn start_up(facts: &Facts, tree: &Tree<'_>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for start in facts.start_ups() {
        let program = start.program.as_ref().map(|program| {
            let label = tree.labels.get(&program.container).map_or("", String::as_str);
            format!("{label}{}", program.path.absolute())
        });
        let applet = start.applet.as_ref().map(|applet| format!(" ({applet})")).unwrap_or_default();
        let name = program.unwrap_or_else(|| start.command.clone()) + &applet;
        let how = format!("{:?} as {}", start.certainty, start.user).to_lowercase();
        all.entry(name).or_default().insert(how);
    }
    joined(all)
}

fn kernel(facts: &Facts) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for kernel in facts.kernels() {
        all.entry("release".to_owned()).or_default().insert(kernel.facts.release.clone());
        for (name, option) in &kernel.facts.options {
            // What is not known on one side is no change.
            let value = match &option.value {
                Observed::Present(value) => value.clone(),
                Observed::Absent => "n".to_owned(),
                Observed::Undetermined(_) => continue,
            };
            all.entry(name.clone()).or_default().insert(value);
        }
    }
    joined(all)
}

fn accounts(facts: &Facts) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for account in facts.accounts() {
        let password = match &account.password {
            Password::Empty => "no password",
            Password::Locked => "locked",
            Password::Elsewhere => "password elsewhere",
            Password::Hash { .. } => "password hash",
            _ => "password in clear text",
        };
        all.entry(account.name.clone()).or_default().insert(password.to_owned());
    }
    joined(all)
}

fn joined(all: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, String> {
    let join = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    all.into_iter().map(|(name, values)| (name, join(values))).collect()
}

/// A state with its rank: larger is stronger; none where the bytes do not tell.
type State = (String, Option<u32>);

fn compare_mitigations(path: &str, old: &ElfFacts, new: &ElfFacts) -> Vec<MitigationChange> {
    let (a, b) = (&old.hardening, &new.hardening);
    let states: [(&'static str, State, State); 5] = [
        ("nx", plain(&a.nx), plain(&b.nx)),
        ("pie", plain(&a.pie), plain(&b.pie)),
        ("relro", relro(&a.relro), relro(&b.relro)),
        ("stack-protector", coverage(&a.stack_protector), coverage(&b.stack_protector)),
        ("fortify", coverage(&a.fortify), coverage(&b.fortify)),
    ];
    let changed = states.into_iter().filter_map(|(mitigation, old, new)| {
        let (before, after) = old.1.zip(new.1)?;
        (before != after).then(|| MitigationChange {
            path: path.to_owned(),
            mitigation,
            old: old.0,
            new: new.0,
            lost: after < before,
        })
    });
    changed.collect()
}

fn state<T>(mitigation: &Mitigation<T>, rank: impl Fn(&T) -> (&'static str, u32)) -> State {
    match &mitigation.observed {
        Observed::Present(value) => {
            let (word, rank) = rank(value);
            (word.to_owned(), Some(rank))
        }
        Observed::Absent => ("absent".to_owned(), Some(0)),
        Observed::Undetermined(_) => ("undetermined".to_owned(), None),
    }
}

fn plain(mitigation: &Mitigation<()>) -> State {
    state(mitigation, |()| ("present", 1))
}

fn relro(mitigation: &Mitigation<Relro>) -> State {
    state(mitigation, |relro| match relro {
        Relro::Partial => ("partial", 1),
        Relro::Full => ("full", 2),
    })
}

/// How many functions are protected changes with every patch; whether any is does not.
fn coverage(mitigation: &Mitigation<Coverage>) -> State {
    state(mitigation, |_| ("present", 1))
}

#[cfg(test)]
mod tests {
    use kakoi_model::{
        Account, Component, ComponentKind, ComponentSource, Evidence, Fact, Facts, Observed,
        Password,
    };

    use super::{ValueChange, compare_images};

    fn facts(version: &str, account: Option<Password>) -> Facts {
        let component = Component {
            name: "busybox".to_owned(),
            kind: ComponentKind::Application,
            version: Observed::Present(version.to_owned()),
            supplier: None,
            license: None,
            purl: None,
            cpe: None,
            upstream: None,
            depends: Vec::new(),
            files: Vec::new(),
            digests: Vec::new(),
            source: ComponentSource::VersionString,
            evidence: Vec::new(),
        };
        let account = account.map(|password| {
            let name = "admin".to_owned();
            Fact::Account(Account {
                name,
                uid: None,
                shell: None,
                password,
                evidence: Evidence::default(),
            })
        });
        Facts { lines: std::iter::once(Fact::Component(component)).chain(account).collect() }
    }

    #[test]
    fn an_account_that_comes_back_and_a_version_that_changes_are_told() {
        let found = compare_images(&facts("1.30", None), &facts("1.31", Some(Password::Empty)));
        let change = |name: &str, old: Option<&str>, new: Option<&str>| ValueChange {
            name: name.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        assert_eq!(found.components, [change("busybox", Some("1.30"), Some("1.31"))]);
        assert_eq!(found.accounts, [change("admin", None, Some("no password"))]);
        assert!(found.changed.is_empty() && found.kernel.is_empty());
    }
}
