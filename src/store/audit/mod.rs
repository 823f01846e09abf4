//! The append-only audit log: who did what, when, in a chain of keyed hashes.

mod chain;
mod group;
mod key;
mod read;
mod verify;

use serde_json::Value;
use sqlx::{Any, Transaction};

use super::{Action, Error, Person, Store};

pub use chain::GENESIS;
pub(in crate::store) use group::Queue;
pub use key::AuditKey;
pub use read::{AuditFilter, AuditLine};
pub use verify::{Damage, Verified};

/// Where an entry stands in the chain; printed as an anchor `seq:hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPlace {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// Keyed hash of the entry and everything before it.
    pub hash: String,
}

/// What is to be appended.
pub(in crate::store) struct Entry<'a> {
    /// Who did it; nobody before sign-in.
    pub(in crate::store) who: Option<&'a Person>,
    /// What was done.
    pub(in crate::store) action: Action,
    /// To what: a pseudonym, a case, a person's login.
    pub(in crate::store) subject: Option<&'a str>,
    /// The facts, without clinical content.
    pub(in crate::store) detail: &'a Value,
}

/// Appends an entry within the transaction of the change that it records.
///
/// # Errors
/// [`Error::Database`] when the database refuses.
pub(in crate::store) async fn append(
    store: &Store,
    tx: &mut Transaction<'_, Any>,
    entry: Entry<'_>,
) -> Result<AuditPlace, Error> {
    let (seq, previous): (i64, String) =
        sqlx::query_as("UPDATE audit_head SET seq = seq + 1 WHERE one = 1 RETURNING seq, hash")
            .fetch_one(&mut **tx)
            .await?;
    let line = chain::Line {
        seq,
        at_ms: store.now_ms(),
        person_id: entry.who.map(|who| who.id.clone()),
        login: entry.who.map(|who| who.login.clone()),
        role: entry.who.map(|who| who.role.as_str().to_owned()),
        action: entry.action.as_str().to_owned(),
        subject: entry.subject.map(ToOwned::to_owned),
        detail: entry.detail.to_string(),
        previous,
    };
    let hash = line.hash(&store.audit_key);
    sqlx::query(
        "INSERT INTO audit (seq, at_ms, person_id, login, role, action, subject, detail, previous, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(line.seq)
    .bind(line.at_ms)
    .bind(&line.person_id)
    .bind(&line.login)
    .bind(&line.role)
    .bind(&line.action)
    .bind(&line.subject)
    .bind(&line.detail)
    .bind(&line.previous)
    .bind(&hash)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE audit_head SET hash = $1 WHERE one = 1").bind(&hash).execute(&mut **tx).await?;
    Ok(AuditPlace { seq, hash })
}
