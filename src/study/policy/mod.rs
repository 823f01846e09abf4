//! The estimated response rate if each patient had received what a rule names, beside the observed rate.
//!
//! Lives here: the specification ([`PolicySpec`]), the run ([`evaluate_policies`]) that fits the response model and
//! learns every rule on the training rows of each fold and values it on the others, and the result
//! ([`PolicyReport`]). The arithmetic is that of `decide::policy`. Deliberately absent: a recommendation.

mod effects;
mod folds;
mod result;
mod run;
mod spec;
mod trial;

pub use result::{
    ArmEffect, CellChoice, EvaluatedPolicies, NamedDifference, PlainArithmetic, PolicyReport, ValuedPolicy, Variant,
    VariantResult,
};
pub use run::evaluate_policies;
pub use spec::{PolicyRule, PolicySpec};
