// SPDX-License-Identifier: Apache-2.0
//! What a survey of many images found, as its page shows it: numbers, bars, lines over years, tables of shares.

/// The page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SurveyPage {
    /// What was surveyed.
    pub title: String,
    /// Denominators: what, and how many.
    pub numbers: Vec<(&'static str, String)>,
    /// The parts, in order.
    pub parts: Vec<SurveyPart>,
}

/// One section.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyPart {
    /// For links.
    pub id: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// What is counted, and what not.
    pub note: String,
    /// The plot.
    pub plot: Plot,
}

/// A share with its interval and denominator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// From 0 to 1; none where nothing was decided.
    pub share: Option<(f64, f64, f64)>,
    /// Of so many decided.
    pub decided: u64,
    /// So many could not be told.
    pub undetermined: u64,
}

/// A plot.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// A bar with its interval for each name.
    Bars(Vec<(String, Share)>),
    /// Lines over years, each with its name.
    Years(Vec<(String, Vec<(u16, Share)>)>),
    /// Shares of groups (rows) in columns; the name of a row has the number of its images.
    Grid {
        /// Names of the columns.
        columns: Vec<String>,
        /// Name, and a share for each column.
        rows: Vec<(String, Vec<Share>)>,
    },
    /// Texts.
    Table {
        /// Names of the columns.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
}
