// SPDX-License-Identifier: Apache-2.0
//! Which defence of kakoi fits the image, condition by condition.

use kakoi_model::{BackendFit, Fit};

use super::markup::Markup;
use super::page::{Column, Table, nothing, section};
use crate::overview::Overview;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "defence", "Which defence fits", |page| {
        let backends: Vec<&BackendFit> = overview.facts.backends().collect();
        if backends.is_empty() {
            nothing(page, "Without a kernel nothing can be said about defences.");
            return;
        }
        page.within("div", &[("class", "cards")], |page| {
            for backend in backends {
                write_backend(page, backend);
            }
        });
    });
}

fn write_backend(page: &mut Markup, backend: &BackendFit) {
    let (class, verdict) = match backend.fit {
        Fit::Possible => ("mark yes", "possible"),
        Fit::NotPossible => ("mark no", "not possible"),
        Fit::Undetermined => ("mark unknown", "undetermined"),
    };
    page.within("article", &[("class", "card")], |page| {
        page.within("h3", &[], |page| {
            page.text(name(&backend.backend));
            page.raw(" ");
            page.leaf("span", &[("class", class)], verdict);
        });
        let columns = [Column::Text("Condition"), Column::Text("Holds"), Column::Text("Because")];
        let table = Table { caption: "Conditions that were weighed", columns: &columns, most: 60 };
        table.write(page, &backend.conditions, |cells, condition| {
            cells.text(&condition.condition);
            cells.mark(&condition.holds);
            cells.text(&condition.because);
        });
    });
}

fn name(backend: &str) -> &str {
    match backend {
        "bpf-lsm" => "BPF LSM",
        "kernel-module" => "Kernel module",
        "seccomp" => "seccomp",
        other => other,
    }
}
