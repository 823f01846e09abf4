use serde::Serialize;
use thiserror::Error;

/// A column in which rows differ from what a recipe was fitted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Column of the fused frame.
    pub column: String,
    /// What the recipe was fitted on.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column `{}`: expected {}, found {}", self.column, self.expected, self.found)
    }
}

fn lines(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

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
    /// Rows that differ from what the recipe was fitted on: every column concerned.
    #[error("the rows are not what the recipe was fitted on:\n  {}", lines(.0))]
    Schema(Vec<Difference>),
    /// Patients who come twice in a file of embeddings or samples.
    #[error("{file}: expected one row per patient, found {n} rows that repeat one")]
    Repeated {
        /// File.
        file: String,
        /// Rows that repeat a patient.
        n: usize,
    },
    /// Samples of a genomic file that cannot be told to patients, or a file that cannot be used as declared.
    #[error("{file}: expected {expected}, found {n} that do not")]
    Samples {
        /// File.
        file: String,
        /// Samples concerned.
        n: usize,
        /// What was expected.
        expected: String,
    },
    /// A malformed expression matrix, variant file or signature table.
    #[error(transparent)]
    Genomics(#[from] crate::genomics::Error),
    /// An embedding that cannot be reduced.
    #[error(transparent)]
    Learn(#[from] crate::learn::Error),
    /// A feature that is known only after the treatment decision.
    #[error(
        "the feature `{column}` is known only after the treatment decision: expected an input or the option itself"
    )]
    Leak {
        /// Column.
        column: String,
    },
    /// A feature that belongs to the running of a study, not to the patient.
    #[error("the feature `{column}` is an order, date or site: expected an input or the option itself")]
    Administrative {
        /// Column.
        column: String,
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
