// SPDX-License-Identifier: Apache-2.0
//! One component per name and version, from packages, claims of files, and kernels.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_model::{
    Component, ComponentKind, ComponentSource, ContainerId, Digest, Evidence, File, FileRef,
    KernelFacts, Observed, OfContent,
};

use super::claim::Claim;
use super::identity::{cpe, purl, upstream};
use super::package::Package;
use super::release::Release;
use super::rules::{Rule, SHIPPED};

/// Evidence beyond this is more of the same.
const MAX_EVIDENCE: usize = 32;

/// Name, version, and ecosystem: a package and a file outside it may share the first two.
type Key = (String, Option<String>, &'static str);

/// What is known so far.
#[derive(Default)]
pub(super) struct Inventory {
    drafts: BTreeMap<Key, Draft>,
    /// Which package owns a file.
    owners: HashMap<FileRef, Key>,
    /// Packages of each container, by rule.
    packages: BTreeMap<(ContainerId, String), BTreeSet<Key>>,
}

#[derive(Default)]
struct Draft {
    kind: Option<ComponentKind>,
    rule: Option<&'static Rule>,
    license: Option<String>,
    purl: Option<String>,
    depends: BTreeSet<String>,
    files: BTreeMap<FileRef, Option<Digest>>,
    containers: BTreeSet<ContainerId>,
    source: Option<ComponentSource>,
    evidence: Vec<Evidence>,
    doubt: Option<(&'static str, String)>,
}

impl Inventory {
    /// Adds a package of a database, with the files that it lists.
    pub(super) fn add_package(
        &mut self,
        container: ContainerId,
        package: Package,
        distribution: Option<&str>,
    ) {
        let version = Some(package.version.clone()).filter(|version| !version.is_empty());
        let key = (package.name.clone(), version, package.ecosystem);
        let draft = self.drafts.entry(key.clone()).or_default();
        draft.rule = SHIPPED.for_package(&package.name);
        draft.kind = draft.rule.map(|rule| rule.kind).or(draft.kind);
        draft.license = package.license.clone().or(draft.license.take());
        draft.purl = Some(package_url(&package, distribution));
        draft.depends.extend(package.depends.iter().cloned());
        draft.source = Some(ComponentSource::PackageDatabase);
        draft.containers.insert(container);
        if package.unread {
            let reason = "the package database is in a form that kakoi does not read";
            draft.doubt = Some(("package-database-not-read", reason.to_owned()));
        }
        if let Some(place) = package.place().filter(|_| package.files.is_empty()) {
            draft.files.insert(place.clone(), None);
        }
        draft.evidence.push(package.evidence);
        for path in package.files {
            self.owners.insert(FileRef { container, path }, key.clone());
        }
        if let Some(rule) = draft.rule {
            self.packages.entry((container, rule.name.clone())).or_default().insert(key);
        }
    }

    /// Adds a distribution.
    pub(super) fn add_release(&mut self, release: Release) {
        let draft = self.drafts.entry((release.id, release.version, "generic")).or_default();
        draft.kind = Some(ComponentKind::OperatingSystem);
        draft.source = Some(ComponentSource::PackageDatabase);
        draft.containers.extend(release.evidence.file.as_ref().map(|file| file.container));
        draft.files.extend(release.evidence.file.clone().map(|file| (file, None)));
        draft.evidence.push(release.evidence);
    }

    /// Adds what a file says that it is: to the package that ships it, or for itself.
    pub(super) fn add_claim(&mut self, claim: Claim) {
        let key = self.home(&claim);
        let draft = self.drafts.entry(key).or_default();
        if draft.source != Some(ComponentSource::PackageDatabase) {
            draft.rule = Some(claim.rule);
            draft.kind = Some(claim.rule.kind);
            draft.source = Some(draft.source.map_or(claim.source, |old| old.min(claim.source)));
        }
        if !claim.several.is_empty() {
            draft.doubt = Some(("several-versions", claim.several.join(", ")));
        }
        draft.containers.insert(claim.file.container);
        draft.files.insert(claim.file, Some(claim.digest));
        draft.evidence.push(claim.evidence);
    }

    /// Adds a kernel, with the files that hold its content.
    pub(super) fn add_kernel(&mut self, kernel: &OfContent<KernelFacts>, files: &[File]) {
        let Some(rule) = SHIPPED.named("linux") else { return };
        let release = &kernel.facts.release;
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let version = release[..end].trim_end_matches('.');
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        let draft = self.drafts.entry((rule.name.clone(), version, "generic")).or_default();
        draft.rule = Some(rule);
        draft.kind = Some(rule.kind);
        draft.source = Some(ComponentSource::VersionString);
        let holders = files.iter().filter(|file| file.digest() == Some(kernel.digest));
        for file in holders {
            draft.containers.insert(file.container);
            draft.files.insert(file.place(), Some(kernel.digest));
        }
        let mut evidence =
            Evidence::new("kernel banner").with_excerpt(kernel.facts.banner.as_bytes());
        evidence.digest = Some(kernel.digest);
        draft.evidence.push(evidence);
    }

    /// The components, ordered by name and version.
    pub(super) fn into_components(mut self, files: &[File]) -> Vec<Component> {
        self.settle_nameless_versions();
        self.adopt_owned_files(files);
        let digests: HashMap<FileRef, Digest> =
            files.iter().filter_map(|file| Some((file.place(), file.digest()?))).collect();
        self.drafts.into_iter().map(|(key, draft)| draft.into_component(key, &digests)).collect()
    }

    /// Where a claim belongs: a package of the same project that owns the file, or that lies in the
    /// same container with the same upstream version; else a component of its own.
    fn home(&self, claim: &Claim) -> Key {
        let own = (claim.rule.name.clone(), claim.version.clone(), "generic");
        if let Some(owner) = self.owners.get(&claim.file)
            && self
                .drafts
                .get(owner)
                .and_then(|draft| draft.rule)
                .is_some_and(|rule| rule.name == claim.rule.name)
        {
            return owner.clone();
        }
        let place = (claim.file.container, claim.rule.name.clone());
        let Some(packages) = self.packages.get(&place) else { return own };
        // A statically linked copy may be another version than the package.
        let agrees = |key: &&Key| match (&claim.version, &key.1) {
            (Some(version), Some(package)) => agrees(version, &upstream(package)),
            _ => true,
        };
        packages.iter().find(agrees).cloned().unwrap_or(own)
    }

    /// Files that are known by name only join the one version that their container holds.
    fn settle_nameless_versions(&mut self) {
        let nameless: Vec<Key> = self
            .drafts
            .iter()
            .filter(|((_, version, kind), draft)| {
                version.is_none() && *kind == "generic" && draft.doubt.is_none()
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in nameless {
            let Some(draft) = self.drafts.get(&key) else { continue };
            let candidates: Vec<Key> = self
                .drafts
                .iter()
                .filter(|(other, theirs)| {
                    other.0 == key.0
                        && other.1.is_some()
                        && draft.containers.is_subset(&theirs.containers)
                })
                .map(|(other, _)| other.clone())
                .collect();
            if let [only] = candidates.as_slice()
                && let Some(draft) = self.drafts.remove(&key)
                && let Some(target) = self.drafts.get_mut(only)
            {
                target.files.extend(draft.files);
                target.evidence.extend(draft.evidence);
            }
        }
    }

    /// Regular files that a package lists and the image holds are files of the component.
    fn adopt_owned_files(&mut self, files: &[File]) {
        for file in files {
            let Some(digest) = file.digest() else { continue };
            let place = file.place();
            if let Some(draft) = self.owners.get(&place).and_then(|key| self.drafts.get_mut(key)) {
                draft.files.insert(place, Some(digest));
            }
        }
    }
}

impl Draft {
    fn into_component(self, key: Key, digests: &HashMap<FileRef, Digest>) -> Component {
        let (name, version, _) = key;
        let kind = self.kind.unwrap_or_else(|| guess_kind(&name));
        let packaged = self.source == Some(ComponentSource::PackageDatabase);
        let product = self.rule.and_then(|rule| rule.cpe.as_ref());
        let release = version
            .as_deref()
            .map(|version| if packaged { upstream(version) } else { version.to_owned() });
        let purl =
            self.purl.or_else(|| Some(purl("generic", None, &name, version.as_deref(), &[])));
        let digest_of = |(file, digest): (&FileRef, &Option<Digest>)| {
            digest.or_else(|| digests.get(file).copied())
        };
        let mut seen = BTreeSet::new();
        let digests: Vec<_> =
            self.files.iter().filter_map(digest_of).filter(|digest| seen.insert(*digest)).collect();
        let license = self.license.or_else(|| self.rule.and_then(|rule| rule.license.clone()));
        Component {
            kind,
            supplier: product.map(|(vendor, _)| vendor.clone()),
            license: license.filter(|license| !license.is_empty()),
            cpe: product.map(|(vendor, product)| cpe(kind, vendor, product, release.as_deref())),
            purl: purl.filter(|_| !matches!(self.doubt, Some(("package-database-not-read", _)))),
            version: observed(version, self.doubt),
            upstream: self.rule.filter(|rule| rule.name != name).map(|rule| rule.name.clone()),
            depends: self.depends.into_iter().collect(),
            files: self.files.into_keys().collect(),
            digests,
            source: self.source.unwrap_or(ComponentSource::FileName),
            evidence: bounded(self.evidence),
            name,
        }
    }
}

fn observed(version: Option<String>, doubt: Option<(&'static str, String)>) -> Observed<String> {
    match (version, doubt) {
        (Some(version), _) => Observed::Present(version),
        (None, Some((code, detail))) => Observed::undetermined(code, detail),
        (None, None) => Observed::undetermined("no-version", "no file of it tells its version"),
    }
}

/// Ordered, without repetition, at most [`MAX_EVIDENCE`].
fn bounded(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.sort_by(|a, b| (&a.file, a.offset, &a.what).cmp(&(&b.file, b.offset, &b.what)));
    evidence.dedup();
    // The database decides on the version, so its entry comes first.
    evidence.sort_by_key(|evidence| evidence.line.is_none());
    evidence.truncate(MAX_EVIDENCE);
    evidence
}

/// `2.90` agrees with `2.90`, and `1.0.2` of a package with `1.0.2g` of a file: databases often
/// leave out the last part.
fn agrees(file: &str, package: &str) -> bool {
    let file = file.trim_end_matches("-stable");
    file == package
        || file
            .strip_prefix(package)
            .is_some_and(|rest| rest.starts_with(|c: char| !c.is_ascii_digit()))
        || package.strip_prefix(file).is_some_and(|rest| rest.starts_with(['.', '-', 'p']))
}

fn guess_kind(name: &str) -> ComponentKind {
    if name.starts_with("kmod-") || name.starts_with("kernel-module-") {
        ComponentKind::DeviceDriver
    } else if name.starts_with("lib") {
        ComponentKind::Library
    } else {
        ComponentKind::Application
    }
}

fn package_url(package: &Package, distribution: Option<&str>) -> String {
    let namespace = distribution.map(|label| label.split_once('-').map_or(label, |(id, _)| id));
    let namespace = namespace.filter(|_| package.ecosystem != "generic");
    let version = Some(package.version.as_str());
    let qualifiers =
        [("arch", package.architecture.as_str()), ("distro", distribution.unwrap_or_default())];
    purl(package.ecosystem, namespace, &package.name, version, &qualifiers)
}
