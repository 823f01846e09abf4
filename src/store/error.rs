use std::path::PathBuf;

use thiserror::Error as ThisError;

/// Why the store could not answer; a variant names the rule, never a person or a patient.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A database address of another kind.
    #[error("database: expected sqlite:PATH or postgres://…, found scheme `{found}`")]
    Scheme {
        /// The part before the colon.
        found: String,
    },
    /// The database could not be opened.
    #[error("the database could not be opened")]
    Open {
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    /// A migration failed; nothing of it was kept.
    #[error("migration {version} failed")]
    Migration {
        /// Number of the migration.
        version: i64,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A database written by a later program.
    #[error("the database is at version {found}, this program knows {known}")]
    Newer {
        /// Version in the database.
        found: i64,
        /// Latest migration of this program.
        known: i64,
    },
    /// A file beside the database could not be read or made.
    #[error("{path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A key file that cannot be a key.
    #[error("audit key {path}: {rule}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The broken rule.
        rule: String,
    },
    /// A login in another form.
    #[error("login: {rule}")]
    Login {
        /// The broken rule.
        rule: &'static str,
    },
    /// A name in another form.
    #[error("name: {rule}")]
    Name {
        /// The broken rule.
        rule: &'static str,
    },
    /// A password that is too weak.
    #[error("password: {rule}")]
    Password {
        /// The broken rule.
        rule: &'static str,
    },
    /// The login is in use.
    #[error("this login is in use")]
    Taken,
    /// No such person.
    #[error("no such person")]
    NoPerson,
    /// The change would leave nobody who may manage people.
    #[error("this would leave no administrator")]
    LastAdministrator,
    /// One's own account is changed by somebody else.
    #[error("one's own account can only be changed by another administrator")]
    Own,
    /// A set-up code that is wrong, used or too old, or a database that has people already.
    #[error("the set-up code is not valid")]
    SetupCode,
    /// A value in the database that this program cannot have written.
    #[error("{table}.{column}: a value this program does not know")]
    Stored {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A password could not be hashed.
    #[error("a password could not be hashed")]
    Hashing,
    /// The audit log is damaged.
    #[error("the audit log is damaged: {found}")]
    Damaged {
        /// The first damage.
        found: String,
    },
    /// A change that somebody else made first.
    #[error("somebody else changed this first")]
    Conflict,
}

impl Error {
    /// True when the database is gone or overloaded, so that trying again may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Database(source) => match source {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                // SQLite: busy, locked, cannot open, full, input/output; PostgreSQL: connection, resources, shutdown, lock.
                sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                    let code: &str = &code;
                    let sqlite = code.parse::<i64>().is_ok_and(|code| [5, 6, 8, 10, 13, 14].contains(&(code & 0xff)));
                    let postgres =
                        ["08", "53", "57", "55"].iter().any(|class| code.len() == 5 && code.starts_with(class));
                    if code.len() == 5 { postgres } else { sqlite }
                }),
                _ => false,
            },
            _ => false,
        }
    }
}
