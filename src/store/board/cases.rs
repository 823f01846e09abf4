use std::collections::BTreeSet;

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{CaseState, Cause, Complexity, Error, Tx, clean_text, record};
use crate::store::{Action, Person, Store, new_id};

/// One case of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Random id, 32 hex digits.
    pub id: String,
    /// The patient's pseudonym.
    pub pseudonym: String,
    /// Where it stands.
    pub state: CaseState,
    /// Standard or complex.
    pub complexity: Complexity,
    /// While true, a person sees the model's numbers only after her vote.
    pub blind: bool,
    /// What the board is asked.
    pub question: String,
    /// Counts every change of the fields of this struct.
    pub version: i64,
    /// The meeting on whose agenda it is or was; empty for none.
    pub meeting_id: String,
    /// Who opened it.
    pub opened_by: String,
    /// When, milliseconds since 1970.
    pub opened_ms: i64,
}

/// What a new case is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCase {
    /// The patient's pseudonym.
    pub pseudonym: String,
    /// Standard or complex.
    pub complexity: Complexity,
    /// Blind-first mode.
    pub blind: bool,
    /// What the board is asked.
    pub question: String,
}

/// One step of a case, for its timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Version of the case after it.
    pub version: i64,
    /// State before.
    pub from: CaseState,
    /// State after.
    pub to: CaseState,
    /// Why, empty when nothing was said.
    pub reason: String,
    /// Who.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// The columns of a case; statements are never put together from outside text.
macro_rules! select_case {
    ($rest:literal) => {
        concat!(
            "SELECT id, pseudonym, state, complexity, blind, question, version, meeting_id, opened_by, opened_ms \
             FROM board_case ",
            $rest
        )
    };
}

pub(super) fn case_of(row: &AnyRow) -> Result<Case, Error> {
    let state: String = row.try_get("state")?;
    let complexity: String = row.try_get("complexity")?;
    Ok(Case {
        id: row.try_get("id")?,
        pseudonym: row.try_get("pseudonym")?,
        state: CaseState::parse(&state).ok_or(Error::Unreadable { what: "the state of a case" })?,
        complexity: Complexity::parse(&complexity).ok_or(Error::Unreadable { what: "the kind of a case" })?,
        blind: row.try_get::<i64, _>("blind")? != 0,
        question: row.try_get("question")?,
        version: row.try_get("version")?,
        meeting_id: row.try_get("meeting_id")?,
        opened_by: row.try_get("opened_by")?,
        opened_ms: row.try_get("opened_ms")?,
    })
}

/// The case `id`, locked against other writers until `tx` ends.
pub(super) async fn locked(tx: &mut Tx, id: &str) -> Result<Case, Error> {
    // A write to the row is a lock on both databases, where `FOR UPDATE` is one on PostgreSQL only.
    sqlx::query("UPDATE board_case SET touched = touched + 1 WHERE id = $1").bind(id).execute(&mut **tx).await?;
    let row = sqlx::query(select_case!("WHERE id = $1")).bind(id).fetch_optional(&mut **tx).await?;
    case_of(&row.ok_or(Error::NotFound { what: "case" })?)
}

