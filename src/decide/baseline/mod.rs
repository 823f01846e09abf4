//! Survival without adjuvant treatment: cause-specific hazards of death from breast cancer and from other causes.
//!
//! Lives here: the rows it is fitted on ([`BaselineRows`]), the published effects of the treatments that those women
//! received, which enter as fixed offsets ([`TreatmentEffect`]), the fit ([`SurvivalBaseline::fit`]) with its choice
//! among few candidates, bootstrap draws that carry the uncertainty of coefficients, baselines and offsets together,
//! the prediction ([`SurvivalBaseline::hazards`]), the carrying of old hazards to a later year ([`EraRecalibration`]),
//! cross-validation ([`cross_validate`], [`group_calibration`]) and PREDICT on the same women ([`predict_comparator`]).
//!
//! Hazards: λ_breast(t | x) = λ₀(t; ER) exp(xβ(t) + Σ received log HR(t)), λ_other(t | x) = λ₀(t) exp(s(age)). With the
//! offsets fixed, λ₀ exp(xβ) is what the published effects leave for surgery alone: it is as right as they are, and
//! nothing of treatment is learned from these non-randomised women. Deliberately absent: estimated treatment effects,
//! except [`observational_coefficients`], which exists to show in the docs what they would have said.

mod candidates;
mod cause_model;
mod comparator;
mod effects;
mod era;
mod evaluate;
mod fit;
mod groups;
mod hazard;
mod impute;
mod inputs;
mod naive;
mod predict;
mod rows;
#[cfg(test)]
mod tests;
mod typical;

pub use candidates::{Candidate, candidates};
pub use cause_model::CauseModel;
pub use comparator::{PredictComparator, predict_comparator};
pub use effects::{PERIOD_ENDS, Population, Treatment, TreatmentEffect, published_effects, received_log_hr};
pub use era::{EraRecalibration, EraShift};
pub use evaluate::{
    CrossValidated, Discrimination, HORIZONS, Predicted, RepeatedPrediction, cross_validate, discrimination,
    paired_discrimination,
};
pub use fit::{BaselineOptions, Draw, SurvivalBaseline};
pub use groups::{GroupCalibration, group_calibration, groups_before_treatment};
pub use hazard::{LogHazard, N_STEPS, STEP_YEARS, grid};
pub use impute::GaussianImputer;
pub use inputs::{Column, ExpressionFeatures, Input, Intrinsic};
pub use naive::{ObservationalCoefficient, observational_coefficients};
pub use predict::{BaselineDraw, BaselinePrediction};
pub use rows::{BaselineRows, Exclusion};
