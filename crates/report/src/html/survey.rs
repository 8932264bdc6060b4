// SPDX-License-Identifier: Apache-2.0
//! The page of a survey. Plots are SVG with the numbers in them as text; no script is needed to read them.

use super::markup::Markup;
use super::page::{nothing, section};
use super::write_head;
use crate::survey::{Plot, Share, SurveyPage};

const STYLE: &str = concat!(include_str!("style.css"), include_str!("survey.css"));

/// Classes of lines, in turn.
const COLOURS: [&str; 6] = ["l0", "l1", "l2", "l3", "l4", "l5"];

/// The page.
#[must_use]
pub fn render_survey(survey: &SurveyPage) -> String {
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.within("html", &[("lang", "en")], |page| {
        page.within("head", &[], |page| write_head(page, &survey.title, STYLE, super::SCRIPT));
        page.within("body", &[], |page| {
            page.within("header", &[("class", "top")], |page| {
                page.leaf("p", &[("class", "brand")], "kakoi survey");
                page.leaf("h1", &[], &survey.title);
            });
            page.within("div", &[("class", "frame")], |page| {
                write_navigation(page, survey);
                page.within("main", &[], |page| write_parts(page, survey));
            });
        });
    });
    page.raw("\n");
    page.finish()
}

fn write_navigation(page: &mut Markup, survey: &SurveyPage) {
    page.within("nav", &[("aria-label", "Parts")], |page| {
        page.within("ol", &[], |page| {
            for part in &survey.parts {
                let target = format!("#{}", part.id);
                page.within("li", &[], |page| page.leaf("a", &[("href", &target)], part.heading));
            }
        });
    });
}

fn write_parts(page: &mut Markup, survey: &SurveyPage) {
    section(page, "numbers", "What was counted", |page| {
        page.within("ul", &[("class", "numbers")], |page| {
            for (what, count) in &survey.numbers {
                page.within("li", &[], |page| {
                    page.leaf("b", &[], count);
                    page.leaf("span", &[], what);
                });
            }
        });
    });
    for part in &survey.parts {
        section(page, part.id, part.heading, |page| {
            page.leaf("p", &[("class", "note")], &part.note);
            write_plot(page, &part.plot);
        });
    }
}

