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
    /// An input that cannot be imputed is not recorded, or not clear.
    #[error("{input}: expected {expected}, found none")]
    Unrecorded {
        /// Field of the record.
        input: &'static str,
        /// What is needed.
        expected: &'static str,
    },
    /// A row or list of another length than the model's.
    #[error("{what}: expected {expected}, found {found}")]
    Width {
        /// What was counted.
        what: &'static str,
        /// Length expected.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// Too few events to estimate a curve.
    #[error("{what}: expected at least {expected} events, found {found}")]
    TooFewEvents {
        /// What was to be estimated.
        what: &'static str,
        /// Fewest accepted.
        expected: usize,
        /// Events.
        found: usize,
    },
    /// An iteration did not converge.
    #[error("{what}: no convergence")]
    NotConverged {
        /// What was to be estimated.
        what: &'static str,
    },
    /// A statistic failed.
    #[error(transparent)]
    Stats(#[from] crate::stats::Error),
}
