// SPDX-License-Identifier: Apache-2.0
//! CycloneDX 1.6 in JSON (ECMA-424, 1st edition).
//!
//! The image is the described component, of type firmware. What cannot be said is left out: no
//! version where it is undetermined, no licence where it is not a valid SPDX expression.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{
    Component, ComponentKind, ComponentSource, Digest, Evidence, Facts, Image, Observed,
};
use serde::Serialize;

use crate::sbom::{self, License, Links};

/// Renders the components of a scan. Equal facts give equal bytes: the serial number is derived
/// from the image digest, the time stamp is that of the facts.
///
/// # Errors
/// The facts hold no image line, so there is nothing to describe; or JSON refuses a value, which
/// none of these types has.
pub fn render_cyclonedx(facts: &Facts) -> Result<String, serde_json::Error> {
    let image = sbom::image(facts)?;
    let links = Links::new(facts);
    let components = facts.components().enumerate();
    let bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", sbom::uuid_of("cyclonedx", &image.digest)),
        version: 1,
        metadata: metadata(image),
        components: components.map(|(index, component)| entry(index, component)).collect(),
        dependencies: dependencies(&links),
    };
    let mut text = serde_json::to_string_pretty(&bom)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Entry>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    tools: Tools,
    component: Entry,
}

#[derive(Serialize)]
struct Tools {
    components: Vec<Tool>,
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Supplier>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<LicenseChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Proof>,
}

#[derive(Serialize)]
struct Supplier {
    name: String,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LicenseChoice {
    Expression(String),
    License(NamedLicense),
}

#[derive(Serialize)]
struct NamedLicense {
    name: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Proof {
    identity: Vec<Identity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    occurrences: Vec<Occurrence>,
}

#[derive(Serialize)]
struct Identity {
    field: &'static str,
    confidence: f64,
    methods: Vec<Method>,
}

#[derive(Serialize)]
struct Method {
    technique: &'static str,
    confidence: f64,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence {
    location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

fn metadata(image: &Image) -> Metadata {
    let (name, version) = image.tool.split_once(' ').unwrap_or((&image.tool, ""));
    let version = Some(version.to_owned()).filter(|version| !version.is_empty());
    let tool = Tool { kind: "application", name: name.to_owned(), version };
    let component = Entry {
        kind: "firmware",
        bom_ref: "image".to_owned(),
        name: image.name.clone(),
        hashes: vec![hash(&image.digest)],
        ..Entry::default()
    };
    let tools = Tools { components: vec![tool] };
    Metadata { timestamp: image.scanned_at.map(sbom::timestamp), tools, component }
}

fn entry(index: usize, component: &Component) -> Entry {
    let mut properties = Vec::new();
    if let Observed::Undetermined(reason) = &component.version {
        let value = reason.to_string();
        properties.push(Property { name: "kakoi:version:undetermined", value });
    }
    if let Some(upstream) = &component.upstream {
        properties.push(Property { name: "kakoi:upstream", value: upstream.clone() });
    }
    Entry {
        kind: kind(component.kind),
        bom_ref: reference(index),
        supplier: component.supplier.clone().map(|name| Supplier { name }),
        name: component.name.clone(),
        version: component.version.present().cloned(),
        // A hash of a component is one of its file; with several files they are occurrences.
        hashes: if let [only] = component.digests.as_slice() {
            vec![hash(only)]
        } else {
            Vec::new()
        },
        licenses: component.license.as_deref().map(license).into_iter().collect(),
        cpe: component.cpe.clone(),
        purl: component.purl.clone(),
        properties,
        evidence: Some(proof(component)),
    }
}

fn reference(index: usize) -> String {
    format!("component-{index}")
}

fn hash(digest: &Digest) -> Hash {
    Hash { alg: "SHA-256", content: digest.to_string() }
}

fn license(text: &str) -> LicenseChoice {
    match sbom::license(text) {
        License::Expression(expression) => LicenseChoice::Expression(expression),
        License::Named(name) => LicenseChoice::License(NamedLicense { name }),
    }
}

fn kind(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Application => "application",
        ComponentKind::Library => "library",
        ComponentKind::OperatingSystem => "operating-system",
        ComponentKind::Firmware => "firmware",
        ComponentKind::DeviceDriver => "device-driver",
    }
}

/// How sure an identity is. The numbers order the sources; they are not measured probabilities.
fn confidence(component: &Component) -> (&'static str, f64) {
    match component.source {
        ComponentSource::PackageDatabase => ("manifest-analysis", 1.0),
        ComponentSource::VersionString => ("binary-analysis", 0.9),
        ComponentSource::Symbols => ("binary-analysis", 0.8),
        ComponentSource::FileName => ("filename", 0.5),
    }
}

fn proof(component: &Component) -> Proof {
    let (technique, confidence) = confidence(component);
    let said = |evidence: &Evidence| evidence.excerpt.clone().unwrap_or(evidence.what.clone());
    let values: BTreeSet<String> = component.evidence.iter().map(said).take(4).collect();
    let methods = values.into_iter().map(|value| Method { technique, confidence, value }).collect();
    let field = if component.version.is_present() { "version" } else { "name" };
    let mut places: BTreeMap<String, Occurrence> = component
        .files
        .iter()
        .map(|file| {
            let location = sbom::location(file);
            let occurrence = Occurrence {
                location: location.clone(),
                line: None,
                offset: None,
                additional_context: None,
            };
            (location, occurrence)
        })
        .collect();
    for evidence in &component.evidence {
        let Some(place) =
            evidence.file.as_ref().and_then(|file| places.get_mut(&sbom::location(file)))
        else {
            continue;
        };
        place.line = place.line.or(evidence.line);
        place.offset = place.offset.or(evidence.offset);
        place.additional_context.get_or_insert_with(|| said(evidence));
    }
    let identity = vec![Identity { field, confidence, methods }];
    Proof { identity, occurrences: places.into_values().collect() }
}

fn dependencies(links: &Links) -> Vec<Dependency> {
    let all = (0..links.needs.len()).map(reference).collect();
    let image = Dependency { reference: "image".to_owned(), depends_on: all };
    let own = links.needs.iter().enumerate().map(|(index, needs)| Dependency {
        reference: reference(index),
        depends_on: needs.iter().copied().map(reference).collect(),
    });
    std::iter::once(image).chain(own).collect()
}
