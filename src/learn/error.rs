use thiserror::Error;

/// A fit or prediction that cannot be made.
#[derive(Debug, Error)]
pub enum Error {
    /// Rows and outcomes do not pair up.
    #[error("expected {expected} outcomes, one per row, found {found}")]
    LengthMismatch {
        /// Rows of the matrix.
        expected: usize,
        /// Outcomes.
        found: usize,
    },
    /// Fewer than two patients in a class.
    #[error("expected at least 2 patients with and 2 without the event, found {n_events} and {n_others}")]
    OneClass {
        /// Patients with the event.
        n_events: usize,
        /// Patients without.
        n_others: usize,
    },
    /// The weights are not a bag of boosted trees.
    #[error("weights: expected {expected}, found {found}")]
    Weights {
        /// What they should be.
        expected: &'static str,
        /// What they are.
        found: String,
    },
    /// Principal components that cannot be had.
    #[error("expected {expected}, found {found}")]
    Components {
        /// What is possible.
        expected: String,
        /// What was asked for or given.
        found: String,
    },
    /// The tree library refused.
    #[error("boosted trees: {0}")]
    Boosting(String),
    /// Fitting was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<hessboost::error::HessboostError> for Error {
    fn from(error: hessboost::error::HessboostError) -> Self {
        Self::Boosting(error.to_string())
    }
}
