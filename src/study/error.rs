use std::path::PathBuf;

use thiserror::Error;

/// A stage that cannot be carried out.
#[derive(Debug, Error)]
pub enum Error {
    /// A file is not there or not readable.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A result cannot be written.
    #[error("{path}: cannot write: {source}")]
    Write {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A specification that breaks its rules.
    #[error("{path}: {message}")]
    Spec {
        /// File.
        path: String,
        /// Key, expected and found.
        message: String,
    },
    /// The table has no such column, or of another type.
    #[error("{table}: expected a column `{column}` of type {expected}, found {found}")]
    Column {
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// Type expected.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value of a table that breaks a rule.
    #[error("{table}, row {row}, column `{column}`: expected {expected}, found `{found}`")]
    Cell {
        /// Table.
        table: String,
        /// Line of a delimited file, else the row from 1.
        row: usize,
        /// Column.
        column: String,
        /// Rule.
        expected: String,
        /// The value.
        found: String,
    },
    /// No model of that name or version.
    #[error("model `{name}`: {reason}")]
    NoModel {
        /// What was asked for.
        name: String,
        /// Why there is none.
        reason: String,
    },
    /// A model file that is not what its manifest says.
    #[error("model {model}: {file}: expected sha256 {expected}, found {found}")]
    Hash {
        /// Model and version.
        model: String,
        /// File.
        file: String,
        /// Hash in the manifest.
        expected: String,
        /// Hash of the bytes, or `no such file`.
        found: String,
    },
    /// A model file that cannot be understood.
    #[error("model {model}: {file}: {message}")]
    Model {
        /// Model and version.
        model: String,
        /// File.
        file: String,
        /// Expected and found.
        message: String,
    },
    /// Valid input that cannot support the request.
    #[error("{0}")]
    Unsupported(String),
    /// No patient of that id.
    #[error("no such patient at this cohort: expected an id of its tables")]
    NoPatient,
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A schema or cohort definition was refused.
    #[error(transparent)]
    Schema(#[from] crate::schema::Error),
    /// A table was refused.
    #[error(transparent)]
    Table(#[from] crate::tables::Error),
    /// Fusion or design was refused.
    #[error(transparent)]
    Fusion(#[from] crate::fusion::Error),
    /// An estimator refused.
    #[error(transparent)]
    Learn(#[from] crate::learn::Error),
    /// A statistic refused.
    #[error(transparent)]
    Stats(#[from] crate::stats::Error),
    /// The decision floor refused.
    #[error(transparent)]
    Decide(#[from] crate::decide::Error),
    /// Images were refused.
    #[error(transparent)]
    Imaging(#[from] crate::imaging::Error),
    /// The encoder refused.
    #[error(transparent)]
    Embed(#[from] crate::embed::Error),
    /// The simulator failed.
    #[error(transparent)]
    Simulate(#[from] super::simulate::Error),
}
