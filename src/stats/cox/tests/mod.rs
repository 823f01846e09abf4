//! Rows to test with, and the brute-force twin of the partial likelihood.

mod derived;
mod input;
mod maximum;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::design::Design;
use super::partial::{Derivatives, Risks, derivatives};
use super::*;

/// Owned rows of a test.
#[derive(Clone)]
pub(super) struct Rows {
    pub x: Vec<f64>,
    pub n_features: usize,
    pub time: Vec<f64>,
    pub event: Vec<bool>,
    pub strata: Vec<usize>,
    pub weights: Vec<f64>,
    pub entry: Vec<f64>,
    pub offset: Vec<f64>,
}

impl Rows {
    /// Simulated rows with tied times, two strata, weights, delayed entry and an offset.
    pub fn random(n_samples: usize, n_features: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        let x: Vec<f64> = (0..n_samples * n_features).map(|_| uniform(-1.7, 1.7)).collect();
        let mut rows = Self { x, n_features, ..Self::empty() };
        for row in 0..n_samples {
            let predictor: f64 = rows.x[row * n_features..][..n_features].iter().sum::<f64>() * 0.4;
            let time = (-uniform(1e-9, 1.0).ln() * (-predictor).exp() * 10.0).ceil();
            rows.time.push(time);
            rows.event.push(uniform(0.0, 1.0) < 0.7);
            rows.strata.push(row % 2 + 4);
            rows.weights.push(uniform(0.5, 2.5));
            rows.entry.push((time * uniform(-0.5, 0.9)).floor());
            rows.offset.push(uniform(-0.5, 0.5));
        }
        rows
    }

    fn empty() -> Self {
        let nothing = Vec::new;
        let (x, time, weights, entry, offset) = (nothing(), nothing(), nothing(), nothing(), nothing());
        Self { x, n_features: 1, time, event: Vec::new(), strata: Vec::new(), weights, entry, offset }
    }

    pub fn survival(&self) -> Survival {
        Survival::new(self.time.clone(), self.event.clone()).unwrap()
    }

    pub fn data<'a>(&'a self, survival: &'a Survival) -> CoxData<'a> {
        CoxData {
            strata: Some(&self.strata),
            weights: Some(&self.weights),
            entry: Some(&self.entry),
            offset: Some(&self.offset),
            ..CoxData::new(&self.x, self.n_features, survival)
        }
    }

    fn permuted(&self, order: &[usize]) -> Self {
        let pick = |values: &[f64]| order.iter().map(|&row| values[row]).collect();
        Self {
            x: order.iter().flat_map(|&row| self.x[row * self.n_features..][..self.n_features].to_vec()).collect(),
            n_features: self.n_features,
            time: pick(&self.time),
            event: order.iter().map(|&row| self.event[row]).collect(),
            strata: order.iter().map(|&row| self.strata[row]).collect(),
            weights: pick(&self.weights),
            entry: pick(&self.entry),
            offset: pick(&self.offset),
        }
    }

    /// The log partial likelihood straight from its definition, risk set by risk set.
    fn brute_force(&self, coef: &[f64], ties: Ties) -> f64 {
        let n_samples = self.time.len();
        let eta = |row: usize| -> f64 {
            self.offset[row] + self.x[row * self.n_features..].iter().zip(coef).map(|(x, coef)| x * coef).sum::<f64>()
        };
        let mut total = 0.0;
        for first in 0..n_samples {
            let tied: Vec<usize> = (0..n_samples)
                .filter(|&row| {
                    self.event[row] && self.time[row] == self.time[first] && self.strata[row] == self.strata[first]
                })
                .collect();
            if tied.first() != Some(&first) {
                continue;
            }
            let at_risk = (0..n_samples).filter(|&row| {
                self.strata[row] == self.strata[first]
                    && self.entry[row] < self.time[first]
                    && self.time[first] <= self.time[row]
            });
            let all: f64 = at_risk.map(|row| self.weights[row] * eta(row).exp()).sum();
            let dead: f64 = tied.iter().map(|&row| self.weights[row] * eta(row).exp()).sum();
            let mean_weight = tied.iter().map(|&row| self.weights[row]).sum::<f64>() / tied.len() as f64;
            for (k, &row) in tied.iter().enumerate() {
                let gone = if ties == Ties::Efron { k as f64 / tied.len() as f64 } else { 0.0 };
                total += self.weights[row] * eta(row) - mean_weight * (all - gone * dead).ln();
            }
        }
        total
    }
}

fn at(rows: &Rows, coef: &[f64], ties: Ties) -> (Design, Derivatives) {
    let survival = rows.survival();
    let design = Design::new(&rows.data(&survival)).unwrap();
    let beta: Vec<f64> = coef.iter().zip(&design.scale).map(|(coef, scale)| coef * scale).collect();
    let risks = Risks::new(&design, &beta).unwrap();
    let found = derivatives(&design, &risks, ties, |_| 1.0);
    (design, found)
}

fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found:?} {expected:?}");
    }
}

fn six_rows() -> (Survival, [f64; 6]) {
    let event = vec![true, false, true, true, false, true];
    (Survival::new(vec![1.0, 1.0, 6.0, 6.0, 8.0, 9.0], event).unwrap(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
}
