use std::path::PathBuf;

use thiserror::Error;

/// A schema or cohort definition that cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// Neither a compiled-in cohort nor a readable file.
    #[error("no cohort `{name}`: expected one of {known}, or the path of a definition")]
    UnknownCohort {
        /// What was asked for.
        name: String,
        /// The compiled-in cohorts.
        known: String,
    },
    /// The definition cannot be read.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The definition is not TOML of the expected shape.
    #[error("{path}: {message}")]
    Parse {
        /// File.
        path: String,
        /// Position, expected and found, from the TOML reader.
        message: String,
    },
    /// A definition that does not fit the table schemas: everything that is wrong.
    #[error("{path}: {}", .wrong.join("\n  "))]
    Definition {
        /// Definition.
        path: String,
        /// Each thing that is wrong.
        wrong: Vec<String>,
    },
}
