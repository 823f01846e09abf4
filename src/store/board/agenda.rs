use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::cases::{fresh, locked, step};
use super::{CaseState, Cause, Day, Error, Tx, clean_text, record};
use crate::store::{Action, Person, Store, new_id};

/// One meeting of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Random id, 32 hex digits.
    pub id: String,
    /// The day.
    pub held_on: Day,
    /// Place, time, topic.
    pub title: String,
    /// Counts every change of its agenda.
    pub version: i64,
}

/// One line of an agenda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaLine {
    /// The meeting.
    pub meeting_id: String,
    /// The case.
    pub case_id: String,
    /// Place, from 1 upwards; gaps mean nothing.
    pub position: i64,
}

fn meeting_of(row: &AnyRow) -> Result<Meeting, Error> {
    let held_on: String = row.try_get("held_on")?;
    Ok(Meeting {
        id: row.try_get("id")?,
        held_on: Day::parse(&held_on).ok_or(Error::Unreadable { what: "the day of a meeting" })?,
        title: row.try_get("title")?,
        version: row.try_get("version")?,
    })
}

/// The meeting `id` with a higher version, locked until `tx` ends.
async fn touched(tx: &mut Tx, id: &str) -> Result<Meeting, Error> {
    let row = sqlx::query(
        "UPDATE board_meeting SET version = version + 1 WHERE id = $1 RETURNING id, held_on, title, version",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    meeting_of(&row.ok_or(Error::NotFound { what: "meeting" })?)
}

impl Store {
    /// Makes a meeting and returns its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a long title.
    pub async fn add_meeting(&self, who: &Person, held_on: Day, title: &str) -> Result<String, Error> {
        let title = clean_text(title).map_err(|rule| Error::invalid("title", rule))?;
        let id = new_id();
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO board_meeting (id, held_on, title, version, created_ms) VALUES ($1, $2, $3, 1, $4)")
            .bind(&id)
            .bind(held_on.to_string())
            .bind(title)
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
        let detail = json!({ "meeting": id, "held_on": held_on.to_string() });
        record(self, &mut tx, who, Action::MeetingScheduled, &id, &detail).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The meeting `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn meeting(&self, id: &str) -> Result<Meeting, Error> {
        let row = sqlx::query("SELECT id, held_on, title, version FROM board_meeting WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        meeting_of(&row.ok_or(Error::NotFound { what: "meeting" })?)
    }

    /// Every meeting, latest day first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn meetings(&self) -> Result<Vec<Meeting>, Error> {
        let rows = sqlx::query("SELECT id, held_on, title, version FROM board_meeting ORDER BY held_on DESC, id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(meeting_of).collect()
    }

    /// Every line of every agenda, in the order of the agendas.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agenda_lines(&self) -> Result<Vec<AgendaLine>, Error> {
        let rows = sqlx::query(
            "SELECT meeting_id, case_id, position FROM board_agenda ORDER BY meeting_id, position, case_id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AgendaLine {
                    meeting_id: row.try_get("meeting_id")?,
                    case_id: row.try_get("case_id")?,
                    position: row.try_get("position")?,
                })
            })
            .collect()
    }

    /// Puts a case at the end of a meeting's agenda, from the version that the form was made from.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Move`] unless its data are complete, [`Error::NotFound`].
    pub async fn schedule(&self, who: &Person, case_id: &str, version: i64, meeting_id: &str) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        fresh(&case, version)?;
        let to = CaseState::Scheduled;
        if case.state.cause_of(to) != Some(Cause::Agenda) {
            return Err(Error::Move { from: case.state, to });
        }
        let meeting = touched(&mut tx, meeting_id).await?;
        sqlx::query(
            "INSERT INTO board_agenda (meeting_id, case_id, position) \
             SELECT $1, $2, COALESCE(MAX(position), 0) + 1 FROM board_agenda WHERE meeting_id = $3",
        )
        .bind(meeting_id)
        .bind(case_id)
        .bind(meeting_id)
        .execute(&mut *tx)
        .await?;
        step(self, &mut tx, who, &case, to, meeting_id, &format!("meeting of {}", meeting.held_on)).await?;
        let detail = json!({ "case": case_id, "meeting": meeting_id, "to": to.as_str() });
        record(self, &mut tx, who, Action::CaseMoved, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a case off its agenda, back among those whose data are complete.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Move`] for a case that is on none, [`Error::Invalid`] for a long reason.
    pub async fn postpone(&self, who: &Person, case_id: &str, version: i64, reason: &str) -> Result<(), Error> {
        let reason = clean_text(reason).map_err(|rule| Error::invalid("reason", rule))?;
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        fresh(&case, version)?;
        let to = CaseState::DataComplete;
        if case.state.cause_of(to) != Some(Cause::Agenda) {
            return Err(Error::Move { from: case.state, to });
        }
        touched(&mut tx, &case.meeting_id).await?;
        sqlx::query("DELETE FROM board_agenda WHERE meeting_id = $1 AND case_id = $2")
            .bind(&case.meeting_id)
            .bind(case_id)
            .execute(&mut *tx)
            .await?;
        step(self, &mut tx, who, &case, to, "", &reason).await?;
        let detail = json!({ "case": case_id, "meeting": case.meeting_id, "to": to.as_str() });
        record(self, &mut tx, who, Action::CaseMoved, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Exchanges a case of an agenda with its neighbour, from the version that the form was made from.
    ///
    /// # Errors
    /// [`Error::Stale`] after any other change of the agenda, [`Error::NotFound`].
    pub async fn reorder(
        &self,
        who: &Person,
        meeting_id: &str,
        version: i64,
        case_id: &str,
        earlier: bool,
    ) -> Result<(), Error> {
        let mut tx = self.write().await?;
        let meeting = touched(&mut tx, meeting_id).await?;
        if meeting.version - 1 != version {
            return Err(Error::Stale { found: version, current: meeting.version - 1 });
        }
        let rows = sqlx::query("SELECT case_id FROM board_agenda WHERE meeting_id = $1 ORDER BY position, case_id")
            .bind(meeting_id)
            .fetch_all(&mut *tx)
            .await?;
        let mut order: Vec<String> = rows.iter().map(|row| row.try_get("case_id")).collect::<Result<_, _>>()?;
        let at = order.iter().position(|id| id == case_id).ok_or(Error::NotFound { what: "case" })?;
        let other = if earlier { at.checked_sub(1) } else { Some(at + 1).filter(|other| *other < order.len()) };
        let Some(other) = other else { return Ok(()) };
        order.swap(at, other);
        for (place, id) in (1_i64..).zip(&order) {
            sqlx::query("UPDATE board_agenda SET position = $1 WHERE meeting_id = $2 AND case_id = $3")
                .bind(place)
                .bind(meeting_id)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        let detail = json!({ "meeting": meeting_id, "case": case_id, "earlier": earlier });
        record(self, &mut tx, who, Action::MeetingScheduled, meeting_id, &detail).await?;
        tx.commit().await?;
        Ok(())
    }
}