/// Moves a locked case, with its line in the timeline.
pub(super) async fn step(
    store: &Store,
    tx: &mut Tx,
    who: &Person,
    case: &Case,
    to: CaseState,
    meeting_id: &str,
    reason: &str,
) -> Result<(), Error> {
    sqlx::query("UPDATE board_case SET state = $1, meeting_id = $2, version = version + 1 WHERE id = $3")
        .bind(to.as_str())
        .bind(meeting_id)
        .bind(&case.id)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO board_move (case_id, version, from_state, to_state, reason, who_id, who, at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&case.id)
    .bind(case.version + 1)
    .bind(case.state.as_str())
    .bind(to.as_str())
    .bind(reason)
    .bind(&who.id)
    .bind(&who.display_name)
    .bind(store.now_ms())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Store {
    /// Opens a case and returns its id.
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`] when the patient has a case that is not decided, [`Error::Invalid`] for a long question.
    pub async fn open_case(&self, who: &Person, new: &NewCase) -> Result<String, Error> {
        let question = clean_text(&new.question).map_err(|rule| Error::invalid("question", rule))?;
        let id = new_id();
        let mut tx = self.write().await?;
        let made = sqlx::query(
            "INSERT INTO board_case (id, pseudonym, state, complexity, blind, question, version, touched, meeting_id, \
             opened_by, opened_ms) VALUES ($1, $2, 'new', $3, $4, $5, 1, 0, '', $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&id)
        .bind(&new.pseudonym)
        .bind(new.complexity.as_str())
        .bind(i64::from(new.blind))
        .bind(question)
        .bind(&who.display_name)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Err(Error::AlreadyOpen);
        }
        let detail = json!({ "case": id, "blind_first": new.blind });
        record(self, &mut tx, who, Action::CaseOpened, &new.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The case `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn case(&self, id: &str) -> Result<Case, Error> {
        let row = sqlx::query(select_case!("WHERE id = $1")).bind(id).fetch_optional(&self.pool).await?;
        case_of(&row.ok_or(Error::NotFound { what: "case" })?)
    }

    /// Every case, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn cases(&self) -> Result<Vec<Case>, Error> {
        let rows = sqlx::query(select_case!("ORDER BY opened_ms, id")).fetch_all(&self.pool).await?;
        rows.iter().map(case_of).collect()
    }

    /// The steps of a case, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn case_moves(&self, id: &str) -> Result<Vec<Move>, Error> {
        let rows = sqlx::query(
            "SELECT version, from_state, to_state, reason, who, at_ms FROM board_move WHERE case_id = $1 \
             ORDER BY version",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        let state = |row: &AnyRow, column: &str| -> Result<CaseState, Error> {
            let word: String = row.try_get(column)?;
            CaseState::parse(&word).ok_or(Error::Unreadable { what: "a step of a case" })
        };
        rows.iter()
            .map(|row| {
                Ok(Move {
                    version: row.try_get("version")?,
                    from: state(row, "from_state")?,
                    to: state(row, "to_state")?,
                    reason: row.try_get("reason")?,
                    who: row.try_get("who")?,
                    at_ms: row.try_get("at_ms")?,
                })
            })
            .collect()
    }

    /// Moves the case by hand from the version that the form was made from.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Move`] for a move that hands may not make, [`Error::Invalid`] for a long reason.
    pub async fn move_case(
        &self,
        who: &Person,
        id: &str,
        version: i64,
        to: CaseState,
        reason: &str,
    ) -> Result<(), Error> {
        let reason = clean_text(reason).map_err(|rule| Error::invalid("reason", rule))?;
        let mut tx = self.write().await?;
        let case = locked(&mut tx, id).await?;
        fresh(&case, version)?;
        if case.state.cause_of(to) != Some(Cause::Hand) {
            return Err(Error::Move { from: case.state, to });
        }
        step(self, &mut tx, who, &case, to, &case.meeting_id, &reason).await?;
        let detail = json!({ "case": id, "from": case.state.as_str(), "to": to.as_str() });
        record(self, &mut tx, who, Action::CaseMoved, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Changes kind and blind-first mode from the version that the form was made from.
    ///
    /// # Errors
    /// [`Error::Stale`]; [`Error::State`] once it is decided.
    pub async fn set_case(
        &self,
        who: &Person,
        id: &str,
        version: i64,
        complexity: Complexity,
        blind: bool,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let case = locked(&mut tx, id).await?;
        fresh(&case, version)?;
        if case.state.is_decided() {
            return Err(Error::State { state: case.state });
        }
        sqlx::query("UPDATE board_case SET complexity = $1, blind = $2, version = version + 1 WHERE id = $3")
            .bind(complexity.as_str())
            .bind(i64::from(blind))
            .bind(id)
            .execute(&mut *tx)
            .await?;
        let detail = json!({ "case": id, "complexity": complexity.as_str(), "blind_first": blind });
        record(self, &mut tx, who, Action::CaseEdited, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Pseudonyms of the patients whose case in blind-first mode waits for the vote of `who`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn blind_patients(&self, who: &Person) -> Result<BTreeSet<String>, Error> {
        let rows = sqlx::query(
            "SELECT pseudonym FROM board_case WHERE blind = 1 AND state NOT IN ('decided', 'followed_up') \
             AND NOT EXISTS (SELECT 1 FROM board_vote WHERE board_vote.case_id = board_case.id AND who_id = $1)",
        )
        .bind(&who.id)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| row.try_get("pseudonym")).collect::<Result<_, _>>()?)
    }

    /// True while a case in blind-first mode waits for the vote of `who` on the patient `pseudonym`.
    ///
    /// Every page that shows an estimate of her asks this first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_blind(&self, who: &Person, pseudonym: &str) -> Result<bool, Error> {
        Ok(self.blind_patients(who).await?.contains(pseudonym))
    }
}

/// Passes when the form was made from the current version.
pub(super) fn fresh(case: &Case, version: i64) -> Result<(), Error> {
    if case.version == version { Ok(()) } else { Err(Error::Stale { found: version, current: case.version }) }
}
