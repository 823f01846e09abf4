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
    /// A cohort maps onto a column that no schema has.
    #[error("{path}: file `{file}` maps onto column `{column}`, which is in no table schema")]
    UnknownColumn {
        /// Definition.
        path: String,
        /// Id of the file inside the definition.
        file: String,
        /// Column.
        column: String,
    },
    /// A pattern that is not a regular expression with one capture group.
    #[error("{path}: `{pattern}` is not a regular expression with a capture group for the patient's id")]
    Pattern {
        /// Definition.
        path: String,
        /// The pattern.
        pattern: String,
    },
}
