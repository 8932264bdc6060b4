// SPDX-License-Identifier: Apache-2.0
//! Reads what others publish. The form is told by the document itself.
//!
//! NVD: JSON 2.0 (<https://nvd.nist.gov/developers/vulnerabilities>). OSV: schema 1.x (<https://ossf.github.io/osv-schema/>), one
//! record or a list. Debian: the tracker's `data/json`. CISA: known exploited vulnerabilities. Options: a table of two columns,
//! identifier and kernel option, with tabs. Alpine: secdb. Left out: NVD's nodes joined by AND with what the product runs on;
//! OSV ranges of Git commits.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Advisory, Database, Range};

/// What a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// `nvd`, `osv`, `debian`, `alpine`, `kev`, `options`.
    pub form: &'static str,
    /// What it says.
    pub database: Database,
}

/// Reads one file.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn import(text: &str) -> Result<Imported, String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return options(text);
    }
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut database = Database::default();
    let form = match &document {
        it if it["vulnerabilities"][0]["cve"].is_object() || it["format"] == "NVD_CVE" => {
            list(&it["vulnerabilities"]).for_each(|it| nvd(&it["cve"], &mut database));
            "nvd"
        }
        it if it["vulnerabilities"][0]["cveID"].is_string() => {
            let ids = list(&it["vulnerabilities"]).map(|it| text_of(&it["cveID"]));
            database.exploited.extend(ids);
            "kev"
        }
        it if it["affected"].is_array() || it["schema_version"].is_string() => {
            osv(it, &mut database);
            "osv"
        }
        it if it["packages"][0]["pkg"].is_object() => {
            alpine(it, &mut database);
            "alpine"
        }
        Value::Array(all) if all.iter().any(|it| it["affected"].is_array()) => {
            all.iter().for_each(|it| osv(it, &mut database));
            "osv"
        }
        Value::Object(packages) if packages.values().any(is_tracker) => {
            debian(packages, &mut database);
            "debian"
        }
        _ => {
            return Err(
                "neither NVD 2.0, OSV, Debian tracker, Alpine secdb nor CISA KEV".to_owned()
            );
        }
    };
    Ok(Imported { form, database })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// One line, not too long.
fn summary_of(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

fn options(text: &str) -> Result<Imported, String> {
    let mut database = Database::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (id, option) = line.split_once('\t').ok_or_else(|| {
            format!("line {}: not JSON, and no identifier and option with a tab", at + 1)
        })?;
        let option = option.trim();
        let option = option.strip_prefix("CONFIG_").unwrap_or(option);
        database.options.insert((id.trim().to_owned(), option.to_owned()));
    }
    Ok(Imported { form: "options", database })
}

fn nvd(cve: &Value, database: &mut Database) {
    let status = cve["vulnStatus"].as_str().unwrap_or_default();
    if status == "Rejected" {
        return;
    }
    let english = list(&cve["descriptions"]).find(|it| it["lang"] == "en");
    let summary =
        summary_of(english.map(|it| it["value"].as_str().unwrap_or_default()).unwrap_or_default());
    let nodes = list(&cve["configurations"]).flat_map(|it| list(&it["nodes"]));
    for it in nodes.flat_map(|node| list(&node["cpeMatch"])).filter(|it| it["vulnerable"] == true) {
        let criteria = text_of(&it["criteria"]);
        let fields = split_cpe(&criteria);
        let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
        let mut advisory = Advisory {
            id: text_of(&cve["id"]),
            product: field(4).to_lowercase(),
            maker: field(3),
            source: "nvd".to_owned(),
            summary: summary.clone(),
            ..Advisory::default()
        };
        let version = field(5);
        if version != "*" && version != "-" && !version.is_empty() {
            let update = field(6);
            let plain = update.is_empty() || update == "*" || update == "-";
            advisory.versions.insert(if plain { version } else { format!("{version}{update}") });
        } else {
            advisory.ranges.push(Range {
                from: text_of(&it["versionStartIncluding"]),
                after: text_of(&it["versionStartExcluding"]),
                fixed: text_of(&it["versionEndExcluding"]),
                last: text_of(&it["versionEndIncluding"]),
            });
        }
        database.advisories.insert(advisory);
    }
}

