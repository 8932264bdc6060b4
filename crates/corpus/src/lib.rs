// SPDX-License-Identifier: Apache-2.0
//! Facts of many images: kept by content, asked by survey, similarity and lineage.
//!
//! A corpus is a directory. `records/` holds one file per image, named by its digest, written once and never changed: what a
//! scan found, compressed, with a checksum ([`record`]). `corpus.sqlite` holds tables made from the records ([`schema`]): it
//! can be thrown away and made again. Whoever adds an image writes its record first and its rows after; a process that is
//! killed in between loses neither. Two processes may add at once: each image is locked while it is scanned, and the tables
//! are written in transactions.
//!
//! Invariant: rows of an image come from its record alone, so that the order in which images are added changes no answer.
//! Invariant: nothing here parses bytes of an image; it reads facts.

#![forbid(unsafe_code)]

mod check;
mod error;
mod export;
mod ingest;
mod lineage;
mod meta;
mod parquet;
mod place;
mod program;
pub mod record;
mod regression;
pub mod schema;
mod similar;
mod sql;
mod statistic;
mod store;
mod survey;

pub use check::{Checked, check};
pub use error::CorpusError;
pub use export::{TABLES, export_table};
pub use lineage::{Lineage, Relative, SharedFile, lineage};
pub use meta::{Metadata, parse_metadata};
pub use place::{Place, vendor_from_path};
pub use regression::{Regression, find_regressions};
pub use similar::{Kin, Neighbour, neighbours};
pub use sql::{Answer, Cell, query};
pub use statistic::{Interval, variance_explained, wilson};
pub use store::{Corpus, Known, Lock};
pub use survey::{
    Adoption, Count, Dimension, Explained, KernelCount, ModuleCount, Numbers, Survey, survey,
};
