//! Calibration maps with one to three coefficients: Platt, temperature and beta.

use serde::{Deserialize, Serialize};

use super::checks::check_two_classes;
use crate::learn::Error;
use crate::stats::linalg::Cholesky;
use crate::stats::logistic::log1p_exp;
use crate::stats::scores::clip_probability;
use crate::stats::{self, expit, logistic_fit, logit};

const MAX_ITERATIONS: usize = 100;
/// Convergence: the largest change of a linear predictor, relative to 1 + the largest linear predictor.
const STEP_TOLERANCE: f64 = 1e-12;

/// What a Platt map takes its straight line in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlattScale {
    /// The logit of a probability; slope 1 and intercept 0 change nothing.
    #[default]
    Logit,
    /// The value itself, such as the margin of a support vector machine.
    Score,
}

impl PlattScale {
    /// The abscissa of `value`.
    pub(super) fn read(self, value: f64) -> f64 {
        match self {
            Self::Logit => logit(clip_probability(value)),
            Self::Score => value,
        }
    }
}

/// P = expit(`intercept` + `slope` · x), x on `scale`, slope at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// What x is.
    pub scale: PlattScale,
    /// Intercept on the logit scale.
    pub intercept: f64,
    /// Slope per unit of x, at least 0.
    pub slope: f64,
}

impl Platt {
    /// Maximises the likelihood; with `smoothed` the targets are (n₁ + 1)/(n₁ + 2) and 1/(n₀ + 2) in place of 1 and 0.
    ///
    /// The smoothed targets are Platt's guard against separation. A slope that would be negative is held at 0.
    pub(super) fn fit(y: &[bool], values: &[f64], scale: PlattScale, smoothed: bool) -> Result<Self, Error> {
        let n_events = check_two_classes(y)?;
        let x: Vec<f64> = values.iter().map(|&value| scale.read(value)).collect();
        check_varies(&x)?;
        let [on_event, on_other] = targets(n_events, y.len() - n_events, smoothed);
        let (intercept, slope) = if smoothed {
            let design: Vec<f64> = x.iter().flat_map(|&x| [1.0, x]).collect();
            let target: Vec<f64> = y.iter().map(|&event| if event { on_event } else { on_other }).collect();
            let coef = fractional_logistic(&design, 2, &target)?;
            (coef[0], coef[1])
        } else {
            let fit = logistic_fit(&x, y.len(), 1, y, 0.0)?;
            (fit.coef[0], fit.coef[1])
        };
        if slope >= 0.0 {
            return Ok(Self { scale, intercept, slope });
        }
        let n_samples = y.len() as f64;
        let mean = (n_events as f64 * on_event + (n_samples - n_events as f64) * on_other) / n_samples;
        Ok(Self { scale, intercept: logit(mean), slope: 0.0 })
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        expit(self.intercept + self.slope * self.scale.read(value))
    }
}

/// Targets of an event and of a non-event.
fn targets(n_events: usize, n_others: usize, smoothed: bool) -> [f64; 2] {
    if smoothed {
        [(n_events as f64 + 1.0) / (n_events as f64 + 2.0), 1.0 / (n_others as f64 + 2.0)]
    } else {
        [1.0, 0.0]
    }
}

/// The inverse temperature 1/T ≥ 0 that maximises the likelihood of expit(logit(p)/T).
pub(super) fn fit_temperature(y: &[bool], p: &[f64]) -> Result<f64, Error> {
    check_two_classes(y)?;
    let x: Vec<f64> = p.iter().map(|&p| logit(clip_probability(p))).collect();
    if x.iter().all(|&x| x == 0.0) {
        return Err(stats::Error::Constant { n_samples: x.len() }.into());
    }
    let never_wrong = x.iter().zip(y).all(|(&x, &event)| if event { x >= 0.0 } else { x <= 0.0 });
    if never_wrong {
        return Err(stats::Error::Separated.into());
    }
    // The score at slope 0 is Σ (y − ½) x; concave, so the maximum is at 0 when it does not rise there.
    let rises = x.iter().zip(y).map(|(&x, &event)| if event { 0.5 * x } else { -0.5 * x }).sum::<f64>() > 0.0;
    if !rises {
        return Ok(0.0);
    }
    let target: Vec<f64> = y.iter().map(|&event| f64::from(u8::from(event))).collect();
    Ok(fractional_logistic(&x, 1, &target)?[0])
}

/// P = expit(`a` ln p − `b` ln(1 − p) + `c`), `a` and `b` at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BetaMap {
    /// Coefficient of ln p, at least 0.
    pub a: f64,
    /// Coefficient of −ln(1 − p), at least 0.
    pub b: f64,
    /// Intercept on the logit scale.
    pub c: f64,
}

