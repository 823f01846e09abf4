use actix_web::http::StatusCode;

use super::fields::Fields;
use crate::store::{self, board};
use crate::web::Error;

/// What a page says about a form that was not taken, with everything that was typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// What is wrong, for the head of the page; `None` on a page that was only opened.
    pub(super) notice: Option<String>,
    /// True when somebody else was first.
    pub(super) stale: bool,
    /// What was typed.
    pub(super) typed: Fields,
    /// Refused fields with what was expected.
    pub(super) errors: Vec<(String, String)>,
}

impl Asked {
    /// What a refusal of the board means for a page.
    ///
    /// # Errors
    /// What no page of the board can answer: a missing case, and the database.
    pub(super) fn after(error: board::Error, typed: Fields) -> Result<Self, Error> {
        let mut asked = Self { typed, ..Self::default() };
        let text = match error {
            board::Error::Store(error) => return Err(Error::Store(error)),
            board::Error::NotFound { .. } => return Err(Error::NotFound),
            board::Error::Unreadable { what } => {
                return Err(Error::Store(store::Error::Stored { table: "board", column: what }));
            }
            board::Error::Stale { .. } => {
                asked.stale = true;
                "Somebody else changed this while you were writing. Nothing was overwritten, and what you typed is \
                 still in the form. Look at what stands there now, then send it again."
                    .to_owned()
            }
            board::Error::Move { from, to } => format!(
                "The case is \u{201c}{}\u{201d} and cannot go to \u{201c}{}\u{201d} from there. Nothing was changed.",
                from.label(),
                to.label()
            ),
            board::Error::State { state } => {
                format!(
                    "This is not possible while the case is \u{201c}{}\u{201d}. Nothing was changed.",
                    state.label()
                )
            }
            board::Error::AlreadyOpen => {
                "This patient has an open case already. It must be decided before another is opened.".to_owned()
            }
            board::Error::Invalid(errors) => {
                asked.errors = errors;
                "Nothing was recorded yet: some fields need attention.".to_owned()
            }
        };
        asked.notice = Some(text);
        Ok(asked)
    }

    /// A refusal in the page's own words.
    pub(super) fn refused(text: impl Into<String>, typed: Fields) -> Self {
        Self { notice: Some(text.into()), typed, ..Self::default() }
    }

    /// The status of the answer: 200 for a page that was only opened, 409 when somebody was first, 422 otherwise.
    pub(super) fn status(&self) -> StatusCode {
        match (&self.notice, self.stale) {
            (None, _) => StatusCode::OK,
            (Some(_), true) => StatusCode::CONFLICT,
            (Some(_), false) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// What was expected of `field`, as one sentence; empty when it was fine.
    pub(super) fn error(&self, field: &str) -> String {
        let mut found: Vec<&str> =
            self.errors.iter().filter(|(known, _)| known == field).map(|(_, text)| text.as_str()).collect();
        found.dedup();
        found.join(" ")
    }

    /// What was typed in `field`, or `otherwise` on a page that was only opened.
    pub(super) fn value(&self, field: &str, otherwise: &str) -> String {
        if self.typed.has(field) { self.typed.get(field).to_owned() } else { otherwise.to_owned() }
    }
}
