//! Do predicted probabilities mean what they say?

use serde::{Deserialize, Serialize};

use super::inputs::{check_probabilities, check_two_classes};
use super::logistic::{LogisticFit, expit, logistic_fit, logistic_fit_offset, logit};
use super::scores::clip_probability;
use super::spline::{four_knot_basis, four_knots};
use super::{Error, Error::Constant};
use crate::terms::Estimate;

/// Calibration of predicted probabilities against outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Calibration in the large, on the logit scale: 0 is ideal, above 0 the predictions are too low.
    pub intercept: Estimate,
    /// Calibration slope: 1 is ideal, below 1 the predictions are too extreme.
    pub slope: Estimate,
    /// Integrated calibration index, the mean of |p − smoothed observed rate|; in \[0, 1\], 0 is ideal.
    pub ici: f64,
}

/// Returns intercept, slope and integrated calibration index of probabilities `p` for outcomes `y`.
///
/// The intercept is not that of the slope's model: it is fitted with the slope held at 1
/// ([`calibration_in_the_large`]), so that it measures the mean level alone. Both carry Wald 95 % intervals;
/// for an interval of the index, resample patients with [`bootstrap`](super::bootstrap()) and [`ici`].
/// Probabilities of exactly 0 or 1 are clipped by 1e-15 before the logit and then pull hard on the slope.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::NotProbability`],
/// [`Error::OneClass`], [`Error::Constant`] when all probabilities are equal, [`Error::Separated`] when they part
/// events from non-events perfectly, and [`Error::NotConverged`].
///
/// # Source
/// Cox 1958; Van Calster et al. 2019, *BMC Medicine* 17:230 (weak calibration); [`ici`] for the index.
pub fn calibration(y: &[bool], p: &[f64]) -> Result<Calibration, Error> {
    Ok(Calibration { intercept: calibration_in_the_large(y, p)?, slope: calibration_slope(y, p)?, ici: ici(y, p)? })
}

/// Returns the `a` of logit P(y) = a + logit(p) with its Wald 95 % interval; 0 is ideal.
///
/// # Errors
/// As [`calibration`], but neither `Constant` nor `Separated` can arise; `NotConverged` when probabilities of exactly
/// 0 and 1, wrong equally often both ways, leave every level equally likely.
pub fn calibration_in_the_large(y: &[bool], p: &[f64]) -> Result<Estimate, Error> {
    let offset = checked_logits(y, p)?;
    wald(&logistic_fit_offset(&[], y.len(), 0, y, &offset, 0.0)?, 0)
}

/// Returns the `b` of logit P(y) = a + b·logit(p) with its Wald 95 % interval; 1 is ideal.
///
/// # Errors
/// As [`calibration`].
pub fn calibration_slope(y: &[bool], p: &[f64]) -> Result<Estimate, Error> {
    let logits = checked_logits(y, p)?;
    if is_constant(&logits) {
        return Err(Constant { n_samples: y.len() });
    }
    wald(&logistic_fit(&logits, y.len(), 1, y, 0.0)?, 1)
}

/// Returns the integrated calibration index: the mean of |p − [`smoothed_calibration`]|, 0 is ideal.
///
/// The index is positive even for perfect predictions in a finite sample; compare models on the same rows.
///
/// # Errors
/// As [`smoothed_calibration`].
///
/// # Source
/// Austin & Steyerberg 2019, *Statistics in Medicine* 38:4051. They smooth by loess; we by a logistic
/// regression on a restricted cubic spline, one of the smoothers of Harrell 2015 (section 10.5), because its
/// estimate stays in \[0, 1\] and does not hang on a bandwidth. The two indices are not interchangeable.
pub fn ici(y: &[bool], p: &[f64]) -> Result<f64, Error> {
    let smooth = smoothed_calibration(y, p)?;
    Ok(p.iter().zip(&smooth).map(|(p, observed)| (p - observed).abs()).sum::<f64>() / y.len() as f64)
}

/// Returns the smoothed observed event rate at each row's predicted probability, in row order.
///
/// A logistic regression of `y` on a restricted cubic spline of logit(p), knots at the 5th, 35th, 65th and 95th
/// percentile. Falls back to logit(p) alone when knots coincide or the spline has no finite maximum, and to
/// the event rate when all probabilities are equal.
///
/// # Errors
/// As [`calibration`] without `Constant`; `Separated` and the like when even the straight line has no maximum.
pub fn smoothed_calibration(y: &[bool], p: &[f64]) -> Result<Vec<f64>, Error> {
    let logits = checked_logits(y, p)?;
    let n_samples = y.len();
    if is_constant(&logits) {
        let n_events = y.iter().filter(|&&event| event).count();
        return Ok(vec![n_events as f64 / n_samples as f64; n_samples]);
    }
    if let Some(knots) = four_knots(&logits)? {
        let basis: Vec<f64> = logits.iter().flat_map(|&x| four_knot_basis(x, &knots)).collect();
        if let Ok(fit) = logistic_fit(&basis, n_samples, 3, y, 0.0) {
            return Ok(fitted(&fit, &basis, 3));
        }
    }
    let fit = logistic_fit(&logits, n_samples, 1, y, 0.0)?;
    Ok(fitted(&fit, &logits, 1))
}

