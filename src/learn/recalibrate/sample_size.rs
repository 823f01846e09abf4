//! How many of a site's patients, and events, a recalibration needs.

use serde::{Deserialize, Serialize};

use crate::learn::Error;
use crate::learn::calibrate::checks::{check_at_least, check_finite, check_length, check_probabilities, check_weights};
use crate::stats::scores::clip_probability;
use crate::stats::{self, logit};

/// Patients to collect, with the events to expect among them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleSize {
    /// Patients, rounded up.
    pub n_samples: usize,
    /// Expected events among them.
    pub n_events: f64,
}

/// Returns the size at which the intercept alone has standard error `std_err`: n = 1 / (se² mean p(1 − p)).
///
/// `p` are predicted probabilities of patients like the site's, as they come; the model is taken to hold, which is what
/// the size is planned under. A standard error of 0.1 puts the odds within 20 % either way at 95 %.
///
/// # Errors
/// [`stats::Error::TooFew`] without patients, [`stats::Error::NotFinite`], [`stats::Error::NotProbability`],
/// [`Error::Parameter`] unless `std_err` is above 0, [`stats::Error::Constant`] when every probability is 0 or 1.
///
/// # Source
/// Riley et al. 2021, *Statistics in Medicine* 40:4230 (Fisher information of the recalibration model).
pub fn for_intercept(p: &[f64], std_err: f64) -> Result<SampleSize, Error> {
    let [level, ..] = information(p)?;
    size(1.0 / level, std_err, mean(p))
}

/// Returns the size at which the calibration slope has standard error `std_err`, the intercept being estimated too.
///
/// n = I₀₀ / (se² (I₀₀ I₁₁ − I₀₁²)) with the mean informations I of intercept and slope.
///
/// # Errors
/// As [`for_intercept`]; [`stats::Error::Constant`] when the probabilities do not vary.
///
/// # Source
/// Riley et al. 2021, equation for SE(slope); R `pmvalsampsize`.
pub fn for_slope(p: &[f64], std_err: f64) -> Result<SampleSize, Error> {
    let [level, between, slope] = information(p)?;
    let determinant = level * slope - between * between;
    if determinant <= 1e-12 * level * slope {
        return Err(stats::Error::Constant { n_samples: p.len() }.into());
    }
    size(level / determinant, std_err, mean(p))
}

/// Returns the events at which the log of observed over expected events has standard error `std_err`: 1/se², rounded
/// up.
///
/// # Errors
/// [`Error::Parameter`] unless `std_err` is above 0.
pub fn events_for_survival_level(std_err: f64) -> Result<usize, Error> {
    check_std_err(std_err)?;
    whole(1.0 / (std_err * std_err))
}

/// Returns the events at which the slope of a survival model has standard error `std_err`: 1/(se² Var lp), rounded up.
///
/// The variance of the linear predictor is over expected events: patients like the site's weighted by `cum_hazard`,
/// their H(T | x) over the planned follow-up.
///
/// # Errors
/// [`Error::Parameter`] unless `std_err` is above 0, [`stats::Error::TooFew`], [`stats::Error::LengthMismatch`],
/// [`stats::Error::NotFinite`], [`stats::Error::BadWeight`], [`stats::Error::Constant`] without variance.
pub fn events_for_survival_slope(linear_predictor: &[f64], cum_hazard: &[f64], std_err: f64) -> Result<usize, Error> {
    check_std_err(std_err)?;
    check_at_least("patients", 2, linear_predictor.len())?;
    check_length("cumulative hazards", linear_predictor.len(), cum_hazard.len())?;
    check_finite(linear_predictor)?;
    check_weights(cum_hazard)?;
    let total: f64 = cum_hazard.iter().sum();
    let weighted = |of: &dyn Fn(f64) -> f64| -> f64 {
        linear_predictor.iter().zip(cum_hazard).map(|(&lp, weight)| weight * of(lp)).sum::<f64>() / total
    };
    let centre = if total > 0.0 { weighted(&|lp| lp) } else { 0.0 };
    let variance = if total > 0.0 { weighted(&|lp| (lp - centre).powi(2)) } else { 0.0 };
    if variance <= 1e-24 * (1.0 + centre * centre) {
        return Err(stats::Error::Constant { n_samples: linear_predictor.len() }.into());
    }
    whole(1.0 / (std_err * std_err * variance))
}

