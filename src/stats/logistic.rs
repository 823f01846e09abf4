//! The logistic function and the small logistic regression behind calibration.

use super::inputs::{check_finite, check_length, check_two_classes};
use super::linalg::Cholesky;
use super::{Error, normal};
use crate::terms::Estimate;

const MAX_ITERATIONS: usize = 100;
/// Convergence: the largest change of a linear predictor, relative to 1 + the largest linear predictor.
const STEP_TOLERANCE: f64 = 1e-10;
/// Halving ends here. On the plateaus that offsets of ±34.5 make (probabilities of 0 or 1) Newton steps are 1e15
/// and more too long, and one halving costs one pass over the rows.
const SMALLEST_SHARE: f64 = 1e-300;

/// Returns ln(p / (1 − p)); −∞ at 0, +∞ at 1.
#[must_use]
pub fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

/// Returns 1 / (1 + exp(−x)) without overflow, in \[0, 1\].
#[must_use]
pub fn expit(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let odds = x.exp();
        odds / (1.0 + odds)
    }
}

/// Returns ln(1 + exp(x)) without overflow: the log loss of a non-event at linear predictor `x`.
#[must_use]
pub fn log1p_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// A logistic regression at its maximum.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// Intercept, then one coefficient per feature, on the logit scale.
    pub coef: Vec<f64>,
    /// Inverse of the (penalised) information at `coef`, row-major, `coef.len()` squared.
    pub covariance: Vec<f64>,
    /// Log-likelihood without the penalty, natural logarithm, at most 0.
    pub log_likelihood: f64,
    /// Newton steps made.
    pub n_iterations: usize,
}

impl LogisticFit {
    /// Returns coefficient `index` (0 = intercept) with its Wald 95 % interval; `None` past the last.
    #[must_use]
    pub fn wald(&self, index: usize) -> Option<Estimate> {
        let estimate = *self.coef.get(index)?;
        let half_width = normal::Z95 * self.covariance.get(index * (self.coef.len() + 1))?.sqrt();
        Some(Estimate { estimate, lower95: estimate - half_width, upper95: estimate + half_width })
    }

    /// Returns intercept + Σ coef·feature of one row of `n_features` values, before any offset.
    #[must_use]
    pub fn linear_predictor(&self, row: &[f64]) -> f64 {
        let (intercept, slopes) = self.coef.split_first().map_or((0.0, &[][..]), |(first, rest)| (*first, rest));
        intercept + slopes.iter().zip(row).map(|(coef, value)| coef * value).sum::<f64>()
    }
}

/// Returns the logistic regression of `y` on the row-major `n_samples` × `n_features` matrix `x`.
///
/// Maximises Σ ln P(yᵢ) − ½ `ridge` Σ coefⱼ² over an intercept, which is added here and never penalised, and one
/// coefficient per feature. `ridge` = 0 is plain maximum likelihood. Newton steps, halved until the
/// objective does not fall.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::OutOfDomain`] for a negative ridge,
/// [`Error::OneClass`], [`Error::Singular`] for collinear features (the column counts the intercept as 0),
/// [`Error::Separated`] when a direction exists along which the likelihood rises for ever, and
/// [`Error::NotConverged`] otherwise.
///
/// # Source
/// McCullagh & Nelder 1989, section 4.4; Albert & Anderson 1984 on separation.
pub fn logistic_fit(
    x: &[f64],
    n_samples: usize,
    n_features: usize,
    y: &[bool],
    ridge: f64,
) -> Result<LogisticFit, Error> {
    logistic_fit_offset(x, n_samples, n_features, y, &vec![0.0; n_samples], ridge)
}

/// Returns the regression of [`logistic_fit`] with a fixed `offset` added to each row's linear predictor.
///
/// # Errors
/// As [`logistic_fit`].
pub fn logistic_fit_offset(
    x: &[f64],
    n_samples: usize,
    n_features: usize,
    y: &[bool],
    offset: &[f64],
    ridge: f64,
) -> Result<LogisticFit, Error> {
    check_length("outcomes", n_samples, y.len())?;
    check_length("features", n_samples * n_features, x.len())?;
    check_length("offset", n_samples, offset.len())?;
    check_finite(x)?;
    check_finite(offset)?;
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return Err(Error::OutOfDomain { what: "ridge", expected: "a finite value of at least 0", found: ridge });
    }
    check_two_classes(y)?;
    Problem { x, n_features, y, offset, ridge }.maximise()
}

/// The checked data of one regression.
struct Problem<'a> {
    x: &'a [f64],
    n_features: usize,
    y: &'a [bool],
    offset: &'a [f64],
    ridge: f64,
}

