//! Elastic-net Cox regression: the partial likelihood and its path.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::logistic::weighted_gram;
use super::newton::Loss;
use super::path::fit_path;
use super::standardise::{dot, unit_weights};
use super::{ElasticNetParams, ElasticNetPath};
use crate::learn::{DesignMatrix, Error};
use crate::stats::{self, Survival};

/// How events at one time share their risk set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoxTies {
    /// The l-th of m tied events sees the others of them with weight 1 − l/m, l = 0 … m − 1 (Efron 1977).
    #[default]
    Efron,
    /// Every tied event sees the whole risk set (Breslow 1974), as glmnet and scikit-survival do.
    Breslow,
}

/// One logarithm of the partial likelihood: that of a risk set, less a fraction of the events tied in it.
struct Term {
    fraction: f64,
    weight: f64,
}

/// The events at one time; rows `events.start..` are at risk.
struct TiedEvents {
    events: Range<usize>,
    terms: Range<usize>,
}

/// Mean negative log partial likelihood; rows ascend in time, events before censorings.
pub(super) struct CoxLoss {
    order: Vec<usize>,
    /// Of sum 1, in the order of the loss.
    weights: Vec<f64>,
    event: Vec<bool>,
    groups: Vec<TiedEvents>,
    terms: Vec<Term>,
}

#[derive(Default)]
pub(super) struct CoxPoint {
    residual: Vec<f64>,
    /// wᵢ exp(ηᵢ − shift).
    risk: Vec<f64>,
    /// Riskᵢ times the cumulative hazard that row i has lived through.
    curvature: Vec<f64>,
    /// Sum of the risks of each term.
    at_risk: Vec<f64>,
}

impl CoxLoss {
    /// `weights` sum to 1 and follow the rows of `survival`.
    pub(super) fn new(survival: &Survival, weights: &[f64], ties: CoxTies) -> Self {
        let order = survival.order();
        let event: Vec<bool> = order.iter().map(|&row| survival.event()[row]).collect();
        let time: Vec<f64> = order.iter().map(|&row| survival.event_time()[row]).collect();
        let weights: Vec<f64> = order.iter().map(|&row| weights[row]).collect();
        let (mut groups, mut terms) = (Vec::new(), Vec::new());
        let mut first = 0;
        while first < time.len() {
            let same = time[first..].iter().take_while(|&&other| other == time[first]).count();
            let n_events = event[first..first + same].iter().filter(|&&event| event).count();
            if n_events > 0 {
                let events = first..first + n_events;
                let weight: f64 = weights[events.clone()].iter().sum();
                let first_term = terms.len();
                match ties {
                    CoxTies::Breslow => terms.push(Term { fraction: 0.0, weight }),
                    CoxTies::Efron => terms.extend(
                        (0..n_events)
                            .map(|l| Term { fraction: l as f64 / n_events as f64, weight: weight / n_events as f64 }),
                    ),
                }
                groups.push(TiedEvents { events, terms: first_term..terms.len() });
            }
            first += same;
        }
        Self { order, weights, event, groups, terms }
    }

    /// Row of the data behind each row of the loss.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Mean deviance, 2 (saturated − log partial likelihood) / Σ w, at linear predictors in the order of the data.
    pub(super) fn deviance(&self, linear_predictor: &[f64]) -> f64 {
        let eta: Vec<f64> = self.order.iter().map(|&row| linear_predictor[row]).collect();
        2.0 * (self.evaluate(&eta, &mut CoxPoint::default()) - self.saturated())
    }
}

impl Loss for CoxLoss {
    type Point = CoxPoint;
    const INTERCEPT: bool = false;

