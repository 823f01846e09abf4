//! Calibration maps: what a prediction of 0.3 turned out to mean.
//!
//! A [`Calibrator`] is fitted on *out-of-fold* predictions, those that each patient got from a model that had not seen
//! her; fitted on predictions for the training rows it would learn the overfit. Every map is non-decreasing, so it
//! never turns the ranking of two patients (isotonic and flat maps may tie them).

pub(in crate::learn) mod checks;
mod isotonic;
mod sigmoid;

use serde::{Deserialize, Serialize};

pub use self::isotonic::{Interpolation, Isotonic};
pub use self::sigmoid::{BetaMap, Platt, PlattScale};

use self::checks::{check_at_least, check_finite, check_length, check_probabilities, check_two_classes};
use super::Error;
use crate::stats::folds::stratified_folds;
use crate::stats::scores::clip_probability;
use crate::stats::{self, expit, log_loss, logit};

/// A family of calibration maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CalibratorKind {
    /// Leaves probabilities as they are.
    Identity,
    /// A straight line on the logit scale: two coefficients.
    Platt {
        /// What the line is taken in.
        scale: PlattScale,
        /// Platt's smoothed targets instead of 0 and 1; finite even when the predictions separate the outcomes.
        smoothed: bool,
    },
    /// The logit divided by one number.
    Temperature,
    /// A logistic regression on ln p and −ln(1 − p): three coefficients.
    Beta,
    /// Any non-decreasing curve. Its values can be exactly 0 or 1; it wants hundreds of events.
    Isotonic {
        /// How it is read between knots.
        interpolation: Interpolation,
    },
}

impl CalibratorKind {
    /// The families for probabilities, from the simplest to the most flexible.
    pub const FOR_PROBABILITIES: [Self; 5] = [
        Self::Identity,
        Self::Temperature,
        Self::Platt { scale: PlattScale::Logit, smoothed: true },
        Self::Beta,
        Self::Isotonic { interpolation: Interpolation::Linear },
    ];

    /// Whether the map takes any finite score, not only probabilities.
    fn takes_scores(self) -> bool {
        matches!(self, Self::Platt { scale: PlattScale::Score, .. } | Self::Isotonic { .. })
    }
}

/// A fitted, non-decreasing map from predictions to probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibrator {
    /// p itself.
    Identity,
    /// expit(intercept + slope · x).
    Platt(Platt),
    /// expit(logit(p) / T).
    Temperature {
        /// 1/T, at least 0; below 1 the predictions were too extreme.
        inverse_temperature: f64,
    },
    /// expit(a ln p − b ln(1 − p) + c).
    Beta(BetaMap),
    /// A non-decreasing curve through knots.
    Isotonic(Isotonic),
}

impl Calibrator {
    /// Fits one family on out-of-fold predictions `values` (n_samples) for outcomes `y`.
    ///
    /// Parametric families maximise the likelihood under the condition that the map does not fall: a slope (or `a`, `b`
    /// of the beta map) that would be negative is 0. Isotonic regression minimises squares. Probabilities are clipped
    /// by 1e-15 before a logarithm.
    ///
    /// ```
    /// use regimen::learn::calibrate::{Calibrator, CalibratorKind};
    /// let (y, p) = ([true, true, true, false, false, false, false, true], [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]);
    /// let map = Calibrator::fit(CalibratorKind::Temperature, &y, &p).unwrap();
    /// assert!((map.apply(&[0.9]).unwrap()[0] - 0.75).abs() < 1e-12);
    /// ```
    ///
    /// # Errors
    /// [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`], [`stats::Error::NotProbability`] for families of
    /// probabilities, [`stats::Error::OneClass`], [`stats::Error::Constant`] for Platt and temperature,
    /// [`stats::Error::Separated`] where the likelihood has no maximum (not with smoothed targets), and
    /// [`stats::Error::NotConverged`].
    ///
    /// # Source
    /// Platt 1999; Guo et al. 2017 (temperature); Kull, Silva Filho & Flach 2017 (beta; their rule for negative
    /// coefficients is here the constrained maximum); Zadrozny & Elkan 2002 (isotonic).
    pub fn fit(kind: CalibratorKind, y: &[bool], values: &[f64]) -> Result<Self, Error> {
        check_length("predictions", y.len(), values.len())?;
        if kind.takes_scores() {
            check_finite(values)?
        } else {
            check_probabilities(values)?
        }
        check_two_classes(y)?;
        Ok(match kind {
            CalibratorKind::Identity => Self::Identity,
            CalibratorKind::Platt { scale, smoothed } => Self::Platt(Platt::fit(y, values, scale, smoothed)?),
            CalibratorKind::Temperature => {
                Self::Temperature { inverse_temperature: sigmoid::fit_temperature(y, values)? }
            }
            CalibratorKind::Beta => Self::Beta(BetaMap::fit(y, values)?),
            CalibratorKind::Isotonic { interpolation } => Self::Isotonic(Isotonic::fit(y, values, interpolation)?),
        })
    }

