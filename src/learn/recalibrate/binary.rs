//! Level and slope of predicted probabilities.

use serde::{Deserialize, Serialize};

use super::{ClosedTest, LevelAndSlope, RecalibrationLevel};
use crate::learn::Error;
use crate::learn::calibrate::checks::{check_length, check_probabilities, check_two_classes};
use crate::stats::logistic::{log1p_exp, logistic_fit_offset};
use crate::stats::scores::clip_probability;
use crate::stats::{self, expit, logistic_fit, logit};
use crate::terms::Estimate;

/// A recalibration logit P = a + b · logit(p) of predicted probabilities.
///
/// Unlike a [`Calibrator`](crate::learn::calibrate::Calibrator), which is part of a model, it belongs to a site and
/// keeps its uncertainty. Its slope is not held at 0 or above: a site where the model ranks backwards should see that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BinaryRecalibration {
    /// a and b.
    pub update: LevelAndSlope,
}

impl BinaryRecalibration {
    /// Estimates the update of `level` from a site's outcomes `y` and the model's probabilities `p` for its patients.
    ///
    /// The model must not have been fitted on these patients. Probabilities are clipped by 1e-15 before the logit.
    ///
    /// # Errors
    /// [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`], [`stats::Error::NotProbability`],
    /// [`stats::Error::OneClass`], for a slope [`stats::Error::Constant`] and [`stats::Error::Separated`], and
    /// [`stats::Error::NotConverged`].
    ///
    /// # Source
    /// Cox 1958; Steyerberg et al. 2004, *Statistics in Medicine* 23:2567, methods 2 and 3.
    pub fn fit(level: RecalibrationLevel, y: &[bool], p: &[f64]) -> Result<Self, Error> {
        let logits = checked_logits(y, p)?;
        let update = match level {
            RecalibrationLevel::None => LevelAndSlope::UNCHANGED,
            RecalibrationLevel::InTheLarge => {
                let fit = logistic_fit_offset(&[], y.len(), 0, y, &logits, 0.0)?;
                LevelAndSlope { level, intercept: fit.coef[0], slope: 1.0, covariance: [fit.covariance[0], 0.0, 0.0] }
            }
            RecalibrationLevel::LevelAndSlope => {
                let fit = logistic_fit(&logits, y.len(), 1, y, 0.0)?;
                let covariance = [fit.covariance[0], fit.covariance[1], fit.covariance[3]];
                LevelAndSlope { level, intercept: fit.coef[0], slope: fit.coef[1], covariance }
            }
        };
        Ok(Self { update })
    }

    /// Returns the closed test at significance level `alpha` (0.05 in the paper) and the update that it chooses.
    ///
    /// # Errors
    /// As [`BinaryRecalibration::fit`] with a slope; [`Error::Parameter`] for `alpha` outside (0, 1).
    pub fn closed_test(y: &[bool], p: &[f64], alpha: f64) -> Result<(ClosedTest, Self), Error> {
        let logits = checked_logits(y, p)?;
        let levels = [RecalibrationLevel::None, RecalibrationLevel::InTheLarge, RecalibrationLevel::LevelAndSlope];
        let mut log_likelihoods = [0.0; 3];
        for (value, level) in log_likelihoods.iter_mut().zip(levels) {
            let update = Self::fit(level, y, p)?.update;
            let loss = |(&x, &event): (&f64, &bool)| {
                let eta = update.intercept + update.slope * x;
                log1p_exp(if event { -eta } else { eta })
            };
            *value = -logits.iter().zip(y).map(loss).sum::<f64>();
        }
        let test = ClosedTest::new(log_likelihoods, alpha)?;
        Ok((test, Self::fit(test.chosen, y, p)?))
    }

    /// Returns the recalibrated probabilities with the 95 % interval that the update's own uncertainty gives them.
    ///
    /// Delta method on the logit scale; the uncertainty of the model itself is not in it.
    ///
    /// # Errors
    /// [`stats::Error::NotFinite`], [`stats::Error::NotProbability`].
    pub fn apply(&self, p: &[f64]) -> Result<Vec<Estimate>, Error> {
        check_probabilities(p)?;
        let at = |&p: &f64| {
            if self.update.level == RecalibrationLevel::None {
                return Estimate { estimate: p, lower95: p, upper95: p };
            }
            let eta = self.update.at(logit(clip_probability(p)));
            Estimate { estimate: expit(eta.estimate), lower95: expit(eta.lower95), upper95: expit(eta.upper95) }
        };
        Ok(p.iter().map(at).collect())
    }
}

