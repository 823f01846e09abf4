use thiserror::Error;

/// A condition under which an estimate does not exist.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// Two slices that must describe the same rows differ in length.
    #[error("{what}: expected length {expected}, found {found}")]
    LengthMismatch {
        /// Which slice.
        what: &'static str,
        /// Length of the slice that it must match.
        expected: usize,
        /// Its own length.
        found: usize,
    },
    /// Fewer things than the estimate needs.
    #[error("{what}: at least {needed} needed, found {found}")]
    TooFew {
        /// What was counted.
        what: &'static str,
        /// Smallest number that suffices.
        needed: usize,
        /// Number found.
        found: usize,
    },
    /// Every outcome is the same, so nothing separates events from non-events.
    #[error("outcomes of one class only: {n_events} events in {n_samples} rows")]
    OneClass {
        /// Number of rows.
        n_samples: usize,
        /// Number of events among them.
        n_events: usize,
    },
    /// A value that is NaN or infinite.
    #[error("value at index {index} is not finite")]
    NotFinite {
        /// Position in the slice.
        index: usize,
    },
    /// A value in a slice of probabilities that lies outside [0, 1].
    #[error("value at index {index}: expected a probability in [0, 1], found {found}")]
    NotProbability {
        /// Position in the slice.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A single argument outside its domain.
    #[error("{what}: expected {expected}, found {found}")]
    OutOfDomain {
        /// Which argument.
        what: &'static str,
        /// Its domain in words.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// More events than trials.
    #[error("{n_events} events in {n_samples} trials")]
    EventsExceedTrials {
        /// Number of events.
        n_events: usize,
        /// Number of trials.
        n_samples: usize,
    },
    /// All predictions are equal, so no slope can be estimated.
    #[error("all {n_samples} predictions are equal")]
    Constant {
        /// Number of rows.
        n_samples: usize,
    },
    /// A linear combination of the features parts events from non-events: the likelihood has no maximum.
    #[error("the features separate events from non-events, the likelihood has no maximum")]
    Separated,
    /// A matrix that is not positive definite to working precision.
    #[error("matrix is not positive definite at column {column}")]
    Singular {
        /// Column (from 0) whose pivot vanished.
        column: usize,
    },
    /// An iteration that ended before it converged.
    #[error("no convergence after {n_iterations} iterations")]
    NotConverged {
        /// Iterations made.
        n_iterations: usize,
    },
    /// A test statistic whose variance is zero though its numerator is not.
    #[error("the estimated variance is zero, the statistic {difference} cannot be tested")]
    NoVariance {
        /// The numerator.
        difference: f64,
    },
    /// No event was observed, so there is nothing to estimate a hazard from.
    #[error("no event was observed in {n_samples} rows")]
    NoEvents {
        /// Number of rows.
        n_samples: usize,
    },
    /// A time below zero.
    #[error("time at index {index}: expected at least 0, found {found}")]
    NegativeTime {
        /// Position in the slice.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A delayed entry that does not come before the exit.
    #[error("entry time at index {index}: expected below the event time, found {found}")]
    EntryNotBeforeExit {
        /// Position in the slice.
        index: usize,
        /// The entry time.
        found: f64,
    },
    /// A grid of times that does not ascend strictly.
    #[error("time at index {index}: expected above the one before")]
    TimesNotAscending {
        /// Position in the grid.
        index: usize,
    },
    /// A weight that is negative, not finite, or, where that matters, zero.
    #[error("weight at index {index}: expected a finite number above 0, found {found}")]
    BadWeight {
        /// Position in the slice.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A column that does not vary among the rows used.
    #[error("column {column} is constant")]
    ConstantColumn {
        /// Column, from 0.
        column: usize,
    },
    /// A column along which the Cox partial likelihood keeps rising: its coefficient is infinite.
    #[error("column {column} separates early from late events, its coefficient has no finite maximum")]
    MonotoneLikelihood {
        /// Column, from 0.
        column: usize,
    },
    /// No pair of patients tells which should fail first.
    #[error("no pair of patients is comparable")]
    NoComparablePairs,
    /// A time at which nobody is known to be uncensored any more, so that weights do not exist.
    #[error("time {time} lies beyond the follow-up, which ends at {last}")]
    BeyondFollowUp {
        /// The time asked for.
        time: f64,
        /// Last time that the data supports.
        last: f64,
    },
    /// A cross-validation fold that would hold one outcome class only.
    #[error("fold {fold} of {n_folds} would hold one outcome class only")]
    FoldOfOneClass {
        /// Fold number, from 0.
        fold: usize,
        /// Number of folds.
        n_folds: usize,
    },
    /// Patients with rows on both sides of a split.
    #[error("{n_patients} patients have rows on both sides of the split")]
    PatientOnBothSides {
        /// Number of such patients.
        n_patients: usize,
    },
    /// Rows without the label that decides their side.
    #[error("{what}: missing in {n_missing} of {n_rows} rows")]
    MissingLabel {
        /// Which label.
        what: &'static str,
        /// Rows without it.
        n_missing: usize,
        /// All rows.
        n_rows: usize,
    },
    /// A label that no row has.
    #[error("{what}: `{found}` is none of the {n_known} in the rows")]
    UnknownLabel {
        /// Which label.
        what: &'static str,
        /// Number of distinct labels.
        n_known: usize,
        /// The label asked for.
        found: String,
    },
}