/// The logits of `p`, once both slices are checked.
fn checked_logits(y: &[bool], p: &[f64]) -> Result<Vec<f64>, Error> {
    check_probabilities(y, p)?;
    check_two_classes(y)?;
    Ok(p.iter().map(|&p| logit(clip_probability(p))).collect())
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn fitted(fit: &LogisticFit, x: &[f64], n_features: usize) -> Vec<f64> {
    x.chunks_exact(n_features).map(|row| expit(fit.linear_predictor(row))).collect()
}

fn wald(fit: &LogisticFit, index: usize) -> Result<Estimate, Error> {
    fit.wald(index).ok_or(Error::TooFew { what: "coefficients", needed: index + 1, found: fit.coef.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `events` of `n` rows have the event, all with the same probability.
    fn block(events: usize, n: usize, p: f64) -> impl Iterator<Item = (bool, f64)> {
        (0..n).map(move |row| (row < events, p))
    }

    #[test]
    fn two_levels_of_probability_solved_by_hand() {
        // Observed rates ¼ and ¾ where 0.1 and 0.9 were predicted: slope logit(¾) / logit(0.9), intercept 0.
        let (y, p): (Vec<bool>, Vec<f64>) = block(1, 4, 0.1).chain(block(3, 4, 0.9)).unzip();
        let found = calibration(&y, &p).unwrap();
        assert!((found.slope.estimate - logit(0.75) / logit(0.9)).abs() < 1e-12);
        assert!(found.intercept.estimate.abs() < 1e-12);
        assert!((found.ici - 0.15).abs() < 1e-12);
        // Information of the intercept: Σ p(1 − p) = 8 · 0.09.
        assert!((found.intercept.upper95 - crate::stats::normal::Z95 / 0.72_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn predictions_that_are_too_low_have_a_positive_intercept() {
        let (y, p): (Vec<bool>, Vec<f64>) = block(2, 4, 0.2).chain(block(3, 4, 0.5)).unzip();
        assert!(calibration_in_the_large(&y, &p).unwrap().estimate > 0.0);
    }

    #[test]
    fn a_constant_prediction_has_an_index_but_no_slope() {
        let (y, p): (Vec<bool>, Vec<f64>) = block(1, 4, 0.4).unzip();
        assert!((ici(&y, &p).unwrap() - 0.15).abs() < 1e-15);
        assert_eq!(calibration(&y, &p), Err(Constant { n_samples: 4 }));
    }

    #[test]
    fn perfect_separation_and_one_class_are_errors() {
        let p = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9];
        let y = [false, false, false, true, true, true];
        assert_eq!(calibration(&y, &p), Err(Error::Separated));
        assert!(matches!(calibration(&[true; 6], &p), Err(Error::OneClass { .. })));
        assert!(matches!(calibration(&[], &[]), Err(Error::TooFew { .. })));
    }

    #[test]
    fn a_spline_that_separates_falls_back_to_the_line() {
        // Events only in the middle: the spline can part them, the line cannot.
        let p: Vec<f64> = (1..40).map(|k| f64::from(k) / 40.0).collect();
        let y: Vec<bool> = p.iter().map(|p| (0.3..0.7).contains(p)).collect();
        assert!(ici(&y, &p).unwrap().is_finite());
    }

    #[test]
    fn certain_predictions_give_finite_numbers() {
        let p = [0.0, 0.3, 1.0, 0.6, 0.2, 1.0, 0.0];
        let y = [false, true, true, false, false, false, true];
        let found = calibration(&y, &p).unwrap();
        assert!(found.slope.upper95.is_finite() && found.ici.is_finite());
    }

    #[test]
    fn certain_and_wrong_predictions_still_have_a_level() {
        // One event among four rows at 1: the level that fits is logit(¼) − logit(1 − 1e-15).
        let (y, p): (Vec<bool>, Vec<f64>) = block(0, 1, 0.0).chain(block(1, 4, 1.0)).unzip();
        let expected = logit(0.25) - logit(clip_probability(1.0));
        assert!((calibration_in_the_large(&y, &p).unwrap().estimate - expected).abs() < 1e-9);
        assert_eq!(calibration_slope(&y, &p), Err(Error::Separated));
    }

    #[test]
    fn recalibrated_predictions_are_calibrated() {
        let p: Vec<f64> = (0..200).map(|k| 0.02 + 0.0048 * f64::from(k)).collect();
        let y: Vec<bool> = (0..200).map(|k| (k * 7919) % 211 < k / 2 + 30).collect();
        let logits: Vec<f64> = p.iter().map(|&p| logit(p)).collect();
        let fit = logistic_fit(&logits, 200, 1, &y, 0.0).unwrap();
        let again = calibration(&y, &fitted(&fit, &logits, 1)).unwrap();
        assert!((again.slope.estimate - 1.0).abs() < 1e-9 && again.intercept.estimate.abs() < 1e-9);
    }
}
