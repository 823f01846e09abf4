//! What a model's predictions rest on: permutation importance, partial dependence and grouped contributions.
//!
//! Everything here asks the model for predictions through a closure, so that any estimator can be explained.

mod attribution;
mod dependence;
mod importance;

pub use attribution::{contribution_gap, group_contributions};
pub use dependence::{PartialDependence, partial_dependence};
pub use importance::{ColumnGroup, Importance, ImportanceOptions, permutation_importance};
