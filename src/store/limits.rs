use std::net::IpAddr;

use sha2::{Digest, Sha256};
use sqlx::{Any, Transaction};

use super::random::hex;
use super::{Error, Store};

/// Failures of one login after which it waits.
pub const MAX_FAILURES: i64 = 5;

/// Failures from one address after which it waits.
pub const MAX_ADDRESS_FAILURES: i64 = 30;

/// The first wait, milliseconds; it doubles with every further failure.
const FIRST_WAIT_MS: i64 = 30 * 1000;

/// The longest wait, milliseconds: longer ones would let anybody shut others out for a day.
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1000;

/// Failures older than this are forgotten, milliseconds.
const MEMORY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Login or password are wrong, or the account is disabled: never said which.
    Wrong,
    /// Too many failures.
    Wait {
        /// Seconds until the next try is looked at.
        seconds: i64,
    },
}

/// Milliseconds that the `failures`-th failure has to wait for.
fn wait_ms(failures: i64, allowed: i64) -> i64 {
    match failures - allowed {
        over if over < 0 => 0,
        over => LONGEST_WAIT_MS.min(FIRST_WAIT_MS.saturating_mul(1 << over.min(20))),
    }
}

/// What is counted: a hash, since people type passwords into the wrong field.
pub(super) fn login_key(login: &str) -> String {
    hex(&Sha256::digest(format!("login\0{login}").as_bytes()))
}

/// An IPv4 address, or the /64 of an IPv6 address, which one client can fill.
pub(super) fn address_key(address: IpAddr) -> String {
    let counted = match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{:x}/64", u128::from(v6) >> 64),
    };
    hex(&Sha256::digest(format!("address\0{counted}").as_bytes()))
}

impl Store {
    /// Counts a try as a failure before the password is looked at, so that tries sent at once gain nothing; a success
    /// takes it back by [`Store::forget_failures`].
    ///
    /// Answers the seconds to wait when the try is not to be looked at.
    pub(super) async fn count_try(
        &self,
        tx: &mut Transaction<'static, Any>,
        key: &str,
        allowed: i64,
    ) -> Result<Option<i64>, Error> {
        let now = self.now_ms();
        sqlx::query("DELETE FROM attempts WHERE last_ms < $1").bind(now - MEMORY_MS).execute(&mut **tx).await?;
        // The row is written first: the write holds its lock until the end of the transaction.
        let (failures, blocked_until_ms): (i64, i64) = sqlx::query_as(
            "INSERT INTO attempts (subject, failures, last_ms, blocked_until_ms) VALUES ($1, 1, $2, 0) \
             ON CONFLICT (subject) DO UPDATE SET failures = attempts.failures + 1 \
             RETURNING failures, blocked_until_ms",
        )
        .bind(key)
        .bind(now)
        .fetch_one(&mut **tx)
        .await?;
        if blocked_until_ms > now {
            sqlx::query("UPDATE attempts SET failures = failures - 1 WHERE subject = $1")
                .bind(key)
                .execute(&mut **tx)
                .await?;
            return Ok(Some((blocked_until_ms - now + 999) / 1000));
        }
        let blocked = now + wait_ms(failures, allowed);
        sqlx::query("UPDATE attempts SET last_ms = $1, blocked_until_ms = $2 WHERE subject = $3")
            .bind(now)
            .bind(blocked)
            .bind(key)
            .execute(&mut **tx)
            .await?;
        Ok(None)
    }

    /// Forgets the failures of a login, after a success or a reset.
    pub(super) async fn forget_failures(&self, tx: &mut Transaction<'static, Any>, login: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM attempts WHERE subject = $1").bind(login_key(login)).execute(&mut **tx).await?;
        Ok(())
    }

    /// Takes one try of an address back, after a success.
    pub(super) async fn forgive_address(&self, tx: &mut Transaction<'static, Any>, key: &str) -> Result<(), Error> {
        sqlx::query("UPDATE attempts SET failures = failures - 1, blocked_until_ms = 0 WHERE subject = $1")
            .bind(key)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_with_the_fifth_failure_double_and_end_at_a_quarter_of_an_hour() {
        let waits: Vec<i64> = (1..=12).map(|failures| wait_ms(failures, MAX_FAILURES) / 1000).collect();
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(wait_ms(i64::MAX / 2, MAX_FAILURES), LONGEST_WAIT_MS);
    }

    #[test]
    fn one_client_is_one_address() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("10.0.0.1"), key("::ffff:10.0.0.1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
