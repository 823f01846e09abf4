//! The part of `tables` that the readers need.

#[path = "../../src/tables/delimited.rs"]
mod delimited;
#[path = "../../src/tables/fhir/mod.rs"]
mod fhir;
#[path = "../../src/tables/lines.rs"]
mod lines;
#[path = "../../src/tables/text.rs"]
mod text;
pub use delimited::{DelimitedReader, Layout};
pub use fhir::{FhirError, FhirMap, FhirTable, read_fhir};
pub use text::{TextColumn, TextTable};

/// Stands in for `tables::Error`, whose other variants need polars.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As in the crate.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// File.
        path: std::path::PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// As in the crate.
    #[error("{} violations of the schema", .0.len())]
    Violations(Vec<crate::schema::Violation>),
}
