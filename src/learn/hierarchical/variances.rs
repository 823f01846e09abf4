use serde::{Deserialize, Serialize};

use super::laplace::{LaplacePosterior, Posterior};
use crate::learn::Error;

/// Bounds of ln τ²: standard deviations of 0.001 and 7.4 logits.
const BOUNDS: (f64, f64) = (-13.8, 4.0);
const MAX_STEPS: usize = 60;
/// The search ends when no group's slope exceeds this.
const SLOPE_TOLERANCE: f64 = 1e-3;
/// Step of the finite differences of the slope, in ln τ².
const CURVATURE_STEP: f64 = 0.05;
/// Largest standard deviation taken for ln τ² when it is averaged over.
const LARGEST_SPREAD: f64 = 1.5;

/// How the prior variances of the groups are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceSearch {
    /// Scale of a half-normal prior on each τ, with the Jacobian of ln τ; `None` maximises the evidence alone,
    /// which a file of settings cannot ask for: its intervals cover too little (docs/studies.md).
    pub half_normal_scale: Option<f64>,
    /// Whether the posterior is averaged over what the data leave open about τ.
    pub averaged: bool,
}

impl Default for VarianceSearch {
    fn default() -> Self {
        Self { half_normal_scale: Some(1.0), averaged: true }
    }
}

/// A posterior with the weight that its variances have.
pub(super) struct Weighted {
    pub variances: Vec<f64>,
    pub posterior: LaplacePosterior,
    pub weight: f64,
}

/// One value of ln τ² of each group and what was found there.
struct Point {
    log_variance: Vec<f64>,
    posterior: LaplacePosterior,
    objective: f64,
    slope: Vec<f64>,
}

impl VarianceSearch {
    /// The posteriors over which to average, the mode of the variances first.
    ///
    /// The mode maximises log Z(τ²) + ln p(ln τ). Around it the G values of ln τ² are taken as independent Gaussians of
    /// the curvature at the mode: 2 G points at √(G + 1) standard deviations along the axes and the centre are weighted
    /// by the cubature rule of degree 3 and by how far the true height departs from the Gaussian's.
    ///
    /// # Source
    /// MacKay 1992; Chung et al. 2013 (a prior that keeps τ off zero); Rue, Martino & Chopin 2009 (averaging over
    /// hyperparameters); Julier & Uhlmann 1997 (the points).
    pub(super) fn run(&self, model: &Posterior<'_>, n_groups: usize) -> Result<Vec<Weighted>, Error> {
        if let Some(found) = self.half_normal_scale.filter(|scale| !(scale.is_finite() && *scale > 0.0)) {
            return Err(Error::Parameter { what: "half_normal_scale", expected: "a finite value above 0", found });
        }
        let mode = self.mode(model, n_groups)?;
        let mut points = Vec::new();
        if self.averaged && n_groups > 0 {
            let reach = (n_groups as f64 + 1.0).sqrt();
            for (group, spread) in self.spread(model, &mode)?.into_iter().enumerate() {
                for sign in [-reach, reach] {
                    let mut at = mode.log_variance.clone();
                    at[group] += sign * spread;
                    points.push(self.point(model, clamped(&at), Some(&mode.posterior.coef))?);
                }
            }
        }
        let height = |point: &Point| (point.objective - mode.objective + 0.5 * (n_groups as f64 + 1.0)).exp();
        let mut all: Vec<Weighted> = points
            .into_iter()
            .map(|point| Weighted {
                weight: 0.5 * height(&point),
                variances: exp(&point.log_variance),
                posterior: point.posterior,
            })
            .collect();
        let total = 1.0 + all.iter().map(|point| point.weight).sum::<f64>();
        all.insert(0, Weighted { weight: 1.0, variances: exp(&mode.log_variance), posterior: mode.posterior });
        all.iter_mut().for_each(|point| point.weight /= total);
        Ok(all)
    }