/// The fields of a CPE 2.3 name, in which a colon may stand behind a backslash (NISTIR 7695 §6.2).
fn split_cpe(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut characters) = (Vec::new(), String::new(), text.chars());
    while let Some(c) = characters.next() {
        match c {
            '\\' => field.extend(characters.next()),
            ':' => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

fn osv(record: &Value, database: &mut Database) {
    if record["withdrawn"].is_string() {
        return;
    }
    let aliases: BTreeSet<String> =
        list(&record["aliases"]).chain(list(&record["upstream"])).map(text_of).collect();
    let own = text_of(&record["id"]);
    let mut ids: BTreeSet<String> =
        aliases.into_iter().chain([own.clone()]).filter(|id| id.starts_with("CVE-")).collect();
    if ids.is_empty() {
        ids.insert(own);
    }
    let summary = match record["summary"].as_str() {
        Some(summary) => summary_of(summary),
        None => summary_of(record["details"].as_str().unwrap_or_default()),
    };
    for affected in list(&record["affected"]) {
        let ecosystem = text_of(&affected["package"]["ecosystem"]).to_lowercase();
        let ranges: Vec<Range> = list(&affected["ranges"])
            .filter(|it| it["type"] != "GIT")
            .flat_map(osv_ranges)
            .collect();
        let versions: BTreeSet<String> = list(&affected["versions"]).map(text_of).collect();
        if ranges.is_empty() && versions.is_empty() {
            continue;
        }
        for id in &ids {
            database.advisories.insert(Advisory {
                id: id.clone(),
                product: text_of(&affected["package"]["name"]).to_lowercase(),
                maker: String::new(),
                source: "osv".to_owned(),
                ranges: ranges.clone(),
                // Lists of every version repeat the ranges.
                versions: if ranges.is_empty() { versions.clone() } else { BTreeSet::new() },
                distribution: if is_distribution(&ecosystem) {
                    ecosystem.replace(':', " ")
                } else {
                    String::new()
                },
                summary: summary.clone(),
            });
        }
    }
}

fn is_distribution(ecosystem: &str) -> bool {
    ["debian", "alpine", "ubuntu", "red hat", "suse", "wolfi", "chainguard", "openwrt", "rocky"]
        .iter()
        .any(|name| ecosystem.starts_with(name))
}

fn osv_ranges(range: &Value) -> Vec<Range> {
    let mut found: Vec<Range> = Vec::new();
    for event in list(&range["events"]) {
        if let Some(from) = event["introduced"].as_str() {
            let from = if from == "0" { String::new() } else { from.to_owned() };
            found.push(Range { from, ..Range::default() });
        }
        if let (Some(fixed), Some(last)) = (event["fixed"].as_str(), found.last_mut()) {
            last.fixed = fixed.to_owned();
        }
        if let (Some(end), Some(last)) = (event["last_affected"].as_str(), found.last_mut()) {
            last.last = end.to_owned();
        }
    }
    found
}

fn is_tracker(package: &Value) -> bool {
    package.as_object().is_some_and(|it| it.values().any(|cve| cve["releases"].is_object()))
}

/// Numbers of Debian's releases, for the names in the tracker.
const DEBIAN: [(&str, &str); 9] = [
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("sid", "sid"),
];

fn debian(packages: &serde_json::Map<String, Value>, database: &mut Database) {
    for (package, cves) in packages {
        for (id, cve) in cves.as_object().into_iter().flatten() {
            for (release, state) in cve["releases"].as_object().into_iter().flatten() {
                let number =
                    DEBIAN.iter().find(|(name, _)| name == release).map(|(_, number)| *number);
                let fixed = text_of(&state["fixed_version"]);
                // "0" says that the release was never affected.
                let (Some(number), false) = (number, fixed == "0") else { continue };
                if state["status"] == "undetermined" {
                    continue;
                }
                database.advisories.insert(Advisory {
                    id: id.clone(),
                    product: package.to_lowercase(),
                    maker: String::new(),
                    source: "debian".to_owned(),
                    ranges: vec![Range { fixed, ..Range::default() }],
                    versions: BTreeSet::new(),
                    distribution: format!("debian {number}"),
                    summary: summary_of(cve["description"].as_str().unwrap_or_default()),
                });
            }
        }
    }
}

fn alpine(document: &Value, database: &mut Database) {
    let release = text_of(&document["distroversion"]);
    for package in list(&document["packages"]).map(|it| &it["pkg"]) {
        for (version, ids) in package["secfixes"].as_object().into_iter().flatten() {
            // "0" lists what never was in the package.
            for id in list(ids).filter_map(Value::as_str).filter(|_| version != "0") {
                for id in id.split_whitespace().filter(|id| id.starts_with("CVE-")) {
                    database.advisories.insert(Advisory {
                        id: id.to_owned(),
                        product: text_of(&package["name"]).to_lowercase(),
                        maker: String::new(),
                        source: "alpine".to_owned(),
                        ranges: vec![Range { fixed: version.clone(), ..Range::default() }],
                        versions: BTreeSet::new(),
                        distribution: format!("alpine {release}").trim().to_owned(),
                        summary: String::new(),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (&'static str, Advisory) {
        let imported = import(text).unwrap();
        assert_eq!(imported.database.advisories.len(), 1, "{imported:?}");
        (imported.form, imported.database.advisories.into_iter().next().unwrap())
    }

    #[test]
    fn nvd_ranges_and_escaped_names_are_read() {
        let text = r#"{"format":"NVD_CVE","version":"2.0","vulnerabilities":[{"cve":{"id":"CVE-2021-28831","vulnStatus":"Analyzed",
            "descriptions":[{"lang":"es","value":"no"},{"lang":"en","value":"gunzip mishandles the error bit"}],
            "configurations":[{"nodes":[{"operator":"OR","negate":false,"cpeMatch":[
              {"vulnerable":true,"criteria":"cpe:2.3:a:busybox:busybox:*:*:*:*:*:*:*:*","versionEndExcluding":"1.33.1"},
              {"vulnerable":false,"criteria":"cpe:2.3:o:x:y:*:*:*:*:*:*:*:*"}]}]}]}}]}"#;
        let (form, found) = one(text);
        assert_eq!(form, "nvd");
        assert_eq!((found.product.as_str(), found.maker.as_str()), ("busybox", "busybox"));
        assert_eq!(found.ranges, [Range { fixed: "1.33.1".into(), ..Range::default() }]);
        assert_eq!(found.summary, "gunzip mishandles the error bit");
        assert_eq!(split_cpe(r"a:b\:c:d"), ["a", "b:c", "d"]);
    }

    #[test]
    fn osv_events_become_ranges_and_git_ranges_are_passed_over() {
        let text = r#"{"schema_version":"1.6.0","id":"GHSA-1","aliases":["CVE-2020-1"],"affected":[
            {"package":{"ecosystem":"Debian:11","name":"Expat"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.2.10-2+deb11u5"}]}]},
            {"package":{"ecosystem":"OSS-Fuzz","name":"x"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}"#;
        let (form, found) = one(text);
        assert_eq!(
            (form, found.id.as_str(), found.product.as_str()),
            ("osv", "CVE-2020-1", "expat")
        );
        assert_eq!(found.distribution, "debian 11");
        assert_eq!(found.ranges[0].fixed, "2.2.10-2+deb11u5");
    }

    #[test]
    fn tracker_secdb_exploited_and_options_are_told_apart() {
        let (form, found) = one(
            r#"{"wget":{"CVE-2021-31879":{"description":"d","releases":{"bullseye":{"status":"resolved","fixed_version":"1.21-1+deb11u2"},"bookworm":{"status":"resolved","fixed_version":"0"}}}}}"#,
        );
        assert_eq!((form, found.distribution.as_str()), ("debian", "debian 11"));
        let (form, found) = one(
            r#"{"distroversion":"v3.12","packages":[{"pkg":{"name":"curl","secfixes":{"7.66.0-r0":["CVE-2019-5481"],"0":["CVE-2000-1"]}}}]}"#,
        );
        assert_eq!((form, found.ranges[0].fixed.as_str()), ("alpine", "7.66.0-r0"));
        let kev = import(r#"{"vulnerabilities":[{"cveID":"CVE-2021-35394"}]}"#).unwrap();
        assert!(kev.form == "kev" && kev.database.exploited.contains("CVE-2021-35394"));
        let options = import("# table\nCVE-2022-0847\tCONFIG_PIPE\n").unwrap();
        assert!(options.database.options.contains(&("CVE-2022-0847".into(), "PIPE".into())));
        assert!(import("hello").is_err() && import("{}").is_err() && import("[1").is_err());
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut database = import(r#"{"vulnerabilities":[{"cveID":"CVE-1"}]}"#).unwrap().database;
        database.merge(import("CVE-2\tX\n").unwrap().database);
        assert_eq!(Database::parse(&database.render().unwrap()), Ok(database));
        assert_eq!(Database::parse("\nnonsense").unwrap_err().0, 2);
    }
}