    /// Returns the calibrated probability of every prediction, in \[0, 1\].
    ///
    /// # Errors
    /// [`stats::Error::NotFinite`], and [`stats::Error::NotProbability`] where the map takes probabilities only.
    pub fn apply(&self, values: &[f64]) -> Result<Vec<f64>, Error> {
        match self {
            Self::Platt(Platt { scale: PlattScale::Score, .. }) | Self::Isotonic(_) => check_finite(values)?,
            _ => check_probabilities(values)?,
        }
        Ok(values.iter().map(|&value| self.at(value)).collect())
    }

    /// The map at one checked prediction.
    fn at(&self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Platt(platt) => platt.at(value),
            Self::Temperature { inverse_temperature } => expit(inverse_temperature * logit(clip_probability(value))),
            Self::Beta(beta) => beta.at(value),
            Self::Isotonic(isotonic) => isotonic.at(value),
        }
    }
}

/// A family chosen by cross-validation, with what every candidate scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratorChoice {
    /// The chosen family.
    pub kind: CalibratorKind,
    /// Every candidate with its cross-validated log loss in nats; `None` where a fold could not be fitted.
    pub log_losses: Vec<(CalibratorKind, Option<f64>)>,
}

/// Chooses among `kinds` the one with the lowest cross-validated log loss; the earlier one on a tie.
///
/// The map is refitted without each fold and applied to it; the log loss is over all rows. Rows that share a value of
/// `groups` (a patient) stay in one fold. The log loss of the winner is optimistic by the choice; report performance
/// from an outer loop.
///
/// # Errors
/// As [`stratified_folds`]; [`stats::Error::TooFew`] when no candidate could be fitted in every fold.
pub fn choose_calibrator(
    y: &[bool],
    values: &[f64],
    groups: Option<&[usize]>,
    kinds: &[CalibratorKind],
    n_folds: usize,
    seed: u64,
) -> Result<CalibratorChoice, Error> {
    check_length("predictions", y.len(), values.len())?;
    check_finite(values)?;
    check_at_least("candidates", 1, kinds.len())?;
    let fold = stratified_folds(y, groups, n_folds, seed)?;
    let log_losses: Vec<(CalibratorKind, Option<f64>)> =
        kinds.iter().map(|&kind| (kind, cross_validated_loss(kind, y, values, &fold, n_folds).ok())).collect();
    let mut best: Option<(CalibratorKind, f64)> = None;
    for &(kind, loss) in &log_losses {
        if let Some(loss) = loss
            && best.is_none_or(|(_, lowest)| loss < lowest)
        {
            best = Some((kind, loss));
        }
    }
    match best {
        Some((kind, _)) => Ok(CalibratorChoice { kind, log_losses }),
        None => Err(stats::Error::TooFew { what: "candidates fitted in every fold", needed: 1, found: 0 }.into()),
    }
}