impl Problem<'_> {
    fn maximise(&self) -> Result<LogisticFit, Error> {
        let size = self.n_features + 1;
        let mut coef = vec![0.0; size];
        let mut eta = self.offset.to_vec();
        let mut objective = self.objective(&eta, &coef);
        let mut last_step: Option<Vec<f64>> = None;
        for n_iterations in 1..=MAX_ITERATIONS {
            let (gradient, information) = self.derivatives(&eta, &coef);
            let factor = match Cholesky::new(&information, size) {
                Ok(factor) => factor,
                Err(error) => return Err(self.failure(last_step.as_deref(), error)),
            };
            let step = factor.solve(&gradient)?;
            let mut share = 1.0;
            let (next_coef, next_eta, next_objective) = loop {
                let trial: Vec<f64> = coef.iter().zip(&step).map(|(value, step)| value + share * step).collect();
                let trial_eta = self.linear_predictors(&trial);
                let trial_objective = self.objective(&trial_eta, &trial);
                // A fall below rounding of the sum is no fall.
                if trial_objective >= objective - 1e-12 * (1.0 + objective.abs()) {
                    break (trial, trial_eta, trial_objective);
                }
                share *= 0.5;
                if share < SMALLEST_SHARE {
                    return Err(self.failure(Some(&step), Error::NotConverged { n_iterations }));
                }
            };
            let change = eta.iter().zip(&next_eta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let largest = next_eta.iter().map(|value| value.abs()).fold(0.0, f64::max);
            (coef, eta, objective) = (next_coef, next_eta, next_objective);
            if change <= STEP_TOLERANCE * (1.0 + largest) {
                return self.finish(coef, &eta, n_iterations);
            }
            last_step = Some(step);
        }
        Err(self.failure(last_step.as_deref(), Error::NotConverged { n_iterations: MAX_ITERATIONS }))
    }

    fn finish(&self, coef: Vec<f64>, eta: &[f64], n_iterations: usize) -> Result<LogisticFit, Error> {
        let (_, information) = self.derivatives(eta, &coef);
        let covariance = Cholesky::new(&information, coef.len())?.inverse();
        Ok(LogisticFit { log_likelihood: self.log_likelihood(eta), coef, covariance, n_iterations })
    }

    /// The features of row `index`.
    fn row(&self, index: usize) -> &[f64] {
        &self.x[index * self.n_features..(index + 1) * self.n_features]
    }

    /// Intercept and slopes applied to every row, without the offset.
    fn project(&self, direction: &[f64]) -> Vec<f64> {
        let dot = |row: &[f64]| row.iter().zip(&direction[1..]).map(|(value, slope)| value * slope).sum::<f64>();
        (0..self.y.len()).map(|index| direction[0] + dot(self.row(index))).collect()
    }

    fn linear_predictors(&self, coef: &[f64]) -> Vec<f64> {
        self.project(coef).iter().zip(self.offset).map(|(value, offset)| value + offset).collect()
    }

    fn log_likelihood(&self, eta: &[f64]) -> f64 {
        -eta.iter().zip(self.y).map(|(&eta, &event)| log1p_exp(if event { -eta } else { eta })).sum::<f64>()
    }

    fn objective(&self, eta: &[f64], coef: &[f64]) -> f64 {
        let squares: f64 = coef.iter().skip(1).map(|value| value * value).sum();
        self.log_likelihood(eta) - 0.5 * self.ridge * squares
    }

    /// Gradient of the objective and the negative of its second derivatives (lower triangle).
    fn derivatives(&self, eta: &[f64], coef: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let size = coef.len();
        let mut gradient = vec![0.0; size];
        let mut information = vec![0.0; size * size];
        let mut row = vec![1.0; size];
        for (index, (&eta, &event)) in eta.iter().zip(self.y).enumerate() {
            // y − p and p(1 − p) from both tails, so that neither rounds to zero early.
            let (p, q) = (expit(eta), expit(-eta));
            let (residual, weight) = (if event { q } else { -p }, p * q);
            row[1..].copy_from_slice(self.row(index));
            for a in 0..size {
                gradient[a] += residual * row[a];
                for b in 0..=a {
                    information[a * size + b] += weight * row[a] * row[b];
                }
            }
        }
        for a in 1..size {
            gradient[a] -= self.ridge * coef[a];
            information[a * size + a] += self.ridge;
        }
        (gradient, information)
    }

    /// `Separated` when the last Newton direction moves no row towards the wrong class, else `otherwise`.
    fn failure(&self, direction: Option<&[f64]>, otherwise: Error) -> Error {
        let Some(direction) = direction.filter(|_| self.ridge == 0.0) else { return otherwise };
        let moves: Vec<f64> = self.project(direction);
        let largest = moves.iter().map(|value| value.abs()).fold(0.0, f64::max);
        let none_worse =
            moves.iter().zip(self.y).all(|(&value, &event)| if event { value } else { -value } >= -1e-6 * largest);
        if largest > 0.0 && none_worse { Error::Separated } else { otherwise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expit_undoes_logit_and_survives_the_tails() {
        for p in [1e-300, 1e-12, 0.2, 0.5, 0.9, 1.0 - 1e-12] {
            assert!((expit(logit(p)) / p - 1.0).abs() < 1e-12, "{p}");
        }
        assert_eq!((expit(-1e4), expit(1e4)), (0.0, 1.0));
        assert_eq!((log1p_exp(1e4), log1p_exp(-1e4)), (1e4, 0.0));
        assert!((log1p_exp(0.0) - 2.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_binary_feature_gives_the_log_odds_ratio_and_woolf_variance() {
        // 2×2 table: exposed 3 of 4 with the event, unexposed 2 of 5.
        let x = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let y = [true, true, true, false, true, true, false, false, false];
        let fit = logistic_fit(&x, 9, 1, &y, 0.0).unwrap();
        assert!((fit.coef[0] - (2.0_f64 / 3.0).ln()).abs() < 1e-12);
        assert!((fit.coef[1] - (3.0_f64 / (2.0 / 3.0)).ln()).abs() < 1e-12);
        assert!((fit.covariance[3] - (1.0 / 3.0 + 1.0 + 0.5 + 1.0 / 3.0)).abs() < 1e-12);
        assert!((fit.linear_predictor(&[1.0]) - 3.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let x = [0.3, -1.0, 2.0, 0.4, -0.7, 1.1, 0.0, 0.9, -1.4, 0.2];
        let y = [true, false, true, true, false];
        let problem = Problem { x: &x, n_features: 2, y: &y, offset: &[0.1, 0.0, -0.2, 0.3, 0.0], ridge: 0.7 };
        let coef = [0.2, -0.4, 0.5];
        let at = |coef: &[f64]| problem.objective(&problem.linear_predictors(coef), coef);
        let gradient_at = |coef: &[f64]| problem.derivatives(&problem.linear_predictors(coef), coef);
        let (gradient, information) = gradient_at(&coef);
        for j in 0..3 {
            let shifted = |by: f64| -> Vec<f64> { (0..3).map(|k| coef[k] + if k == j { by } else { 0.0 }).collect() };
            assert!(((at(&shifted(1e-5)) - at(&shifted(-1e-5))) / 2e-5 - gradient[j]).abs() < 1e-9);
            let (up, down) = (gradient_at(&shifted(1e-5)).0, gradient_at(&shifted(-1e-5)).0);
            for k in j..3 {
                assert!(((up[k] - down[k]) / 2e-5 + information[k * 3 + j]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn separation_is_an_error_whether_complete_or_quasi_complete() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(logistic_fit(&x, 4, 1, &[false, false, true, true], 0.0), Err(Error::Separated));
        let quasi = [1.0, 2.0, 2.0, 3.0, 2.0];
        assert_eq!(logistic_fit(&quasi, 5, 1, &[false, false, true, true, true], 0.0), Err(Error::Separated));
        // One level of a factor without any event, beside an ordinary feature.
        let level = [1.0, 0.1, 1.0, 0.7, 0.0, 0.2, 0.0, 0.9, 0.0, 0.4, 0.0, 0.6];
        let y = [false, false, true, false, false, true];
        assert_eq!(logistic_fit(&level, 6, 2, &y, 0.0), Err(Error::Separated));
    }

    #[test]
    fn a_ridge_makes_separated_data_finite_and_shrinks_towards_zero() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let y = [false, false, true, true];
        let weak = logistic_fit(&x, 4, 1, &y, 0.1).unwrap();
        let strong = logistic_fit(&x, 4, 1, &y, 10.0).unwrap();
        assert!(weak.coef[1] > strong.coef[1] && strong.coef[1] > 0.0);
    }

    #[test]
    fn collinear_features_are_singular_and_one_class_is_named() {
        let x = [1.0, 2.0, 2.0, 4.0, 3.0, 6.0, 4.0, 8.0];
        let y = [false, true, false, true];
        assert_eq!(logistic_fit(&x, 4, 2, &y, 0.0), Err(Error::Singular { column: 2 }));
        assert!(matches!(logistic_fit(&[1.0], 1, 1, &[true], 0.0), Err(Error::OneClass { .. })));
        assert!(matches!(logistic_fit(&x, 4, 2, &y, -1.0), Err(Error::OutOfDomain { .. })));
        assert!(matches!(logistic_fit(&x, 4, 1, &y, 0.0), Err(Error::LengthMismatch { .. })));
    }

    #[test]
    fn scaling_a_feature_scales_its_coefficient_only() {
        let x = [0.2, 1.4, -0.3, 0.8, 2.1, -1.0];
        let y = [true, true, false, false, true, true];
        let base = logistic_fit(&x, 6, 1, &y, 0.0).unwrap();
        let scaled: Vec<f64> = x.iter().map(|value| value * 1e6).collect();
        let big = logistic_fit(&scaled, 6, 1, &y, 0.0).unwrap();
        assert!((big.coef[1] * 1e6 / base.coef[1] - 1.0).abs() < 1e-10);
        assert!((big.log_likelihood - base.log_likelihood).abs() < 1e-12);
    }
}