impl BetaMap {
    /// Maximises the likelihood under `a`, `b` ≥ 0, exactly: the best of the four sets of active constraints.
    pub(super) fn fit(y: &[bool], p: &[f64]) -> Result<Self, Error> {
        let n_events = check_two_classes(y)?;
        let (ln_p, ln_q): (Vec<f64>, Vec<f64>) = p.iter().map(|&p| Self::abscissae(p)).unzip();
        let both: Vec<f64> = ln_p.iter().zip(&ln_q).flat_map(|(&a, &b)| [a, b]).collect();
        match logistic_fit(&both, y.len(), 2, y, 0.0) {
            Ok(fit) if fit.coef[1] >= 0.0 && fit.coef[2] >= 0.0 => {
                return Ok(Self { a: fit.coef[1], b: fit.coef[2], c: fit.coef[0] });
            }
            // Concave: a maximum outside the quadrant, even at infinity, puts the constrained one on its edge.
            // Collinear columns (two distinct probabilities) lose nothing there, and a monotone separation shows there
            // again.
            Ok(_) | Err(stats::Error::Singular { .. } | stats::Error::Separated) => {}
            Err(error) => return Err(error.into()),
        }
        let rate = n_events as f64 / y.len() as f64;
        let level = y.len() as f64 * (rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln());
        let mut best = (level, Self { a: 0.0, b: 0.0, c: logit(rate) });
        for (column, on_a) in [(&ln_p, true), (&ln_q, false)] {
            let fit = match logistic_fit(column, y.len(), 1, y, 0.0) {
                Ok(fit) => fit,
                Err(stats::Error::Singular { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let slope = fit.coef[1];
            if slope > 0.0 && fit.log_likelihood > best.0 {
                let (a, b) = if on_a { (slope, 0.0) } else { (0.0, slope) };
                best = (fit.log_likelihood, Self { a, b, c: fit.coef[0] });
            }
        }
        Ok(best.1)
    }

    /// ln p and −ln(1 − p), finite at 0 and 1.
    fn abscissae(p: f64) -> (f64, f64) {
        let p = clip_probability(p);
        (p.ln(), -(-p).ln_1p())
    }

    pub(super) fn at(&self, p: f64) -> f64 {
        let (ln_p, ln_q) = Self::abscissae(p);
        expit(self.a * ln_p + self.b * ln_q + self.c)
    }
}

fn check_varies(x: &[f64]) -> Result<(), Error> {
    if x.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(stats::Error::Constant { n_samples: x.len() }.into());
    }
    Ok(())
}

/// The maximum of Σ t ln P + (1 − t) ln(1 − P) for targets t in \[0, 1\], P = expit(row · coef).
///
/// `x` is row-major, `n_coef` wide, and holds its own column of ones where an intercept is wanted. Newton steps, halved
/// until the objective does not fall.
fn fractional_logistic(x: &[f64], n_coef: usize, target: &[f64]) -> Result<Vec<f64>, Error> {
    let predictors = |coef: &[f64]| -> Vec<f64> {
        x.chunks_exact(n_coef).map(|row| row.iter().zip(coef).map(|(x, coef)| x * coef).sum()).collect()
    };
    let objective = |eta: &[f64]| -> f64 {
        -eta.iter().zip(target).map(|(&eta, &t)| t * log1p_exp(-eta) + (1.0 - t) * log1p_exp(eta)).sum::<f64>()
    };
    let mut coef = vec![0.0; n_coef];
    let mut eta = vec![0.0; target.len()];
    let mut value = objective(&eta);
    for _ in 0..MAX_ITERATIONS {
        let (mut gradient, mut information) = (vec![0.0; n_coef], vec![0.0; n_coef * n_coef]);
        for ((row, &eta), &t) in x.chunks_exact(n_coef).zip(&eta).zip(target) {
            let (p, q) = (expit(eta), expit(-eta));
            for a in 0..n_coef {
                gradient[a] += (t * q - (1.0 - t) * p) * row[a];
                for b in 0..=a {
                    information[a * n_coef + b] += p * q * row[a] * row[b];
                }
            }
        }
        let step = Cholesky::new(&information, n_coef)?.solve(&gradient)?;
        let mut share = 1.0;
        let (next_coef, next_eta, next_value) = loop {
            let trial: Vec<f64> = coef.iter().zip(&step).map(|(coef, step)| coef + share * step).collect();
            let trial_eta = predictors(&trial);
            let trial_value = objective(&trial_eta);
            if trial_value >= value - 1e-12 * (1.0 + value.abs()) {
                break (trial, trial_eta, trial_value);
            }
            share *= 0.5;
            if share < f64::EPSILON {
                return Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into());
            }
        };
        let change = eta.iter().zip(&next_eta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let largest = next_eta.iter().map(|eta| eta.abs()).fold(0.0, f64::max);
        (coef, eta, value) = (next_coef, next_eta, next_value);
        if change <= STEP_TOLERANCE * (1.0 + largest) {
            return Ok(coef);
        }
    }
    Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothed_targets_at_two_levels_solved_by_hand() {
        // 3 of 4 events at x = 1, 1 of 4 at x = −1: targets 5/6 and 1/6, so the means are (3·5 + 1)/24 = 2/3 and 1/3.
        let y = [true, true, true, false, true, false, false, false];
        let x = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0];
        let fit = Platt::fit(&y, &x, PlattScale::Score, true).unwrap();
        assert!(fit.intercept.abs() < 1e-12 && (fit.slope - 2.0_f64.ln()).abs() < 1e-12);
        let plain = Platt::fit(&y, &x, PlattScale::Score, false).unwrap();
        assert!(plain.intercept.abs() < 1e-12 && (plain.slope - 3.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn smoothed_targets_survive_separation_and_plain_ones_do_not() {
        let (y, x) = ([false, false, true, true], [-2.0, -1.0, 1.0, 2.0]);
        assert!(Platt::fit(&y, &x, PlattScale::Score, true).unwrap().slope > 0.0);
        let plain = Platt::fit(&y, &x, PlattScale::Score, false);
        assert!(matches!(plain, Err(Error::Stats(stats::Error::Separated))));
    }

    #[test]
    fn temperature_at_one_distance_solved_by_hand() {
        // Predictions 0.1 and 0.9, right in 3 of 4: logit(¾) = logit(0.9)/T.
        let (y, p) = ([true, true, true, false, true, false, false, false], [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]);
        let found = fit_temperature(&y, &p).unwrap();
        assert!((found - 3.0_f64.ln() / 9.0_f64.ln()).abs() < 1e-12);
        let wrong: Vec<bool> = y.iter().map(|y| !y).collect();
        assert_eq!(fit_temperature(&wrong, &p).unwrap(), 0.0);
        assert!(matches!(fit_temperature(&[true, false], &[0.8, 0.3]), Err(Error::Stats(stats::Error::Separated))));
    }

    #[test]
    fn a_reversed_prediction_becomes_its_event_rate() {
        let (y, p) = ([false, true, false, true, false], [0.9, 0.2, 0.7, 0.4, 0.3]);
        let platt = Platt::fit(&y, &p, PlattScale::Logit, false).unwrap();
        let beta = BetaMap::fit(&y, &p).unwrap();
        assert_eq!((platt.slope, beta.a, beta.b), (0.0, 0.0, 0.0));
        assert!((platt.at(0.6) - 0.4).abs() < 1e-15 && (beta.at(0.6) - 0.4).abs() < 1e-15);
    }

    #[test]
    fn two_distinct_probabilities_leave_a_beta_map_on_an_edge() {
        let (y, p) = ([true, true, true, false, true, false, false, false], [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]);
        let beta = BetaMap::fit(&y, &p).unwrap();
        assert!((beta.at(0.9) - 0.75).abs() < 1e-9 && (beta.at(0.1) - 0.25).abs() < 1e-9);
        assert!(beta.a == 0.0 || beta.b == 0.0);
    }

    #[test]
    fn separation_is_refused_only_where_it_is_monotone() {
        let p: Vec<f64> = (1..40).map(|k| f64::from(k) / 40.0).collect();
        let y: Vec<bool> = p.iter().map(|p| (0.3..0.8).contains(p)).collect();
        assert!(BetaMap::fit(&y, &p).unwrap().at(0.5).is_finite());
        let y: Vec<bool> = p.iter().map(|&p| p > 0.5).collect();
        assert!(matches!(BetaMap::fit(&y, &p), Err(Error::Stats(stats::Error::Separated))));
    }

    #[test]
    fn no_constrained_beta_map_on_a_grid_is_likelier() {
        let p: Vec<f64> = (1..60).map(|k| f64::from(k) / 60.0).collect();
        let y: Vec<bool> = (1..60).map(|k| (k * 37) % 61 < k / 3 + 25 - k % 5).collect();
        let loss = |map: &BetaMap| -> f64 {
            p.iter()
                .zip(&y)
                .map(|(&p, &y)| {
                    let q = map.at(p);
                    -(if y { q } else { 1.0 - q }).ln()
                })
                .sum()
        };
        let best = BetaMap::fit(&y, &p).unwrap();
        for a in 0..12 {
            for b in 0..12 {
                for c in -10..11 {
                    let other = BetaMap { a: f64::from(a) / 6.0, b: f64::from(b) / 6.0, c: f64::from(c) / 5.0 };
                    assert!(loss(&best) <= loss(&other) + 1e-12);
                }
            }
        }
    }
}
