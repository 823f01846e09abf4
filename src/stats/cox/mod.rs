//! Cox proportional-hazards regression: λ(t | x) = λ₀(t) exp(xβ).
//!
//! Lives here: the fit by maximum partial likelihood with Efron's or Breslow's ties ([`cox_fit`]), its baseline hazard
//! and predicted survival with intervals ([`CoxFit::survival_curves`], [`CoxFit::predict`]), the baseline of any risk
//! score ([`breslow_baseline`]), residuals ([`cox_residuals`]) and the test of proportional hazards
//! ([`proportional_hazards_test`]). Strata, case weights, delayed entry, offsets, clusters and a ridge are supported.
//!
//! Inside, rows are sorted once by stratum and falling time (`design`) and every estimate is a sum over the risk sets
//! of one backward sweep (`partial`). Deliberately absent: time-dependent coefficients, frailty, the exact
//! partial likelihood, lasso paths (see `learn`), and any number that could come back as NaN.

mod baseline;
mod design;
mod fit;
mod newton;
mod partial;
mod proportional;
mod residuals;
mod robust;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use baseline::{CoxPrediction, IntervalScale, NewPatients, StratumBaseline, breslow_baseline};
pub use fit::{ChiSquaredTest, CoxFit, CoxTerm, CoxTests, cox_fit};
pub use proportional::{ProportionalHazards, TimeTransform, proportional_hazards_test};
pub use residuals::{CoxResiduals, cox_residuals};

use super::Survival;

/// How deaths at the same time share the risk set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Ties {
    /// Tied deaths leave the risk set by fractions (Efron 1977); the default, as in R.
    #[default]
    Efron,
    /// Every tied death sees the whole risk set (Breslow 1974); the default of scikit-survival.
    Breslow,
}

/// The rows of a Cox regression; row `i` of every slice is the same patient.
#[derive(Debug, Clone, Copy)]
pub struct CoxData<'a> {
    /// Row-major `n_samples` × `n_features`.
    pub features: &'a [f64],
    /// Number of columns.
    pub n_features: usize,
    /// Event times, and whether the event was observed.
    pub survival: &'a Survival,
    /// Stratum label of each row: strata share the coefficients but not the baseline hazard.
    pub strata: Option<&'a [usize]>,
    /// Case weight of each row, above 0; leave a row out instead of giving it the weight 0.
    pub weights: Option<&'a [f64]>,
    /// Time from which each row is under observation: at risk in (entry, event time].
    pub entry: Option<&'a [f64]>,
    /// Cluster label of each row; asks for the robust covariance, with rows of a cluster counted as one.
    pub cluster: Option<&'a [usize]>,
    /// Known part of each row's linear predictor.
    pub offset: Option<&'a [f64]>,
}

impl<'a> CoxData<'a> {
    /// Plain right-censored rows without strata, weights, entry times, clusters and offset.
    #[must_use]
    pub fn new(features: &'a [f64], n_features: usize, survival: &'a Survival) -> Self {
        Self { features, n_features, survival, strata: None, weights: None, entry: None, cluster: None, offset: None }
    }
}

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CoxOptions {
    /// Treatment of tied deaths.
    pub ties: Ties,
    /// λ ≥ 0 of the penalty ½ λ Σ coef² on the features as given; 0 is plain maximum likelihood. A ridge makes the fit
    /// exist under separation and with more features than rows; scale the features first, so that it means the same
    /// for each.
    pub ridge: f64,
    /// Asks for the robust (sandwich) covariance even without clusters.
    pub robust: bool,
    /// Most Newton steps.
    pub max_iterations: usize,
    /// Newton stops once the squared decrement uᵀ I⁻¹ u is at most this: the square of the distance to the maximum in
    /// standard errors.
    pub tolerance: f64,
}

impl Default for CoxOptions {
    fn default() -> Self {
        Self { ties: Ties::Efron, ridge: 0.0, robust: false, max_iterations: 50, tolerance: 1e-20 }
    }
}