fn checked_logits(y: &[bool], p: &[f64]) -> Result<Vec<f64>, Error> {
    check_length("probabilities", y.len(), p.len())?;
    check_probabilities(p)?;
    check_two_classes(y)?;
    let logits: Vec<f64> = p.iter().map(|&p| logit(clip_probability(p))).collect();
    if logits.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(stats::Error::Constant { n_samples: y.len() }.into());
    }
    Ok(logits)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn site(seed: u64, n: usize, a: f64, b: f64) -> (Vec<bool>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let p: Vec<f64> = (0..n).map(|_| expit(rng.random_range(-2.5..2.0))).collect();
        let y = p.iter().map(|&p| rng.random_bool(expit(a + b * logit(p)))).collect();
        (y, p)
    }

    #[test]
    fn the_numbers_are_those_of_calibration() {
        let (y, p) = site(1, 400, 0.4, 0.8);
        let expected = stats::calibration(&y, &p).unwrap();
        let level = BinaryRecalibration::fit(RecalibrationLevel::InTheLarge, &y, &p).unwrap().update;
        let both = BinaryRecalibration::fit(RecalibrationLevel::LevelAndSlope, &y, &p).unwrap().update;
        assert_eq!((level.intercept_interval(), both.slope_interval()), (expected.intercept, expected.slope));
        assert_eq!(level.slope_interval(), Estimate { estimate: 1.0, lower95: 1.0, upper95: 1.0 });
    }

    #[test]
    fn recalibrated_probabilities_sum_to_the_events() {
        let (y, p) = site(2, 300, -0.7, 1.0);
        let n_events = y.iter().filter(|&&event| event).count() as f64;
        for level in [RecalibrationLevel::InTheLarge, RecalibrationLevel::LevelAndSlope] {
            let found = BinaryRecalibration::fit(level, &y, &p).unwrap().apply(&p).unwrap();
            assert!((found.iter().map(|e| e.estimate).sum::<f64>() - n_events).abs() < 1e-8);
            assert!(found.iter().all(|e| e.lower95 < e.estimate && e.estimate < e.upper95));
        }
        let unchanged = BinaryRecalibration::fit(RecalibrationLevel::None, &y, &p).unwrap().apply(&p).unwrap();
        assert!(unchanged.iter().zip(&p).all(|(e, p)| e.estimate == *p));
    }

    #[test]
    fn the_closed_test_finds_what_is_off_and_seldom_changes_a_good_model() {
        let chosen = |seed, n, a, b| {
            let (y, p) = site(seed, n, a, b);
            BinaryRecalibration::closed_test(&y, &p, 0.05).unwrap().0.chosen
        };
        assert_eq!(chosen(3, 2000, 1.0, 1.0), RecalibrationLevel::InTheLarge);
        assert_eq!(chosen(4, 2000, 0.0, 0.4), RecalibrationLevel::LevelAndSlope);
        let changed = (0..400).filter(|&seed| chosen(seed, 200, 0.0, 1.0) != RecalibrationLevel::None).count();
        // Binomial(400, 0.05): 20 ± 3 standard deviations of 4.4.
        assert!((7..=33).contains(&changed), "{changed}");
    }

    #[test]
    fn bad_input_is_refused() {
        let both = RecalibrationLevel::LevelAndSlope;
        let fit = |y: &[bool], p: &[f64]| BinaryRecalibration::fit(both, y, p);
        assert!(matches!(fit(&[true, false], &[0.4, 0.4]), Err(Error::Stats(stats::Error::Constant { .. }))));
        assert!(matches!(fit(&[true, false], &[0.6, 0.4]), Err(Error::Stats(stats::Error::Separated))));
        assert!(fit(&[true], &[0.4, 0.4]).is_err() && fit(&[true, false], &[0.4, f64::NAN]).is_err());
        assert!(BinaryRecalibration::closed_test(&[true, false, true], &[0.4, 0.5, 0.3], 0.0).is_err());
    }
}
