//! The pages over HTTP.
//!
//! Lives here: the actix application, the table of its routes, sign-in and rights, headers, and the wording of HTTP
//! errors. May import terms, study, report and store; actix and openidconnect enter only here. Deliberately absent:
//! every computation on a patient, and SQL.

mod answer;
pub mod api;
mod app;
mod audit_page;
pub mod auth;
pub mod board;
pub mod cds;
mod error;
mod exports;
mod guard;
mod headers;
pub mod layout;
mod models;
mod moment;
mod operations;
mod pages;
mod people;
mod rendered;
pub mod routes;
mod serve;
mod services;
mod tokens;
mod what_if;

pub use app::{App, IndexPage, ReportSource, Security, SourceError, WhatIf};
pub use error::Error;
pub use headers::content_security_policy;
pub use serve::{Start, block_on, serve};
pub use services::Services;

#[cfg(test)]
pub(crate) mod browser;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
