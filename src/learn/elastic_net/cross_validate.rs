//! The choice of α and λ in given folds.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cox::{CoxLoss, CoxTies, check_cox, cox_path};
use super::logistic::logistic_path;
use super::standardise::unit_weights;
use super::{ElasticNetParams, ElasticNetPath, LambdaGrid};
use crate::learn::{DesignMatrix, Error};
use crate::stats::logistic::log1p_exp;
use crate::stats::{self, Survival};

/// Cross-validated deviances of one α along the path of all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidatedAlpha {
    /// The fits on all rows, whose penalties every fold used.
    pub path: ElasticNetPath,
    /// Mean deviance of each penalty over the folds, lower is better.
    pub deviance: Vec<f64>,
    /// Standard error of that mean, from the spread of the folds.
    pub standard_error: Vec<f64>,
    /// Position of the largest penalty of least deviance.
    pub index_min: usize,
    /// Position of the largest penalty whose deviance is within one standard error of the least.
    pub index_1se: usize,
}

impl CrossValidatedAlpha {
    fn new(path: ElasticNetPath, folds: &[Fold]) -> Result<Self, Error> {
        let total: f64 = folds.iter().map(|fold| fold.weight).sum();
        let mean = |at: usize| folds.iter().map(|fold| fold.weight * fold.deviance[at]).sum::<f64>() / total;
        let deviance: Vec<f64> = (0..path.lambda.len()).map(mean).collect();
        let error = |(at, mean): (usize, &f64)| {
            let squares: f64 = folds.iter().map(|fold| fold.weight * (fold.deviance[at] - mean).powi(2)).sum();
            (squares / total / (folds.len() as f64 - 1.0)).sqrt()
        };
        let standard_error: Vec<f64> = deviance.iter().enumerate().map(error).collect();
        // Held-out values so far out that a risk set vanishes in rounding.
        if let Some(index) = deviance.iter().zip(&standard_error).position(|(a, b)| !(a.is_finite() && b.is_finite())) {
            return Err(stats::Error::NotFinite { index }.into());
        }
        let least = deviance.iter().copied().fold(f64::INFINITY, f64::min);
        let first_within = |limit: f64| deviance.iter().position(|&value| value <= limit).unwrap_or(0);
        let index_min = first_within(least);
        let index_1se = first_within(least + standard_error.get(index_min).copied().unwrap_or(0.0));
        Ok(Self { path, deviance, standard_error, index_min, index_1se })
    }

    /// Least mean deviance.
    #[must_use]
    pub fn least_deviance(&self) -> f64 {
        self.deviance.get(self.index_min).copied().unwrap_or(f64::INFINITY)
    }

    /// The penalty of least deviance.
    #[must_use]
    pub fn lambda_min(&self) -> f64 {
        self.path.lambda.get(self.index_min).copied().unwrap_or(f64::INFINITY)
    }

    /// The largest penalty within one standard error of the least deviance.
    #[must_use]
    pub fn lambda_1se(&self) -> f64 {
        self.path.lambda.get(self.index_1se).copied().unwrap_or(f64::INFINITY)
    }
}

/// Cross-validated deviances of every candidate α, in the order asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidated {
    /// One per α, at least one.
    pub candidates: Vec<CrossValidatedAlpha>,
    /// Position of the candidate with the least deviance, the first of equals.
    pub best: usize,
}

impl CrossValidated {
    /// The candidate of least deviance.
    #[must_use]
    pub fn best(&self) -> Option<&CrossValidatedAlpha> {
        self.candidates.get(self.best)
    }
}

/// What one held-out fold says: a deviance per penalty, and how much it counts.
struct Fold {
    weight: f64,
    deviance: Vec<f64>,
}

