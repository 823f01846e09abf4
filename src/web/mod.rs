//! The pages over HTTP.
//!
//! Lives here: the actix application, the table of its routes, sign-in and rights, headers, and the wording of HTTP
//! errors. May import terms, study, report and store; actix and openidconnect enter only here. Deliberately absent:
//! every computation on a patient, and SQL.

mod answer;
mod app;
mod audit_page;
pub mod auth;
pub mod board;
mod error;
mod guard;
mod headers;
pub mod layout;
mod moment;
mod pages;
mod people;
pub mod routes;
mod serve;

pub use app::{App, IndexPage, ReportSource, Security, SourceError};
pub use error::Error;
pub use headers::content_security_policy;
pub use serve::{Start, block_on, serve};

#[cfg(test)]
pub(crate) mod browser;
#[cfg(test)]
mod tests;
