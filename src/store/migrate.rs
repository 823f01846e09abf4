use sqlx::{Any, Transaction};

use super::{Backend, Error};

/// One step of the schema: statements for both databases, then those of one.
struct Migration {
    version: i64,
    both: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// In order, without gaps; a released step never changes.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        both: include_str!("migrations/0001_accounts.sql"),
        sqlite: include_str!("migrations/0001_accounts_sqlite.sql"),
        postgres: include_str!("migrations/0001_accounts_postgres.sql"),
    },
    Migration {
        version: 2,
        both: include_str!("migrations/0002_board.sql"),
        sqlite: include_str!("migrations/0002_board_sqlite.sql"),
        postgres: include_str!("migrations/0002_board_postgres.sql"),
    },
    Migration { version: 3, both: include_str!("migrations/0003_tokens.sql"), sqlite: "", postgres: "" },
];

/// The first statement of every run: `FOR UPDATE` is not needed, since the transaction holds the write lock.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)";

/// Takes the lock under which two starting servers never migrate at once.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(7235131)";

/// Brings the schema up to date inside `tx`, so that a failed step leaves nothing behind.
///
/// # Errors
/// [`Error::Newer`] for a database of a later program, [`Error::Migration`] when a step fails.
pub(super) async fn migrate(tx: &mut Transaction<'static, Any>, backend: Backend) -> Result<(), Error> {
    if backend == Backend::Postgres {
        sqlx::raw_sql(LOCK_POSTGRES).execute(&mut **tx).await?;
    }
    sqlx::raw_sql(VERSIONS).execute(&mut **tx).await?;
    let found: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetch_one(&mut **tx).await?;
    let known = MIGRATIONS.last().map_or(0, |last| last.version);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for step in MIGRATIONS.iter().filter(|step| step.version > found) {
        let own = match backend {
            Backend::Sqlite => step.sqlite,
            Backend::Postgres => step.postgres,
        };
        for text in [step.both, own] {
            sqlx::raw_sql(text)
                .execute(&mut **tx)
                .await
                .map_err(|source| Error::Migration { version: step.version, source })?;
        }
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)").bind(step.version).execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_up_by_one() {
        for (place, step) in MIGRATIONS.iter().enumerate() {
            assert_eq!(step.version, place as i64 + 1);
        }
    }
}
