//! The part of `schema` that the readers need.

#[path = "../../src/schema/violation.rs"]
mod violation;
pub use violation::Violation;
