use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyPool, Transaction};

use super::audit::{AuditKey, Queue};
use super::random::random_bytes;
use super::{Error, migrate, now_ms};

/// Connections kept to a database on disk or over the network.
const CONNECTIONS: u32 = 8;

/// How long a request waits for a connection before the database counts as gone.
const WAIT: Duration = Duration::from_secs(10);

/// Which database is behind the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Embedded, one file.
    Sqlite,
    /// A server.
    Postgres,
}

/// The database behind the server: cheap to clone, shared by all workers.
#[derive(Clone)]
pub struct Store {
    pub(in crate::store) pool: AnyPool,
    /// SQLite has one writer: its own connection, for which requests queue up in order. PostgreSQL writes on any.
    pub(in crate::store) writer: AnyPool,
    pub(in crate::store) backend: Backend,
    pub(in crate::store) audit_key: AuditKey,
    pub(in crate::store) audit_queue: Queue,
    /// Milliseconds added to the clock; tests move it instead of sleeping.
    shift_ms: Arc<AtomicI64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database at `url` and brings its schema up to date.
    ///
    /// `sqlite:PATH` (created with mode 0600 when absent), `sqlite::memory:` (gone with the process) or `postgres://…`.
    ///
    /// # Errors
    /// [`Error::Scheme`], [`Error::Open`], [`Error::Io`], [`Error::Newer`] and [`Error::Migration`].
    pub async fn open(url: &str, audit_key: AuditKey) -> Result<Self, Error> {
        install_default_drivers();
        random_bytes::<1>()?;
        let backend = backend(url)?;
        let address = address(url, backend)?;
        let pool = pool(&address, backend, if is_memory(url) { 1 } else { CONNECTIONS }).await?;
        let own_writer = backend == Backend::Sqlite && !is_memory(url);
        let writer = if own_writer { self::pool(&address, backend, 1).await? } else { pool.clone() };
        let audit_queue = Queue::default();
        let store = Self { pool, writer, backend, audit_key, audit_queue, shift_ms: Arc::default() };
        let mut tx = store.write().await?;
        migrate::migrate(&mut tx, backend).await?;
        tx.commit().await?;
        Ok(store)
    }

    /// Asks the database for one value.
    ///
    /// # Errors
    /// [`Error::Database`] when it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        let _: i64 = sqlx::query_scalar("SELECT seq FROM audit_head WHERE one = 1").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Which database this is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Ends every connection once its statement is done.
    pub async fn close(&self) {
        self.writer.close().await;
        self.pool.close().await;
    }

    /// A transaction that will write: SQLite takes its write lock at once, so that it never fails half-way for want of it.
    ///
    /// # Errors
    /// [`Error::Database`] when the database is gone or stays locked for five seconds.
    pub(in crate::store) async fn write(&self) -> Result<Transaction<'static, Any>, Error> {
        Ok(match self.backend {
            Backend::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Backend::Postgres => self.writer.begin().await?,
        })
    }

    /// Milliseconds since 1970-01-01 UTC by the store's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        // Under test the clock stands still unless it is moved.
        let now = if cfg!(test) { 1_800_000_000_000 } else { now_ms() };
        now.saturating_add(self.shift_ms.load(Ordering::Relaxed))
    }

    /// Moves the store's clock, for tests.
    #[cfg(test)]
    pub(crate) fn pass(&self, milliseconds: i64) {
        self.shift_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

/// Connections to `address`; a single one to a database in memory, since every further would be a database of its own.
async fn pool(address: &str, backend: Backend, connections: u32) -> Result<AnyPool, Error> {
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(WAIT);
    // A file does not go away, and the database in memory must stay.
    let options = match backend {
        Backend::Sqlite => options.min_connections(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false),
        Backend::Postgres => options.test_before_acquire(true),
    };
    options
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let set = match backend {
                    Backend::Sqlite => SQLITE_SETTINGS,
                    Backend::Postgres => POSTGRES_SETTINGS,
                };
                sqlx::raw_sql(set).execute(connection).await?;
                Ok(())
            })
        })
        .connect(address)
        .await
        .map_err(|source| Error::Open { source })
}

/// A commit is on the disk before it is acknowledged; readers never wait for a writer.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON";

/// The same on PostgreSQL; a lock or a statement that takes longer than that is an error, not a hanging page.
const POSTGRES_SETTINGS: &str = "SET synchronous_commit = on; SET lock_timeout = '5s'; SET statement_timeout = '15s'; \
     SET idle_in_transaction_session_timeout = '30s'";

fn backend(url: &str) -> Result<Backend, Error> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(Backend::Sqlite),
        Some("postgres" | "postgresql") => Ok(Backend::Postgres),
        found => Err(Error::Scheme { found: found.unwrap_or_default().chars().take(20).collect() }),
    }
}

fn is_memory(url: &str) -> bool {
    url == "sqlite::memory:"
}

/// The file of a SQLite address; everything after `sqlite:` is the path, without parameters.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    (rest != ":memory:" && !rest.is_empty()).then(|| PathBuf::from(rest))
}

/// The address for the driver; a SQLite file is made first, so that only its owner may read it.
fn address(url: &str, backend: Backend) -> Result<String, Error> {
    let (Backend::Sqlite, Some(path)) = (backend, sqlite_path(url)) else { return Ok(url.to_owned()) };
    let io = |source| Error::Io { path: path.clone(), source };
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(io)?;
    let full = std::path::absolute(&path).map_err(io)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let escaped: String = full
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    Ok(format!("sqlite://{escaped}"))
}
