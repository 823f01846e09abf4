use serde_json::json;
use sha2::{Digest, Sha256};

use super::audit::{Entry, append};
use super::random::hex;
use super::{Action, Error, Person, Role, Store, new_id, new_secret};

/// What every token begins with, so that scanners for leaked secrets know one.
const PREFIX: &str = "rgm_";

/// Longest life of a token, days.
pub const MAX_TOKEN_DAYS: i64 = 365;

/// Most tokens that one person may have.
const MAX_TOKENS: i64 = 20;

/// The only scope so far: reading what the person's role may read.
const SCOPE: &str = "read";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How old the time of the last use may grow before it is written again, milliseconds.
const USED_STEP_MS: i64 = 60 * 1000;

/// A token as its owner sees it; the secret is shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Random, shown in the audit log.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, milliseconds since 1970.
    pub expires_ms: i64,
    /// When it was last used, to the minute; `None` before.
    pub used_ms: Option<i64>,
}

fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

impl Store {
    /// Makes a token for `person` that lives `days` days, and returns it: it is kept nowhere in clear.
    ///
    /// # Errors
    /// [`Error::Name`] for a label of none or more than 60 characters or with control characters, for a life outside 1 to
    /// [`MAX_TOKEN_DAYS`] days and for a twenty-first token; [`Error::Database`].
    pub async fn make_token(&self, person: &Person, label: &str, days: i64) -> Result<String, Error> {
        let label = label.trim();
        if label.is_empty() || label.chars().count() > 60 || label.chars().any(char::is_control) {
            return Err(Error::Name { rule: "expected 1 to 60 characters for the use of the token" });
        }
        if !(1..=MAX_TOKEN_DAYS).contains(&days) {
            return Err(Error::Name { rule: "expected a life of 1 to 365 days" });
        }
        let (id, token, now) = (new_id(), format!("{PREFIX}{}", new_secret()?), self.now_ms());
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM api_tokens WHERE expires_ms < $1").bind(now).execute(&mut *tx).await?;
        let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_tokens WHERE person_id = $1")
            .bind(&person.id)
            .fetch_one(&mut *tx)
            .await?;
        if n >= MAX_TOKENS {
            return Err(Error::Name { rule: "expected at most 20 tokens of one person: end one first" });
        }
        sqlx::query(
            "INSERT INTO api_tokens (id, person_id, label, token_hash, scope, created_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(&person.id)
        .bind(label)
        .bind(token_hash(&token))
        .bind(SCOPE)
        .bind(now)
        .bind(now + days * DAY_MS)
        .execute(&mut *tx)
        .await?;
        let detail = json!({"token": id, "days": days});
        append(self, &mut tx, Entry { who: Some(person), action: Action::TokenMade, subject: None, detail: &detail })
            .await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The tokens of a person that are alive, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tokens(&self, person: &Person) -> Result<Vec<ApiToken>, Error> {
        let rows: Vec<(String, String, i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT id, label, created_ms, expires_ms, used_ms FROM api_tokens \
             WHERE person_id = $1 AND expires_ms >= $2 ORDER BY created_ms DESC, id",
        )
        .bind(&person.id)
        .bind(self.now_ms())
        .fetch_all(&self.pool)
        .await?;
        let token =
            |(id, label, created_ms, expires_ms, used_ms)| ApiToken { id, label, created_ms, expires_ms, used_ms };
        Ok(rows.into_iter().map(token).collect())
    }

    /// Ends a token of `person`; false when there is none of that id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn end_token(&self, person: &Person, id: &str) -> Result<bool, Error> {
        let mut tx = self.write().await?;
        let ended = sqlx::query("DELETE FROM api_tokens WHERE id = $1 AND person_id = $2")
            .bind(id)
            .bind(&person.id)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = json!({"token": id});
        append(self, &mut tx, Entry { who: Some(person), action: Action::TokenEnded, subject: None, detail: &detail })
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Id and owner of a token that is alive, whose owner may still sign in and has an own password.
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Stored`] for a role that this program does not know.
    pub async fn token_person(&self, token: &str) -> Result<Option<(String, Person)>, Error> {
        let digits = token.strip_prefix(PREFIX).unwrap_or_default();
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let (hash, now) = (token_hash(token), self.now_ms());
        let row: Option<(String, Option<i64>, String, String, String, String)> = sqlx::query_as(
            "SELECT t.id, t.used_ms, p.id, p.login, p.display_name, p.role FROM api_tokens t \
             JOIN people p ON p.id = t.person_id \
             WHERE t.token_hash = $1 AND t.expires_ms >= $2 AND t.scope = $3 AND p.disabled = 0 AND p.must_change = 0",
        )
        .bind(&hash)
        .bind(now)
        .bind(SCOPE)
        .fetch_optional(&self.pool)
        .await?;
        let Some((token_id, used_ms, id, login, display_name, role)) = row else { return Ok(None) };
        if used_ms.is_none_or(|used| now - used > USED_STEP_MS) {
            sqlx::query("UPDATE api_tokens SET used_ms = $1 WHERE token_hash = $2")
                .bind(now)
                .bind(&hash)
                .execute(&self.pool)
                .await?;
        }
        let role = Role::parse(&role).ok_or(Error::Stored { table: "people", column: "role" })?;
        Ok(Some((token_id, Person { id, login, display_name, role })))
    }

    /// Connections open and idle, for the metrics.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }
}
