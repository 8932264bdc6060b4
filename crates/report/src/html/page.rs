// SPDX-License-Identifier: Apache-2.0
//! Parts that every section is made of: sections, tables, evidence, marks.

use kakoi_model::{Evidence, Observed, Severity};

use super::markup::Markup;
use crate::overview::state;
use crate::text::{count, location};

/// A section with a heading that can be linked to.
pub(super) fn section(
    page: &mut Markup,
    id: &'static str,
    heading: &'static str,
    inside: impl FnOnce(&mut Markup),
) {
    let label = format!("{id}-heading");
    page.within("section", &[("id", id), ("aria-labelledby", &label)], |page| {
        page.within("h2", &[("id", &label)], |page| page.raw(heading));
        inside(page);
    });
}

/// A table column.
pub(super) enum Column {
    /// Words.
    Text(&'static str),
    /// Paths, options, versions: fixed pitch.
    Code(&'static str),
    /// Numbers, aligned to the right.
    Number(&'static str),
}

/// What a table is called, and its columns.
pub(super) struct Table<'a> {
    pub(super) caption: &'static str,
    pub(super) columns: &'a [Column],
    /// Rows that are shown at most.
    pub(super) most: usize,
}

impl Table<'_> {
    /// Writes the table; `row` writes the cells of one row. An empty table becomes a sentence.
    pub(super) fn write<T>(&self, page: &mut Markup, rows: &[T], row: impl Fn(&mut Cells<'_>, &T)) {
        page.within(
            "div",
            &[
                ("class", "scroll"),
                ("tabindex", "0"),
                ("role", "region"),
                ("aria-label", self.caption),
            ],
            |page| {
                page.within("table", &[("class", "searchable")], |page| {
                    page.within("caption", &[], |page| page.raw(self.caption));
                    page.within("thead", &[], |page| {
                        page.within("tr", &[], |page| self.write_head(page))
                    });
                    page.within("tbody", &[], |page| {
                        for item in rows.iter().take(self.most) {
                            page.within("tr", &[], |page| {
                                row(&mut Cells { page, columns: self.columns, at: 0 }, item);
                            });
                        }
                    });
                });
            },
        );
        if rows.len() > self.most {
            let rest = count(rows.len() - self.most, "row was", "rows were");
            page.leaf(
                "p",
                &[("class", "note")],
                &format!("{rest} left out here; facts.jsonl has all."),
            );
        }
    }

    fn write_head(&self, page: &mut Markup) {
        for column in self.columns {
            let (class, name) = match column {
                Column::Text(name) | Column::Code(name) => ("", *name),
                Column::Number(name) => ("n", *name),
            };
            let class = [("scope", "col"), ("class", class)];
            let attributes = if class[1].1.is_empty() { &class[..1] } else { &class };
            page.within("th", attributes, |page| page.raw(name));
        }
    }
}

/// The cells of one row, in the order of the columns.
pub(super) struct Cells<'a> {
    page: &'a mut Markup,
    columns: &'a [Column],
    at: usize,
}

impl Cells<'_> {
    /// The next cell, with text.
    pub(super) fn text(&mut self, text: &str) {
        self.write(|page| page.text(text));
    }

    /// The next cell, with what `inside` writes.
    pub(super) fn write(&mut self, inside: impl FnOnce(&mut Markup)) {
        let class = match self.columns.get(self.at) {
            Some(Column::Code(_)) => "c",
            Some(Column::Number(_)) => "n",
            _ => "",
        };
        let attributes = [("class", class)];
        let attributes = if class.is_empty() { &attributes[..0] } else { &attributes[..] };
        self.page.within("td", attributes, inside);
        self.at += 1;
    }

    /// The next cell, with a three-valued mark.
    pub(super) fn mark<T>(&mut self, value: &Observed<T>) {
        self.write(|page| mark(page, value));
    }

    /// The next cell, with a three-valued mark of something that is neither good nor bad.
    pub(super) fn fact<T>(&mut self, value: &Observed<T>) {
        self.write(|page| match value {
            Observed::Undetermined(_) => mark(page, value),
            told => page.leaf("span", &[("class", "mark none")], state(told)),
        });
    }

    /// The next cell, with evidence.
    pub(super) fn evidence(&mut self, evidence: &[Evidence]) {
        self.write(|page| write_evidence(page, evidence, 3));
    }
}

/// Yes, no, or undetermined with its reason as a tooltip.
pub(super) fn mark<T>(page: &mut Markup, value: &Observed<T>) {
    match value {
        Observed::Present(_) => page.leaf("span", &[("class", "mark yes")], "yes"),
        Observed::Absent => page.leaf("span", &[("class", "mark no")], "no"),
        Observed::Undetermined(reason) => {
            let title = reason.to_string();
            page.leaf("span", &[("class", "mark unknown"), ("title", &title)], "undetermined");
        }
    }
}

/// The word of a severity on its colour.
pub(super) fn badge(page: &mut Markup, severity: Severity) {
    let class = format!("badge {severity}");
    page.leaf("span", &[("class", &class)], severity.as_str());
}

/// Evidence, one line each.
pub(super) fn write_evidence(page: &mut Markup, evidence: &[Evidence], most: usize) {
    if evidence.is_empty() {
        return;
    }
    page.within("ul", &[("class", "evidence")], |page| {
        for one in evidence.iter().take(most) {
            page.within("li", &[], |page| write_one(page, one));
        }
        if evidence.len() > most {
            page.leaf("li", &[("class", "note")], &format!("and {} more", evidence.len() - most));
        }
    });
}

fn write_one(page: &mut Markup, evidence: &Evidence) {
    page.text(&evidence.what);
    let place = location(evidence);
    if !place.is_empty() {
        page.raw(" ");
        page.leaf("span", &[("class", "place")], &place);
    }
    if let Some(excerpt) = evidence.excerpt.as_ref().filter(|it| !it.is_empty()) {
        page.raw(" ");
        page.leaf("code", &[], excerpt);
    }
}

/// A list of terms and what they are.
pub(super) fn terms(page: &mut Markup, rows: &[(&'static str, String)]) {
    page.within("dl", &[("class", "terms")], |page| {
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            page.within("div", &[], |page| {
                page.leaf("dt", &[], name);
                page.leaf("dd", &[], value);
            });
        }
    });
}

/// A sentence in which back-quotes enclose names, flags and settings.
pub(super) fn write_sentence(page: &mut Markup, sentence: &str) {
    for (index, part) in sentence.split('`').enumerate().filter(|(_, part)| !part.is_empty()) {
        if index % 2 == 1 {
            page.leaf("code", &[], part);
        } else {
            page.text(part);
        }
    }
}

/// A sentence in place of an empty part.
pub(super) fn nothing(page: &mut Markup, sentence: &'static str) {
    page.leaf("p", &[("class", "empty")], sentence);
}