fn write_plot(page: &mut Markup, plot: &Plot) {
    match plot {
        Plot::Bars(rows) if rows.is_empty() => nothing(page, "Nothing to count."),
        Plot::Bars(rows) => write_bars(page, rows),
        Plot::Years(lines) if lines.iter().all(|(_, points)| points.is_empty()) => {
            nothing(page, "No image has a known year.");
        }
        Plot::Years(lines) => write_years(page, lines),
        Plot::Grid { rows, .. } if rows.is_empty() => nothing(page, "Nothing to count."),
        Plot::Grid { columns, rows } => write_grid(page, columns, rows),
        Plot::Table { rows, .. } if rows.is_empty() => nothing(page, "None."),
        Plot::Table { columns, rows } => write_table(page, columns, rows),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The share in words: `12.3 % (10.1–14.9) of 1234, 5 undetermined`.
fn words(share: &Share) -> String {
    let undetermined = match share.undetermined {
        0 => String::new(),
        count => format!(", {count} undetermined"),
    };
    match share.share {
        None => format!("nothing decided{undetermined}"),
        Some((value, low, high)) => format!(
            "{} ({:.1}\u{2013}{:.1}) of {}{undetermined}",
            percent(value),
            low * 100.0,
            high * 100.0,
            share.decided
        ),
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// Draws one element that has no content.
fn shape(page: &mut Markup, name: &'static str, attributes: &[(&'static str, &str)]) {
    page.within(name, attributes, |_| ());
}

fn write_bars(page: &mut Markup, rows: &[(String, Share)]) {
    const LEFT: f64 = 190.0;
    const WIDTH: f64 = 430.0;
    let height = rows.len() as f64 * 26.0 + 26.0;
    let view = format!("0 0 980 {}", number(height));
    let label = "Shares with 95 % intervals";
    page.within(
        "svg",
        &[("class", "plot"), ("viewBox", &view), ("role", "img"), ("aria-label", label)],
        |page| {
            for step in 0..=4 {
                let x = number(LEFT + WIDTH * f64::from(step) / 4.0);
                let bottom = number(height - 22.0);
                shape(
                    page,
                    "line",
                    &[("class", "axis"), ("x1", &x), ("x2", &x), ("y1", "0"), ("y2", &bottom)],
                );
                let y = number(height - 6.0);
                let text = format!("{} %", step * 25);
                page.leaf(
                    "text",
                    &[("class", "tick"), ("x", &x), ("y", &y), ("text-anchor", "middle")],
                    &text,
                );
            }
            for (at, (name, share)) in rows.iter().enumerate() {
                let y = at as f64 * 26.0 + 4.0;
                let baseline = number(y + 13.0);
                page.leaf("text", &[("x", "182"), ("y", &baseline), ("text-anchor", "end")], name);
                if let Some((value, low, high)) = share.share {
                    write_bar(page, (LEFT, WIDTH, y), (value, low, high));
                }
                let x = number(LEFT + WIDTH + 14.0);
                page.leaf("text", &[("class", "told"), ("x", &x), ("y", &baseline)], &words(share));
            }
        },
    );
}

fn write_bar(
    page: &mut Markup,
    (left, width, y): (f64, f64, f64),
    (value, low, high): (f64, f64, f64),
) {
    let (x, long) = (number(left), number(width * value));
    shape(
        page,
        "rect",
        &[("class", "bar"), ("x", &x), ("y", &number(y)), ("width", &long), ("height", "18")],
    );
    let middle = number(y + 9.0);
    let (from, to) = (number(left + width * low), number(left + width * high));
    shape(
        page,
        "line",
        &[("class", "span"), ("x1", &from), ("x2", &to), ("y1", &middle), ("y2", &middle)],
    );
    for x in [from, to] {
        let (top, bottom) = (number(y + 5.0), number(y + 13.0));
        shape(
            page,
            "line",
            &[("class", "span"), ("x1", &x), ("x2", &x), ("y1", &top), ("y2", &bottom)],
        );
    }
}

fn write_years(page: &mut Markup, lines: &[(String, Vec<(u16, Share)>)]) {
    let years: Vec<u16> =
        lines.iter().flat_map(|(_, points)| points.iter().map(|it| it.0)).collect();
    let first = years.iter().min().copied().unwrap_or(0);
    let last = years.iter().max().copied().unwrap_or(first);
    page.within("div", &[("class", "small")], |page| {
        for (number, (name, points)) in lines.iter().enumerate() {
            page.within("figure", &[], |page| {
                page.leaf("figcaption", &[], name);
                let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("l0");
                write_line(page, (first, last), points, colour, name);
            });
        }
    });
}

/// Where years and shares lie in a small plot.
struct Scale {
    first: u16,
    last: u16,
}

impl Scale {
    const LEFT: f64 = 40.0;
    const WIDTH: f64 = 260.0;
    const HEIGHT: f64 = 120.0;

    fn x(&self, year: u16) -> String {
        number(match self.last - self.first {
            0 => Self::LEFT + Self::WIDTH / 2.0,
            span => Self::LEFT + Self::WIDTH * f64::from(year - self.first) / f64::from(span),
        })
    }

    fn height(share: f64) -> f64 {
        8.0 + Self::HEIGHT * (1.0 - share)
    }

    fn y(share: f64) -> String {
        number(Self::height(share))
    }
}

fn write_line(
    page: &mut Markup,
    (first, last): (u16, u16),
    points: &[(u16, Share)],
    colour: &'static str,
    name: &str,
) {
    let scale = Scale { first, last };
    let label = format!("{name} by year");
    page.within(
        "svg",
        &[("class", "plot"), ("viewBox", "0 0 320 156"), ("role", "img"), ("aria-label", &label)],
        |page| {
            write_axes(page, &scale);
            write_points(page, &scale, points, colour);
        },
    );
}

fn write_axes(page: &mut Markup, scale: &Scale) {
    for share in [0.0, 0.5, 1.0] {
        let at = Scale::y(share);
        let ends = [("class", "axis"), ("x1", "40"), ("x2", "300"), ("y1", &*at), ("y2", &*at)];
        shape(page, "line", &ends);
        let below = number(Scale::height(share) + 4.0);
        let place = [("class", "tick"), ("x", "36"), ("y", &*below), ("text-anchor", "end")];
        page.leaf("text", &place, &format!("{:.0} %", share * 100.0));
    }
    let ends = [(scale.first, "start"), (scale.last, "end")];
    for (year, anchor) in ends.into_iter().take(if scale.first == scale.last { 1 } else { 2 }) {
        let at = scale.x(year);
        let place = [("class", "tick"), ("x", &*at), ("y", "148"), ("text-anchor", anchor)];
        page.leaf("text", &place, &year.to_string());
    }
}

/// What is told of each year with its interval, and the line through it.
fn write_points(page: &mut Markup, scale: &Scale, points: &[(u16, Share)], colour: &str) {
    let told: Vec<(u16, &Share, (f64, f64, f64))> =
        points.iter().filter_map(|(year, share)| Some((*year, share, share.share?))).collect();
    let line: Vec<String> =
        told.iter().map(|(year, _, it)| format!("{},{}", scale.x(*year), Scale::y(it.0))).collect();
    shape(page, "polyline", &[("class", colour), ("points", &line.join(" "))]);
    for (year, share, (value, low, high)) in told {
        let at = scale.x(year);
        let (low, high) = (Scale::y(low), Scale::y(high));
        let ends = [("class", "span"), ("x1", &*at), ("x2", &*at), ("y1", &*low), ("y2", &*high)];
        shape(page, "line", &ends);
        let middle = Scale::y(value);
        let place = [("class", colour), ("cx", &*at), ("cy", &*middle), ("r", "3")];
        page.within("circle", &place, |page| {
            page.leaf("title", &[], &format!("{year}: {}", words(share)));
        });
    }
}

fn write_grid(page: &mut Markup, columns: &[String], rows: &[(String, Vec<Share>)]) {
    page.within(
        "div",
        &[
            ("class", "scroll"),
            ("tabindex", "0"),
            ("role", "region"),
            ("aria-label", "Shares by group"),
        ],
        |page| {
            page.within("table", &[("class", "grid searchable")], |page| {
                page.within("thead", &[], |page| {
                    page.within("tr", &[], |page| {
                        page.leaf("th", &[("scope", "col")], "group (images)");
                        columns.iter().for_each(|name| page.leaf("th", &[("scope", "col")], name));
                    });
                });
                page.within("tbody", &[], |page| {
                    for (name, shares) in rows {
                        page.within("tr", &[], |page| {
                            page.leaf("th", &[("scope", "row")], name);
                            shares.iter().for_each(|share| write_cell(page, share));
                        });
                    }
                });
            });
        },
    );
}

/// A share on a colour of ten steps; the interval and denominator beneath it.
fn write_cell(page: &mut Markup, share: &Share) {
    const STEPS: [&str; 11] = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9", "g10"];
    let Some((value, low, high)) = share.share else {
        let title = words(share);
        page.leaf("td", &[("class", "none"), ("title", &title)], "\u{2013}");
        return;
    };
    let step = STEPS.get((value * 10.0).round() as usize).copied().unwrap_or("g0");
    let title = words(share);
    page.within("td", &[("class", step), ("title", &title)], |page| {
        page.leaf("b", &[], &format!("{:.0} %", value * 100.0));
        let span = format!("{:.0}\u{2013}{:.0} of {}", low * 100.0, high * 100.0, share.decided);
        page.leaf("span", &[], &span);
    });
}

/// Rows that the page shows; the CSV files have all.
const MOST_ROWS: usize = 500;

fn write_table(page: &mut Markup, columns: &[String], rows: &[Vec<String>]) {
    page.within(
        "div",
        &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", "Table")],
        |page| {
            page.within("table", &[("class", "searchable")], |page| {
                page.within("thead", &[], |page| {
                    page.within("tr", &[], |page| {
                        columns.iter().for_each(|name| page.leaf("th", &[("scope", "col")], name));
                    });
                });
                page.within("tbody", &[], |page| {
                    for row in rows.iter().take(MOST_ROWS) {
                        page.within("tr", &[], |page| {
                            row.iter().for_each(|cell| page.leaf("td", &[], cell));
                        });
                    }
                });
            });
        },
    );
    if rows.len() > MOST_ROWS {
        let rest = format!("{} more rows are in the CSV files.", rows.len() - MOST_ROWS);
        page.leaf("p", &[("class", "note")], &rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::SurveyPart;

    #[test]
    fn every_plot_has_its_numbers_as_text_and_names_cannot_become_markup() {
        let share = Share { share: Some((0.25, 0.1, 0.5)), decided: 8, undetermined: 3 };
        let none = Share { share: None, decided: 0, undetermined: 2 };
        let part = |id, plot| SurveyPart { id, heading: "Heading", note: "note".to_owned(), plot };
        let survey = SurveyPage {
            title: "<script>alert(1)</script>".to_owned(),
            numbers: vec![("images", "12".to_owned())],
            parts: vec![
                part("a", Plot::Bars(vec![("nx".to_owned(), share), ("pie".to_owned(), none)])),
                part("b", Plot::Years(vec![("nx".to_owned(), vec![(2010, share), (2012, none)])])),
                part(
                    "c",
                    Plot::Grid {
                        columns: vec!["nx".to_owned()],
                        rows: vec![("acme (3)".to_owned(), vec![share])],
                    },
                ),
                part("d", Plot::Table { columns: vec![], rows: vec![] }),
            ],
        };
        let html = render_survey(&survey);
        assert!(!html.contains("<script>alert"));
        assert!(html.contains("25.0 % (10.0\u{2013}50.0) of 8, 3 undetermined"));
        assert!(html.contains("nothing decided, 2 undetermined"));
        assert!(html.contains("<b>25 %</b><span>10\u{2013}50 of 8</span>"));
        assert!(html.contains("2010: 25.0 %"));
        assert!(html.contains("None."));
    }
}
