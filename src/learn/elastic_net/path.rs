//! The path: the grid of penalties, the columns that may leave zero, and the proof that the others may not.

use super::newton::{ACCEPTED, Fit, Loss, Penalty};
use super::standardise::Standardised;
use super::{ElasticNetParams, ElasticNetPath, LambdaGrid};
use crate::learn::{DesignMatrix, Error};
use crate::stats;

/// Below this share, λ_max / α would grow without bound: glmnet's convention for ridge.
const SMALLEST_ALPHA: f64 = 1e-3;
/// A largest slope below this is rounding: no penalised column is associated with the outcome.
const NO_SLOPE: f64 = 1e-12;

/// Fits the path of `loss` on `x`. `weights` sum to 1 and follow the rows of `x`; `order[i]` is the row of `x` behind
/// row `i` of the loss.
pub(super) fn fit_path<L: Loss>(
    x: &DesignMatrix,
    loss: &L,
    weights: &[f64],
    order: &[usize],
    params: &ElasticNetParams,
) -> Result<ElasticNetPath, Error> {
    let factors = check_params(params, x.n_features())?;
    let design = Standardised::new(x, weights, order)?;
    let ones = vec![1.0; x.n_rows];
    let mut columns = design.columns();
    let mut factor: Vec<f64> = design.varying.iter().map(|&j| factors.get(j).copied().unwrap_or(1.0)).collect();
    if L::INTERCEPT {
        columns.push(&ones);
        factor.push(0.0);
    }
    let mut walk = Walk {
        fit: Fit::new(loss, &columns, &design.varying, x.n_rows),
        factor: &factor,
        alpha: params.alpha,
        slopes: vec![],
    };
    let free: Vec<usize> = (0..columns.len()).filter(|&j| factor[j] == 0.0).collect();
    let null_deviance = walk.null_model(&free)? - loss.saturated();
    let lambda_max = walk.lambda_max();
    let lambda = grid(&params.lambda, lambda_max, x.n_rows < x.n_features())?;
    let mut path = empty_path(x, &design, params.alpha);
    let mut previous = lambda_max;
    for &lambda in &lambda {
        let (kkt_residual, n_iterations) = walk.step(lambda, previous)?;
        previous = lambda.min(lambda_max);
        let deviance = walk.fit.value - loss.saturated();
        path.deviance_ratio.push(if null_deviance > 0.0 { 1.0 - deviance / null_deviance } else { 0.0 });
        path.kkt_residual.push(kkt_residual);
        path.n_iterations.push(n_iterations);
        push_coefficients(&mut path, &design, &walk.fit.coef);
    }
    path.lambda = lambda;
    Ok(path)
}

/// The settings are in their domains; returns the penalty factors.
fn check_params(params: &ElasticNetParams, n_features: usize) -> Result<&[f64], Error> {
    if !(0.0..=1.0).contains(&params.alpha) {
        return Err(Error::Parameter { what: "alpha", expected: "a share in [0, 1]", found: params.alpha });
    }
    let factors = &params.penalty_factor;
    if !factors.is_empty() && factors.len() != n_features {
        return Err(Error::Width { expected: n_features, found: factors.len() });
    }
    match factors.iter().find(|factor| !(**factor >= 0.0 && factor.is_finite())) {
        Some(&found) => {
            Err(Error::Parameter { what: "penalty factor", expected: "a finite value of at least 0", found })
        }
        None => Ok(factors),
    }
}

fn grid(grid: &LambdaGrid, lambda_max: f64, few_rows: bool) -> Result<Vec<f64>, Error> {
    match grid {
        LambdaGrid::Given(lambda) => {
            let bad = |expected, found| Err(Error::Parameter { what: "lambda", expected, found });
            if let Some(&found) = lambda.iter().find(|lambda| !(**lambda >= 0.0 && lambda.is_finite())) {
                return bad("a finite value of at least 0", found);
            }
            match lambda.windows(2).find(|pair| pair[1] >= pair[0]) {
                Some(pair) => bad("a value below the one before", pair[1]),
                None if lambda.is_empty() => {
                    Err(stats::Error::TooFew { what: "penalties", needed: 1, found: 0 }.into())
                }
                None => Ok(lambda.clone()),
            }
        }
        &LambdaGrid::Automatic { n_lambda, ratio } => {
            if n_lambda == 0 {
                return Err(stats::Error::TooFew { what: "penalties", needed: 1, found: 0 }.into());
            }
            let ratio = ratio.unwrap_or(if few_rows { 1e-2 } else { 1e-4 });
            if !(ratio > 0.0 && ratio < 1.0) {
                return Err(Error::Parameter { what: "lambda ratio", expected: "a share in (0, 1)", found: ratio });
            }
            if lambda_max <= NO_SLOPE {
                let expected = "above 0, a penalised column being associated with the outcome";
                return Err(Error::Parameter { what: "largest lambda", expected, found: lambda_max });
            }
            let share = |at: usize| at as f64 / (n_lambda.max(2) - 1) as f64;
            Ok((0..n_lambda).map(|at| lambda_max * ratio.powf(share(at))).collect())
        }
    }
}