/// Returns the cross-validated log loss (twice, per patient) of elastic-net logistic fits in the folds `fold_of`.
///
/// Every α of `alphas` (then `params.alpha` is not used) gets its own path. Folds are fitted in parallel, and the result
/// does not depend on the number of threads. Columns are standardised within the rows outside each fold.
///
/// # Errors
/// [`Error::Stats`] for fewer than two folds or a fold label per row missing, [`Error::OneClass`] when the rows outside
/// a fold hold fewer than two patients of a class, and as [`logistic_path`].
///
/// # Source
/// R's `cv.glmnet(family = "binomial", type.measure = "deviance", grouped = TRUE, lambda = …)`, without its clamp of
/// probabilities to \[1e-5, 1 − 1e-5\].
pub fn cross_validate_logistic(
    x: &DesignMatrix,
    y: &[bool],
    weights: Option<&[f64]>,
    params: &ElasticNetParams,
    alphas: &[f64],
    fold_of: &[usize],
) -> Result<CrossValidated, Error> {
    let splits = splits(x.n_rows, fold_of)?;
    let fit = |params: &ElasticNetParams| logistic_path(x, y, weights, params);
    cross_validate(params, alphas, &splits, fit, |split, params| {
        let pick = |rows: &[usize]| -> Vec<bool> { rows.iter().map(|&row| y[row]).collect() };
        let outside = at(weights, &split.outside);
        let path = logistic_path(&x.select(&split.outside), &pick(&split.outside), outside.as_deref(), params)?;
        let (held_out, events) = (x.select(&split.inside), pick(&split.inside));
        let counts = at(weights, &split.inside).unwrap_or_else(|| vec![1.0; events.len()]);
        let weight: f64 = counts.iter().sum();
        let deviance = path.coef.iter().zip(&path.intercept).map(|(coef, intercept)| {
            let logits = linear_predictors(&held_out, coef);
            let losses = logits.iter().zip(&events).map(|(logit, &event)| {
                let logit = intercept + logit;
                log1p_exp(if event { -logit } else { logit })
            });
            2.0 * losses.zip(&counts).map(|(loss, count)| loss * count).sum::<f64>() / weight
        });
        Ok(Fold { weight, deviance: deviance.collect() })
    })
}

/// Returns the cross-validated partial-likelihood deviance (per event) of elastic-net Cox fits in the folds `fold_of`.
///
/// A fold's deviance is that of all rows less that of the rows outside it, both at the coefficients fitted outside it, so
/// that small folds have full risk sets. Every α of `alphas` (then `params.alpha` is not used) gets its own path. Folds
/// are fitted in parallel, and the result does not depend on the number of threads.
///
/// # Errors
/// [`Error::Stats`] for fewer than two folds, a fold label per row missing, or a fold without events, and as
/// [`cox_path`].
///
/// # Source
/// Verweij & van Houwelingen 1993; R's `cv.glmnet(family = "cox", grouped = TRUE, lambda = …)`, with Breslow ties.
pub fn cross_validate_cox(
    x: &DesignMatrix,
    survival: &Survival,
    weights: Option<&[f64]>,
    ties: CoxTies,
    params: &ElasticNetParams,
    alphas: &[f64],
    fold_of: &[usize],
) -> Result<CrossValidated, Error> {
    let splits = splits(x.n_rows, fold_of)?;
    let unit = check_cox(x, survival, weights)?;
    let total: f64 = weights.map_or(x.n_rows as f64, |weights| weights.iter().sum());
    let all_rows = CoxLoss::new(survival, &unit, ties);
    let fit = |params: &ElasticNetParams| cox_path(x, survival, weights, ties, params);
    let n_folds = splits.len();
    cross_validate(params, alphas, &splits, fit, |split, params| {
        let observed = split.inside.iter().filter(|&&row| survival.event()[row]);
        let weight: f64 = observed.map(|&row| weights.map_or(1.0, |weights| weights[row])).sum();
        if weight == 0.0 {
            return Err(stats::Error::FoldOfOneClass { fold: split.fold, n_folds }.into());
        }
        let (outside, times) = (x.select(&split.outside), survival.select(&split.outside)?);
        let outside_weights = at(weights, &split.outside);
        let path = cox_path(&outside, &times, outside_weights.as_deref(), ties, params)?;
        let outside_total = outside_weights.as_ref().map_or(outside.n_rows as f64, |weights| weights.iter().sum());
        let rest = CoxLoss::new(&times, &unit_weights(outside_weights.as_deref(), outside.n_rows)?, ties);
        let deviance = path.coef.iter().map(|coef| {
            let predictors = linear_predictors(x, coef);
            let kept: Vec<f64> = split.outside.iter().map(|&row| predictors[row]).collect();
            (total * all_rows.deviance(&predictors) - outside_total * rest.deviance(&kept)) / weight
        });
        Ok(Fold { weight, deviance: deviance.collect() })
    })
}

