// SPDX-License-Identifier: Apache-2.0
//! What the image is: identity, what every byte belongs to, containers, marks of kits.

use std::collections::BTreeMap;

use kakoi_model::{Confidence, Container, OpenState, Region, RegionKind, SdkMark};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use super::plot::{Stretch, bar, legend};
use crate::overview::Overview;
use crate::text::{percent, size};

/// Entropy in bits per byte from which data looks compressed or encrypted.
const DENSE: f64 = 7.5;
/// Regions that are drawn one by one.
const MOST_STRETCHES: usize = 800;
/// Colours for containers, used in turn.
const COLOURS: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "r5"];

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "image", "What it is", |page| {
        page.raw("<h3>What every byte is</h3>");
        write_layout(page, overview);
        page.raw("<h3>Containers</h3>");
        write_containers(page, overview);
        page.raw("<h3>Marks of chip vendors and kits</h3>");
        page.raw("<p class=\"note\">Weight 1 is a hint, 3 names the kit.</p>");
        write_marks(page, overview);
    });
}

fn write_layout(page: &mut Markup, overview: &Overview<'_>) {
    let Some(image) = overview.facts.image() else { return };
    let regions: Vec<&Region> =
        overview.facts.regions().filter(|region| region.blob == image.digest).collect();
    if regions.is_empty() {
        nothing(page, "The input is not one file, so it has no layout.");
        return;
    }
    let formats: BTreeMap<u32, &Container> =
        overview.facts.containers().map(|it| (it.id.0, it)).collect();
    let mut colours: BTreeMap<&str, &'static str> = BTreeMap::new();
    let mut stretches = Vec::new();
    for region in regions.iter().take(MOST_STRETCHES) {
        let name = name(region, &formats);
        let class = match &region.what {
            RegionKind::Container { id } => {
                let format = formats.get(&id.0).map_or("container", |it| it.format.as_str());
                let next = COLOURS[colours.len() % COLOURS.len()];
                *colours.entry(format).or_insert(next)
            }
            RegionKind::Padding { .. } => "r-padding",
            RegionKind::Data { .. } => "r-data",
            RegionKind::Unknown { entropy } if *entropy >= DENSE => "r-dense",
            RegionKind::Unknown { .. } => "r-unknown",
        };
        let title = format!("0x{:x}: {name}, {}", region.offset, size(region.size));
        stretches.push(Stretch { amount: region.size, class, title });
    }
    let rest = regions.iter().skip(MOST_STRETCHES).map(|region| region.size);
    let rest = rest.fold(0_u64, u64::saturating_add);
    let title = format!("further regions, {}", size(rest));
    stretches.push(Stretch { amount: rest, class: "r-data", title });
    bar(page, "layout", "Layout of the image from the first byte to the last", &stretches);
    let mut entries: Vec<(&'static str, &str)> =
        colours.iter().map(|(name, class)| (*class, *name)).collect();
    entries.extend([
        ("r-data", "known data"),
        ("r-padding", "padding"),
        ("r-unknown", "unknown"),
        ("r-dense", "unknown, compressed or encrypted"),
    ]);
    let used = |class: &str| stretches.iter().any(|it| it.class == class && it.amount > 0);
    entries.retain(|(class, _)| used(class));
    legend(page, &entries);
    write_regions(page, &regions, &formats, image.size);
}

fn write_regions(
    page: &mut Markup,
    regions: &[&Region],
    formats: &BTreeMap<u32, &Container>,
    whole: u64,
) {
    let columns = [
        Column::Code("Offset"),
        Column::Number("Size"),
        Column::Number("Share"),
        Column::Text("What it is"),
    ];
    let table = Table { caption: "Regions of the image", columns: &columns, most: 400 };
    page.within("details", &[], |page| {
        page.raw("<summary>Regions as a table</summary>");
        table.write(page, regions, |cells, region| {
            cells.text(&format!("0x{:08x}", region.offset));
            cells.text(&size(region.size));
            let share = percent(region.size, whole);
            cells.text(&share.map_or_else(String::new, |share| format!("{share} %")));
            cells.text(&name(region, formats));
        });
    });
}

fn name(region: &Region, formats: &BTreeMap<u32, &Container>) -> String {
    match &region.what {
        RegionKind::Container { id } => match formats.get(&id.0) {
            Some(container) => format!("{} (container {})", container.format, id.0),
            None => format!("container {}", id.0),
        },
        RegionKind::Padding { byte } => format!("padding with 0x{byte:02x}"),
        RegionKind::Data { kind } => kind.clone(),
        RegionKind::Unknown { entropy } => {
            format!("unknown, {entropy:.2} bits of entropy per byte")
        }
    }
}

fn write_containers(page: &mut Markup, overview: &Overview<'_>) {
    let containers: Vec<&Container> = overview.facts.containers().collect();
    if containers.is_empty() {
        nothing(page, "No container was recognised.");
        return;
    }
    let columns = [
        Column::Number("No."),
        Column::Text("Format"),
        Column::Code("Where"),
        Column::Number("Size"),
        Column::Number("Entries"),
        Column::Text("Read"),
        Column::Text("Recognised by"),
        Column::Text("Header"),
    ];
    let table = Table { caption: "Containers, as they were found", columns: &columns, most: 500 };
    table.write(page, &containers, |cells, container| {
        cells.text(&container.id.0.to_string());
        let root = if container.root { " · root file system" } else { "" };
        cells.text(&format!("{}{root}", container.format));
        let parent = container.parent.as_ref();
        let parent = parent.map_or_else(
            || "image".into(),
            |it| format!("{}!{}", it.container.0, it.path.absolute()),
        );
        cells.text(&format!("{parent} @0x{:x}", container.offset));
        cells.text(&size(container.size));
        cells.text(&container.entries.to_string());
        cells.text(match container.state {
            OpenState::Full => "completely",
            OpenState::Partial => "in part",
            OpenState::Failed => "not at all",
        });
        cells.text(match container.confidence {
            Confidence::Magic => "magic number",
            Confidence::Structure => "structure",
            Confidence::Checksum => "checksum",
        });
        let header: Vec<String> =
            container.attributes.iter().map(|(key, value)| format!("{key} {value}")).collect();
        cells.text(&header.join(", "));
    });
}

fn write_marks(page: &mut Markup, overview: &Overview<'_>) {
    let marks: Vec<&SdkMark> = overview.facts.sdk_marks().collect();
    if marks.is_empty() {
        nothing(page, "No mark of a chip vendor or development kit was seen.");
        return;
    }
    let columns = [
        Column::Text("Vendor"),
        Column::Text("Chip or kit"),
        Column::Number("Weight"),
        Column::Text("Evidence"),
    ];
    let table = Table { caption: "Marks of chip vendors and kits", columns: &columns, most: 200 };
    table.write(page, &marks, |cells, mark| {
        cells.text(&mark.vendor);
        cells.text(mark.family.as_deref().unwrap_or("not told"));
        cells.text(&mark.weight.to_string());
        cells.evidence(&mark.evidence);
    });
}
