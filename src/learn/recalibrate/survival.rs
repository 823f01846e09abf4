//! Level and slope of predicted survival.

use serde::{Deserialize, Serialize};

use super::{ClosedTest, LevelAndSlope, RecalibrationLevel};
use crate::learn::Error;
use crate::learn::calibrate::checks::{check_finite, check_length, check_weights};
use crate::stats::linalg::Cholesky;
use crate::stats::{self, Survival, SurvivalCurves};
use crate::terms::Estimate;

const MAX_ITERATIONS: usize = 100;
/// Convergence: the squared Newton decrement, the distance to the maximum in standard errors squared.
const DECREMENT_TOLERANCE: f64 = 1e-20;

/// What a survival model says of a site's patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SitePredictions<'a> {
    /// H(Tᵢ | xᵢ) = −ln S(Tᵢ | xᵢ) at each patient's own last time: her expected number of events.
    pub cum_hazard: &'a [f64],
    /// Linear predictor (log relative hazard) of each patient; higher = earlier event.
    pub linear_predictor: &'a [f64],
}

/// A recalibration H′(t | x) = H(t | x) exp(a + (b − 1)(lp − centre)) of a proportional-hazards model.
///
/// exp(a) is the observed over the expected number of events (for the level alone, exactly), b the calibration slope,
/// centre the site's mean linear predictor, so that a speaks of its average patient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalRecalibration {
    /// a and b.
    pub update: LevelAndSlope,
    /// Mean linear predictor of the site.
    pub centre: f64,
}

impl SurvivalRecalibration {
    /// Estimates the update of `level` from a site's follow-up.
    ///
    /// Poisson regression of the event indicator with ln H(Tᵢ | xᵢ) as offset: given the model's baseline hazard that
    /// is the likelihood of right-censored times.
    ///
    /// # Errors
    /// [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`], [`stats::Error::BadWeight`] for a negative
    /// hazard, [`Error::Parameter`] for an event where the model has no hazard, [`stats::Error::NoEvents`]; for a slope
    /// [`stats::Error::Constant`] when every linear predictor is equal, [`stats::Error::Separated`] when all events
    /// have the largest or all the smallest; [`stats::Error::NotConverged`].
    ///
    /// # Source
    /// van Houwelingen 2000, *Statistics in Medicine* 19:3401; Crowson, Atkinson & Therneau 2016, *Statistical Methods
    /// in Medical Research* 25:1692.
    pub fn fit(level: RecalibrationLevel, data: &Survival, predictions: &SitePredictions<'_>) -> Result<Self, Error> {
        let site = Site::new(data, predictions)?;
        Ok(Self { update: site.update(level)?, centre: site.centre })
    }

    /// Returns the closed test at significance level `alpha` and the update that it chooses.
    ///
    /// # Errors
    /// As [`SurvivalRecalibration::fit`] with a slope; [`Error::Parameter`] for `alpha` outside (0, 1).
    pub fn closed_test(
        data: &Survival,
        predictions: &SitePredictions<'_>,
        alpha: f64,
    ) -> Result<(ClosedTest, Self), Error> {
        let site = Site::new(data, predictions)?;
        let levels = [RecalibrationLevel::None, RecalibrationLevel::InTheLarge, RecalibrationLevel::LevelAndSlope];
        let mut log_likelihoods = [0.0; 3];
        for (value, level) in log_likelihoods.iter_mut().zip(levels) {
            let update = site.update(level)?;
            *value = site.log_likelihood([update.intercept, update.slope]);
        }
        let test = ClosedTest::new(log_likelihoods, alpha)?;
        Ok((test, Self { update: site.update(test.chosen)?, centre: site.centre }))
    }

    /// The factor on the hazard of a patient with that linear predictor, with its 95 % interval.
    #[must_use]
    pub fn hazard_factor(&self, linear_predictor: f64) -> Estimate {
        let z = linear_predictor - self.centre;
        let log = self.update.at(z);
        Estimate {
            estimate: (log.estimate - z).exp(),
            lower95: (log.lower95 - z).exp(),
            upper95: (log.upper95 - z).exp(),
        }
    }

