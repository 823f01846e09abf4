//! `data-schemas/` as values: what a column means, and how a cohort's own files map onto columns.
//!
//! Lives here: the table schemas ([`Dictionary`]), the cohort definitions ([`CohortDefinition`]) and the
//! check of one text value against its column ([`Column::parse`]). May import `terms` only. Deliberately
//! absent: reading files and frames (`tables`), joins (`fusion`).

mod cohort;
mod column;
mod dates;
mod dictionary;
mod error;
mod mapping;
mod staleness;
mod units;
mod violation;

pub use cohort::{CohortDefinition, EmbeddingMap, ExpressionMap, FileMap, ImageMap, VariantMap, Visit};
pub use column::{Column, Kind, Known, Value};
pub use dates::DateOrder;
pub use dictionary::{Dictionary, TableSchema};
pub use error::Error;
pub use mapping::{Case, Decision, Measured, PatientKey, RowFilter, ValueMap};
pub use staleness::Staleness;
pub use units::{conversion, declarable};
pub use violation::Violation;

/// The folder `data-schemas/`, compiled in so that the binary stands alone.
pub static DATA_SCHEMAS: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/data-schemas");

/// Returns the text of a compiled-in file such as `options/ispy2-arms.toml`.
#[must_use]
pub fn embedded(path: &str) -> Option<&'static str> {
    DATA_SCHEMAS.get_file(path)?.contents_utf8()
}
