use thiserror::Error as ThisError;

use super::CaseState;

/// Why the board did not do what it was asked; no variant names a patient.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// No such case, meeting, draft or decision.
    #[error("no such {what}")]
    NotFound {
        /// What was asked for.
        what: &'static str,
    },
    /// The change was made from a version that is no longer the current one.
    #[error("made from version {found}, the current one is {current}")]
    Stale {
        /// The version of the form.
        found: i64,
        /// The version now.
        current: i64,
    },
    /// A move that the states do not allow.
    #[error("a case cannot go from {} to {}", from.as_str(), to.as_str())]
    Move {
        /// Where it stands.
        from: CaseState,
        /// Where it was to go.
        to: CaseState,
    },
    /// Something that needs another state.
    #[error("not possible while the case is {}", state.as_str())]
    State {
        /// Where it stands.
        state: CaseState,
    },
    /// A patient who has an open case already.
    #[error("there is an open case already")]
    AlreadyOpen,
    /// Values that were refused: field and what was expected.
    #[error("{} values were refused", .0.len())]
    Invalid(Vec<(String, String)>),
    /// A row that this program cannot have written.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What it is.
        what: &'static str,
    },
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        Self::Store(crate::store::Error::from(source))
    }
}

impl Error {
    /// One refused field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Invalid(vec![(field.into(), expected.into())])
    }
}
