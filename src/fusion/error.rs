use thiserror::Error;

/// A fusion or design that cannot be made.
#[derive(Debug, Error)]
pub enum Error {
    /// A table was refused.
    #[error(transparent)]
    Table(#[from] crate::tables::Error),
    /// The cohort definition has no file.
    #[error("cohort `{cohort}`: expected at least one file, found none")]
    NoFiles {
        /// Cohort.
        cohort: String,
    },
    /// An embeddings file lacks what fusion needs.
    #[error(
        "{file}: expected columns patient_id, visit, modality, encoder, weights_sha256 and embedding, found {found}"
    )]
    Embeddings {
        /// File.
        file: String,
        /// Columns there are, or the type problem.
        found: String,
    },
    /// A feature of a model or specification is not in the frame.
    #[error("the fused table: expected a column `{column}` of type {expected}, found {found}")]
    Feature {
        /// Column.
        column: String,
        /// Type expected.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A level that the design was not fitted on.
    #[error("the fused table, row {row}, column `{column}`: expected one of {expected}, found `{found}`")]
    Level {
        /// Row of the table, from 1.
        row: usize,
        /// Column.
        column: String,
        /// Levels of the design.
        expected: String,
        /// The text.
        found: String,
    },
    /// The frame library refused an operation.
    #[error("frame: {0}")]
    Frame(#[from] polars::error::PolarsError),
}
