use std::path::PathBuf;

use thiserror::Error;

use super::{FhirError, WorkbookError};
use crate::schema::Violation;

/// A table that cannot be read or written.
#[derive(Debug, Error)]
pub enum Error {
    /// The file is not there or not readable.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The result cannot be written.
    #[error("{path}: cannot write: {source}")]
    Write {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The extension names no known format.
    #[error("{path}: expected the extension .arrow, .feather, .parquet, .csv, .tsv, .json or a workbook's")]
    Extension {
        /// File.
        path: PathBuf,
    },
    /// The bytes are not what the extension promises.
    #[error("{path}: expected {expected}, found {found}")]
    Format {
        /// File.
        path: PathBuf,
        /// Format expected.
        expected: &'static str,
        /// What the reader said.
        found: String,
    },
    /// The file breaks rules: all of them are listed.
    #[error("{} violations of the schema", .0.len())]
    Violations(Vec<Violation>),
    /// A column that the request needs is absent.
    #[error("{path}: expected a column `{column}`, found {found}")]
    MissingColumn {
        /// File.
        path: PathBuf,
        /// Column.
        column: String,
        /// Columns there are.
        found: String,
    },
    /// A FHIR bundle or map that cannot be read.
    #[error(transparent)]
    Fhir(FhirError),
    /// A workbook that cannot be read.
    #[error(transparent)]
    Workbook(WorkbookError),
    /// The frame library refused an operation that the checks above should have made safe.
    #[error("frame: {0}")]
    Frame(#[from] polars::error::PolarsError),
}

impl From<FhirError> for Error {
    fn from(error: FhirError) -> Self {
        match error {
            FhirError::Violations(found) => Self::Violations(found),
            other => Self::Fhir(other),
        }
    }
}

impl From<WorkbookError> for Error {
    fn from(error: WorkbookError) -> Self {
        match error {
            WorkbookError::Violations(found) => Self::Violations(found),
            WorkbookError::Read { path, source } => Self::Read { path, source },
            other => Self::Workbook(other),
        }
    }
}
