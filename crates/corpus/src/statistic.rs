// SPDX-License-Identifier: Apache-2.0
//! The statistics of a survey.

use serde::Serialize;

/// A share with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// What was counted over what could be.
    pub share: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The 97.5 % quantile of the normal distribution: both ends together leave 5 % out.
const Z: f64 = 1.959_963_984_540_054;

/// A share with its 95 % score interval (Wilson, "Probable inference, the law of succession, and statistical inference",
/// 1927), which holds for few cases and for shares near 0 and 1. None of nothing.
#[must_use]
pub fn wilson(count: u64, of: u64) -> Option<Interval> {
    if of == 0 {
        return None;
    }
    let (n, share) = (of as f64, count as f64 / of as f64);
    let z2 = Z * Z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the formula is exact but for rounding.
    let low = if count == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if count == of { 1.0 } else { (centre + half).min(1.0) };
    Some(Interval { share, low, high })
}

/// How much of the differences between values is one between groups: the sum of squares between groups over that of all
/// (eta squared), from 0 to 1. None where there are fewer than two groups, or no difference.
#[must_use]
pub fn variance_explained(groups: &[Vec<f64>]) -> Option<f64> {
    let filled: Vec<&Vec<f64>> = groups.iter().filter(|group| !group.is_empty()).collect();
    let count: usize = filled.iter().map(|group| group.len()).sum();
    if filled.len() < 2 || count <= filled.len() {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let all: Vec<f64> = filled.iter().flat_map(|group| group.iter().copied()).collect();
    let middle = mean(&all);
    let total: f64 = all.iter().map(|value| (value - middle).powi(2)).sum();
    let between: f64 =
        filled.iter().map(|group| group.len() as f64 * (mean(group) - middle).powi(2)).sum();
    (total > 1e-12).then(|| (between / total).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 5e-5
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
        for (count, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(count, of).unwrap();
            assert!(near(found.low, low) && near(found.high, high), "{found:?}");
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(5, 5).unwrap().high, 1.0);
    }

    #[test]
    fn groups_without_differences_inside_explain_all() {
        assert_eq!(variance_explained(&[vec![0.0, 0.0], vec![1.0, 1.0]]), Some(1.0));
        assert_eq!(variance_explained(&[vec![0.0, 1.0], vec![0.0, 1.0]]), Some(0.0));
        assert_eq!(variance_explained(&[vec![0.0, 1.0]]), None);
        assert_eq!(variance_explained(&[vec![1.0, 1.0], vec![1.0, 1.0]]), None);
    }
}
