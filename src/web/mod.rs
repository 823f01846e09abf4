//! The pages over HTTP, for one person on their own machine.
//!
//! Lives here: the actix application, the table of its routes, headers, the loopback rule and the wording of HTTP
//! errors. May import terms, study, report and store; actix enters only here. Deliberately absent: sign-in, which is
//! why nothing but a loopback address is ever served, and every computation on a patient.

mod app;
mod error;
mod guard;
mod headers;
mod pages;
pub mod routes;
mod serve;
mod what_if;

pub use app::{App, IndexPage, ReportSource, SourceError, WhatIf};
pub use error::Error;
pub use headers::content_security_policy;
pub use serve::{serve, serve_with};

#[cfg(test)]
mod tests;
