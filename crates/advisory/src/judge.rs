// SPDX-License-Identifier: Apache-2.0
//! Components against advisories.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{
    ByVersion, Component, ComponentKind, ComponentSource, Exposure, ExposureVerdict, Facts, Party,
};

use crate::version::{compare, compare_debian, without_revision};
use crate::{Advisory, Database, Range};

/// What code tells of a vulnerability in a component: from the comparison with builds before and after its fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchEvidence {
    /// The fix is in.
    Fixed(String),
    /// The code is the one before the fix.
    Vulnerable(String),
    /// It was looked at, and does not tell.
    Undecided(String),
}

/// What came of it, side by side (requirement A-10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// In the order of components, then identifiers.
    pub exposures: Vec<Exposure>,
    /// Components that no advisory names.
    pub without: usize,
}

impl Judged {
    /// How many have this verdict.
    #[must_use]
    pub fn count(&self, verdict: ExposureVerdict) -> usize {
        self.exposures.iter().filter(|it| it.verdict == verdict).count()
    }
}

/// Judges an image. `patched` is asked for the code of a component whose version is affected.
pub fn judge(
    facts: &Facts,
    database: &Database,
    patched: &mut dyn FnMut(&Component, &str) -> Option<PatchEvidence>,
) -> Judged {
    let mut by_product: BTreeMap<&str, Vec<&Advisory>> = BTreeMap::new();
    for advisory in &database.advisories {
        by_product.entry(&advisory.product).or_default().push(advisory);
    }
    let config = kernel_options(facts);
    let distribution = distribution(facts);
    let mut judged = Judged::default();
    for component in facts.components() {
        let mut by_id: BTreeMap<&str, Vec<&Advisory>> = BTreeMap::new();
        for name in names(component) {
            for advisory in by_product.get(name.as_str()).into_iter().flatten() {
                if is_about(advisory, component, distribution.as_deref()) {
                    by_id.entry(&advisory.id).or_default().push(advisory);
                }
            }
        }
        judged.without += usize::from(by_id.is_empty());
        for (id, advisories) in by_id {
            let case = Case { component, id, advisories: &advisories, database, config: &config };
            judged.exposures.extend(case.judge(has_kit(facts), patched));
        }
    }
    judged
        .exposures
        .sort_by(|a, b| (&a.component, &a.version, &a.id).cmp(&(&b.component, &b.version, &b.id)));
    judged.exposures.dedup();
    judged
}

fn has_kit(facts: &Facts) -> bool {
    facts.sdk_marks().map(|mark| u32::from(mark.weight)).sum::<u32>() >= 2
}

/// Under which names databases may know a component.
fn names(component: &Component) -> BTreeSet<String> {
    let mut names = BTreeSet::from([component.name.to_lowercase()]);
    names.extend(component.upstream.as_ref().map(|name| name.to_lowercase()));
    let cpe = component.cpe.as_deref().and_then(|cpe| cpe.split(':').nth(4));
    names.extend(cpe.filter(|product| *product != "*").map(str::to_lowercase));
    let path = component.purl.as_deref().and_then(|purl| purl.split(['@', '?']).next());
    names.extend(path.and_then(|path| path.rsplit('/').next()).map(str::to_lowercase));
    if names.contains("linux") || names.contains("linux-kernel") {
        names.insert("linux_kernel".to_owned());
        names.insert("kernel".to_owned());
    }
    names
}

/// Is the statement about this component: same maker where both tell, same distribution where it is about packages?
fn is_about(advisory: &Advisory, component: &Component, distribution: Option<&str>) -> bool {
    if !advisory.distribution.is_empty() {
        let is_package = component.source == ComponentSource::PackageDatabase;
        return is_package
            && distribution.is_some_and(|it| {
                it == advisory.distribution
                    || it.starts_with(&format!("{}.", advisory.distribution))
            });
    }
    let maker = component.cpe.as_deref().and_then(|cpe| cpe.split(':').nth(3));
    match maker.filter(|maker| *maker != "*" && !maker.is_empty()) {
        Some(maker) if !advisory.maker.is_empty() => {
            maker == advisory.maker || component.name.eq_ignore_ascii_case(&advisory.product)
        }
        _ => true,
    }
}

