use serde_json::json;
use sqlx::Row;

use super::cases::locked;
use super::{DecisionBody, Error, Tx, record};
use crate::store::{Action, Person, Store};

/// A decision that is being written; one per case, shared by everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Counts every saving and every signing; 0 before the first.
    pub version: i64,
    /// What was written; `None` before the first saving and after a signing.
    pub body: Option<DecisionBody>,
    /// Who saved last, empty before the first.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

async fn read<'c>(executor: impl sqlx::Executor<'c, Database = sqlx::Any>, case_id: &str) -> Result<Draft, Error> {
    let row = sqlx::query("SELECT version, body, who, at_ms FROM board_draft WHERE case_id = $1")
        .bind(case_id.to_owned())
        .fetch_optional(executor)
        .await?;
    let Some(row) = row else { return Ok(Draft { version: 0, body: None, who: String::new(), at_ms: 0 }) };
    let text: String = row.try_get("body")?;
    let body = match text.as_str() {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|_| Error::Unreadable { what: "a draft" })?),
    };
    Ok(Draft { version: row.try_get("version")?, body, who: row.try_get("who")?, at_ms: row.try_get("at_ms")? })
}

/// Writes the draft of a locked case, if `version` is still its version.
pub(super) async fn replace(
    store: &Store,
    tx: &mut Tx,
    who: &Person,
    case_id: &str,
    version: i64,
    body: &str,
) -> Result<(), Error> {
    let current = read(&mut **tx, case_id).await?.version;
    if current != version {
        return Err(Error::Stale { found: version, current });
    }
    sqlx::query(
        "INSERT INTO board_draft (case_id, version, body, who_id, who, at_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, body = excluded.body, \
         who_id = excluded.who_id, who = excluded.who, at_ms = excluded.at_ms",
    )
    .bind(case_id)
    .bind(version + 1)
    .bind(body)
    .bind(&who.id)
    .bind(&who.display_name)
    .bind(store.now_ms())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Store {
    /// The draft of a case's decision.
    ///
    /// # Errors
    /// [`Error::Unreadable`], and those of the database.
    pub async fn draft(&self, case_id: &str) -> Result<Draft, Error> {
        read(&self.pool, case_id).await
    }

    /// Saves the draft from the version that the form was made from.
    ///
    /// # Errors
    /// [`Error::Stale`] when somebody saved or signed in between, [`Error::Invalid`] for long texts.
    pub async fn save_draft(
        &self,
        who: &Person,
        case_id: &str,
        version: i64,
        body: &DecisionBody,
    ) -> Result<(), Error> {
        let body = body.clone().cleaned().map_err(Error::Invalid)?;
        let text = serde_json::to_string(&body).map_err(|_| Error::Unreadable { what: "a draft" })?;
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        replace(self, &mut tx, who, case_id, version, &text).await?;
        let detail = json!({ "case": case_id, "draft": version + 1 });
        record(self, &mut tx, who, Action::CaseEdited, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(())
    }
}
