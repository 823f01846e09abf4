//! Stacking: one prediction from several models, with weights learnt on their out-of-fold predictions.
//!
//! Weights are non-negative and sum to 1, so a stack never leaves the range of its models, and with few events it
//! overfits little. They are learnt on predictions that each patient got from models that had not seen her; learnt on
//! training predictions they would favour whichever model overfits most.

mod simplex;

use serde::{Deserialize, Serialize};

use self::simplex::{Local, Minimum, minimise_on_simplex};
use super::Error;
use super::calibrate::checks::{
    check_at_least, check_finite, check_length, check_probabilities, check_two_classes, check_weights,
};
use crate::stats::scores::clip_probability;
use crate::stats::{self, SurvivalCurves, expit, logit};

/// How the probabilities of several models become one, and which loss the weights minimise.
///
/// Each is convex in the weights. The Brier score of averaged logits is not, and so is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackObjective {
    /// Log loss of Σ w p.
    ProbabilityLogLoss,
    /// Brier score of Σ w p.
    ProbabilityBrier,
    /// Log loss of expit(Σ w logit p).
    LogitLogLoss,
}

impl StackObjective {
    fn averages_logits(self) -> bool {
        self == Self::LogitLogLoss
    }
}

/// Weights of several models, with what they achieve on the rows they were learnt on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackWeights {
    /// One weight per model, at least 0, summing to 1.
    pub weights: Vec<f64>,
    /// Loss of the stack on those rows.
    pub loss: f64,
    /// Loss of every model alone.
    pub losses: Vec<f64>,
    /// Upper bound on what any other weights could still gain, on those rows.
    pub duality_gap: f64,
}

impl StackWeights {
    fn new(minimum: Minimum, objective: impl Fn(&[f64]) -> Local) -> Self {
        let size = minimum.weights.len();
        let alone = |model: usize| -> f64 {
            let corner: Vec<f64> = (0..size).map(|k| if k == model { 1.0 } else { 0.0 }).collect();
            objective(&corner).value
        };
        Self {
            loss: minimum.value,
            losses: (0..size).map(alone).collect(),
            duality_gap: minimum.gap,
            weights: minimum.weights,
        }
    }
}

/// Returns equal weights for `n_models` models: the stack that learns nothing, hard to beat with few events.
///
/// # Errors
/// [`stats::Error::TooFew`] for no model.
pub fn equal_weights(n_models: usize) -> Result<Vec<f64>, Error> {
    check_at_least("models", 1, n_models)?;
    Ok(vec![1.0 / n_models as f64; n_models])
}

/// Returns the weights that minimise `objective` for outcomes `y`, `predictions[k]` holding model k's out-of-fold
/// probabilities.
///
/// Probabilities are clipped by 1e-15 where a logarithm is taken. Deterministic; the solution is proven by its duality
/// gap, at most 1e-11 of 1 + the loss. Models that predict alike share their weight.
///
/// # Errors
/// [`stats::Error::TooFew`] without models, [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`],
/// [`stats::Error::NotProbability`], [`stats::Error::OneClass`], [`stats::Error::NotConverged`].
///
/// # Source
/// Wolpert 1992; Breiman 1996 (non-negative weights); van der Laan, Polley & Hubbard 2007 (convex super learner).
pub fn stack_probabilities<P: AsRef<[f64]>>(
    y: &[bool],
    predictions: &[P],
    objective: StackObjective,
) -> Result<StackWeights, Error> {
    check_at_least("models", 1, predictions.len())?;
    for model in predictions {
        check_length("predictions", y.len(), model.as_ref().len())?;
        check_probabilities(model.as_ref())?;
    }
    check_two_classes(y)?;
    let read = |p: f64| match objective {
        StackObjective::ProbabilityLogLoss => clip_probability(p),
        StackObjective::ProbabilityBrier => p,
        StackObjective::LogitLogLoss => logit(clip_probability(p)),
    };
    let size = predictions.len();
    let rows: Vec<f64> = (0..y.len()).flat_map(|row| predictions.iter().map(move |p| read(p.as_ref()[row]))).collect();
    let local = |weights: &[f64]| binary_loss(y, &rows, weights, objective);
    Ok(StackWeights::new(minimise_on_simplex(size, local)?, local))
}

