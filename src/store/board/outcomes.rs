use serde_json::json;
use sqlx::Row;

use super::cases::locked;
use super::entries::next_seq;
use super::{Day, Error, clean_text, record};
use crate::store::{Action, Person, Store};

/// What became of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeKind {
    /// Pathological complete response, ypT0/is ypN0.
    Pcr,
    /// Class of residual cancer burden.
    Rcb,
    /// Recurrence of the disease.
    Recurrence,
    /// Death.
    Death,
}

impl OutcomeKind {
    /// Every kind, in the order of the forms.
    pub const ALL: [Self; 4] = [Self::Pcr, Self::Rcb, Self::Recurrence, Self::Death];

    /// The stable word of the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcr => "pcr",
            Self::Rcb => "rcb",
            Self::Recurrence => "recurrence",
            Self::Death => "death",
        }
    }

    /// The words of a page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Pcr => "Pathological complete response (ypT0/is ypN0)",
            Self::Rcb => "Residual cancer burden",
            Self::Recurrence => "Recurrence",
            Self::Death => "Death",
        }
    }

    /// The values that it may have.
    #[must_use]
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Pcr => &["yes", "no"],
            Self::Rcb => &["0", "I", "II", "III"],
            Self::Recurrence => &["none so far", "local", "regional", "distant", "second primary"],
            Self::Death => &["alive", "breast cancer", "another cause", "cause unknown"],
        }
    }

    /// The kind of a stable word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One outcome as recorded; never changed, only followed by another of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Place among the outcomes of the case, from 1.
    pub seq: i64,
    /// What.
    pub kind: OutcomeKind,
    /// One of [`OutcomeKind::values`].
    pub value: String,
    /// The day on which it was so.
    pub dated_on: Day,
    /// A remark.
    pub note: String,
    /// Who recorded it.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutcome {
    /// What.
    pub kind: OutcomeKind,
    /// One of [`OutcomeKind::values`].
    pub value: String,
    /// The day.
    pub dated_on: Day,
    /// A remark.
    pub note: String,
}

/// The outcomes of one case, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes(pub Vec<Outcome>);

impl Outcomes {
    /// The latest of a kind.
    #[must_use]
    pub fn latest(&self, kind: OutcomeKind) -> Option<&Outcome> {
        self.0.iter().rev().find(|outcome| outcome.kind == kind)
    }

    /// What `new` would contradict, as a sentence; `None` when nothing.
    #[must_use]
    pub fn contradiction(&self, new: &NewOutcome) -> Option<String> {
        let value = |kind| if new.kind == kind { Some(new.value.as_str()) } else { self.value(kind) };
        let (pcr, rcb) = (value(OutcomeKind::Pcr), value(OutcomeKind::Rcb));
        if pcr.zip(rcb).is_some_and(|(pcr, rcb)| (pcr == "yes") != (rcb == "0")) {
            return Some("Complete response and a residual cancer burden of 0 belong together.".to_owned());
        }
        let death = self.latest(OutcomeKind::Death).filter(|death| death.value != "alive");
        let after = death.is_some_and(|death| new.kind != OutcomeKind::Death && new.dated_on > death.dated_on);
        after.then(|| "A death is recorded before this day.".to_owned())
    }

    fn value(&self, kind: OutcomeKind) -> Option<&str> {
        self.latest(kind).map(|outcome| outcome.value.as_str())
    }
}

impl Store {
    /// Records an outcome of a decided case.
    ///
    /// # Errors
    /// [`Error::State`] before a decision, [`Error::Invalid`] for a value of another kind, a day to come, or what
    /// contradicts an outcome on record.
    pub async fn add_outcome(&self, who: &Person, case_id: &str, new: &NewOutcome) -> Result<(), Error> {
        let note = clean_text(&new.note).map_err(|rule| Error::invalid("note", rule))?;
        if !new.kind.values().contains(&new.value.as_str()) {
            return Err(Error::invalid("value", format!("One of: {}.", new.kind.values().join(", "))));
        }
        if new.dated_on > Day::of_ms(self.now_ms()) {
            return Err(Error::invalid("dated_on", "A day that has come."));
        }
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        if !case.state.is_decided() {
            return Err(Error::State { state: case.state });
        }
        let known = read(&mut *tx, case_id).await?;
        if let Some(sentence) = known.contradiction(new) {
            return Err(Error::invalid("value", sentence));
        }
        let place = "SELECT COALESCE(MAX(seq), 0) FROM board_outcome WHERE case_id = $1";
        let seq = next_seq(&mut tx, place, case_id).await?;
        sqlx::query(
            "INSERT INTO board_outcome (case_id, seq, kind, value, dated_on, note, who_id, who, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(case_id)
        .bind(seq)
        .bind(new.kind.as_str())
        .bind(&new.value)
        .bind(new.dated_on.to_string())
        .bind(note)
        .bind(&who.id)
        .bind(&who.display_name)
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        let detail = json!({ "case": case_id, "outcome": seq, "kind": new.kind.as_str() });
        record(self, &mut tx, who, Action::OutcomeRecorded, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The outcomes of a case.
    ///
    /// # Errors
    /// [`Error::Unreadable`], and those of the database.
    pub async fn outcomes(&self, case_id: &str) -> Result<Outcomes, Error> {
        read(&self.pool, case_id).await
    }
}

async fn read<'c>(executor: impl sqlx::Executor<'c, Database = sqlx::Any>, case_id: &str) -> Result<Outcomes, Error> {
    let rows = sqlx::query(
        "SELECT seq, kind, value, dated_on, note, who, at_ms FROM board_outcome WHERE case_id = $1 ORDER BY seq",
    )
    .bind(case_id.to_owned())
    .fetch_all(executor)
    .await?;
    let unreadable = || Error::Unreadable { what: "an outcome" };
    let outcomes: Result<Vec<Outcome>, Error> = rows
        .iter()
        .map(|row| {
            let (kind, day): (String, String) = (row.try_get("kind")?, row.try_get("dated_on")?);
            Ok(Outcome {
                seq: row.try_get("seq")?,
                kind: OutcomeKind::parse(&kind).ok_or_else(unreadable)?,
                value: row.try_get("value")?,
                dated_on: Day::parse(&day).ok_or_else(unreadable)?,
                note: row.try_get("note")?,
                who: row.try_get("who")?,
                at_ms: row.try_get("at_ms")?,
            })
        })
        .collect();
    Ok(Outcomes(outcomes?))
}
