use hessboost::objective::AftDistribution;
use serde::{Deserialize, Serialize};

use crate::stats::linalg::Cholesky;
use crate::stats::{Error, Survival, expit, normal};

const MAX_ITERATIONS: usize = 200;

/// The distribution of Z in ln T = μ + σ·Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeDistribution {
    /// Standard normal: log-normal times.
    #[default]
    Normal,
    /// Standard logistic: log-logistic times.
    Logistic,
    /// Smallest extreme value, S(z) = exp(−exp z): Weibull times.
    Extreme,
}

impl TimeDistribution {
    /// S(z) = P(Z > z).
    pub(super) fn survival(self, z: f64) -> f64 {
        match self {
            Self::Normal => normal::cdf(-z),
            Self::Logistic => expit(-z),
            Self::Extreme => (-z.exp()).exp(),
        }
    }

    /// hessboost's name for it.
    pub(super) fn loss(self) -> AftDistribution {
        match self {
            Self::Normal => AftDistribution::Normal,
            Self::Logistic => AftDistribution::Logistic,
            Self::Extreme => AftDistribution::Extreme,
        }
    }

    /// ln f(z) of an event or ln S(z) of a censoring, with its first two derivatives in z.
    fn log_term(self, z: f64, event: bool) -> [f64; 3] {
        match (self, event) {
            (Self::Normal, true) => [-0.5 * z * z - 0.5 * std::f64::consts::TAU.ln(), -z, -1.0],
            (Self::Normal, false) => {
                let (log_survival, hazard) = normal_tail(z);
                [log_survival, -hazard, -hazard * (hazard - z)]
            }
            (Self::Logistic, true) => {
                let p = expit(z);
                [z - 2.0 * softplus(z), 1.0 - 2.0 * p, -2.0 * p * (1.0 - p)]
            }
            (Self::Logistic, false) => {
                let p = expit(z);
                [-softplus(z), -p, -p * (1.0 - p)]
            }
            (Self::Extreme, true) => [z - z.exp(), 1.0 - z.exp(), -z.exp()],
            (Self::Extreme, false) => [-z.exp(), -z.exp(), -z.exp()],
        }
    }
}

/// ln S(z) and the hazard φ(z)/S(z) of the normal distribution; past 30 by Mills' asymptotic series, good to 1e-8 there.
fn normal_tail(z: f64) -> (f64, f64) {
    let log_density = -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln();
    let log_survival = if z < 30.0 {
        normal::cdf(-z).ln()
    } else {
        let inverse = 1.0 / (z * z);
        log_density - z.ln() + (-inverse * (1.0 - inverse * (3.0 - 15.0 * inverse))).ln_1p()
    };
    (log_survival, (log_density - log_survival).exp())
}

fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// The model ln T = intercept + slope·f + scale·Z for a given f.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationScale {
    pub(super) intercept: f64,
    pub(super) slope: f64,
    pub(super) scale: f64,
}

impl LocationScale {
    /// Maximises the likelihood over the free ones of intercept, slope and log scale, from `self` on.
    ///
    /// Times at 0 must be censored; they say nothing and are left out.
    ///
    /// # Errors
    /// [`Error::NoEvents`], [`Error::NotConverged`] (a scale that shrinks to 0, when f orders the times perfectly).
    ///
    /// # Source
    /// Kalbfleisch & Prentice 2002, section 3.6; R `survival::survreg`.
    pub(super) fn maximise(
        self,
        distribution: TimeDistribution,
        data: &Survival,
        f: &[f64],
        free: [bool; 3],
    ) -> Result<Self, Error> {
        data.require_events()?;
        let centre = f.iter().sum::<f64>() / f.len() as f64;
        let rows: Vec<(f64, bool, f64)> = data
            .event_time()
            .iter()
            .zip(data.event())
            .zip(f)
            .filter(|((time, _), _)| **time > 0.0)
            .map(|((time, &event), f)| (time.ln(), event, f - centre))
            .collect();
        let at: Vec<usize> = (0..3).filter(|&at| free.get(at).copied().unwrap_or(false)).collect();
        let mut theta = [self.intercept + self.slope * centre, self.slope, self.scale.ln()];
        let (mut value, mut gradient, mut hessian) = derivatives(distribution, &rows, theta);
        let mut damping = 0.0;
        for _ in 0..MAX_ITERATIONS {
            let scale = at.iter().map(|&i| hessian[i][i].abs()).fold(0.0, f64::max).max(1e-12);
            let matrix: Vec<f64> = at
                .iter()
                .flat_map(|&i| at.iter().map(move |&j| (i, j)))
                .map(|(i, j)| if i == j { damping * scale - hessian[i][j] } else { -hessian[i][j] })
                .collect();
            let target: Vec<f64> = at.iter().map(|&i| gradient[i]).collect();
            let step = Cholesky::new(&matrix, at.len()).and_then(|factor| factor.solve(&target));
            let Ok(step) = step else {
                damping = (10.0 * damping).max(1e-3);
                continue;
            };
            let mut next = theta;
            for (&i, step) in at.iter().zip(&step) {
                next[i] += step;
            }
            let moved = derivatives(distribution, &rows, next);
            if moved.0.is_nan() || moved.0 < value - 1e-12 * value.abs() {
                damping = (10.0 * damping).max(1e-3);
                continue;
            }
            theta = next;
            (value, gradient, hessian) = moved;
            let settled = step.iter().zip(&at).all(|(step, &i)| step.abs() <= 1e-11 * (1.0 + theta[i].abs()));
            if settled && damping == 0.0 {
                let [intercept, slope, log_scale] = theta;
                return Ok(Self { intercept: intercept - slope * centre, slope, scale: log_scale.exp() });
            }
            damping = if damping < 1e-6 { 0.0 } else { damping / 10.0 };
        }
        Err(Error::NotConverged { n_iterations: MAX_ITERATIONS })
    }
}

