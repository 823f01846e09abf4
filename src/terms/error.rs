use thiserror::Error;

/// A word that the field does not know, or a value outside what the word can mean.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// A patient id without its cohort namespace.
    #[error("a patient id is written cohort:id, with neither part empty")]
    PatientId,
    /// A probability outside [0, 1] or not finite.
    #[error("a probability lies in [0, 1], found {found}")]
    Probability {
        /// The offending value.
        found: f64,
    },
    /// A word outside its closed list.
    #[error("{what}: expected one of {expected}, found `{found}`")]
    Unknown {
        /// Which word was being read.
        what: &'static str,
        /// The list, comma-separated.
        expected: &'static str,
        /// The offending word.
        found: String,
    },
}