/// Mean informations of intercept, of both together, and of slope.
fn information(p: &[f64]) -> Result<[f64; 3], Error> {
    check_at_least("patients", 1, p.len())?;
    check_probabilities(p)?;
    let mut sums = [0.0; 3];
    for &p in p {
        let (weight, x) = (p * (1.0 - p), logit(clip_probability(p)));
        for (sum, power) in sums.iter_mut().zip([1.0, x, x * x]) {
            *sum += weight * power;
        }
    }
    if sums[0] <= 0.0 {
        return Err(stats::Error::Constant { n_samples: p.len() }.into());
    }
    Ok(sums.map(|sum| sum / p.len() as f64))
}

fn mean(p: &[f64]) -> f64 {
    p.iter().sum::<f64>() / p.len() as f64
}

fn size(variance_of_one: f64, std_err: f64, rate: f64) -> Result<SampleSize, Error> {
    check_std_err(std_err)?;
    let n_samples = whole(variance_of_one / (std_err * std_err))?;
    Ok(SampleSize { n_samples, n_events: n_samples as f64 * rate })
}

/// The next whole number, rounding of an exact one aside.
fn whole(value: f64) -> Result<usize, Error> {
    if value.is_finite() && value < 1e15 {
        return Ok((value * (1.0 - 1e-12)).ceil() as usize);
    }
    Err(Error::Parameter { what: "sample size", expected: "a number below 1e15", found: value })
}

fn check_std_err(std_err: f64) -> Result<(), Error> {
    if std_err > 0.0 && std_err.is_finite() {
        return Ok(());
    }
    Err(Error::Parameter { what: "standard error", expected: "a finite number above 0", found: std_err })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::recalibrate::{BinaryRecalibration, RecalibrationLevel};

    #[test]
    fn two_levels_solved_by_hand() {
        // p(1 − p) = 0.16 at 0.2 and 0.8: n = 1/(0.1² · 0.16) = 625, half of them events.
        let p = [0.2, 0.8];
        assert_eq!(for_intercept(&p, 0.1).unwrap(), SampleSize { n_samples: 625, n_events: 312.5 });
        // x = ± ln 4: I₁₁ = 0.16 ln² 4 and I₀₁ = 0, so n = 625 / ln² 4 = 325.2.
        assert_eq!(for_slope(&p, 0.1).unwrap().n_samples, 326);
        assert_eq!(events_for_survival_level(0.1).unwrap(), 100);
        // lp 0 and 1, expected events 1 and 3: variance 3/16, 1/(0.25 · 3/16) = 21.3.
        assert_eq!(events_for_survival_slope(&[0.0, 1.0], &[1.0, 3.0], 0.5).unwrap(), 22);
    }

    #[test]
    fn the_planned_standard_error_is_met() {
        // Outcomes at their expected rates, in a sample of the planned size.
        let p: Vec<f64> = (1..=8).map(|k| f64::from(k) / 10.0).collect();
        for std_err in [0.05, 0.1] {
            let n = for_slope(&p, std_err).unwrap().n_samples;
            let per_level = n.div_ceil(8);
            let rows = p.iter().flat_map(|&p| {
                let events = (p * per_level as f64).round() as usize;
                (0..per_level).map(move |row| (row < events, p))
            });
            let (y, p): (Vec<bool>, Vec<f64>) = rows.unzip();
            let fit = BinaryRecalibration::fit(RecalibrationLevel::LevelAndSlope, &y, &p).unwrap();
            assert!((fit.update.covariance[2].sqrt() / std_err - 1.0).abs() < 0.02);
        }
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(for_intercept(&[], 0.1).is_err() && for_intercept(&[0.5], 0.0).is_err());
        assert!(for_intercept(&[0.0, 1.0], 0.1).is_err() && for_intercept(&[0.5, f64::NAN], 0.1).is_err());
        assert!(matches!(for_slope(&[0.3; 4], 0.1), Err(Error::Stats(stats::Error::Constant { .. }))));
        assert!(events_for_survival_slope(&[1.0; 2], &[1.0; 2], 0.1).is_err());
        assert!(events_for_survival_slope(&[1.0, 2.0], &[0.0; 2], 0.1).is_err());
        assert!(events_for_survival_level(f64::NAN).is_err());
    }
}