/// `debian 11`, from what the image says of itself.
fn distribution(facts: &Facts) -> Option<String> {
    facts.components().find_map(|component| {
        let is_system = component.kind == ComponentKind::OperatingSystem;
        let name = component.name.to_lowercase();
        let known = is_system && !name.contains("linux_kernel") && name != "linux";
        let version = component.version.present().filter(|_| known)?;
        let name = name.split_whitespace().next()?.to_owned();
        Some(format!("{name} {}", version.split_whitespace().next().unwrap_or(version)))
    })
}

/// Options of the kernels: whether one is known to be off in all of them.
fn kernel_options(facts: &Facts) -> BTreeMap<String, bool> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for kernel in facts.kernels() {
        for (name, option) in &kernel.facts.options {
            let off = option.value.is_absent();
            found.entry(name.clone()).and_modify(|known| *known &= off).or_insert(off);
        }
    }
    found
}

struct Case<'a> {
    component: &'a Component,
    id: &'a str,
    advisories: &'a [&'a Advisory],
    database: &'a Database,
    config: &'a BTreeMap<String, bool>,
}

impl Case<'_> {
    fn judge(
        &self,
        has_kit: bool,
        patched: &mut dyn FnMut(&Component, &str) -> Option<PatchEvidence>,
    ) -> Option<Exposure> {
        let version = self.component.version.present();
        let mut evidence = Vec::new();
        let by_version = self.by_version(version.map(String::as_str), &mut evidence)?;
        let verdict = match by_version {
            ByVersion::Fixed => ExposureVerdict::FixedByVersion,
            ByVersion::Unknown | ByVersion::Affected => {
                self.by_evidence(by_version, &mut evidence, patched)
            }
        };
        let has_fix = self
            .advisories
            .iter()
            .flat_map(|it| &it.ranges)
            .any(|range| !range.fixed.is_empty() || !range.last.is_empty());
        let first = self.advisories.first()?;
        Some(Exposure {
            id: self.id.to_owned(),
            component: self.component.name.clone(),
            version: version.cloned(),
            purl: self.component.purl.clone(),
            cpe: self.component.cpe.clone(),
            digests: self.component.digests.clone(),
            by_version,
            verdict,
            evidence,
            exploited: self.database.exploited.contains(self.id),
            party: self.party(has_kit, has_fix),
            summary: first.summary.clone(),
        })
    }

    /// None: no statement applies to this version.
    fn by_version(&self, version: Option<&str>, evidence: &mut Vec<String>) -> Option<ByVersion> {
        let Some(version) = version else {
            evidence.push("the version of the component is not known".to_owned());
            return Some(ByVersion::Unknown);
        };
        // A distribution that says of its own package what is fixed knows better than ranges of upstream versions.
        let own: Vec<&&Advisory> =
            self.advisories.iter().filter(|it| !it.distribution.is_empty()).collect();
        let asked: Vec<&&Advisory> =
            if own.is_empty() { self.advisories.iter().collect() } else { own };
        let mut fixed = None;
        for advisory in asked {
            match place(advisory, version) {
                Placed::Affected(words) => {
                    evidence.push(format!("{}: {words}", advisory.source));
                    return Some(ByVersion::Affected);
                }
                Placed::Fixed(words) => fixed = Some(format!("{}: {words}", advisory.source)),
                Placed::Outside => {}
            }
        }
        evidence.push(fixed?);
        Some(ByVersion::Fixed)
    }

    fn by_evidence(
        &self,
        by_version: ByVersion,
        evidence: &mut Vec<String>,
        patched: &mut dyn FnMut(&Component, &str) -> Option<PatchEvidence>,
    ) -> ExposureVerdict {
        let needed = (self.id.to_owned(), String::new());
        let options: Vec<&String> = self
            .database
            .options
            .range(needed..)
            .take_while(|(id, _)| id == self.id)
            .map(|(_, option)| option)
            .collect();
        if let Some(off) = options.iter().find(|option| self.config.get(**option) == Some(&true)) {
            evidence.push(format!("CONFIG_{off} is not set in the kernel's configuration"));
            return ExposureVerdict::NotApplicableByConfiguration;
        }
        match patched(self.component, self.id) {
            Some(PatchEvidence::Fixed(words)) => {
                evidence.push(words);
                match by_version {
                    ByVersion::Affected => ExposureVerdict::FixedByBackport,
                    _ => ExposureVerdict::Unknown,
                }
            }
            Some(PatchEvidence::Vulnerable(words)) => {
                evidence.push(words);
                ExposureVerdict::Vulnerable
            }
            Some(PatchEvidence::Undecided(words)) => {
                evidence.push(words);
                ExposureVerdict::Unknown
            }
            None => {
                evidence
                    .push("nobody looked at the code: no signature of the fix is known".to_owned());
                ExposureVerdict::Unknown
            }
        }
    }

    fn party(&self, has_kit: bool, has_fix: bool) -> Party {
        let is_low = matches!(
            self.component.kind,
            ComponentKind::OperatingSystem | ComponentKind::DeviceDriver | ComponentKind::Firmware
        );
        match (has_fix, is_low && has_kit) {
            (_, true) => Party::ChipVendor,
            (true, false) => Party::DeviceVendor,
            (false, false) => Party::Upstream,
        }
    }
}

