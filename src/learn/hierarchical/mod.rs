//! Outcomes under each arm of a trial, by a logistic regression that shrinks arms and biomarkers in groups.
//!
//! Lives here: the regression with grouped Gaussian priors ([`HierarchicalLogistic`]), its rows ([`SparseRows`]) and how
//! the variances are found ([`VarianceSearch`]); the model of arms on a base design ([`HierarchicalArms`],
//! [`HierarchicalSpec`]); and the probability of an uncertain logit ([`averaged_probability`]). May import what `learn`
//! may. Deliberately absent: which option may be shown to whom, and the outcome as it was observed in an arm
//! (`decide::Evidence`).

mod arms;
mod covariates;
mod expansion;
mod laplace;
mod lines;
mod logistic;
mod probability;
mod sparse_rows;
mod spec;
#[cfg(test)]
mod tests;
mod variances;

pub use arms::HierarchicalArms;
pub use laplace::{LaplacePosterior, Posterior};
pub use logistic::HierarchicalLogistic;
pub use probability::averaged_probability;
pub use sparse_rows::SparseRows;
pub use spec::HierarchicalSpec;
pub use variances::VarianceSearch;
