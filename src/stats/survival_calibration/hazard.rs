//! A Cox regression on the few columns of a calibration model.

use super::super::linalg::Cholesky;
use super::super::survival::Survival;
use super::super::{Error, inputs::check_length};

const MAX_ITERATIONS: usize = 40;
/// A log hazard ratio of this size against the mean patient says that the likelihood keeps rising.
const LARGEST_PREDICTOR: f64 = 100.0;

/// Efron's partial likelihood at its maximum, with the cumulative hazard at the horizon.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hazard {
    pub coef: Vec<f64>,
    pub std_errs: Vec<f64>,
    means: Vec<f64>,
    /// Cumulative hazard at the horizon of a patient whose columns are at their means.
    cum_hazard: f64,
}

/// Value, gradient and information of the log partial likelihood, and the cumulative hazard.
struct Likelihood {
    value: f64,
    gradient: Vec<f64>,
    information: Vec<f64>,
    cum_hazard: f64,
    /// Largest linear predictor in size.
    largest: f64,
}

impl Hazard {
    /// Fits `x` (row-major, n × `n_features`) to the follow-up of `data` cut off at `horizon`.
    pub fn fit(data: &Survival, x: &[f64], n_features: usize, horizon: f64) -> Result<Self, Error> {
        let n_samples = data.n_samples();
        check_length("columns", n_samples * n_features, x.len())?;
        if super::events_by(data, horizon) == 0 {
            return Err(Error::NoEvents { n_samples });
        }
        // Columns centred and scaled, for the sake of the Cholesky factor and of exp.
        let column = |j: usize| x.iter().skip(j).step_by(n_features);
        let means: Vec<f64> = (0..n_features).map(|j| column(j).sum::<f64>() / n_samples as f64).collect();
        let spread = |j: usize| column(j).map(|value| (value - means[j]).powi(2)).sum::<f64>() / n_samples as f64;
        let scales: Vec<f64> = (0..n_features).map(|j| spread(j).sqrt()).collect();
        if let Some(column) = scales.iter().position(|&scale| scale <= 0.0) {
            return Err(Error::ConstantColumn { column });
        }
        let mut order: Vec<usize> = (0..n_samples).collect();
        order.sort_by(|&a, &b| data.event_time()[b].total_cmp(&data.event_time()[a]).then(a.cmp(&b)));
        let rows: Vec<(f64, bool)> = order.iter().map(|&row| (data.event_time()[row], data.event()[row])).collect();
        let z: Vec<f64> = order
            .iter()
            .flat_map(|&row| (0..n_features).map(move |j| (row, j)))
            .map(|(row, j)| (x[row * n_features + j] - means[j]) / scales[j])
            .collect();
        let problem = Problem { rows, z, n_features, horizon };
        let (coef, last) = problem.maximise()?;
        let inverse = Cholesky::new(&last.information, n_features)?.inverse();
        Ok(Self {
            std_errs: (0..n_features).map(|j| inverse[j * n_features + j].sqrt() / scales[j]).collect(),
            coef: coef.iter().zip(&scales).map(|(coef, scale)| coef / scale).collect(),
            means,
            cum_hazard: last.cum_hazard,
        })
    }

    /// The risk 1 − exp(−H(horizon | `x`)), H the baseline times the hazard ratio.
    pub fn risk(&self, x: &[f64]) -> f64 {
        let eta: f64 = self.coef.iter().zip(x).zip(&self.means).map(|((coef, x), mean)| coef * (x - mean)).sum();
        -(-self.cum_hazard * eta.exp()).exp_m1()
    }
}

struct Problem {
    /// Time and event, descending by time.
    rows: Vec<(f64, bool)>,
    z: Vec<f64>,
    n_features: usize,
    horizon: f64,
}

