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
    /// Values that belong to the same patients, in different numbers.
    #[error("policy: expected {expected} {what}, found {found}")]
    Lengths {
        /// What is counted.
        what: &'static str,
        /// Number expected.
        expected: usize,
        /// Number found.
        found: usize,
    },
    /// A number outside its range.
    #[error("policy: {what}: expected {expected}, found {found}")]
    Parameter {
        /// Which.
        what: &'static str,
        /// Range.
        expected: &'static str,
        /// The number.
        found: f64,
    },
    /// No scores to take a value from.
    #[error("policy: expected the scores of at least one repeat, found none")]
    NoRepeats,
    /// No file of that name.
    #[error("no population `{name}` under data-schemas/populations")]
    UnknownPopulation {
        /// Name asked for.
        name: String,
    },
    /// The population file is broken.
    #[error("data-schemas/populations/{name}.toml: {message}")]
    Population {
        /// Name.
        name: String,
        /// Position, expected and found.
        message: String,
    },
    /// A prediction for a drawn test result failed.
    #[error("value of the missing test: {0}")]
    Prediction(#[source] crate::learn::Error),
    /// A prediction that does not cover every option or every row asked for.
    #[error("value of the missing test: expected {expected} {what}, found {found}")]
    PredictionShape {
        /// `options` or `rows`.
        what: &'static str,
        /// Number asked for.
        expected: usize,
        /// Number given.
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

impl Error {
    /// Checks that two columns of the same patients have one length.
    pub(super) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Lengths { what, expected, found }) }
    }
}
