// SPDX-License-Identifier: Apache-2.0
//! SPDX 2.3 in JSON (<https://spdx.github.io/spdx-spec/v2.3/>).
//!
//! The image is the package that the document describes; it contains the components. Files are
//! not listed one by one: a component with a single content gives its checksum, the places of all
//! stand in `sourceInfo`.

use std::collections::BTreeMap;

use kakoi_model::{Component, ComponentKind, Facts, Image, Observed};
use serde::Serialize;

use crate::sbom::{self, License, Links};

/// What SPDX calls not having looked.
const NO_ASSERTION: &str = "NOASSERTION";

/// Renders the components of a scan. Equal facts give equal bytes: the namespace is derived from
/// the image digest, the time stamp is that of the facts (1970 when they have none, since SPDX
/// requires one).
///
/// # Errors
/// The facts hold no image line, so there is nothing to describe; or JSON refuses a value, which
/// none of these types has.
pub fn render_spdx(facts: &Facts) -> Result<String, serde_json::Error> {
    let image = sbom::image(facts)?;
    let links = Links::new(facts);
    let mut extracted = BTreeMap::new();
    let mut packages = vec![image_package(image)];
    for (index, component) in facts.components().enumerate() {
        packages.push(package(index, component, &mut extracted));
    }
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: "SPDXRef-DOCUMENT",
        name: image.name.clone(),
        document_namespace: format!(
            "https://kakoi.invalid/spdx/{}",
            sbom::uuid_of("spdx", &image.digest)
        ),
        creation_info: CreationInfo {
            created: sbom::timestamp(image.scanned_at.unwrap_or(0)),
            creators: vec![format!("Tool: {}", image.tool.replace(' ', "-"))],
        },
        packages,
        extracted: extracted.into_values().collect(),
        relationships: relationships(&links),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    #[serde(rename = "hasExtractedLicensingInfos", skip_serializing_if = "Vec::is_empty")]
    extracted: Vec<Extracted>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<String>,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    primary_package_purpose: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    license_id: String,
    name: String,
    extracted_text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    related_spdx_element: String,
    relationship_type: &'static str,
}

fn image_package(image: &Image) -> Package {
    let checksum = Checksum { algorithm: "SHA256", checksum_value: image.digest.to_string() };
    Package {
        id: "SPDXRef-image".to_owned(),
        name: image.name.clone(),
        version_info: None,
        supplier: None,
        download_location: NO_ASSERTION,
        files_analyzed: false,
        checksums: vec![checksum],
        source_info: None,
        license_concluded: NO_ASSERTION,
        license_declared: NO_ASSERTION.to_owned(),
        copyright_text: NO_ASSERTION,
        comment: None,
        external_refs: Vec::new(),
        primary_package_purpose: "FIRMWARE",
    }
}

fn package(
    index: usize,
    component: &Component,
    extracted: &mut BTreeMap<String, Extracted>,
) -> Package {
    let checksums = match component.digests.as_slice() {
        [only] => vec![Checksum { algorithm: "SHA256", checksum_value: only.to_string() }],
        _ => Vec::new(),
    };
    let comment = match &component.version {
        Observed::Undetermined(reason) => Some(format!("version not determined: {reason}")),
        _ => None,
    };
    let license = component.license.as_deref();
    Package {
        id: reference(index),
        name: component.name.clone(),
        version_info: component.version.present().cloned(),
        supplier: component.supplier.as_ref().map(|name| format!("Organization: {name}")),
        download_location: NO_ASSERTION,
        files_analyzed: false,
        checksums,
        source_info: places(component),
        license_concluded: NO_ASSERTION,
        license_declared: license.map_or(NO_ASSERTION.to_owned(), |text| declared(text, extracted)),
        copyright_text: NO_ASSERTION,
        comment,
        external_refs: external_refs(component),
        primary_package_purpose: purpose(component.kind),
    }
}

fn reference(index: usize) -> String {
    format!("SPDXRef-component-{index}")
}

/// The expression; what is none becomes a `LicenseRef` that quotes it.
fn declared(text: &str, extracted: &mut BTreeMap<String, Extracted>) -> String {
    let expression = match sbom::license(text) {
        License::Expression(expression) => expression,
        License::Named(name) => sbom::license_ref(&name),
    };
    for id in sbom::license_refs(&expression) {
        let quoted = if expression == id { text } else { id };
        extracted.entry(id.to_owned()).or_insert_with(|| Extracted {
            license_id: id.to_owned(),
            name: quoted.to_owned(),
            extracted_text: format!("Named \"{quoted}\" by its source; the text was not seen."),
        });
    }
    expression
}

fn places(component: &Component) -> Option<String> {
    let places: Vec<_> = component.files.iter().map(sbom::location).collect();
    (!places.is_empty()).then(|| format!("seen in {}", places.join(", ")))
}

fn external_refs(component: &Component) -> Vec<ExternalRef> {
    let cpe = component.cpe.clone().map(|locator| ("SECURITY", "cpe23Type", locator));
    let purl = component.purl.clone().map(|locator| ("PACKAGE-MANAGER", "purl", locator));
    let refs = cpe.into_iter().chain(purl);
    refs.map(|(reference_category, reference_type, reference_locator)| ExternalRef {
        reference_category,
        reference_type,
        reference_locator,
    })
    .collect()
}

fn purpose(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Application => "APPLICATION",
        ComponentKind::Library => "LIBRARY",
        ComponentKind::OperatingSystem => "OPERATING-SYSTEM",
        ComponentKind::Firmware => "FIRMWARE",
        ComponentKind::DeviceDriver => "DEVICE",
    }
}

fn relationships(links: &Links) -> Vec<Relationship> {
    let relation = |from: String, relationship_type, to: String| Relationship {
        spdx_element_id: from,
        related_spdx_element: to,
        relationship_type,
    };
    let image = || "SPDXRef-image".to_owned();
    let mut relations = vec![relation("SPDXRef-DOCUMENT".to_owned(), "DESCRIBES", image())];
    for (index, needs) in links.needs.iter().enumerate() {
        relations.push(relation(image(), "CONTAINS", reference(index)));
        let needs =
            needs.iter().map(|need| relation(reference(index), "DEPENDS_ON", reference(*need)));
        relations.extend(needs);
    }
    relations
}
