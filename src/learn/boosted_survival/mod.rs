//! Boosted trees for right-censored times (hessboost): proportional hazards and accelerated failure time.
//!
//! A boosted model fits its own training rows too well, so a baseline hazard read off those rows makes survival
//! curves that are too steep. Both models here take their curves from scores of rows that the trees had not seen:
//! an inner cross-fitting, a slope that shrinks over-confident scores, and a baseline on the shrunken scores.

mod aft;
mod baseline;
mod cox;
mod location_scale;
mod risk_sets;
mod trees;

pub use aft::{BoostedAft, BoostedAftParams};
pub use cox::BoostedCox;
pub use location_scale::TimeDistribution;
pub use trees::BoostedSurvivalParams;
