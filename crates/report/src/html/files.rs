// SPDX-License-Identifier: Apache-2.0
//! Every file, to be searched.

use kakoi_model::{File, FileKind};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::Overview;
use crate::text::size;

/// Files that the table shows, so that the page stays below 3 MB.
const MOST_FILES: usize = 6000;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "files", "Files", |page| {
        let files: Vec<&File> = overview.facts.files().collect();
        if files.is_empty() {
            nothing(page, "No files were found.");
            return;
        }
        let columns = [
            Column::Code("Path"),
            Column::Text("Type"),
            Column::Code("Mode"),
            Column::Number("Size"),
            Column::Number("Container"),
        ];
        let table = Table { caption: "Files", columns: &columns, most: MOST_FILES };
        page.within("details", &[], |page| {
            page.within("summary", &[], |page| page.text(&format!("All {} entries", files.len())));
            table.write(page, &files, |cells, file| {
                cells.text(&name(file));
                cells.text(kind(&file.kind));
                cells.text(&file.mode.map(|mode| format!("{mode:04o}")).unwrap_or_default());
                let regular = matches!(file.kind, FileKind::Regular { .. });
                cells.text(&if regular { size(file.size()) } else { String::new() });
                cells.text(&file.container.0.to_string());
            });
        });
    });
}

fn name(file: &File) -> String {
    match &file.kind {
        FileKind::Symlink { target } => format!("{} → {target}", file.path.absolute()),
        FileKind::CharDevice { major, minor } | FileKind::BlockDevice { major, minor } => {
            format!("{} ({major}, {minor})", file.path.absolute())
        }
        _ => file.path.absolute(),
    }
}

fn kind(kind: &FileKind) -> &'static str {
    match kind {
        FileKind::Regular { .. } => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink { .. } => "link",
        FileKind::CharDevice { .. } => "character device",
        FileKind::BlockDevice { .. } => "block device",
        FileKind::Fifo => "pipe",
        FileKind::Socket => "socket",
    }
}