fn cross_validated_loss(
    kind: CalibratorKind,
    y: &[bool],
    values: &[f64],
    fold: &[usize],
    n_folds: usize,
) -> Result<f64, Error> {
    let mut calibrated = vec![0.0; y.len()];
    for held_out in 0..n_folds {
        let (outside, inside): (Vec<usize>, Vec<usize>) = (0..y.len()).partition(|&row| fold[row] != held_out);
        let train_y: Vec<bool> = outside.iter().map(|&row| y[row]).collect();
        let train: Vec<f64> = outside.iter().map(|&row| values[row]).collect();
        let test: Vec<f64> = inside.iter().map(|&row| values[row]).collect();
        let applied = Calibrator::fit(kind, &train_y, &train)?.apply(&test)?;
        for (&row, value) in inside.iter().zip(applied) {
            calibrated[row] = value;
        }
    }
    Ok(log_loss(y, &calibrated)?)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Outcomes drawn from expit(0.6 logit(p) − 0.4): predictions too extreme and too high.
    fn overfit(seed: u64, n: usize) -> (Vec<bool>, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let p: Vec<f64> = (0..n).map(|_| rng.random_range(0.01..0.99)).collect();
        let y = p.iter().map(|&p| rng.random_bool(expit(0.6 * logit(p) - 0.4))).collect();
        (y, p)
    }

    fn kinds() -> Vec<CalibratorKind> {
        let mut kinds = CalibratorKind::FOR_PROBABILITIES.to_vec();
        kinds.push(CalibratorKind::Platt { scale: PlattScale::Score, smoothed: false });
        kinds.push(CalibratorKind::Isotonic { interpolation: Interpolation::Steps });
        kinds
    }

    #[test]
    fn every_map_never_falls_and_stays_a_probability() {
        let grid: Vec<f64> = (0..=1000).map(|k| f64::from(k) / 1000.0).collect();
        for seed in 0..15 {
            let (y, p) = overfit(seed, 80);
            for kind in kinds() {
                for y in [&y, &y.iter().map(|y| !y).collect::<Vec<bool>>()] {
                    let map = Calibrator::fit(kind, y, &p).unwrap().apply(&grid).unwrap();
                    assert!(map.windows(2).all(|pair| pair[0] <= pair[1] + 1e-14), "{kind:?}");
                    assert!(map.iter().all(|value| (0.0..=1.0).contains(value)));
                }
            }
        }
    }

    #[test]
    fn maps_survive_json_to_the_last_bit() {
        let (y, p) = overfit(3, 120);
        for kind in kinds() {
            let map = Calibrator::fit(kind, &y, &p).unwrap();
            let again: Calibrator = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
            assert_eq!(map.apply(&p).unwrap(), again.apply(&p).unwrap());
        }
    }

    #[test]
    fn row_order_does_not_matter() {
        let (y, p) = overfit(4, 90);
        let (back_y, back_p): (Vec<bool>, Vec<f64>) =
            (y.iter().rev().copied().collect(), p.iter().rev().copied().collect());
        for kind in kinds() {
            let a = Calibrator::fit(kind, &y, &p).unwrap().apply(&p).unwrap();
            let b = Calibrator::fit(kind, &back_y, &back_p).unwrap().apply(&p).unwrap();
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12), "{kind:?}");
        }
    }

    #[test]
    fn fitted_probabilities_sum_to_the_events() {
        // Score equations of any map with an intercept; block means for the isotonic one.
        let (y, p) = overfit(5, 200);
        let n_events = y.iter().filter(|&&event| event).count() as f64;
        let unsmoothed = CalibratorKind::Platt { scale: PlattScale::Logit, smoothed: false };
        let isotonic = CalibratorKind::Isotonic { interpolation: Interpolation::Linear };
        for kind in [unsmoothed, CalibratorKind::Beta, isotonic] {
            let sum: f64 = Calibrator::fit(kind, &y, &p).unwrap().apply(&p).unwrap().iter().sum();
            assert!((sum - n_events).abs() < 1e-8, "{kind:?} {sum}");
        }
    }

    #[test]
    fn cross_validation_prefers_a_line_when_the_truth_is_a_line() {
        let (y, p) = overfit(6, 3000);
        let choice = choose_calibrator(&y, &p, None, &CalibratorKind::FOR_PROBABILITIES, 10, 1).unwrap();
        assert!(matches!(choice.kind, CalibratorKind::Platt { .. } | CalibratorKind::Beta));
        let loss = |wanted: CalibratorKind| {
            choice.log_losses.iter().find(|(kind, _)| *kind == wanted).and_then(|(_, loss)| *loss).unwrap()
        };
        assert!(loss(choice.kind) < loss(CalibratorKind::Identity));
        assert_eq!(choice, choose_calibrator(&y, &p, None, &CalibratorKind::FOR_PROBABILITIES, 10, 1).unwrap());
    }

    #[test]
    fn identity_wins_a_tie_and_failures_are_named() {
        let (y, p) = ([true, false, true, false, true, false], [0.9, 0.1, 0.8, 0.2, 0.7, 0.3]);
        let unsmoothed = CalibratorKind::Platt { scale: PlattScale::Logit, smoothed: false };
        let choice = choose_calibrator(&y, &p, None, &[unsmoothed, CalibratorKind::Identity], 2, 1).unwrap();
        assert_eq!((choice.kind, choice.log_losses[0].1), (CalibratorKind::Identity, None));
        assert!(choose_calibrator(&y, &p, None, &[unsmoothed], 2, 1).is_err());
        assert!(choose_calibrator(&y, &p, None, &[], 2, 1).is_err());
    }

    #[test]
    fn bad_input_is_refused() {
        let fit = |y: &[bool], p: &[f64]| Calibrator::fit(CalibratorKind::Beta, y, p);
        assert!(matches!(fit(&[true], &[]), Err(Error::Stats(stats::Error::LengthMismatch { .. }))));
        assert!(matches!(fit(&[true, false], &[0.2, 1.5]), Err(Error::Stats(stats::Error::NotProbability { .. }))));
        assert!(matches!(fit(&[true, false], &[0.2, f64::NAN]), Err(Error::Stats(stats::Error::NotFinite { .. }))));
        assert!(matches!(fit(&[true, true], &[0.2, 0.5]), Err(Error::Stats(stats::Error::OneClass { .. }))));
        assert!(matches!(fit(&[], &[]), Err(Error::Stats(stats::Error::OneClass { .. }))));
        assert!(Calibrator::Identity.apply(&[f64::NAN]).is_err());
    }
}
