//! An elastic-net Cox model of one penalty, with the baseline hazard that turns scores into survival.

use serde::{Deserialize, Serialize};

use super::cox::{CoxTies, check_cox, cox_path};
use super::linear_score::LinearScore;
use super::{ElasticNetParams, ElasticNetPath, LambdaGrid};
use crate::learn::{DesignMatrix, Error, SurvivalModel};
use crate::stats::{StepFunction, Survival, SurvivalCurves};

/// An elastic-net Cox regression of one penalty.
///
/// The risk score is Σⱼ βⱼ (xⱼ − meanⱼ), higher for earlier events; S(t | x) = exp(−H₀(t) exp(risk score)), H₀ being
/// Breslow's cumulative hazard of the training rows at their mean columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoxNet {
    alpha: f64,
    lambda: f64,
    score: LinearScore,
    cum_hazard: StepFunction,
}

impl CoxNet {
    /// Fits the one penalty `lambda`; the grid of `params` is not used.
    ///
    /// # Errors
    /// As [`cox_path`], and as [`CoxNet::from_path`].
    pub fn fit(
        x: &DesignMatrix,
        survival: &Survival,
        weights: Option<&[f64]>,
        ties: CoxTies,
        lambda: f64,
        params: &ElasticNetParams,
    ) -> Result<Self, Error> {
        let params = ElasticNetParams { lambda: LambdaGrid::Given(vec![lambda]), ..params.clone() };
        Self::from_path(&cox_path(x, survival, weights, ties, &params)?, 0, x, survival, weights)
    }

    /// The model of penalty number `index`, from 0, of a path from [`cox_path`] on these same rows.
    ///
    /// # Errors
    /// [`Error::Parameter`] past the last penalty, [`Error::LengthMismatch`], [`Error::Width`],
    /// [`Error::NotFinite`], [`Error::Stats`] for no events, for weights, or when a hazard is past the largest number.
    ///
    /// # Source
    /// Breslow 1972; R's `survfit(coxph(…, ties = "breslow"))` at the column means.
    pub fn from_path(
        path: &ElasticNetPath,
        index: usize,
        x: &DesignMatrix,
        survival: &Survival,
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let (lambda, score) = LinearScore::from_path(path, index)?;
        let weights = check_cox(x, survival, weights)?;
        let cum_hazard = breslow(survival, &weights, &score.of(x)?)?;
        Ok(Self { alpha: path.alpha, lambda, score, cum_hazard })
    }

    /// The α of the fit.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The λ of the fit.
    #[must_use]
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Columns, means and coefficients.
    #[must_use]
    pub fn score(&self) -> &LinearScore {
        &self.score
    }

    /// Cumulative hazard at the mean columns.
    #[must_use]
    pub fn cum_hazard(&self) -> &StepFunction {
        &self.cum_hazard
    }

    /// Per row, βⱼ (xⱼ − meanⱼ) of each column and 0, the score at the means, last; their sum is the risk score.
    ///
    /// # Errors
    /// As [`LinearScore::of`].
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        self.score.contributions(x, 0.0)
    }
}

impl SurvivalModel for CoxNet {
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.score.of(x)
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        let scores = self.score.of(x)?;
        let hazards: Vec<f64> = times.iter().map(|&time| self.cum_hazard.at(time)).collect();
        // Before the first event H₀ is 0, and so is the hazard of any score.
        let survival = |hazard: f64, score: f64| if hazard > 0.0 { (-hazard * score.exp()).exp() } else { 1.0 };
        let values = scores.iter().flat_map(|&score| hazards.iter().map(move |&hazard| survival(hazard, score)));
        Ok(SurvivalCurves::new(times.to_vec(), x.n_rows, values.collect())?)
    }
}

/// Breslow's cumulative hazard at score 0: at each event time, events over the sum of exp(score) of those at risk.
fn breslow(survival: &Survival, weights: &[f64], scores: &[f64]) -> Result<StepFunction, Error> {
    let shift = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut at_risk = 0.0;
    // From the last row to the first: (time, events, sum of the risks).
    let mut steps: Vec<(f64, f64, f64)> = Vec::new();
    for row in survival.order().into_iter().rev() {
        at_risk += weights[row] * (scores[row] - shift).exp();
        let time = survival.event_time()[row];
        if survival.event()[row] {
            match steps.last_mut().filter(|step| step.0 == time) {
                Some(step) => *step = (time, step.1 + weights[row], at_risk),
                None => steps.push((time, weights[row], at_risk)),
            }
        }
    }
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let mut hazard = 0.0;
    for (time, events, at_risk) in steps.into_iter().rev() {
        // In logarithms, since the shift alone may overflow.
        hazard += (events.ln() - at_risk.ln() - shift).exp();
        if !f64::is_finite(hazard) {
            return Err(crate::stats::Error::NotFinite { index: values.len() }.into());
        }
        times.push(time);
        values.push(hazard);
    }
    Ok(StepFunction { before: 0.0, times, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_scores_breslow_is_nelson_aalen() {
        let survival = Survival::new(vec![3.0, 1.0, 2.0, 2.0, 2.0], vec![true, true, true, false, true]).unwrap();
        let hazard = breslow(&survival, &[0.2; 5], &[0.0; 5]).unwrap();
        assert_eq!(hazard.times, [1.0, 2.0, 3.0]);
        for (found, expected) in hazard.values.iter().zip([0.2, 0.7, 1.7]) {
            assert!((found - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn scores_multiply_the_risk_sets() {
        let (two, three) = (2.0_f64.ln(), 3.0_f64.ln());
        let survival = Survival::new(vec![1.0, 2.0, 3.0], vec![true, false, true]).unwrap();
        let hazard = breslow(&survival, &[1.0 / 3.0; 3], &[two, 0.0, three]).unwrap();
        assert!((hazard.values[0] - 1.0 / 6.0).abs() < 1e-15 && (hazard.values[1] - 0.5).abs() < 1e-15);
    }
}
