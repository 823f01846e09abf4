//! What the survival curves have in common: case weights, delayed entry, kind of variance, kind of interval.

use serde::{Deserialize, Serialize};

use super::inputs::{check_finite, check_length};
use super::{Error, normal};

/// The scale on which an interval of a survival or incidence probability is symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfType {
    /// exp(ln p ± z·se/p), at most 1: the default of R's `survfit`.
    #[default]
    Log,
    /// exp(−exp(ln(−ln p) ± z·se/(p ln p))), always inside (0, 1).
    LogLog,
    /// p ± z·se, clipped to \[0, 1\].
    Plain,
}

impl ConfType {
    /// Returns the interval of a probability `p` with standard error `std_err` at `z` standard errors.
    ///
    /// `None` where the scale has no value: `p` = 0 for `Log`, `p` = 0 or 1 for `LogLog` (R prints `NA` there), and
    /// for any scale when the standard error itself does not exist.
    ///
    /// # Source
    /// Kalbfleisch & Prentice 2002, section 1.4; R `survfit(conf.type = )`.
    #[must_use]
    pub fn bounds(self, p: f64, std_err: Option<f64>, z: f64) -> Option<(f64, f64)> {
        let std_err = std_err?;
        match self {
            Self::Log if p > 0.0 => {
                let ratio = (z * std_err / p).exp();
                Some((p / ratio, (p * ratio).min(1.0)))
            }
            Self::LogLog if p > 0.0 && p < 1.0 => {
                let log_p = p.ln();
                let ratio = (-z * std_err / (p * log_p)).exp();
                Some(((log_p * ratio).exp(), (log_p / ratio).exp()))
            }
            Self::Plain => Some(((p - z * std_err).clamp(0.0, 1.0), (p + z * std_err).clamp(0.0, 1.0))),
            Self::Log | Self::LogLog => None,
        }
    }
}

/// How the sampling variance of a curve is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// The model-based variance: Greenwood for S, its counterpart for the cumulative hazard. Weights count as
    /// replicates: a weight of 3 is three patients.
    ModelBased,
    /// The infinitesimal jackknife Σᵢ (wᵢ ∂estimate/∂wᵢ)²: one patient per row, whatever its weight (sampling or
    /// inverse-probability weights). Without weights and delayed entry it equals Greenwood's variance of S.
    InfinitesimalJackknife,
}

/// Options of the survival curves; the default has no weights, no delayed entry and R's log intervals at 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveOptions<'a> {
    /// Case weight of each row, finite and above 0; `None` weighs every row 1.
    pub weights: Option<&'a [f64]>,
    /// Time from which each row is under observation, before its event time: the row is at risk at t when
    /// entry < t ≤ event time. `None` observes every row from the start.
    pub entry_time: Option<&'a [f64]>,
    /// Kind of variance; `None` follows R: model-based unless some weight is not a whole number.
    pub variance: Option<Variance>,
    /// Scale of the intervals.
    pub conf_type: ConfType,
    /// Level of the intervals, in (0, 1).
    pub level: f64,
}

impl Default for CurveOptions<'_> {
    fn default() -> Self {
        Self { weights: None, entry_time: None, variance: None, conf_type: ConfType::Log, level: 0.95 }
    }
}

