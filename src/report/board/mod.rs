//! What the tumour board reads from a report: the plans that may be chosen, several of them side by side, and what was
//! expected against what was observed.

mod comparison;
mod expected;
mod plans;

pub use super::figure::percent_number;
pub use comparison::{Cell, Comparison, ComparisonRow, compare};
pub use expected::{FollowUp, Observed, follow_up};
pub use plans::{Plan, plan, plans};

#[cfg(test)]
mod tests;
