use sha2::{Digest, Sha256};
use sqlx::{Any, Transaction};

use super::random::hex;
use super::{Error, Person, Role, Store, new_secret};

/// A session ends after this time without a request, milliseconds: 30 minutes.
pub const IDLE_MS: i64 = 30 * 60 * 1000;

/// A session ends after this time whatever happens, milliseconds: 12 hours.
pub const ABSOLUTE_MS: i64 = 12 * 60 * 60 * 1000;

/// How old the time of the last request may grow before it is written again, milliseconds: reading pages writes nothing else.
const SEEN_STEP_MS: i64 = 30 * 1000;

/// A session that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub person: Person,
    /// The token that every form of this session carries.
    pub csrf: String,
    /// The person must choose a new password first.
    pub must_change: bool,
}

/// What the database keeps instead of a token: it opens no session when read.
pub(super) fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

impl Store {
    /// Begins a session and returns its token, which is kept nowhere else.
    ///
    /// # Errors
    /// [`Error::Database`] when the database refuses.
    pub(in crate::store) async fn begin_session(
        &self,
        tx: &mut Transaction<'static, Any>,
        person_id: &str,
    ) -> Result<String, Error> {
        let (token, csrf, now) = (new_secret()?, new_secret()?, self.now_ms());
        sqlx::query("DELETE FROM sessions WHERE created_ms < $1 OR seen_ms < $2")
            .bind(now - ABSOLUTE_MS)
            .bind(now - IDLE_MS)
            .execute(&mut **tx)
            .await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, person_id, csrf, created_ms, seen_ms) VALUES ($1, $2, $3, $4, $4)",
        )
        .bind(token_hash(&token))
        .bind(person_id)
        .bind(csrf)
        .bind(now)
        .execute(&mut **tx)
        .await?;
        Ok(token)
    }

    /// Begins a session in place of an older one: a token that somebody may have planted never becomes a signed-in one.
    pub(in crate::store) async fn replace_session(
        &self,
        tx: &mut Transaction<'static, Any>,
        person_id: &str,
        before: Option<&str>,
    ) -> Result<String, Error> {
        if let Some(before) = before {
            sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
                .bind(token_hash(before))
                .execute(&mut **tx)
                .await?;
        }
        self.begin_session(tx, person_id).await
    }

    /// The session of `token`, if it is alive and its person may still sign in; moves its idle time on.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, Error> {
        let (hash, now) = (token_hash(token), self.now_ms());
        let row: Option<(String, String, String, String, i64, String, i64)> = sqlx::query_as(
            "SELECT p.id, p.login, p.display_name, p.role, p.must_change, s.csrf, s.seen_ms \
             FROM sessions s JOIN people p ON p.id = s.person_id \
             WHERE s.token_hash = $1 AND s.created_ms > $2 AND s.seen_ms > $3 AND p.disabled = 0",
        )
        .bind(&hash)
        .bind(now - ABSOLUTE_MS)
        .bind(now - IDLE_MS)
        .fetch_optional(&self.pool)
        .await?;
        let Some((id, login, display_name, role, must_change, csrf, seen_ms)) = row else { return Ok(None) };
        if now - seen_ms > SEEN_STEP_MS {
            sqlx::query("UPDATE sessions SET seen_ms = $1 WHERE token_hash = $2 AND seen_ms < $1")
                .bind(now)
                .bind(&hash)
                .execute(&self.writer)
                .await?;
        }
        let role = Role::parse(&role).ok_or(Error::Stored { table: "people", column: "role" })?;
        let person = Person { id, login, display_name, role };
        Ok(Some(Session { person, csrf, must_change: must_change != 0 }))
    }
}