    /// Returns S′(t | x) = S(t | x)^factor of every patient.
    ///
    /// # Errors
    /// [`stats::Error::LengthMismatch`] unless there is one linear predictor per curve, [`stats::Error::NotFinite`],
    /// [`stats::Error::OutOfDomain`] for a factor beyond f64.
    pub fn apply(&self, curves: &SurvivalCurves, linear_predictor: &[f64]) -> Result<SurvivalCurves, Error> {
        check_length("linear predictors", curves.n_samples(), linear_predictor.len())?;
        check_finite(linear_predictor)?;
        let mut values = Vec::with_capacity(curves.n_samples() * curves.times().len());
        for (row, &predictor) in linear_predictor.iter().enumerate() {
            let factor = self.hazard_factor(predictor).estimate;
            if !factor.is_finite() {
                let expected = "a finite hazard factor";
                return Err(stats::Error::OutOfDomain { what: "linear predictor", expected, found: predictor }.into());
            }
            values.extend(curves.row(row).iter().map(|survival| survival.powf(factor)));
        }
        Ok(SurvivalCurves::new(curves.times().to_vec(), curves.n_samples(), values)?)
    }
}

/// The checked rows of a site.
struct Site<'a> {
    event: &'a [bool],
    cum_hazard: &'a [f64],
    /// Linear predictors less their mean.
    z: Vec<f64>,
    centre: f64,
    n_events: usize,
}

impl<'a> Site<'a> {
    fn new(data: &'a Survival, predictions: &SitePredictions<'a>) -> Result<Self, Error> {
        let n_samples = data.n_samples();
        check_length("cumulative hazards", n_samples, predictions.cum_hazard.len())?;
        check_length("linear predictors", n_samples, predictions.linear_predictor.len())?;
        check_weights(predictions.cum_hazard)?;
        check_finite(predictions.linear_predictor)?;
        let n_events = data.require_events()?;
        if data.event().iter().zip(predictions.cum_hazard).any(|(&event, &hazard)| event && hazard == 0.0) {
            let what = "cumulative hazard at an event";
            return Err(Error::Parameter { what, expected: "a value above 0", found: 0.0 });
        }
        let centre = predictions.linear_predictor.iter().sum::<f64>() / n_samples as f64;
        let z = predictions.linear_predictor.iter().map(|predictor| predictor - centre).collect();
        Ok(Self { event: data.event(), cum_hazard: predictions.cum_hazard, z, centre, n_events })
    }

    fn update(&self, level: RecalibrationLevel) -> Result<LevelAndSlope, Error> {
        // At b = 1 the maximum in a has a closed form.
        let log_ratio = (self.n_events as f64 / self.cum_hazard.iter().sum::<f64>()).ln();
        match level {
            RecalibrationLevel::None => Ok(LevelAndSlope::UNCHANGED),
            RecalibrationLevel::InTheLarge => {
                let covariance = [1.0 / self.n_events as f64, 0.0, 0.0];
                Ok(LevelAndSlope { level, intercept: log_ratio, slope: 1.0, covariance })
            }
            RecalibrationLevel::LevelAndSlope => self.with_slope(log_ratio),
        }
    }

