// SPDX-License-Identifier: Apache-2.0
//! Third-party software.

use kakoi_model::{Component, ComponentKind, ComponentSource, Observed};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::{Overview, state};
use crate::text::place;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "components", "Components", |page| {
        let components: Vec<&Component> = overview.facts.components().collect();
        if components.is_empty() {
            nothing(page, "No component was recognised.");
            return;
        }
        page.raw("<p>The same list, for programs, is in <code>sbom.cdx.json</code> and <code>sbom.spdx.json</code>.</p>");
        write_table(page, &components);
    });
}

fn write_table(page: &mut Markup, components: &[&Component]) {
    let columns = [
        Column::Text("Name"),
        Column::Code("Version"),
        Column::Text("Kind"),
        Column::Text("Licence"),
        Column::Text("Recognised by"),
        Column::Code("Files"),
        Column::Code("Package URL"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Components", columns: &columns, most: 1500 };
    table.write(page, components, |cells, component| {
        cells.text(&component.name);
        match &component.version {
            Observed::Present(version) => cells.text(version),
            other => cells.text(state(other)),
        }
        cells.text(match component.kind {
            ComponentKind::Application => "program",
            ComponentKind::Library => "library",
            ComponentKind::OperatingSystem => "operating system",
            ComponentKind::Firmware => "firmware",
            ComponentKind::DeviceDriver => "driver",
        });
        cells.text(component.license.as_deref().unwrap_or_default());
        cells.text(match component.source {
            ComponentSource::PackageDatabase => "package database",
            ComponentSource::VersionString => "version string",
            ComponentSource::Symbols => "symbols",
            ComponentSource::FileName => "file name",
        });
        cells.text(&files(component));
        cells.text(component.purl.as_deref().unwrap_or_default());
        cells.evidence(&component.evidence);
    });
}

fn files(component: &Component) -> String {
    let mut names: Vec<String> = component.files.iter().take(2).map(place).collect();
    if component.files.len() > names.len() {
        names.push(format!("and {} more", component.files.len() - names.len()));
    }
    names.join(", ")
}