    fn point(&self, model: &Posterior<'_>, log_variance: Vec<f64>, start: Option<&[f64]>) -> Result<Point, Error> {
        let posterior = model.laplace(&exp(&log_variance), start)?;
        let mut objective = posterior.log_evidence;
        let mut slope = posterior.gradient.clone();
        if let Some(scale) = self.half_normal_scale {
            for (slope, log_variance) in slope.iter_mut().zip(&log_variance) {
                let ratio = log_variance.exp() / (2.0 * scale * scale);
                objective += 0.5 * log_variance - ratio;
                *slope += 0.5 - ratio;
            }
        }
        Ok(Point { log_variance, posterior, objective, slope })
    }

    /// Quasi-Newton ascent (BFGS) within the bounds.
    fn mode(&self, model: &Posterior<'_>, n_groups: usize) -> Result<Point, Error> {
        let mut here = self.point(model, vec![-3.0; n_groups], None)?;
        let mut inverse = identity(n_groups);
        for _ in 0..MAX_STEPS {
            let free: Vec<f64> = here.slope.iter().zip(&here.log_variance).map(|(&s, &at)| inward(s, at)).collect();
            if free.iter().all(|slope| slope.abs() < SLOPE_TOLERANCE) {
                break;
            }
            let mut direction = product(&inverse, &free);
            if dot(&direction, &free) <= 0.0 {
                inverse = identity(n_groups);
                direction.clone_from(&free);
            }
            // One step changes no τ² by more than a factor of e².
            let longest = direction.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
            let mut share = (2.0 / longest).min(1.0);
            let next = loop {
                let at: Vec<f64> = here.log_variance.iter().zip(&direction).map(|(at, d)| at + share * d).collect();
                let next = self.point(model, clamped(&at), Some(&here.posterior.coef))?;
                if next.objective >= here.objective + 1e-4 * share * dot(&direction, &free) {
                    break Some(next);
                }
                share *= 0.4;
                if share * longest < 1e-4 {
                    break None;
                }
            };
            let Some(next) = next else { break };
            update(&mut inverse, &here, &next);
            here = next;
        }
        Ok(here)
    }

    /// The conditional standard deviation of each ln τ² at the mode, from the slope's finite difference.
    fn spread(&self, model: &Posterior<'_>, mode: &Point) -> Result<Vec<f64>, Error> {
        (0..mode.log_variance.len())
            .map(|group| {
                let mut fall = 0.0;
                for sign in [-1.0, 1.0] {
                    let mut at = mode.log_variance.clone();
                    at[group] += sign * CURVATURE_STEP;
                    fall -= sign * self.point(model, at, Some(&mode.posterior.coef))?.slope[group];
                }
                let curvature = fall / (2.0 * CURVATURE_STEP);
                // A group about which the data say next to nothing keeps a finite spread.
                Ok(curvature.max(LARGEST_SPREAD.powi(-2)).sqrt().recip())
            })
            .collect()
    }
}

/// The slope, or 0 where it points out of the bounds.
fn inward(slope: f64, at: f64) -> f64 {
    if (at <= BOUNDS.0 && slope < 0.0) || (at >= BOUNDS.1 && slope > 0.0) { 0.0 } else { slope }
}

fn clamped(log_variance: &[f64]) -> Vec<f64> {
    log_variance.iter().map(|value| value.clamp(BOUNDS.0, BOUNDS.1)).collect()
}

fn exp(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.exp()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn identity(size: usize) -> Vec<f64> {
    (0..size * size).map(|at| f64::from(u8::from(at % (size + 1) == 0))).collect()
}

fn product(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(v.len().max(1)).map(|row| dot(row, v)).collect()
}

/// BFGS update of the inverse curvature of the descent −objective; skipped where the curvature is not positive.
fn update(inverse: &mut [f64], from: &Point, to: &Point) {
    let size = from.slope.len();
    let s: Vec<f64> = to.log_variance.iter().zip(&from.log_variance).map(|(to, from)| to - from).collect();
    let t: Vec<f64> = from.slope.iter().zip(&to.slope).map(|(from, to)| from - to).collect();
    let curvature = dot(&s, &t);
    if curvature <= 1e-10 {
        return;
    }
    let ht = product(inverse, &t);
    let scale = (1.0 + dot(&t, &ht) / curvature) / curvature;
    for row in 0..size {
        for column in 0..size {
            inverse[row * size + column] +=
                scale * s[row] * s[column] - (ht[row] * s[column] + s[row] * ht[column]) / curvature;
        }
    }
}
