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
    /// The weights are not those of such a model.
    #[error("weights: expected {expected}, found {found}")]
    Weights {
        /// What they should be.
        expected: &'static str,
        /// What they are.
        found: String,
    },
    /// Out-of-bag predictions were asked for on rows that the forest was not fitted on.
    #[error("a matrix of {n_rows} rows and {n_features} columns that is not the one the forest was fitted on")]
    OtherMatrix {
        /// Its rows.
        n_rows: usize,
        /// Its columns.
        n_features: usize,
    },
    /// Principal components that cannot be had.
    #[error("expected {expected}, found {found}")]
    Components {
        /// What is possible.
        expected: String,
        /// What was asked for or given.
        found: String,
    },
    /// A design of another width than the model was fitted on.
    #[error("expected {expected} columns, found {found}")]
    Width {
        /// Columns at fitting.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// A value that this estimator cannot take.
    #[error("row {row}, column `{column}`: expected a finite number, found {found}; impute first")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column name.
        column: String,
        /// The value.
        found: f32,
    },
    /// A column that a specification names and the design lacks.
    #[error("expected a column `{column}`, found none")]
    NoColumn {
        /// Its name.
        column: String,
    },
    /// A row that names more than one arm.
    #[error("row {row}: expected one arm, found {found}")]
    SeveralArms {
        /// Row, from 0.
        row: usize,
        /// Indicators that are set.
        found: usize,
    },
    /// Every column is constant, so there is nothing to learn from.
    #[error("every one of the {n_features} columns is constant")]
    NothingVaries {
        /// Columns.
        n_features: usize,
    },
    /// A setting outside its domain.
    #[error("{what}: expected {expected}, found {found}")]
    Parameter {
        /// Which setting.
        what: &'static str,
        /// Its domain in words.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// A library refused; its own words.
    #[error("{library}: {message}")]
    Library {
        /// Which library.
        library: &'static str,
        /// What it said.
        message: String,
    },
    /// An estimate that does not exist on these rows.
    #[error(transparent)]
    Stats(#[from] crate::stats::Error),
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