/// Mean loss, its gradient and second derivatives; every row has a loss in its pooled value m = Σ w x.
fn binary_loss(y: &[bool], rows: &[f64], weights: &[f64], objective: StackObjective) -> Local {
    let size = weights.len();
    let mut local = Local { value: 0.0, gradient: vec![0.0; size], hessian: vec![0.0; size * size] };
    let share = 1.0 / y.len() as f64;
    for (row, &event) in rows.chunks_exact(size).zip(y) {
        let pooled: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
        let (value, first, second) = match objective {
            StackObjective::ProbabilityBrier => {
                let residual = pooled - f64::from(u8::from(event));
                (residual * residual, 2.0 * residual, 2.0)
            }
            StackObjective::ProbabilityLogLoss if event => (-pooled.ln(), -1.0 / pooled, 1.0 / (pooled * pooled)),
            StackObjective::ProbabilityLogLoss => {
                let rest = 1.0 - pooled;
                (-(-pooled).ln_1p(), 1.0 / rest, 1.0 / (rest * rest))
            }
            StackObjective::LogitLogLoss => {
                let (p, q) = (expit(pooled), expit(-pooled));
                let value = stats::logistic::log1p_exp(if event { -pooled } else { pooled });
                (value, if event { -q } else { p }, p * q)
            }
        };
        accumulate(&mut local, row, share, [value, first, second]);
    }
    local
}

/// Adds `share` times one row's loss, given its value and its first two derivatives in the pooled value.
fn accumulate(local: &mut Local, row: &[f64], share: f64, [value, first, second]: [f64; 3]) {
    local.value += share * value;
    for (a, &x) in row.iter().enumerate() {
        local.gradient[a] += share * first * x;
        for (b, &z) in row.iter().enumerate() {
            local.hessian[a * row.len() + b] += share * second * x * z;
        }
    }
}

/// Returns the pooled probability of every row under `weights`, as `objective` pools them.
///
/// # Errors
/// [`stats::Error::LengthMismatch`], [`stats::Error::BadWeight`], [`Error::Parameter`] unless the weights sum to 1,
/// [`stats::Error::NotFinite`], [`stats::Error::NotProbability`].
pub fn pool_probabilities<P: AsRef<[f64]>>(
    weights: &[f64],
    predictions: &[P],
    objective: StackObjective,
) -> Result<Vec<f64>, Error> {
    check_stack(weights, predictions.len())?;
    let n_samples = predictions.first().map_or(0, |model| model.as_ref().len());
    let mut pooled = vec![0.0; n_samples];
    for (model, &weight) in predictions.iter().zip(weights) {
        check_length("predictions", n_samples, model.as_ref().len())?;
        check_probabilities(model.as_ref())?;
        for (sum, &p) in pooled.iter_mut().zip(model.as_ref()) {
            *sum += weight * if objective.averages_logits() { logit(clip_probability(p)) } else { p };
        }
    }
    let finish = |value: f64| if objective.averages_logits() { expit(value) } else { value.clamp(0.0, 1.0) };
    Ok(pooled.into_iter().map(finish).collect())
}

