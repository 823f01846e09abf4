//! Do predicted survival probabilities mean what they say, at one horizon and over all follow-up?
//!
//! Level ([`observed_expected`]), spread ([`calibration_slope_t`]), shape ([`CalibrationCurve`] with its indices),
//! groups ([`grouped_calibration`]) and the whole predicted distribution ([`d_calibration`]). Predictions are survival
//! probabilities S(horizon | x), risks are 1 − S.

mod curve;
mod distribution;
mod groups;
mod hazard;

use serde::{Deserialize, Serialize};

pub use self::curve::CalibrationCurve;
pub use self::distribution::{DCalibration, d_calibration, own_survival};
pub use self::groups::{CalibrationGroup, grouped_calibration};
use self::hazard::Hazard;
use super::inputs::check_probabilities;
use super::ipcw::AtHorizon;
use super::quantile::quantile;
use super::scores::clip_probability;
use super::survival::Survival;
use super::{Error, normal};
use crate::terms::Estimate;

/// Calibration of predicted survival at one horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SurvivalCalibration {
    /// Observed over expected events, [`observed_expected`]; 1 is ideal, above 1 the predicted risks are too low.
    pub observed_expected: Estimate,
    /// Calibration slope, [`calibration_slope_t`]; 1 is ideal, below 1 the predictions are too extreme.
    pub slope: Estimate,
    /// Integrated calibration index: mean absolute distance of predicted and smoothed observed risk; 0 is ideal.
    pub ici: f64,
    /// Median of that distance.
    pub e50: f64,
    /// Its 90th percentile.
    pub e90: f64,
}

/// Returns level, slope and calibration indices of predicted survival probabilities at `horizon`.
///
/// For intervals of the indices resample rows with [`bootstrap_estimates`](super::paired::bootstrap_estimates) and
/// [`calibration_indices_t`].
///
/// # Errors
/// As [`observed_expected`], [`calibration_slope_t`] and [`CalibrationCurve::fit`].
///
/// # Source
/// McLernon et al. 2023, *Annals of Internal Medicine* 176:105; Austin, Harrell & van Klaveren 2020.
pub fn survival_calibration(
    data: &Survival,
    survival_prob: &[f64],
    horizon: f64,
) -> Result<SurvivalCalibration, Error> {
    let [ici, e50, e90] = calibration_indices_t(data, survival_prob, horizon)?;
    Ok(SurvivalCalibration {
        observed_expected: observed_expected(data, survival_prob, horizon)?,
        slope: calibration_slope_t(data, survival_prob, horizon)?,
        ici,
        e50,
        e90,
    })
}

/// Returns observed over expected risk at `horizon` with its 95 % interval; 1 is ideal.
///
/// (1 − KM(horizon)) / mean(1 − S). The interval is exp(ln O/E ± 1.96 · se), se Greenwood's standard error of the
/// observed risk over that risk; the predictions are taken as fixed.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::NotProbability`], [`Error::OutOfDomain`] for a bad horizon,
/// [`Error::BeyondFollowUp`] when nobody was followed so far, and [`Error::OneClass`] when no event came by then,
/// everybody had it, or none is expected, so that the ratio or its interval does not exist.
///
/// # Source
/// Debray et al. 2017, *BMJ* 356:i6460; McLernon et al. 2023.
pub fn observed_expected(data: &Survival, survival_prob: &[f64], horizon: f64) -> Result<Estimate, Error> {
    check_probabilities(data.event(), survival_prob)?;
    let km = AtHorizon::new(data, horizon)?;
    let expected = survival_prob.iter().map(|survival| 1.0 - survival).sum::<f64>() / data.n_samples() as f64;
    if km.survival <= 0.0 || km.survival >= 1.0 || expected <= 0.0 {
        let n_events = events_by(data, horizon);
        return Err(Error::OneClass { n_samples: data.n_samples(), n_events });
    }
    let observed = 1.0 - km.survival;
    let half_width = normal::Z95 * km.survival * km.log_variance.sqrt() / observed;
    let ratio = observed / expected;
    Ok(Estimate { estimate: ratio, lower95: ratio * (-half_width).exp(), upper95: ratio * half_width.exp() })
}

/// Returns the calibration slope at `horizon` with its Wald 95 % interval; 1 is ideal.
///
/// The coefficient of ln(−ln S) in a Cox regression (Efron's ties) of the follow-up cut off at `horizon`. Predictions of
/// exactly 0 or 1 are moved by 1e-15 and then pull hard.
///
/// # Errors
/// As [`observed_expected`] for the slices and the horizon; [`Error::Constant`] for equal predictions,
/// [`Error::NoEvents`] by `horizon`, [`Error::MonotoneLikelihood`], [`Error::NotConverged`], and [`Error::Singular`] when
/// all patients at risk at each event have the same prediction.
///
/// # Source
/// Crowson et al. 2016; McLernon et al. 2023; R `coxph(Surv(time, event) ~ log(-log(S)))`.
pub fn calibration_slope_t(data: &Survival, survival_prob: &[f64], horizon: f64) -> Result<Estimate, Error> {
    check_probabilities(data.event(), survival_prob)?;
    AtHorizon::new(data, horizon)?;
    let x: Vec<f64> = survival_prob.iter().map(|survival| log_minus_log(1.0 - survival)).collect();
    if is_constant(&x) {
        return Err(Error::Constant { n_samples: x.len() });
    }
    let fit = Hazard::fit(data, &x, 1, horizon)?;
    let half_width = normal::Z95 * fit.std_errs[0];
    let slope = fit.coef[0];
    Ok(Estimate { estimate: slope, lower95: slope - half_width, upper95: slope + half_width })
}

/// Returns \[ICI, E50, E90\]: mean, median and 90th percentile of |predicted − smoothed observed risk| at `horizon`.
///
/// All are above 0 even for perfect predictions in a finite sample; compare models on the same rows.
///
/// # Errors
/// As [`CalibrationCurve::fit`].
///
/// # Source
/// Austin, Harrell & van Klaveren 2020, *Statistics in Medicine* 39:2714.
pub fn calibration_indices_t(data: &Survival, survival_prob: &[f64], horizon: f64) -> Result<[f64; 3], Error> {
    let curve = CalibrationCurve::fit(data, survival_prob, horizon)?;
    let distance = |survival: &f64| {
        let risk = 1.0 - survival;
        (risk - curve.observed_risk(risk)).abs()
    };
    let distances: Vec<f64> = survival_prob.iter().map(distance).collect();
    let mean = distances.iter().sum::<f64>() / distances.len() as f64;
    Ok([mean, quantile(&distances, 0.5)?, quantile(&distances, 0.9)?])
}

/// ln(−ln(1 − risk)), the scale on which proportional hazards add.
fn log_minus_log(risk: f64) -> f64 {
    (-(-clip_probability(risk)).ln_1p()).ln()
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn events_by(data: &Survival, horizon: f64) -> usize {
    data.event_time().iter().zip(data.event()).filter(|&(&time, &event)| event && time <= horizon).count()
}

#[cfg(test)]
mod tests;
