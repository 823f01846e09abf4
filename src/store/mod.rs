//! People, sessions, cases, decisions and their audit, in SQLite or PostgreSQL.
//!
//! Lives here: the one database behind the server, its migrations, who may do what, and the append-only audit log. May
//! import `terms` and `report`; sqlx and argon2 enter only here. Deliberately absent: HTTP, cookies and pages. Every
//! statement is written once for both databases; only triggers differ.

mod action;
pub mod audit;
pub mod board;
mod clock;
mod error;
mod flows;
mod identities;
mod limits;
mod migrate;
mod open;
mod password;
mod people;
mod random;
mod role;
mod sessions;
mod sign_in;

pub use action::Action;
pub use audit::{AuditKey, AuditPlace};
pub use error::Error;
pub use identities::Identity;
pub use limits::{MAX_ADDRESS_FAILURES, MAX_FAILURES, Refusal};
pub use open::{Backend, Store, sqlite_path};
pub use password::{HashedPassword, MIN_PASSWORD, check_password};
pub use people::{Account, NewPerson, Person};
pub use random::new_secret;
pub use role::{Right, Role};
pub use sessions::{ABSOLUTE_MS, IDLE_MS, Session};
pub use sign_in::{SignInAnswer, SignInTry};

pub(in crate::store) use clock::now_ms;
pub(in crate::store) use random::new_id;

#[cfg(test)]
pub(crate) mod tests;
