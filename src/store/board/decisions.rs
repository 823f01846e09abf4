use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::cases::{locked, step};
use super::{CaseState, DecisionBody, Error, canonical, clean_text, drafts, record};
use crate::store::{Action, Person, Store};

/// Name and version of the signed layout.
pub(super) const SCHEMA: &str = "regimen.decision/1";

/// The hash before the first version of a decision.
pub(super) const FIRST: &str = "";

/// One signed version of a decision; never changed, only amended by another.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The case.
    pub case_id: String,
    /// The patient's pseudonym.
    pub pseudonym: String,
    /// From 1.
    pub version: i64,
    /// What was decided.
    pub body: DecisionBody,
    /// Why it was amended; empty for the first version.
    pub reason: String,
    /// Name and login of who signed.
    pub signer: String,
    /// When, milliseconds since 1970.
    pub signed_ms: i64,
    /// SHA-256 of the version before, empty for the first.
    pub previous_sha256: String,
    /// SHA-256 of the signed statement.
    pub sha256: String,
    /// The signed statement: canonical JSON.
    pub statement: String,
}

/// SHA-256 of a text, in hex.
pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn decision_of(row: &AnyRow) -> Result<Decision, Error> {
    let unreadable = || Error::Unreadable { what: "a signed decision" };
    let statement: String = row.try_get("statement")?;
    let read: serde_json::Value = serde_json::from_str(&statement).map_err(|_| unreadable())?;
    let text = |field: &serde_json::Value| field.as_str().map(str::to_owned).ok_or_else(unreadable);
    Ok(Decision {
        case_id: row.try_get("case_id")?,
        version: row.try_get("version")?,
        pseudonym: text(&read["pseudonym"])?,
        body: serde_json::from_value(read["decision"].clone()).map_err(|_| unreadable())?,
        reason: text(&read["reason"])?,
        signer: format!("{} ({})", text(&read["signer"]["name"])?, text(&read["signer"]["login"])?),
        signed_ms: read["signed_ms"].as_i64().ok_or_else(unreadable)?,
        previous_sha256: row.try_get("previous_sha256")?,
        sha256: row.try_get("sha256")?,
        statement,
    })
}

impl Store {
    /// Signs a decision: the first version of a discussed case, or an amendment of a decided one; returns its version.
    ///
    /// `draft_version` is the version of the draft that the form was made from: two people cannot sign at once, and a
    /// form cannot be sent twice.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is missing, [`Error::Stale`], [`Error::State`] before the discussion.
    pub async fn sign_decision(
        &self,
        who: &Person,
        case_id: &str,
        draft_version: i64,
        body: &DecisionBody,
        reason: &str,
    ) -> Result<i64, Error> {
        let body = body.clone().cleaned().map_err(Error::Invalid)?;
        let reason = clean_text(reason).map_err(|rule| Error::invalid("reason", rule))?;
        let mut problems = body.problems();
        let mut tx = self.write().await?;
        let case = locked(&mut tx, case_id).await?;
        let last =
            sqlx::query("SELECT version, sha256 FROM board_decision WHERE case_id = $1 ORDER BY version DESC LIMIT 1")
                .bind(case_id)
                .fetch_optional(&mut *tx)
                .await?;
        let (last_version, previous): (i64, String) = match last {
            Some(row) => (row.try_get("version")?, row.try_get("sha256")?),
            None => (0, FIRST.to_owned()),
        };
        let amends = last_version > 0;
        if !amends && case.state != CaseState::Discussed {
            return Err(Error::State { state: case.state });
        }
        if amends && reason.is_empty() {
            problems.push(("reason".to_owned(), "Say why the signed decision is amended.".to_owned()));
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let version = last_version + 1;
        let signed_ms = self.now_ms();
        let statement = canonical(&json!({
            "schema": SCHEMA,
            "case": case_id,
            "pseudonym": case.pseudonym,
            "version": version,
            "previous_sha256": previous,
            "reason": reason,
            "decision": body,
            "signer": { "id": who.id, "login": who.login, "name": who.display_name, "role": who.role.as_str() },
            "signed_ms": signed_ms,
        }));
        let hash = sha256(&statement);
        drafts::replace(self, &mut tx, who, case_id, draft_version, "").await?;
        sqlx::query(
            "INSERT INTO board_decision (case_id, version, statement, previous_sha256, sha256) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(case_id)
        .bind(version)
        .bind(&statement)
        .bind(&previous)
        .bind(&hash)
        .execute(&mut *tx)
        .await?;
        if !amends {
            step(self, &mut tx, who, &case, CaseState::Decided, &case.meeting_id, "decision signed").await?;
        }
        let action = if amends { Action::DecisionAmended } else { Action::Decided };
        let detail = json!({ "case": case_id, "version": version, "sha256": hash });
        record(self, &mut tx, who, action, &case.pseudonym, &detail).await?;
        tx.commit().await?;
        Ok(version)
    }

    /// Every version of a case's decision, oldest first.
    ///
    /// # Errors
    /// [`Error::Unreadable`], and those of the database.
    pub async fn decisions(&self, case_id: &str) -> Result<Vec<Decision>, Error> {
        let rows = sqlx::query(
            "SELECT case_id, version, statement, previous_sha256, sha256 FROM board_decision WHERE case_id = $1 \
             ORDER BY version",
        )
        .bind(case_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(decision_of).collect()
    }
}