impl CurveOptions<'_> {
    /// The kind of variance that these options lead to.
    #[must_use]
    pub fn variance_used(&self) -> Variance {
        let whole = |weights: &[f64]| weights.iter().all(|weight| weight.fract() == 0.0);
        self.variance.unwrap_or(if self.weights.is_none_or(whole) {
            Variance::ModelBased
        } else {
            Variance::InfinitesimalJackknife
        })
    }

    /// Half-width of the intervals in standard errors.
    pub(super) fn z(&self) -> Result<f64, Error> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::OutOfDomain { what: "level", expected: "a value in (0, 1)", found: self.level });
        }
        normal::quantile(0.5 + 0.5 * self.level)
    }

    /// The slices describe the rows whose times are `event_time`.
    pub(super) fn check_rows(&self, event_time: &[f64]) -> Result<(), Error> {
        if let Some(weights) = self.weights {
            check_length("weights", event_time.len(), weights.len())?;
            let bad = |weight: f64| !(weight.is_finite() && weight > 0.0);
            if let Some((index, &found)) = weights.iter().enumerate().find(|&(_, &weight)| bad(weight)) {
                return Err(Error::BadWeight { index, found });
            }
            // Squared sums of weights are at most this, so that nothing below can overflow.
            let found = weights.iter().map(|weight| weight * weight).sum::<f64>() * weights.len() as f64;
            if !found.is_finite() {
                let expected = "a finite number";
                return Err(Error::OutOfDomain { what: "rows times the sum of squared weights", expected, found });
            }
        }
        if let Some(entry_time) = self.entry_time {
            check_length("entry times", event_time.len(), entry_time.len())?;
            check_finite(entry_time)?;
            for (index, (&found, &exit)) in entry_time.iter().zip(event_time).enumerate() {
                if found < 0.0 {
                    return Err(Error::NegativeTime { index, found });
                }
                if found >= exit {
                    return Err(Error::EntryNotBeforeExit { index, found });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_solved_by_hand() {
        // p = ½, se = ¼, z = 2: log ½·e^∓1; plain 0 and 1; log-log ½^(e^±1/ln 2).
        let half = |conf: ConfType| conf.bounds(0.5, Some(0.25), 2.0).unwrap();
        assert!((half(ConfType::Log).0 - 0.5 / 1.0_f64.exp()).abs() < 1e-15);
        assert_eq!(half(ConfType::Log).1, 1.0);
        assert_eq!(half(ConfType::Plain), (0.0, 1.0));
        let power = (1.0 / 2.0_f64.ln()).exp();
        let (lower, upper) = half(ConfType::LogLog);
        assert!((lower - 0.5_f64.powf(power)).abs() < 1e-15 && (upper - 0.5_f64.powf(1.0 / power)).abs() < 1e-15);
    }

    #[test]
    fn scales_without_a_value_have_no_bounds() {
        assert_eq!(ConfType::Log.bounds(0.0, Some(0.0), 2.0), None);
        assert_eq!(ConfType::LogLog.bounds(1.0, Some(0.0), 2.0), None);
        assert_eq!(ConfType::Plain.bounds(0.3, None, 2.0), None);
        assert_eq!(ConfType::Log.bounds(1.0, Some(0.0), 2.0), Some((1.0, 1.0)));
    }

    #[test]
    fn fractional_weights_lead_to_the_jackknife_as_in_r() {
        let used = |weights: &[f64]| CurveOptions { weights: Some(weights), ..CurveOptions::default() }.variance_used();
        assert_eq!(CurveOptions::default().variance_used(), Variance::ModelBased);
        assert_eq!(used(&[1.0, 3.0]), Variance::ModelBased);
        assert_eq!(used(&[1.0, 0.5]), Variance::InfinitesimalJackknife);
    }

    #[test]
    fn bad_weights_entries_and_levels_are_refused() {
        let times = [1.0, 2.0];
        let weights = |weights| CurveOptions { weights: Some(weights), ..CurveOptions::default() }.check_rows(&times);
        let entries = |entry| CurveOptions { entry_time: Some(entry), ..CurveOptions::default() }.check_rows(&times);
        assert_eq!(weights(&[1.0, 0.0]), Err(Error::BadWeight { index: 1, found: 0.0 }));
        assert!(matches!(weights(&[1.0, f64::NAN]), Err(Error::BadWeight { index: 1, .. })));
        assert!(matches!(weights(&[1.0, 1e200]), Err(Error::OutOfDomain { .. })));
        assert!(matches!(weights(&[1.0]), Err(Error::LengthMismatch { .. })));
        assert_eq!(entries(&[0.0, 2.0]), Err(Error::EntryNotBeforeExit { index: 1, found: 2.0 }));
        assert_eq!(entries(&[-1.0, 0.0]), Err(Error::NegativeTime { index: 0, found: -1.0 }));
        assert_eq!(entries(&[f64::INFINITY, 0.0]), Err(Error::NotFinite { index: 0 }));
        assert!(matches!(entries(&[]), Err(Error::LengthMismatch { .. })));
        for level in [0.0, 1.0, f64::NAN] {
            assert!(matches!(CurveOptions { level, ..CurveOptions::default() }.z(), Err(Error::OutOfDomain { .. })));
        }
    }
}
