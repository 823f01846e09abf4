//! Treatment options as data: who may have one, what trials published about it, and its quantified harms.
//!
//! Files of `data-schemas/options` become an [`OptionSet`]; every number in them carries its citation and whether it was
//! read in the source (`verified`) or is recalled. Deliberately absent: what the numbers mean for one patient
//! (`decide::benefit`).

mod check;
mod effect;
mod eligibility;
mod harm;
mod set;

pub use effect::{Effect, EffectMeasure, Endpoint, LogRatio, PcrDefinition, Period, Rate, RateOf, Recalled, TimeZero};
pub use eligibility::{Condition, Eligibility, Quantity, RuleVerdict, Truth};
pub use harm::Harm;
pub use set::{Class, DecisionPoint, Her2Rule, Listed, NearestArm, OptionSet, TreatmentOption};