/// Rows of one fold and the others.
struct Split {
    fold: usize,
    inside: Vec<usize>,
    outside: Vec<usize>,
}

fn splits(n_rows: usize, fold_of: &[usize]) -> Result<Vec<Split>, Error> {
    if fold_of.len() != n_rows {
        let found = fold_of.len();
        return Err(stats::Error::LengthMismatch { what: "folds", expected: n_rows, found }.into());
    }
    let mut folds = fold_of.to_vec();
    folds.sort_unstable();
    folds.dedup();
    if folds.len() < 2 {
        return Err(stats::Error::TooFew { what: "folds", needed: 2, found: folds.len() }.into());
    }
    let split = |fold: usize| {
        let (inside, outside) = (0..n_rows).partition(|&row| fold_of[row] == fold);
        Split { fold, inside, outside }
    };
    Ok(folds.into_iter().map(split).collect())
}

/// Every α: the path of all rows, then its penalties in every fold.
fn cross_validate(
    params: &ElasticNetParams,
    alphas: &[f64],
    splits: &[Split],
    fit: impl Fn(&ElasticNetParams) -> Result<ElasticNetPath, Error> + Sync,
    hold_out: impl Fn(&Split, &ElasticNetParams) -> Result<Fold, Error> + Sync,
) -> Result<CrossValidated, Error> {
    if alphas.is_empty() {
        return Err(stats::Error::TooFew { what: "candidates of alpha", needed: 1, found: 0 }.into());
    }
    let one = |&alpha: &f64| -> Result<CrossValidatedAlpha, Error> {
        let path = fit(&ElasticNetParams { alpha, ..params.clone() })?;
        let lambda = LambdaGrid::Given(path.lambda.clone());
        let same = ElasticNetParams { alpha, lambda, penalty_factor: params.penalty_factor.clone() };
        let folds: Result<Vec<Fold>, Error> = splits.par_iter().map(|split| hold_out(split, &same)).collect();
        CrossValidatedAlpha::new(path, &folds?)
    };
    let candidates: Vec<CrossValidatedAlpha> = alphas.par_iter().map(one).collect::<Result<_, Error>>()?;
    let better = |best: usize, at: usize| {
        if candidates[at].least_deviance() < candidates[best].least_deviance() { at } else { best }
    };
    let best = (1..candidates.len()).fold(0, better);
    Ok(CrossValidated { candidates, best })
}

fn at(weights: Option<&[f64]>, rows: &[usize]) -> Option<Vec<f64>> {
    weights.map(|weights| rows.iter().filter_map(|&row| weights.get(row)).copied().collect())
}

/// Σⱼ βⱼ xⱼ of every row.
fn linear_predictors(x: &DesignMatrix, coef: &[f64]) -> Vec<f64> {
    let used: Vec<(usize, f64)> = coef.iter().copied().enumerate().filter(|(_, coef)| *coef != 0.0).collect();
    let one = |row: &[f32]| used.iter().map(|&(j, coef)| coef * f64::from(row[j])).sum();
    (0..x.n_rows).map(|row| one(x.row(row))).collect()
}
