use serde_json::json;
use sqlx::Row;

use super::cases::locked;
use super::entries::next_seq;
use super::{Error, clean_text, record};
use crate::store::{Action, Person, Store};

/// A comment; never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Place among the comments of the case, from 1.
    pub seq: i64,
    /// The text.
    pub text: String,
    /// Who.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// A vote for a plan; never changed, only followed by another of the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Place among the votes of the case, from 1.
    pub seq: i64,
    /// The plan, in words.
    pub plan: String,
    /// Why, empty when nothing was said.
    pub reason: String,
    /// True for the first vote of a person in blind-first mode whose name is at no earlier view of the report.
    pub blind: bool,
    /// Person id.
    pub who_id: String,
    /// Name of the person.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

impl Store {
    /// Appends a comment.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or long text, [`Error::NotFound`] for the case.
    pub async fn add_comment(&self, who: &Person, case_id: &str, text: &str) -> Result<(), Error> {
        let text = clean_text(text).map_err(|rule| Error::invalid("comment", rule))?;
        if text.is_empty() {
            return Err(Error::invalid("comment", "Write something first."));
        }
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        let place = "SELECT COALESCE(MAX(seq), 0) FROM board_comment WHERE case_id = $1";
        let seq = next_seq(&mut tx, place, case_id).await?;
        sqlx::query(
            "INSERT INTO board_comment (case_id, seq, text, who_id, who, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(case_id)
        .bind(seq)
        .bind(text)
        .bind(&who.id)
        .bind(&who.display_name)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        let detail = json!({ "case": case_id, "comment": seq });
        record(self, &mut tx, who, Action::Commented, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The comments of a case, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn comments(&self, case_id: &str) -> Result<Vec<Comment>, Error> {
        let rows = sqlx::query("SELECT seq, text, who, at_ms FROM board_comment WHERE case_id = $1 ORDER BY seq")
            .bind(case_id)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Comment {
                    seq: row.try_get("seq")?,
                    text: row.try_get("text")?,
                    who: row.try_get("who")?,
                    at_ms: row.try_get("at_ms")?,
                })
            })
            .collect()
    }

    /// Appends a vote.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a plan, [`Error::State`] once the case is decided.
    pub async fn vote(&self, who: &Person, case_id: &str, plan: &str, reason: &str) -> Result<(), Error> {
        let plan = clean_text(plan).map_err(|rule| Error::invalid("plan", rule))?;
        let reason = clean_text(reason).map_err(|rule| Error::invalid("reason", rule))?;
        if plan.is_empty() {
            return Err(Error::invalid("plan", "Choose a plan or write one."));
        }
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        if case.state.is_decided() {
            return Err(Error::State { state: case.state });
        }
        let earlier: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM board_vote WHERE case_id = $1 AND who_id = $2")
            .bind(case_id)
            .bind(&who.id)
            .fetch_one(&mut *tx)
            .await?;
        let read: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM audit WHERE person_id = $1 AND subject = $2 AND action IN \
             ('viewed-report', 'viewed-patient-page', 'exported-report', 'asked-what-if', 'viewed-case') \
             AND (action <> 'viewed-case' OR detail LIKE '%\"numbers\":true%')",
        )
        .bind(&who.id)
        .bind(&case.pseudonym)
        .fetch_one(&mut *tx)
        .await?;
        let blind = case.blind && earlier == 0 && read == 0;
        let place = "SELECT COALESCE(MAX(seq), 0) FROM board_vote WHERE case_id = $1";
        let seq = next_seq(&mut tx, place, case_id).await?;
        sqlx::query(
            "INSERT INTO board_vote (case_id, seq, plan, reason, blind, who_id, who, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(case_id)
        .bind(seq)
        .bind(plan)
        .bind(reason)
        .bind(i64::from(blind))
        .bind(&who.id)
        .bind(&who.display_name)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        let detail = json!({ "case": case_id, "vote": seq, "before_the_model": blind });
        record(self, &mut tx, who, Action::Voted, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The votes of a case, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn votes(&self, case_id: &str) -> Result<Vec<Vote>, Error> {
        let rows = sqlx::query(
            "SELECT seq, plan, reason, blind, who_id, who, at_ms FROM board_vote WHERE case_id = $1 ORDER BY seq",
        )
        .bind(case_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Vote {
                    seq: row.try_get("seq")?,
                    plan: row.try_get("plan")?,
                    reason: row.try_get("reason")?,
                    blind: row.try_get::<i64, _>("blind")? != 0,
                    who_id: row.try_get("who_id")?,
                    who: row.try_get("who")?,
                    at_ms: row.try_get("at_ms")?,
                })
            })
            .collect()
    }
}
