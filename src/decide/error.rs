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
    /// A statistic failed.
    #[error(transparent)]
    Stats(#[from] crate::stats::Error),
}
