use thiserror::Error;

/// Options, evidence or a gate that cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// No options file of that name.
    #[error("no options file `{name}` under data-schemas/options")]
    UnknownOptions {
        /// Name asked for.
        name: String,
    },
    /// The options file is broken.
    #[error("data-schemas/options/{name}.toml: {message}")]
    Options {
        /// Name.
        name: String,
        /// Position, expected and found.
        message: String,
    },
    /// Too few patients to describe the training data.
    #[error("applicability: expected at least {expected} training patients, found {found}")]
    TooFew {
        /// Fewest accepted.
        expected: usize,
        /// Patients.
        found: usize,
    },
    /// Hazards that are none.
    #[error("cause-specific hazards: expected {expected}")]
    Hazards {
        /// The rule.
        expected: &'static str,
    },
    /// Too few draws for an interval.
    #[error("benefit: expected at least {expected} draws, found {found}")]
    TooFewDraws {
        /// Fewest accepted.
        expected: usize,
        /// Draws asked for.
        found: usize,
    },
    /// A compiled-in evidence file is broken.
    #[error("data-schemas/{path}: {message}")]
    EvidenceFile {
        /// File.
        path: &'static str,
        /// Position, expected and found.
        message: String,
    },
    /// A value that its word cannot mean.
    #[error(transparent)]
    Terms(#[from] crate::terms::Error),
    /// A statistic failed.
    #[error(transparent)]
    Stats(#[from] crate::stats::Error),
}
