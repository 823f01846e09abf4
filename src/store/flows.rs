use sha2::{Digest, Sha256};
use sqlx::{Any, Transaction};

use super::random::hex;
use super::{Error, Store};

/// What the database keeps instead of a secret.
fn key_hash(key: &str) -> String {
    hex(&Sha256::digest(format!("flow\0{key}").as_bytes()))
}

impl Store {
    /// Keeps `secrets` under `key` for a while: something that somebody began and will finish in another request.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn put_flow(&self, key: &str, secrets: &str, for_ms: i64) -> Result<(), Error> {
        let (mut tx, now) = (self.write().await?, self.now_ms());
        sqlx::query("DELETE FROM sign_in_flows WHERE expires_ms < $1").bind(now).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO sign_in_flows (state_hash, secrets, expires_ms) VALUES ($1, $2, $3)")
            .bind(key_hash(key))
            .bind(secrets)
            .bind(now + for_ms)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// What was kept under `key`, once; `None` when there is nothing, or it is too old.
    ///
    /// # Errors
    /// [`Error::Database`] when the database does not answer.
    pub async fn take_flow(&self, key: &str) -> Result<Option<String>, Error> {
        let mut tx = self.write().await?;
        let found = self.take_flow_in(&mut tx, key).await?;
        tx.commit().await?;
        Ok(found)
    }

    pub(super) async fn take_flow_in(
        &self,
        tx: &mut Transaction<'static, Any>,
        key: &str,
    ) -> Result<Option<String>, Error> {
        let row: Option<(String, i64)> =
            sqlx::query_as("DELETE FROM sign_in_flows WHERE state_hash = $1 RETURNING secrets, expires_ms")
                .bind(key_hash(key))
                .fetch_optional(&mut **tx)
                .await?;
        Ok(row.filter(|(_, expires_ms)| *expires_ms > self.now_ms()).map(|(secrets, _)| secrets))
    }
}