/// Returns the weights that minimise the integrated Brier score of Σ w Sₖ(t | x) under censoring weights.
///
/// `curves[k]` holds model k's out-of-fold curves, all on one grid of n_times; `event_time` the observed times; `ipcw`,
/// row-major n_samples × n_times, what each row counts at each grid time: 1/G(t) when still event-free after t,
/// 1/G(T−) after an observed event, 0 after censoring. The loss is
/// Σₜ vₜ (1/n) Σᵢ ipcwᵢₜ (1{Tᵢ > t} − S(t | xᵢ))², v being the trapezoid rule over the grid divided by its length (a
/// single time counts 1). A quadratic programme, solved exactly by an active-set method.
///
/// # Errors
/// [`stats::Error::TooFew`] without models, rows or times, [`stats::Error::LengthMismatch`] for other shapes,
/// [`Error::Parameter`] for another grid, [`stats::Error::NotFinite`], [`stats::Error::BadWeight`],
/// [`stats::Error::NotConverged`].
///
/// # Source
/// Graf et al. 1999 (weights); Wey, Connett & Rudser 2015 (stacked survival models).
pub fn stack_survival(curves: &[SurvivalCurves], event_time: &[f64], ipcw: &[f64]) -> Result<StackWeights, Error> {
    let times = check_curves(curves)?;
    check_length("event times", curves[0].n_samples(), event_time.len())?;
    check_at_least("rows", 1, event_time.len())?;
    check_finite(event_time)?;
    check_length("censoring weights", event_time.len() * times.len(), ipcw.len())?;
    check_weights(ipcw)?;
    let size = curves.len();
    let time_weights = trapezoid(times);
    let n_samples = event_time.len() as f64;
    // Residuals 1{T > t} − S: with Σ w = 1 the stack's residual is Σ w residual, so the loss is wᵀQw.
    let mut q = vec![0.0; size * size];
    let mut residual = vec![0.0; size];
    for (row, &exit) in event_time.iter().enumerate() {
        for (at, &time) in times.iter().enumerate() {
            let weight = time_weights[at] * ipcw[row * times.len() + at] / n_samples;
            if weight == 0.0 {
                continue;
            }
            let alive = if exit > time { 1.0 } else { 0.0 };
            for (residual, model) in residual.iter_mut().zip(curves) {
                *residual = alive - model.row(row)[at];
            }
            for a in 0..size {
                for b in 0..size {
                    q[a * size + b] += weight * residual[a] * residual[b];
                }
            }
        }
    }
    let local = |weights: &[f64]| {
        let product: Vec<f64> =
            q.chunks_exact(size).map(|row| row.iter().zip(weights).map(|(q, w)| q * w).sum()).collect();
        Local {
            value: product.iter().zip(weights).map(|(a, b)| a * b).sum(),
            gradient: product.iter().map(|value| 2.0 * value).collect(),
            hessian: q.iter().map(|value| 2.0 * value).collect(),
        }
    };
    Ok(StackWeights::new(minimise_on_simplex(size, local)?, local))
}

/// Returns Σ w Sₖ(t | x), curves on the common grid; a mixture of survival curves is one.
///
/// # Errors
/// As [`stack_survival`] for the curves and [`pool_probabilities`] for the weights.
pub fn pool_survival(weights: &[f64], curves: &[SurvivalCurves]) -> Result<SurvivalCurves, Error> {
    let times = check_curves(curves)?;
    check_stack(weights, curves.len())?;
    let n_samples = curves[0].n_samples();
    let mut values = Vec::with_capacity(n_samples * times.len());
    for row in 0..n_samples {
        values.extend((0..times.len()).map(|at| {
            let sum: f64 = curves.iter().zip(weights).map(|(model, weight)| weight * model.row(row)[at]).sum();
            sum.clamp(0.0, 1.0)
        }));
    }
    Ok(SurvivalCurves::new(times.to_vec(), n_samples, values)?)
}

/// The common grid of at least one model's curves.
fn check_curves(curves: &[SurvivalCurves]) -> Result<&[f64], Error> {
    check_at_least("models", 1, curves.len())?;
    let first = &curves[0];
    check_at_least("times", 1, first.times().len())?;
    for model in curves {
        check_length("patients of a model", first.n_samples(), model.n_samples())?;
        check_length("times of a model", first.times().len(), model.times().len())?;
        if let Some((_, &found)) = first.times().iter().zip(model.times()).find(|(a, b)| a != b) {
            return Err(Error::Parameter { what: "time of a model", expected: "the grid of the first model", found });
        }
    }
    Ok(first.times())
}

fn check_stack(weights: &[f64], n_models: usize) -> Result<(), Error> {
    check_at_least("models", 1, n_models)?;
    check_length("weights", n_models, weights.len())?;
    check_weights(weights)?;
    let found: f64 = weights.iter().sum();
    if (found - 1.0).abs() > 1e-9 {
        return Err(Error::Parameter { what: "sum of the weights", expected: "1", found });
    }
    Ok(())
}

/// Trapezoid weights over an ascending grid, divided by its length.
fn trapezoid(times: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
    if times.len() == 1 {
        return vec![1.0];
    }
    let half = 0.5 / (last - first);
    let gap = |at: usize| times.get(at).map_or(*last, |&time| time);
    (0..times.len()).map(|at| half * (gap(at + 1) - gap(at.saturating_sub(1)))).collect()
}

#[cfg(test)]
mod tests;
