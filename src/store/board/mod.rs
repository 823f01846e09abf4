//! The tumour board: cases on their way from opened to followed up, what is known of them, and what was decided.
//!
//! Lives here: the rules ([`CaseState`], [`ItemList`], [`Completeness`], [`findings`]) as pure values, and the
//! tables that keep cases, meetings, entries, votes, decisions and outcomes. The rules stand here because nothing below
//! the database needs them. What several people write at once is only ever appended; what has one value (state, draft)
//! carries a version, and a change made from an older one is refused with [`Error::Stale`]. Every change and its audit
//! entry are one transaction. Deliberately absent: every estimate, and the wording of pages.

mod agenda;
mod cases;
mod completeness;
mod condition;
mod contraindications;
mod day;
mod decision;
mod decisions;
mod drafts;
mod entries;
mod error;
mod items;
mod outcomes;
mod state;
mod verify;
mod voices;

pub use agenda::{AgendaLine, Meeting};
pub use cases::{Case, Move, NewCase};
pub use completeness::{Completeness, FromRecord, ItemStanding};
pub use condition::{Answers, Condition, Holds};
pub use contraindications::{Finding, Rule, Severity, Treatment, findings};
pub use day::{Day, instant_text};
pub use decision::{CodedWord, DecisionBody, Deviation, Expected, PlanName, Rejected, Words, canonical};
pub use decisions::Decision;
pub use drafts::Draft;
pub use entries::{Entry, NewEntry};
pub use error::Error;
pub use items::{Item, ItemList, Kind, MAX_TEXT, clean_text};
pub use outcomes::{NewOutcome, Outcome, OutcomeKind, Outcomes};
pub use state::{CaseState, Cause, Complexity};
pub use verify::Damage;
pub use voices::{Comment, Vote};

use sqlx::{Any, Transaction};

use super::{Action, Person, Store, audit};

type Tx = Transaction<'static, Any>;

/// Writes the audit entry of a change, in the transaction of the change.
async fn record(
    store: &Store,
    tx: &mut Tx,
    who: &Person,
    action: Action,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<(), Error> {
    audit::append(store, tx, audit::Entry { who: Some(who), action, subject: Some(subject), detail }).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
