//! One patient's result as a page: `study::Assessment` to [`ReportView`] to bytes.
//!
//! Lives here: the view (every number with its text, every sentence chosen), the wording, the charts, what the tumour
//! board reads from it (`board`), and the HTML, JSON and index writers. May import terms, stats, decide and study; askama enters only here and in `web`.
//! Deliberately absent: estimates of any kind, files, and everything that would need a clock.

pub mod board;
pub mod case_words;
pub mod chart;
pub mod classical;
pub mod decision_words;
mod drawings;
mod error;
mod fhir;
pub(crate) mod figure;
mod html;
mod index;
mod json;
pub mod limits;
pub mod model;
mod page;
mod patient;
mod pdf;
pub mod survival_words;
pub mod view;
pub mod words;

pub use error::Error;
pub use fhir::fhir;
pub use figure::{Figure, IntervalFigure};
pub use html::{Links, html, html_linked};
pub use index::{IndexEntry, IndexMeta, index_html};
pub use json::json;
pub use page::STYLE;
pub use patient::{Language, patient_html};
pub use pdf::pdf;
pub use view::{ReportView, WhatIfView};

#[cfg(test)]
pub(crate) mod decision_fixture;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
