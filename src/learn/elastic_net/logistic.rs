//! Elastic-net logistic regression.

use serde::{Deserialize, Serialize};

use super::linear_score::LinearScore;
use super::newton::Loss;
use super::path::fit_path;
use super::standardise::{dot, unit_weights};
use super::{ElasticNetParams, ElasticNetPath, LambdaGrid};
use crate::learn::{BinaryModel, DesignMatrix, Error};
use crate::stats::logistic::log1p_exp;
use crate::stats::{self, expit};

/// Mean log loss of outcomes on the logit scale; `weights` sum to 1.
struct LogisticLoss<'a> {
    y: &'a [bool],
    weights: &'a [f64],
}

#[derive(Default)]
struct Point {
    residual: Vec<f64>,
    curvature: Vec<f64>,
}

impl Loss for LogisticLoss<'_> {
    type Point = Point;
    const INTERCEPT: bool = true;

    fn evaluate(&self, eta: &[f64], point: &mut Point) -> f64 {
        point.residual.clear();
        point.curvature.clear();
        let mut value = 0.0;
        for ((&eta, &event), &weight) in eta.iter().zip(self.y).zip(self.weights) {
            // From both tails, so that neither probability rounds to zero early.
            let (p, q) = (expit(eta), expit(-eta));
            point.residual.push(weight * if event { q } else { -p });
            point.curvature.push(weight * p * q);
            value += weight * log1p_exp(if event { -eta } else { eta });
        }
        value
    }

    fn residual<'a>(&self, point: &'a Point) -> &'a [f64] {
        &point.residual
    }

    fn hessian(&self, point: &Point, columns: &[&[f64]], into: &mut Vec<f64>) {
        weighted_gram(columns, &point.curvature, into);
    }

    fn saturated(&self) -> f64 {
        0.0
    }

    fn no_minimum(_column: usize) -> stats::Error {
        stats::Error::Separated
    }
}

/// Σᵢ wᵢ xᵢⱼ xᵢₖ of every pair of columns, row-major.
pub(super) fn weighted_gram(columns: &[&[f64]], weights: &[f64], into: &mut Vec<f64>) {
    let size = columns.len();
    into.clear();
    into.resize(size * size, 0.0);
    let mut weighted = vec![0.0; weights.len()];
    for (j, column) in columns.iter().enumerate() {
        weighted.iter_mut().zip(*column).zip(weights).for_each(|((to, x), weight)| *to = x * weight);
        for (k, other) in columns.iter().enumerate().take(j + 1) {
            let sum = dot(&weighted, other);
            into[j * size + k] = sum;
            into[k * size + j] = sum;
        }
    }
}

/// Returns the elastic-net logistic fits of `y` on `x` along the penalties of `params`.
///
/// Minimises −Σ wᵢ ln P(yᵢ) / Σ wᵢ + λ Σⱼ fⱼ (α |βⱼ| + ½ (1 − α) βⱼ²) with an unpenalised intercept, over columns
/// standardised to (weighted) mean 0 and population standard deviation 1. `weights` are one per row, above 0; `None`
/// is 1 for all. Separated classes are fitted as well: the penalty keeps the coefficients finite.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::OneClass`] below two patients in a class, [`Error::NotFinite`],
/// [`Error::NothingVaries`], [`Error::Parameter`], [`Error::Width`] for penalty factors of another number, and
/// [`Error::Stats`] for weights or where no maximum exists (an unpenalised column that separates).
///
/// # Source
/// Friedman, Hastie & Tibshirani 2010 (the objective, R's glmnet); Lee, Sun & Saunders 2014 (proximal Newton);
/// Tibshirani et al. 2012 (strong rules).
pub fn logistic_path(
    x: &DesignMatrix,
    y: &[bool],
    weights: Option<&[f64]>,
    params: &ElasticNetParams,
) -> Result<ElasticNetPath, Error> {
    if y.len() != x.n_rows {
        return Err(Error::LengthMismatch { expected: x.n_rows, found: y.len() });
    }
    let n_events = y.iter().filter(|&&event| event).count();
    let n_others = y.len() - n_events;
    if n_events < 2 || n_others < 2 {
        return Err(Error::OneClass { n_events, n_others });
    }
    let weights = unit_weights(weights, x.n_rows)?;
    let order: Vec<usize> = (0..x.n_rows).collect();
    fit_path(x, &LogisticLoss { y, weights: &weights }, &weights, &order, params)
}

/// An elastic-net logistic regression of one penalty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticNet {
    alpha: f64,
    lambda: f64,
    /// Logit at the column means.
    base: f64,
    score: LinearScore,
}

impl LogisticNet {
    /// Fits the one penalty `lambda`; the grid of `params` is not used.
    ///
    /// # Errors
    /// As [`logistic_path`].
    pub fn fit(
        x: &DesignMatrix,
        y: &[bool],
        weights: Option<&[f64]>,
        lambda: f64,
        params: &ElasticNetParams,
    ) -> Result<Self, Error> {
        let params = ElasticNetParams { lambda: LambdaGrid::Given(vec![lambda]), ..params.clone() };
        Self::from_path(&logistic_path(x, y, weights, &params)?, 0)
    }

    /// The model of penalty number `index`, from 0, of a path from [`logistic_path`].
    ///
    /// # Errors
    /// [`Error::Parameter`] past the last penalty.
    pub fn from_path(path: &ElasticNetPath, index: usize) -> Result<Self, Error> {
        let (lambda, score) = LinearScore::from_path(path, index)?;
        let intercept = path.intercept.get(index).copied().unwrap_or(0.0);
        Ok(Self { alpha: path.alpha, lambda, base: intercept + dot(score.coef(), score.mean()), score })
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

    /// Logit at columns of value 0.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.base - dot(self.score.coef(), self.score.mean())
    }

    /// Logits of the rows of `x`, higher for the event.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::Weights`] for other columns than those of the fit, [`Error::NotFinite`].
    pub fn logits(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        Ok(self.score.of(x)?.into_iter().map(|score| self.base + score).collect())
    }

    /// Per row, βⱼ (xⱼ − meanⱼ) of each column and the logit at the means last; their sum is the logit.
    ///
    /// # Errors
    /// As [`LogisticNet::logits`].
    pub fn contributions(&self, x: &DesignMatrix) -> Result<Vec<Vec<f64>>, Error> {
        self.score.contributions(x, self.base)
    }
}

impl BinaryModel for LogisticNet {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        Ok(self.logits(x)?.into_iter().map(expit).collect())
    }
}