enum Placed {
    Affected(String),
    Fixed(String),
    Outside,
}

fn place(advisory: &Advisory, version: &str) -> Placed {
    let is_debian = advisory.distribution.starts_with("debian");
    let order = |a: &str, b: &str| if is_debian { compare_debian(a, b) } else { compare(a, b) };
    // Databases of versions know upstream ones.
    let version = match advisory.distribution.is_empty() {
        true if version.contains('-') && is_package_version(version) => without_revision(version),
        _ => version,
    };
    if advisory.versions.iter().any(|it| order(it, version) == Ordering::Equal) {
        return Placed::Affected(format!("{version} is affected"));
    }
    let mut fixed = None;
    for range in &advisory.ranges {
        if contains(range, version, &order) {
            return Placed::Affected(format!("{version} lies in {}", words(range)));
        }
        let passed = !range.fixed.is_empty() && order(version, &range.fixed) != Ordering::Less
            || !range.last.is_empty() && order(version, &range.last) == Ordering::Greater;
        if passed {
            fixed = Some(format!("{version} is past {}", words(range)));
        }
    }
    fixed.map_or(Placed::Outside, Placed::Fixed)
}

/// `1.30.1-6+deb11u1`, `7.66.0-r0`: a digit follows the hyphen, or `r` and a digit.
fn is_package_version(version: &str) -> bool {
    let Some((_, revision)) = version.rsplit_once('-') else { return false };
    revision.strip_prefix('r').unwrap_or(revision).starts_with(|c: char| c.is_ascii_digit())
}

fn contains(range: &Range, version: &str, order: &dyn Fn(&str, &str) -> Ordering) -> bool {
    let after_start = (range.from.is_empty() || order(version, &range.from) != Ordering::Less)
        && (range.after.is_empty() || order(version, &range.after) == Ordering::Greater);
    let before_end = (range.fixed.is_empty() || order(version, &range.fixed) == Ordering::Less)
        && (range.last.is_empty() || order(version, &range.last) != Ordering::Greater);
    after_start && before_end
}

