use sqlx::Row;
use sqlx::any::AnyRow;

use super::chain::Line;
use crate::store::{Error, Store};

/// One entry of the log, for reading.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditLine {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// When, milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Login of who did it; nobody before sign-in and on the command line.
    pub login: Option<String>,
    /// The role at that time.
    pub role: Option<String>,
    /// The word of an [`crate::store::Action`].
    pub action: String,
    /// To what: a pseudonym, a case, a login.
    pub subject: Option<String>,
    /// The facts, JSON.
    pub detail: String,
    /// Random id of who did it.
    pub person_id: Option<String>,
    /// Hash of the entry before.
    pub previous: String,
    /// Keyed hash of this entry.
    pub hash: String,
}

/// Which entries are asked for; an empty text asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The word of an action.
    pub action: String,
    /// Login of who did it.
    pub login: String,
    /// To what.
    pub subject: String,
    /// Only entries before this number.
    pub before: Option<i64>,
}

/// Every column, in the order of [`line`].
const COLUMNS: &str = "seq, at_ms, person_id, login, role, action, subject, detail, previous, hash";

pub(super) fn line(row: &AnyRow) -> Result<AuditLine, Error> {
    Ok(AuditLine {
        seq: row.try_get(0)?,
        at_ms: row.try_get(1)?,
        person_id: row.try_get(2)?,
        login: row.try_get(3)?,
        role: row.try_get(4)?,
        action: row.try_get(5)?,
        subject: row.try_get(6)?,
        detail: row.try_get(7)?,
        previous: row.try_get(8)?,
        hash: row.try_get(9)?,
    })
}

impl AuditLine {
    /// The entry as it was hashed.
    pub(super) fn hashed(&self) -> Line {
        Line {
            seq: self.seq,
            at_ms: self.at_ms,
            person_id: self.person_id.clone(),
            login: self.login.clone(),
            role: self.role.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            detail: self.detail.clone(),
            previous: self.previous.clone(),
        }
    }
}

impl Store {
    /// At most `limit` entries that match, newest first.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn audit_entries(&self, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditLine>, Error> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM audit WHERE ($1 = '' OR action = $1) AND ($2 = '' OR login = $2) \
             AND ($3 = '' OR subject = $3) AND seq < $4 ORDER BY seq DESC LIMIT $5"
        ));
        let rows = sqlx::query(sql)
            .bind(&filter.action)
            .bind(&filter.login)
            .bind(&filter.subject)
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(line).collect()
    }

    /// At most `limit` entries after number `after`, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn audit_after(&self, after: i64, limit: i64) -> Result<Vec<AuditLine>, Error> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2"));
        let rows = sqlx::query(sql).bind(after).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(line).collect()
    }
}
