// SPDX-License-Identifier: Apache-2.0
//! What could not be read, with place and reason.

use kakoi_model::Problem;

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::Overview;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "problems", "Problems", |page| {
        let problems: Vec<&Problem> = overview.facts.problems().collect();
        if problems.is_empty() {
            nothing(page, "Everything that was recognised could be read.");
            return;
        }
        let columns = [
            Column::Code("Code"),
            Column::Code("Offset"),
            Column::Text("What"),
            Column::Code("Entry"),
            Column::Text("Why"),
        ];
        let table =
            Table { caption: "Places that could not be read", columns: &columns, most: 800 };
        table.write(page, &problems, |cells, problem| {
            cells.write(|page| {
                page.leaf("span", &[("title", problem.code.meaning())], problem.code.as_str());
            });
            let container = problem.container.map(|id| format!(" in container {}", id.0));
            cells.text(&format!("0x{:x}{}", problem.offset, container.unwrap_or_default()));
            cells.text(&problem.subject);
            cells.text(&problem.path.as_ref().map(|path| path.absolute()).unwrap_or_default());
            let why =
                if problem.detail.is_empty() { problem.code.meaning() } else { &problem.detail };
            cells.text(why);
        });
    });
}
