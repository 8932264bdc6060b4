// SPDX-License-Identifier: Apache-2.0
//! Bars in SVG. They repeat what a table beside them says in numbers, so they are hidden from
//! screen readers or have a label of their own.

use super::markup::Markup;

/// Width of a bar in its own units; the page stretches it.
const WIDTH: u64 = 1000;
/// The narrowest stretch that can still be seen.
const LEAST: u64 = 4;

/// A stretch of a bar.
pub(super) struct Stretch {
    /// How much.
    pub(super) amount: u64,
    /// Class that gives its colour.
    pub(super) class: &'static str,
    /// What it is, for the pointer.
    pub(super) title: String,
}

/// A bar whose stretches fill it in proportion; none is too narrow to be seen.
pub(super) fn bar(page: &mut Markup, class: &'static str, label: &str, stretches: &[Stretch]) {
    let widths = widths(stretches);
    let total: u64 = widths.iter().sum();
    if total == 0 {
        return;
    }
    let view = format!("0 0 {total} 10");
    let role = [
        ("class", class),
        ("viewBox", &view),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", label),
    ];
    page.within("svg", &role, |page| {
        let mut x: u64 = 0;
        for (stretch, width) in stretches.iter().zip(widths).filter(|(_, width)| *width > 0) {
            let (at, wide) = (x.to_string(), width.to_string());
            let place = [
                ("x", at.as_str()),
                ("y", "0"),
                ("width", &wide),
                ("height", "10"),
                ("class", stretch.class),
            ];
            page.within("rect", &place, |page| page.leaf("title", &[], &stretch.title));
            x = x.saturating_add(width);
        }
    });
}

fn widths(stretches: &[Stretch]) -> Vec<u64> {
    let whole: u128 = stretches.iter().map(|it| u128::from(it.amount)).sum();
    let width = |amount: u64| {
        let scaled = (u128::from(amount) * u128::from(WIDTH)).checked_div(whole).unwrap_or(0);
        let scaled = u64::try_from(scaled).unwrap_or(WIDTH);
        if amount == 0 { 0 } else { scaled.max(LEAST) }
    };
    stretches.iter().map(|it| width(it.amount)).collect()
}

/// What the colours of a bar mean.
pub(super) fn legend(page: &mut Markup, entries: &[(&'static str, &str)]) {
    page.within("ul", &[("class", "legend")], |page| {
        for (class, name) in entries {
            page.within("li", &[], |page| {
                page.within(
                    "svg",
                    &[("class", "key"), ("viewBox", "0 0 10 10"), ("aria-hidden", "true")],
                    |page| {
                        page.open("rect", &[("width", "10"), ("height", "10"), ("class", class)]);
                        page.raw("</rect>");
                    },
                );
                page.text(name);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_stretches_stay_visible_and_sums_do_not_overflow() {
        let stretch = |amount| Stretch { amount, class: "c0", title: String::new() };
        assert_eq!(widths(&[stretch(1), stretch(u64::MAX), stretch(0)]), [4, 999, 0]);
        assert_eq!(widths(&[]), Vec::<u64>::new());
    }
}