    /// Newton steps in (a, b) from (`log_ratio`, 1), halved until the likelihood does not fall.
    fn with_slope(&self, log_ratio: f64) -> Result<LevelAndSlope, Error> {
        self.check_slope_exists()?;
        let mut coef = [log_ratio, 1.0];
        let mut value = self.log_likelihood(coef);
        for _ in 0..MAX_ITERATIONS {
            let (gradient, information) = self.derivatives(coef);
            let factor = Cholesky::new(&information, 2)?;
            let step = factor.solve(&gradient)?;
            if gradient[0] * step[0] + gradient[1] * step[1] <= DECREMENT_TOLERANCE {
                let inverse = factor.inverse();
                let covariance = [inverse[0], inverse[1], inverse[3]];
                let level = RecalibrationLevel::LevelAndSlope;
                return Ok(LevelAndSlope { level, intercept: coef[0], slope: coef[1], covariance });
            }
            let mut share = 1.0;
            loop {
                let trial = [coef[0] + share * step[0], coef[1] + share * step[1]];
                let trial_value = self.log_likelihood(trial);
                if trial_value >= value - 1e-12 * (1.0 + value.abs()) {
                    (coef, value) = (trial, trial_value);
                    break;
                }
                share *= 0.5;
                if share < f64::EPSILON {
                    return Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into());
                }
            }
        }
        Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into())
    }

    /// Linear predictors vary among rows at risk, and the events are not all at one end of them.
    fn check_slope_exists(&self) -> Result<(), Error> {
        let at_risk = || self.z.iter().zip(self.cum_hazard).filter(|(_, hazard)| **hazard > 0.0).map(|(&z, _)| z);
        let (low, high) = (at_risk().fold(f64::INFINITY, f64::min), at_risk().fold(f64::NEG_INFINITY, f64::max));
        if low >= high {
            return Err(stats::Error::Constant { n_samples: self.z.len() }.into());
        }
        let all_at = |end: f64| self.z.iter().zip(self.event).all(|(&z, &event)| !event || z == end);
        if all_at(low) || all_at(high) { Err(stats::Error::Separated.into()) } else { Ok(()) }
    }

    /// Σ d ln μ − μ with μ = H exp(a + (b − 1) z), without the constant Σ d ln H.
    fn log_likelihood(&self, [a, b]: [f64; 2]) -> f64 {
        let rows = self.z.iter().zip(self.cum_hazard).zip(self.event);
        rows.map(|((&z, &hazard), &event)| {
            let eta = a + (b - 1.0) * z;
            let expected = if hazard > 0.0 { hazard * eta.exp() } else { 0.0 };
            if event { eta - expected } else { -expected }
        })
        .sum()
    }

    fn derivatives(&self, [a, b]: [f64; 2]) -> ([f64; 2], [f64; 4]) {
        let (mut gradient, mut information) = ([0.0; 2], [0.0; 4]);
        for ((&z, &hazard), &event) in self.z.iter().zip(self.cum_hazard).zip(self.event) {
            let expected = if hazard > 0.0 { hazard * (a + (b - 1.0) * z).exp() } else { 0.0 };
            let residual = f64::from(u8::from(event)) - expected;
            gradient[0] += residual;
            gradient[1] += residual * z;
            information[0] += expected;
            information[2] += expected * z;
            information[3] += expected * z * z;
        }
        information[1] = information[2];
        (gradient, information)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Hazard 0.1 exp(a + b lp) where the model says 0.1 exp(lp); closed at time 10.
    fn site(seed: u64, n: usize, a: f64, b: f64) -> (Survival, Vec<f64>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let predictor: Vec<f64> = (0..n).map(|_| rng.random_range(-1.5..1.5)).collect();
        let time: Vec<f64> =
            predictor.iter().map(|lp| -(1.0 - rng.random::<f64>()).ln() / (0.1 * (a + b * lp).exp())).collect();
        let event = time.iter().map(|&time| time < 10.0).collect();
        let time: Vec<f64> = time.iter().map(|time| time.min(10.0)).collect();
        let hazard = time.iter().zip(&predictor).map(|(time, lp)| 0.1 * time * lp.exp()).collect();
        (Survival::new(time, event).unwrap(), hazard, predictor)
    }

    fn predictions<'a>(cum_hazard: &'a [f64], linear_predictor: &'a [f64]) -> SitePredictions<'a> {
        SitePredictions { cum_hazard, linear_predictor }
    }

    #[test]
    fn the_level_is_observed_over_expected() {
        let data = Survival::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, false, false]).unwrap();
        let found = SurvivalRecalibration::fit(
            RecalibrationLevel::InTheLarge,
            &data,
            &predictions(&[0.1, 0.4, 0.2, 0.3], &[0.0; 4]),
        );
        let update = found.unwrap().update;
        assert!((update.intercept - 2.0_f64.ln()).abs() < 1e-15 && update.covariance[0] == 0.5);
    }

    #[test]
    fn two_levels_of_the_predictor_solved_by_hand() {
        // Expected 1 at lp 0 and 2 at lp 1, observed 2 and 3: ln 2 = a − (b − 1)/2 and ln 1.5 = a + (b − 1)/2.
        let event = [true, true, true, true, true, false];
        let data = Survival::new(vec![1.0; 6], event.to_vec()).unwrap();
        let hazard = [0.4, 0.6, 0.5, 0.5, 0.5, 0.5];
        let lp = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let found =
            SurvivalRecalibration::fit(RecalibrationLevel::LevelAndSlope, &data, &predictions(&hazard, &lp)).unwrap();
        assert!((found.hazard_factor(0.0).estimate - 2.0).abs() < 1e-12);
        assert!((found.hazard_factor(1.0).estimate - 1.5).abs() < 1e-12);
        assert!((found.update.slope - (1.0 + 0.75_f64.ln())).abs() < 1e-12);
        // Saturated: variances are 1/2 at lp 0 and 1/3 at lp 1, so 5/6 for the slope.
        assert!((found.update.covariance[2] - 5.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn the_truth_is_found_and_the_closed_test_chooses_it() {
        let (data, hazard, lp) = site(1, 4000, 0.5, 0.6);
        let (test, found) = SurvivalRecalibration::closed_test(&data, &predictions(&hazard, &lp), 0.05).unwrap();
        assert_eq!(test.chosen, RecalibrationLevel::LevelAndSlope);
        let slope = found.update.slope_interval();
        assert!(slope.lower95 < 0.6 && 0.6 < slope.upper95);
        let factor = found.hazard_factor(0.7);
        let truth = (0.5_f64 + (0.6 - 1.0) * 0.7).exp();
        assert!(factor.lower95 < truth && truth < factor.upper95);
        let (data, hazard, lp) = site(2, 1500, 0.4, 1.0);
        let found = SurvivalRecalibration::closed_test(&data, &predictions(&hazard, &lp), 0.05).unwrap();
        assert_eq!(found.0.chosen, RecalibrationLevel::InTheLarge);
        let changed = (0..300)
            .filter(|&seed| {
                let (data, hazard, lp) = site(100 + seed, 200, 0.0, 1.0);
                let found = SurvivalRecalibration::closed_test(&data, &predictions(&hazard, &lp), 0.05).unwrap();
                found.0.chosen != RecalibrationLevel::None
            })
            .count();
        // Binomial(300, 0.05): 15 ± 3 standard deviations of 3.8.
        assert!((4..=26).contains(&changed), "{changed}");
    }

    #[test]
    fn recalibrated_hazards_sum_to_the_events() {
        let (data, hazard, lp) = site(3, 500, -0.4, 1.3);
        for level in [RecalibrationLevel::InTheLarge, RecalibrationLevel::LevelAndSlope] {
            let found = SurvivalRecalibration::fit(level, &data, &predictions(&hazard, &lp)).unwrap();
            let sum: f64 = hazard.iter().zip(&lp).map(|(h, &lp)| h * found.hazard_factor(lp).estimate).sum();
            assert!((sum / data.n_events() as f64 - 1.0).abs() < 1e-9);
        }
        let curves = SurvivalCurves::new(vec![1.0], 1, vec![0.64]).unwrap();
        let half = SurvivalRecalibration {
            update: LevelAndSlope { intercept: 0.5_f64.ln(), ..LevelAndSlope::UNCHANGED },
            centre: 0.0,
        };
        assert!((half.apply(&curves, &[3.0]).unwrap().row(0)[0] - 0.8).abs() < 1e-15);
    }

    #[test]
    fn bad_input_is_refused() {
        let data = Survival::new(vec![1.0, 2.0, 3.0], vec![true, false, false]).unwrap();
        let fit = |hazard: &[f64], lp: &[f64]| {
            SurvivalRecalibration::fit(RecalibrationLevel::LevelAndSlope, &data, &predictions(hazard, lp))
        };
        assert!(matches!(fit(&[0.1; 3], &[1.0; 3]), Err(Error::Stats(stats::Error::Constant { .. }))));
        assert!(matches!(fit(&[0.1; 3], &[1.0, 0.5, 0.2]), Err(Error::Stats(stats::Error::Separated))));
        assert!(matches!(fit(&[0.0, 0.1, 0.1], &[1.0, 0.5, 0.2]), Err(Error::Parameter { .. })));
        assert!(fit(&[-0.1; 3], &[1.0, 0.5, 0.2]).is_err());
        assert!(fit(&[0.1; 2], &[1.0, 0.5, 0.2]).is_err());
        assert!(fit(&[0.1; 3], &[f64::NAN, 0.5, 0.2]).is_err());
        let none = Survival::new(vec![1.0], vec![false]).unwrap();
        let found = SurvivalRecalibration::fit(RecalibrationLevel::InTheLarge, &none, &predictions(&[0.1], &[0.0]));
        assert!(matches!(found, Err(Error::Stats(stats::Error::NoEvents { .. }))));
    }
}