    fn evaluate(&self, eta: &[f64], point: &mut CoxPoint) -> f64 {
        let CoxPoint { residual, risk, curvature, at_risk } = point;
        let shift = eta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        risk.clear();
        risk.extend(eta.iter().zip(&self.weights).map(|(eta, weight)| weight * (eta - shift).exp()));
        at_risk.clear();
        at_risk.resize(self.terms.len(), 0.0);
        let mut value = 0.0;
        let mut sum = 0.0;
        let mut next = risk.len();
        for group in self.groups.iter().rev() {
            sum += risk[group.events.start..next].iter().rev().sum::<f64>();
            next = group.events.start;
            let tied: f64 = risk[group.events.clone()].iter().sum();
            for at in group.terms.clone() {
                let term = &self.terms[at];
                let total = sum - term.fraction * tied;
                if total <= 0.0 {
                    return f64::INFINITY;
                }
                at_risk[at] = total;
                value += term.weight * (total.ln() + shift);
            }
            value -= group.events.clone().map(|row| self.weights[row] * eta[row]).sum::<f64>();
        }
        self.share_hazard(risk, at_risk, curvature);
        residual.clear();
        let events = self.event.iter().zip(&self.weights).map(|(&event, &weight)| if event { weight } else { 0.0 });
        residual.extend(events.zip(curvature.iter()).map(|(observed, expected)| observed - expected));
        value
    }

    fn residual<'a>(&self, point: &'a CoxPoint) -> &'a [f64] {
        &point.residual
    }

    /// Σ (S₂/S₀ − S₁S₁ᵀ/S₀²) over the terms: the first part is a weighted Gram matrix of the rows, the second one of
    /// the terms' mean covariates, so that the cost is two matrix products and one pass per column.
    fn hessian(&self, point: &CoxPoint, columns: &[&[f64]], into: &mut Vec<f64>) {
        weighted_gram(columns, &point.curvature, into);
        let (size, n_terms) = (columns.len(), self.terms.len());
        let mut means = vec![0.0; size * n_terms];
        let scale: Vec<f64> =
            self.terms.iter().zip(&point.at_risk).map(|(t, at_risk)| t.weight.sqrt() / at_risk).collect();
        let mut product = vec![0.0; point.risk.len()];
        for (column, means) in columns.iter().zip(means.chunks_exact_mut(n_terms.max(1))) {
            product.iter_mut().zip(*column).zip(&point.risk).for_each(|((to, x), risk)| *to = x * risk);
            let (mut sum, mut next) = (0.0, product.len());
            for group in self.groups.iter().rev() {
                sum += product[group.events.start..next].iter().sum::<f64>();
                next = group.events.start;
                let tied: f64 = product[group.events.clone()].iter().sum();
                for at in group.terms.clone() {
                    means[at] = (sum - self.terms[at].fraction * tied) * scale[at];
                }
            }
        }
        for j in 0..size {
            for k in 0..=j {
                let sum = dot(&means[j * n_terms..(j + 1) * n_terms], &means[k * n_terms..(k + 1) * n_terms]);
                into[j * size + k] -= sum;
                if k < j {
                    into[k * size + j] -= sum;
                }
            }
        }
    }

    fn saturated(&self) -> f64 {
        let tied = |group: &TiedEvents| self.weights[group.events.clone()].iter().sum::<f64>();
        let terms = |group: &TiedEvents, tied: f64| -> f64 {
            self.terms[group.terms.clone()].iter().map(|term| term.weight * (tied * (1.0 - term.fraction)).ln()).sum()
        };
        self.groups.iter().map(|group| terms(group, tied(group))).sum()
    }

    fn no_minimum(column: usize) -> stats::Error {
        stats::Error::MonotoneLikelihood { column }
    }
}

impl CoxLoss {
    /// Each row's risk times Σ weight / S₀ over the terms in whose risk sets it is, a tied event by its fractions.
    fn share_hazard(&self, risk: &[f64], at_risk: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.resize(risk.len(), 0.0);
        let mut hazard = 0.0;
        let mut groups = self.groups.iter().peekable();
        let mut row = 0;
        while row < risk.len() {
            match groups.next_if(|group| group.events.start == row) {
                Some(group) => {
                    let mut spared = 0.0;
                    for at in group.terms.clone() {
                        let term = &self.terms[at];
                        let increment = term.weight / at_risk[at];
                        hazard += increment;
                        spared += increment * term.fraction;
                    }
                    for event in group.events.clone() {
                        into[event] = risk[event] * (hazard - spared);
                    }
                    row = group.events.end;
                }
                None => {
                    into[row] = risk[row] * hazard;
                    row += 1;
                }
            }
        }
    }
}