fn words(range: &Range) -> String {
    let start = match (range.from.as_str(), range.after.as_str()) {
        ("", "") => "all versions".to_owned(),
        ("", after) => format!("versions after {after}"),
        (from, _) => format!("versions from {from}"),
    };
    match (range.fixed.as_str(), range.last.as_str()) {
        ("", "") => start,
        ("", last) => format!("{start} up to {last}"),
        (fixed, _) => format!("{start} before {fixed}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kakoi_model::{
        ConfigSource, Digest, Evidence, Fact, KernelFacts, KernelOption, KernelVersion, Observed,
        OfContent,
    };

    use super::*;
    use crate::import;

    fn component(name: &str, version: Option<&str>) -> Component {
        Component {
            name: name.to_owned(),
            kind: ComponentKind::Application,
            version: match version {
                Some(version) => Observed::Present(version.to_owned()),
                None => Observed::undetermined("no-version", "it does not tell"),
            },
            supplier: None,
            license: None,
            purl: None,
            cpe: None,
            upstream: None,
            depends: Vec::new(),
            files: Vec::new(),
            digests: vec![Digest::of(name.as_bytes())],
            source: ComponentSource::VersionString,
            evidence: Vec::new(),
        }
    }

    fn osv(id: &str, product: &str, from: &str, fixed: &str) -> String {
        format!(
            r#"{{"schema_version":"1.6.0","id":"{id}","affected":[{{"package":{{"ecosystem":"","name":"{product}"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"{from}"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    }

    fn verdicts(
        components: Vec<Component>,
        texts: &[String],
        patched: Option<PatchEvidence>,
    ) -> Vec<(String, ByVersion, ExposureVerdict)> {
        let mut database = Database::default();
        texts.iter().for_each(|text| database.merge(import(text).unwrap().database));
        let facts = Facts { lines: components.into_iter().map(Fact::Component).collect() };
        let judged = judge(&facts, &database, &mut |_, _| patched.clone());
        judged.exposures.into_iter().map(|it| (it.id, it.by_version, it.verdict)).collect()
    }

    #[test]
    fn a_version_alone_proves_the_fix_but_not_the_hole() {
        let texts =
            [osv("CVE-1", "busybox", "1.0", "1.33.1"), osv("CVE-2", "busybox", "1.34", "1.35")];
        let of = |version, patched| verdicts(vec![component("busybox", version)], &texts, patched);
        let case = |by, verdict| vec![("CVE-1".to_owned(), by, verdict)];
        assert_eq!(of(Some("1.30.1"), None), case(ByVersion::Affected, ExposureVerdict::Unknown));
        assert_eq!(
            of(Some("1.33.1"), None),
            case(ByVersion::Fixed, ExposureVerdict::FixedByVersion)
        );
        let fixed = PatchEvidence::Fixed("seen".to_owned());
        assert_eq!(
            of(Some("1.30.1"), Some(fixed.clone())),
            case(ByVersion::Affected, ExposureVerdict::FixedByBackport)
        );
        let open = PatchEvidence::Vulnerable("seen".to_owned());
        assert_eq!(
            of(Some("1.30.1"), Some(open)),
            case(ByVersion::Affected, ExposureVerdict::Vulnerable)
        );
        assert_eq!(of(Some("0.9"), None), vec![], "before it came in, and no fix is passed");
        let unknown = of(None, Some(fixed));
        assert_eq!(unknown.len(), 2, "any of them may apply");
        assert!(unknown.iter().all(|it| it.2 == ExposureVerdict::Unknown));
    }

    #[test]
    fn revisions_of_packages_are_compared_only_with_what_their_distribution_says() {
        let texts = [osv("CVE-1", "wget", "0", "1.21.2")];
        let found = verdicts(vec![component("wget", Some("1.21-1+deb11u1"))], &texts, None);
        assert_eq!(found[0].1, ByVersion::Affected);
        let tracker = r#"{"wget":{"CVE-1":{"releases":{"bullseye":{"status":"resolved","fixed_version":"1.21-1+deb11u2"}}}}}"#;
        let mut system = component("Debian", Some("11"));
        system.kind = ComponentKind::OperatingSystem;
        let with = |version: &str| {
            let mut package = component("wget", Some(version));
            package.source = ComponentSource::PackageDatabase;
            let texts = [texts[0].clone(), tracker.to_owned()];
            verdicts(vec![system.clone(), package], &texts, None)[0].2
        };
        assert_eq!(with("1.21-1+deb11u1"), ExposureVerdict::Unknown);
        assert_eq!(with("1.21-1+deb11u2"), ExposureVerdict::FixedByVersion);
    }

    #[test]
    fn an_option_that_is_off_takes_a_kernel_out_and_one_that_is_not_known_does_not() {
        let kernel = |value: Observed<String>| {
            let option = KernelOption {
                value,
                found_as: None,
                source: ConfigSource::Ikconfig,
                witness: None,
            };
            Fact::Kernel(OfContent {
                digest: Digest::of(b"kernel"),
                facts: KernelFacts {
                    banner: String::new(),
                    release: "4.4.1".to_owned(),
                    version: KernelVersion(4, 4, 1),
                    compiler: None,
                    built: None,
                    machine: Observed::Absent,
                    options: BTreeMap::from([("SCTP".to_owned(), option)]),
                    config_source: ConfigSource::Ikconfig,
                    kallsyms: None,
                    command_line: None,
                    hardening: Vec::new(),
                    lsm: Vec::new(),
                    evidence: vec![Evidence::new("banner")],
                },
            })
        };
        let mut database = import(&osv("CVE-7", "linux_kernel", "0", "4.5")).unwrap().database;
        database.merge(import("CVE-7\tCONFIG_SCTP\n").unwrap().database);
        let verdict = |value| {
            let lines = vec![Fact::Component(component("linux", Some("4.4.1"))), kernel(value)];
            judge(&Facts { lines }, &database, &mut |_, _| None).exposures[0].verdict
        };
        assert_eq!(verdict(Observed::Absent), ExposureVerdict::NotApplicableByConfiguration);
        assert_eq!(verdict(Observed::Present("y".to_owned())), ExposureVerdict::Unknown);
        assert_eq!(verdict(Observed::undetermined("no", "")), ExposureVerdict::Unknown);
    }
}