/// A fit moving down the path.
struct Walk<'a, L: Loss> {
    fit: Fit<'a, L>,
    factor: &'a [f64],
    alpha: f64,
    /// −∂loss/∂βⱼ at the current coefficients.
    slopes: Vec<f64>,
}

impl<L: Loss> Walk<'_, L> {
    /// Fits the unpenalised columns alone and returns the null loss, which has the intercept only.
    fn null_model(&mut self, free: &[usize]) -> Result<f64, Error> {
        let unpenalised = [Penalty { l1: 0.0, l2: 0.0 }];
        if L::INTERCEPT {
            self.fit.minimise(&[self.factor.len() - 1], &unpenalised)?;
        }
        let null = self.fit.value;
        if free.len() > usize::from(L::INTERCEPT) {
            self.fit.minimise(free, &unpenalised.repeat(free.len()))?;
        }
        self.refresh_slopes();
        Ok(null)
    }

    fn refresh_slopes(&mut self) {
        self.slopes = (0..self.factor.len()).map(|j| self.fit.slope(j)).collect();
    }

    /// The smallest penalty at which the null model is optimal.
    fn lambda_max(&self) -> f64 {
        let needed = self.slopes.iter().zip(self.factor).filter(|(_, factor)| **factor > 0.0);
        needed.map(|(slope, factor)| slope.abs() / factor).fold(0.0, f64::max) / self.alpha.max(SMALLEST_ALPHA)
    }

    fn penalty(&self, column: usize, lambda: f64) -> Penalty {
        let strength = lambda * self.factor[column];
        Penalty { l1: strength * self.alpha, l2: strength * (1.0 - self.alpha) }
    }

    /// Moves from the fit at `previous` to the one at `lambda`; returns its violation and the Newton steps made.
    fn step(&mut self, lambda: f64, previous: f64) -> Result<(f64, usize), Error> {
        // Tibshirani et al. 2012, the sequential strong rule: a guess that the check below makes good.
        let strong = |j: usize| self.slopes[j].abs() >= self.penalty(j, 2.0 * lambda - previous).l1;
        let n_columns = self.factor.len();
        let mut is_working: Vec<bool> = (0..n_columns).map(|j| self.fit.coef[j] != 0.0 || strong(j)).collect();
        let mut n_iterations = 0;
        loop {
            let working: Vec<usize> = (0..n_columns).filter(|&j| is_working[j]).collect();
            let penalty: Vec<Penalty> = working.iter().map(|&j| self.penalty(j, lambda)).collect();
            n_iterations += self.fit.minimise(&working, &penalty)?;
            self.refresh_slopes();
            let violation = |j: usize| self.penalty(j, lambda).violation(self.slopes[j], self.fit.coef[j]);
            let late: Vec<usize> =
                (0..n_columns).filter(|&j| !is_working[j] && violation(j) > 0.1 * ACCEPTED).collect();
            if late.is_empty() {
                return Ok(((0..n_columns).map(violation).fold(0.0, f64::max), n_iterations));
            }
            late.into_iter().for_each(|j| is_working[j] = true);
        }
    }
}

fn empty_path(x: &DesignMatrix, design: &Standardised, alpha: f64) -> ElasticNetPath {
    ElasticNetPath {
        names: x.names.clone(),
        alpha,
        lambda: Vec::new(),
        coef: Vec::new(),
        coef_standardised: Vec::new(),
        intercept: Vec::new(),
        n_nonzero: Vec::new(),
        deviance_ratio: Vec::new(),
        kkt_residual: Vec::new(),
        n_iterations: Vec::new(),
        mean: design.mean.clone(),
        scale: design.scale.clone(),
        constant_columns: (0..x.n_features()).filter(|&j| design.scale[j] == 0.0).collect(),
    }
}

/// Adds the coefficients of the varying columns, with the intercept last where there is one.
fn push_coefficients(path: &mut ElasticNetPath, design: &Standardised, fitted: &[f64]) {
    let mut standardised = vec![0.0; path.names.len()];
    let mut coef = standardised.clone();
    let mut intercept = fitted.get(design.varying.len()).copied();
    for (&j, &value) in design.varying.iter().zip(fitted) {
        standardised[j] = value;
        coef[j] = value / design.scale[j];
        intercept = intercept.map(|at_mean| at_mean - coef[j] * design.mean[j]);
    }
    path.n_nonzero.push(coef.iter().filter(|value| **value != 0.0).count());
    path.intercept.push(intercept.unwrap_or(0.0));
    path.coef_standardised.push(standardised);
    path.coef.push(coef);
}