/// Returns the elastic-net Cox fits of `survival` on `x` along the penalties of `params`.
///
/// Minimises −log partial likelihood / Σ wᵢ + λ Σⱼ fⱼ (α |βⱼ| + ½ (1 − α) βⱼ²) over columns standardised to (weighted)
/// mean 0 and population standard deviation 1. `weights` are one per row, above 0; `None` is 1 for all, so that
/// Σ wᵢ is the number of rows. A positive coefficient means earlier events.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NothingVaries`], [`Error::Parameter`],
/// [`Error::Width`] for penalty factors of another number, and [`Error::Stats`] for no events, for weights, or where
/// no maximum exists (an unpenalised column along which the likelihood keeps rising).
///
/// # Source
/// Simon, Friedman, Hastie & Tibshirani 2011 (the objective, R's glmnet with Breslow ties); Efron 1977, its weighted
/// form as in R's survival; Tibshirani et al. 2012 (strong rules).
pub fn cox_path(
    x: &DesignMatrix,
    survival: &Survival,
    weights: Option<&[f64]>,
    ties: CoxTies,
    params: &ElasticNetParams,
) -> Result<ElasticNetPath, Error> {
    let weights = check_cox(x, survival, weights)?;
    let loss = CoxLoss::new(survival, &weights, ties);
    fit_path(x, &loss, &weights, loss.order(), params)
}

/// Rows and outcomes pair up and hold an event; returns weights of sum 1.
pub(super) fn check_cox(x: &DesignMatrix, survival: &Survival, weights: Option<&[f64]>) -> Result<Vec<f64>, Error> {
    if survival.n_samples() != x.n_rows {
        return Err(Error::LengthMismatch { expected: x.n_rows, found: survival.n_samples() });
    }
    survival.require_events()?;
    unit_weights(weights, x.n_rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(ties: CoxTies) -> CoxLoss {
        let survival = Survival::new(
            vec![2.0, 5.0, 2.0, 3.0, 5.0, 5.0, 7.0, 2.0],
            vec![true, true, true, false, true, false, true, false],
        );
        let weights = [1.0, 2.0, 0.5, 1.0, 1.5, 1.0, 2.0, 1.0].map(|w| w / 10.0);
        CoxLoss::new(&survival.unwrap(), &weights, ties)
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let columns: [&[f64]; 2] =
            [&[0.3, -1.0, 2.0, 0.4, -0.7, 1.1, 0.0, 0.9], &[1.0, 0.2, 0.1, -0.4, 0.5, 0.6, -1.0, 0.0]];
        for ties in [CoxTies::Efron, CoxTies::Breslow] {
            let loss = loss(ties);
            let at = |a: f64, b: f64| {
                let eta: Vec<f64> = (0..8).map(|i| a * columns[0][i] + b * columns[1][i]).collect();
                let mut point = CoxPoint::default();
                let value = loss.evaluate(&eta, &mut point);
                let slopes = columns.map(|column| -dot(column, &point.residual));
                let mut hessian = Vec::new();
                loss.hessian(&point, &columns, &mut hessian);
                (value, slopes, hessian)
            };
            let (a, b, h) = (0.4, -0.8, 1e-5);
            let (_, slopes, hessian) = at(a, b);
            for (k, (da, db)) in [(h, 0.0), (0.0, h)].into_iter().enumerate() {
                let (up, down) = (at(a + da, b + db), at(a - da, b - db));
                assert!(((up.0 - down.0) / (2.0 * h) - slopes[k]).abs() < 1e-9);
                for j in 0..2 {
                    assert!(((up.1[j] - down.1[j]) / (2.0 * h) - hessian[k * 2 + j]).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn a_saturated_fit_reaches_deviance_zero() {
        let survival = Survival::new(vec![1.0, 1.0, 2.0, 3.0], vec![true, true, true, false]).unwrap();
        for ties in [CoxTies::Efron, CoxTies::Breslow] {
            let deviance = CoxLoss::new(&survival, &[0.25; 4], ties).deviance(&[80.0, 80.0, 40.0, 0.0]);
            assert!(deviance.abs() < 1e-14, "{deviance}");
        }
    }

    #[test]
    fn a_risk_set_that_vanishes_in_rounding_is_no_minimum() {
        let survival = Survival::new(vec![1.0, 2.0], vec![true, true]).unwrap();
        let loss = CoxLoss::new(&survival, &[0.5; 2], CoxTies::Efron);
        assert_eq!(loss.evaluate(&[2000.0, 0.0], &mut CoxPoint::default()), f64::INFINITY);
    }
}