/// Log-likelihood, gradient and Hessian in (location at the centre, slope, log scale).
fn derivatives(
    distribution: TimeDistribution,
    rows: &[(f64, bool, f64)],
    [location, slope, log_scale]: [f64; 3],
) -> (f64, [f64; 3], [[f64; 3]; 3]) {
    let scale = log_scale.exp();
    let (mut value, mut gradient, mut hessian) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
    for &(log_time, event, f) in rows {
        let z = (log_time - location - slope * f) / scale;
        let [term, first, second] = distribution.log_term(z, event);
        let dz = [-1.0 / scale, -f / scale, -z];
        value += term - if event { log_scale } else { 0.0 };
        gradient[2] -= if event { 1.0 } else { 0.0 };
        for i in 0..3 {
            gradient[i] += first * dz[i];
            for j in 0..3 {
                // z depends on the log scale once more through each derivative: d²z/dθᵢ d ln σ = −dz/dθᵢ.
                let curved = if i == 2 || j == 2 { -dz[if i == 2 { j } else { i }] } else { 0.0 };
                hessian[i][j] += second * dz[i] * dz[j] + first * curved;
            }
        }
    }
    (value, gradient, hessian)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        tied_time: Vec<f64>,
        time: Vec<f64>,
        event: Vec<u8>,
        score: Vec<f64>,
        at: Vec<f64>,
        aft_scale: f64,
        regression: Regression,
    }

    #[derive(Deserialize)]
    struct Regression {
        start: f64,
        aft: BTreeMap<String, Fit>,
    }

    #[derive(Deserialize)]
    struct Fit {
        intercept: f64,
        slope: f64,
        scale: f64,
        survival: Vec<f64>,
    }

    /// tests/reference/tree_shap.py, R's survreg, which stops by the change of its likelihood: 1e-7.
    #[test]
    fn all_three_distributions_agree_with_survreg() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/tree_shap.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let event: Vec<bool> = reference.event.iter().map(|&event| event == 1).collect();
        let data = Survival::new(reference.tied_time, event.clone()).unwrap();
        let start = LocationScale { intercept: 0.0, slope: 1.0, scale: 1.0 };
        for (name, distribution) in ["normal", "logistic", "extreme"].into_iter().zip(ALL) {
            let found = start.maximise(distribution, &data, &reference.score, [true; 3]).unwrap();
            let expected = &reference.regression.aft[name];
            for (a, b) in
                [(found.intercept, expected.intercept), (found.slope, expected.slope), (found.scale, expected.scale)]
            {
                assert!((a / b - 1.0).abs() < 1e-7, "{name}: {a} {b}");
            }
            let location = found.intercept + found.slope * reference.score[0];
            for (time, expected) in reference.at.iter().zip(&expected.survival) {
                let survival = distribution.survival((time.ln() - location) / found.scale);
                assert!((survival - expected).abs() < 1e-7);
            }
        }
        let fine = Survival::new(reference.time, event).unwrap();
        let start = LocationScale { intercept: 0.0, slope: 0.0, scale: reference.aft_scale };
        let zeros = vec![0.0; fine.n_samples()];
        let found = start.maximise(TimeDistribution::Normal, &fine, &zeros, [true, false, false]).unwrap();
        assert!((found.intercept / reference.regression.start - 1.0).abs() < 1e-7);
    }

    const ALL: [TimeDistribution; 3] =
        [TimeDistribution::Normal, TimeDistribution::Logistic, TimeDistribution::Extreme];

    #[test]
    fn terms_have_the_derivatives_they_claim_and_the_survival_function_they_name() {
        for distribution in ALL {
            for event in [true, false] {
                for z in [-6.0, -1.3, 0.0, 0.7, 2.9, 29.9, 33.0] {
                    if distribution == TimeDistribution::Extreme && z > 5.0 {
                        continue;
                    }
                    let h = 1e-5;
                    let [value, first, second] = distribution.log_term(z, event);
                    let [above, first_above, _] = distribution.log_term(z + h, event);
                    let [below, first_below, _] = distribution.log_term(z - h, event);
                    assert!((first - (above - below) / (2.0 * h)).abs() < 1e-6 * (1.0 + first.abs()), "{z}");
                    assert!((second - (first_above - first_below) / (2.0 * h)).abs() < 1e-5, "{distribution:?} {z}");
                    if !event && z < 20.0 {
                        assert!((value.exp() - distribution.survival(z)).abs() < 1e-14);
                    }
                }
            }
        }
    }

    #[test]
    fn derivatives_of_the_likelihood_agree_with_finite_differences() {
        let rows = [(0.3, true, 0.5), (1.1, false, -0.2), (-0.4, true, 1.0), (2.0, true, 0.1), (0.9, false, 0.7)];
        for distribution in ALL {
            let theta = [0.6, 0.4, -0.3];
            let (_, gradient, hessian) = derivatives(distribution, &rows, theta);
            for i in 0..3 {
                let moved = |step: f64| {
                    let mut theta = theta;
                    theta[i] += step;
                    derivatives(distribution, &rows, theta)
                };
                let (up, down) = (moved(1e-5), moved(-1e-5));
                assert!((gradient[i] - (up.0 - down.0) / 2e-5).abs() < 1e-8);
                for (j, second) in hessian[i].iter().enumerate() {
                    assert!((second - (up.1[j] - down.1[j]) / 2e-5).abs() < 1e-8);
                }
            }
        }
    }
}
