use std::path::PathBuf;

use super::CliError;
use crate::store::{AuditKey, Store, sqlite_path};
use crate::web;

/// Which database, and the key of its audit log.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Database {
    /// Database of people, cases and audit: sqlite:PATH or postgres://USER@HOST/NAME; made and brought up to date
    #[arg(
        long,
        env = "REGIMEN_DATABASE",
        default_value = "sqlite:regimen.db",
        value_name = "URL",
        hide_env_values = true
    )]
    database: String,
    /// Key file of the audit log, outside the database, made when absent [default: the SQLite file's name with
    /// .audit-key, else regimen.audit-key]
    #[arg(long, env = "REGIMEN_AUDIT_KEY", value_name = "FILE")]
    audit_key: Option<PathBuf>,
}

impl Database {
    /// The address.
    pub(crate) fn url(&self) -> &str {
        &self.database
    }

    fn key_path(&self) -> PathBuf {
        self.audit_key.clone().unwrap_or_else(|| match sqlite_path(&self.database) {
            Some(file) => {
                let mut name = file.into_os_string();
                name.push(".audit-key");
                name.into()
            }
            None => "regimen.audit-key".into(),
        })
    }

    /// The key; made when there is none, unless a SQLite database is there already: a second key would make its log one of
    /// two halves.
    pub(crate) fn key(&self) -> Result<AuditKey, CliError> {
        let path = self.key_path();
        let begun =
            sqlite_path(&self.database).is_some_and(|file| std::fs::metadata(file).is_ok_and(|found| found.len() > 0));
        if begun { Ok(AuditKey::read(&path)?) } else { Ok(AuditKey::read_or_create(&path)?) }
    }

    /// Runs `work` on the opened store.
    pub(crate) fn with<T>(&self, work: impl AsyncFnOnce(&Store) -> Result<T, CliError>) -> Result<T, CliError> {
        let key = self.key()?;
        web::block_on(async move {
            let store = Store::open(&self.database, key).await?;
            let done = work(&store).await;
            store.close().await;
            done
        })
    }

    /// As [`Database::with`], for commands that only read: neither database nor key are made.
    pub(crate) fn with_existing<T>(
        &self,
        work: impl AsyncFnOnce(&Store) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        if let Some(file) = sqlite_path(&self.database).filter(|file| !file.is_file()) {
            return Err(CliError::Usage(format!("--database: expected a database, found no file {}", file.display())));
        }
        AuditKey::read(&self.key_path())?;
        self.with(work)
    }
}