impl Problem {
    fn maximise(&self) -> Result<(Vec<f64>, Likelihood), Error> {
        let mut coef = vec![0.0; self.n_features];
        let mut now = self.likelihood(&coef);
        for n_iterations in 0..MAX_ITERATIONS {
            let step = Cholesky::new(&now.information, self.n_features)
                .map_err(|error| if n_iterations == 0 { error } else { Error::MonotoneLikelihood { column: 0 } })?
                .solve(&now.gradient)?;
            let mut share = 1.0;
            let (next_coef, next) = loop {
                let trial: Vec<f64> = coef.iter().zip(&step).map(|(value, step)| value + share * step).collect();
                let found = self.likelihood(&trial);
                // A fall below rounding of the sum is no fall.
                if found.value >= now.value - 1e-12 * (1.0 + now.value.abs()) {
                    break (trial, found);
                }
                share *= 0.5;
                if share < 1e-10 {
                    return Err(Error::NotConverged { n_iterations: n_iterations + 1 });
                }
            };
            let change = step.iter().map(|step| (share * step).abs()).fold(0.0, f64::max);
            let size = next_coef.iter().map(|value| value.abs()).fold(0.0, f64::max);
            (coef, now) = (next_coef, next);
            if now.largest > LARGEST_PREDICTOR {
                return Err(Error::MonotoneLikelihood { column: 0 });
            }
            // Newton squares the error: a step this small leaves nothing to gain.
            if change <= 1e-9 * (1.0 + size) {
                return Ok((coef, now));
            }
        }
        Err(Error::MonotoneLikelihood { column: 0 })
    }

    /// One pass from the last time to the first; tied deaths leave the risk set by fractions (Efron 1977).
    fn likelihood(&self, coef: &[f64]) -> Likelihood {
        let p = self.n_features;
        let (gradient, information) = (vec![0.0; p], vec![0.0; p * p]);
        let mut found = Likelihood { value: 0.0, gradient, information, cum_hazard: 0.0, largest: 0.0 };
        let (mut at_risk, mut tied) = (Moments::new(p), Moments::new(p));
        let mut start = 0;
        for group in self.rows.chunk_by(|a, b| a.0 == b.0) {
            tied.clear();
            let mut n_tied = 0_u32;
            for (row, &(time, event)) in (start..).zip(group) {
                let z = &self.z[row * p..(row + 1) * p];
                let eta: f64 = z.iter().zip(coef).map(|(z, coef)| z * coef).sum();
                at_risk.add(z, eta.exp());
                found.largest = found.largest.max(eta.abs());
                if event && time <= self.horizon {
                    n_tied += 1;
                    tied.add(z, eta.exp());
                    found.value += eta;
                    found.gradient.iter_mut().zip(z).for_each(|(gradient, z)| *gradient += z);
                }
            }
            start += group.len();
            for leaving in 0..n_tied {
                let share = f64::from(leaving) / f64::from(n_tied);
                let sum = at_risk.sum - share * tied.sum;
                found.value -= sum.ln();
                found.cum_hazard += 1.0 / sum;
                let mean = |j: usize| (at_risk.first[j] - share * tied.first[j]) / sum;
                for a in 0..p {
                    found.gradient[a] -= mean(a);
                    for b in 0..=a {
                        let second = (at_risk.second[a * p + b] - share * tied.second[a * p + b]) / sum;
                        found.information[a * p + b] += second - mean(a) * mean(b);
                    }
                }
            }
        }
        found
    }
}

/// Sums of exp(η), exp(η)·z and exp(η)·z zᵀ (lower triangle).
struct Moments {
    sum: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Moments {
    fn new(n_features: usize) -> Self {
        Self { sum: 0.0, first: vec![0.0; n_features], second: vec![0.0; n_features * n_features] }
    }

    fn clear(&mut self) {
        self.sum = 0.0;
        self.first.fill(0.0);
        self.second.fill(0.0);
    }

    fn add(&mut self, z: &[f64], weight: f64) {
        self.sum += weight;
        for (a, &value) in z.iter().enumerate() {
            self.first[a] += weight * value;
            for (b, &other) in z[..=a].iter().enumerate() {
                self.second[a * z.len() + b] += weight * value * other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let rows: Vec<(f64, bool)> = (0..40).rev().map(|k| (f64::from(k / 3), k % 4 != 1)).collect();
        let z: Vec<f64> = (0..120).map(|k| f64::from((k * 37) % 29) / 10.0 - 1.4).collect();
        let problem = Problem { rows, z, n_features: 3, horizon: 9.0 };
        let coef = [0.3, -0.2, 0.5];
        let found = problem.likelihood(&coef);
        for j in 0..3 {
            let at = |h: f64| problem.likelihood(&[0, 1, 2].map(|k| coef[k] + if k == j { h } else { 0.0 }));
            let (up, down) = (at(1e-5), at(-1e-5));
            assert!(((up.value - down.value) / 2e-5 - found.gradient[j]).abs() < 1e-8);
            for k in j..3 {
                let second = (up.gradient[k] - down.gradient[k]) / 2e-5;
                assert!((second + found.information[k * 3 + j]).abs() < 1e-7);
            }
        }
    }
}
