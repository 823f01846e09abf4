//! Inverse-probability-of-censoring weights, and the product-limit counts that the survival metrics share.

use serde::{Deserialize, Serialize};

use super::survival::{StepFunction, Survival};
use super::{Error, normal};
use crate::terms::Estimate;

/// Which limit of the censoring survival G weighs a patient whose event came at time T.
///
/// The two differ only where an event and a censoring share a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventLimit {
    /// 1 / G(T), the convention of scikit-survival.
    AtTime,
    /// 1 / G(T−), the chance of still being uncensored when the event came; the convention of R's `survival`.
    JustBefore,
}

/// The probability G(t) of being uncensored at time t, estimated by Kaplan and Meier with the roles exchanged.
///
/// At a time with both, events leave the risk set before the censorings are counted, because whoever had the event
/// could no longer be censored. Estimate it on training data, where the metric's test set must not decide its own weights.
///
/// ```
/// use regimen::stats::{Survival, ipcw::CensorSurvival};
/// let train = Survival::new(vec![1.0, 1.0, 2.0, 3.0], vec![true, false, true, true]).unwrap();
/// let g = CensorSurvival::fit(&train);
/// assert!((g.at(2.0).unwrap() - 2.0 / 3.0).abs() < 1e-15);
/// ```
///
/// # Source
/// Graf et al. 1999; R `survfit(Surv(time, 1 - event) ~ 1)` up to that order of ties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CensorSurvival {
    curve: StepFunction,
    last: f64,
    limit: EventLimit,
}

impl CensorSurvival {
    /// Estimates G from the follow-up of `train`, with [`EventLimit::AtTime`].
    #[must_use]
    pub fn fit(train: &Survival) -> Self {
        let sets = risk_sets(train);
        let last = sets.last().map_or(0.0, |set| set.time);
        let curve = product_limit(&sets, |set| (set.n_censored, set.n_at_risk - set.n_events));
        Self { curve, last, limit: EventLimit::AtTime }
    }

    /// The same estimate with another limit for [`CensorSurvival::event_weight`].
    #[must_use]
    pub fn with_limit(self, limit: EventLimit) -> Self {
        Self { limit, ..self }
    }

    /// Last time of the training data.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.last
    }

    /// Returns G(`time`), above 0.
    ///
    /// # Errors
    /// [`Error::BeyondFollowUp`] past the last training time or where G is 0.
    pub fn at(&self, time: f64) -> Result<f64, Error> {
        self.supported(time, self.curve.at(time))
    }

    /// Returns G(`time`−), above 0.
    ///
    /// # Errors
    /// As [`CensorSurvival::at`].
    pub fn just_before(&self, time: f64) -> Result<f64, Error> {
        self.supported(time, self.curve.just_before(time))
    }

    /// Returns the weight 1 / G of an event at `time`, by the limit chosen.
    ///
    /// # Errors
    /// As [`CensorSurvival::at`].
    pub fn event_weight(&self, time: f64) -> Result<f64, Error> {
        let g = match self.limit {
            EventLimit::AtTime => self.at(time)?,
            EventLimit::JustBefore => self.just_before(time)?,
        };
        Ok(1.0 / g)
    }

    /// Weights of the events of `data` that come no later than `until`; 0 for every other row.
    pub(super) fn event_weights(&self, data: &Survival, until: f64) -> Result<Vec<f64>, Error> {
        let rows = data.event_time().iter().zip(data.event());
        rows.map(|(&time, &event)| if event && time <= until { self.event_weight(time) } else { Ok(0.0) }).collect()
    }

    fn supported(&self, time: f64, g: f64) -> Result<f64, Error> {
        if time <= self.last && g > 0.0 { Ok(g) } else { Err(Error::BeyondFollowUp { time, last: self.last }) }
    }
}

/// What happens at one distinct time.
#[derive(Debug, Clone, Copy)]
pub(super) struct RiskSet {
    pub time: f64,
    pub n_at_risk: usize,
    pub n_events: usize,
    pub n_censored: usize,
}

/// The risk sets at all distinct times, ascending.
pub(super) fn risk_sets(data: &Survival) -> Vec<RiskSet> {
    let mut rows: Vec<(f64, bool)> = data.event_time().iter().copied().zip(data.event().iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut n_at_risk = rows.len();
    let mut sets = Vec::new();
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let n_events = tied.iter().filter(|(_, event)| *event).count();
        sets.push(RiskSet { time: tied[0].0, n_at_risk, n_events, n_censored: tied.len() - n_events });
        n_at_risk -= tied.len();
    }
    sets
}

/// The product of 1 − drops / at risk, both given by `counts`, over the times with a drop.
fn product_limit(sets: &[RiskSet], counts: impl Fn(&RiskSet) -> (usize, usize)) -> StepFunction {
    let mut curve = StepFunction { before: 1.0, times: Vec::new(), values: Vec::new() };
    let mut value = 1.0;
    for set in sets {
        let (n_drops, n_at_risk) = counts(set);
        if n_drops > 0 {
            value *= (n_at_risk - n_drops) as f64 / n_at_risk as f64;
            curve.times.push(set.time);
            curve.values.push(value);
        }
    }
    curve
}

/// The Kaplan–Meier curve of the event.
pub(super) fn event_survival(data: &Survival) -> StepFunction {
    product_limit(&risk_sets(data), |set| (set.n_events, set.n_at_risk))
}

/// Kaplan and Meier's estimate at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtHorizon {
    pub survival: f64,
    /// Greenwood's sum Σ d / (n (n − d)), the variance of ln S; infinite when S is 0.
    pub log_variance: f64,
    /// Rows whose time is at least the horizon.
    pub n_at_risk: usize,
}

impl AtHorizon {
    /// The estimate at `time`; `BeyondFollowUp` when nobody was followed that far and S is not yet 0.
    pub fn new(data: &Survival, time: f64) -> Result<Self, Error> {
        check_time(time)?;
        let mut found = Self { survival: 1.0, log_variance: 0.0, n_at_risk: 0 };
        let mut last = 0.0;
        for set in risk_sets(data) {
            last = set.time;
            if set.time >= time {
                found.n_at_risk = found.n_at_risk.max(set.n_at_risk);
            }
            if set.time <= time && set.n_events > 0 {
                let (n, d) = (set.n_at_risk as f64, set.n_events as f64);
                found.survival *= (n - d) / n;
                found.log_variance += d / (n * (n - d));
            }
        }
        if found.n_at_risk == 0 && found.survival > 0.0 {
            return Err(Error::BeyondFollowUp { time, last });
        }
        Ok(found)
    }

    /// S with its log-log 95 % interval; `None` where S is 0 or 1, which have no variance.
    pub fn log_log_interval(&self) -> Option<Estimate> {
        if !(self.survival > 0.0 && self.survival < 1.0) {
            return None;
        }
        let half_width = normal::Z95 * self.log_variance.sqrt() / self.survival.ln().abs();
        Some(Estimate {
            estimate: self.survival,
            lower95: self.survival.powf(half_width.exp()),
            upper95: self.survival.powf((-half_width).exp()),
        })
    }
}

/// A horizon is finite and not negative.
pub(super) fn check_time(time: f64) -> Result<(), Error> {
    if time.is_finite() && time >= 0.0 {
        return Ok(());
    }
    Err(Error::OutOfDomain { what: "time", expected: "a finite number of at least 0", found: time })
}

/// A grid of times is not empty, valid and strictly ascending; returns its last time.
pub(super) fn check_grid(times: &[f64]) -> Result<f64, Error> {
    for &time in times {
        check_time(time)?;
    }
    if let Some(index) = times.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Error::TimesNotAscending { index: index + 1 });
    }
    times.last().copied().ok_or(Error::TooFew { what: "times", needed: 1, found: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(time: &[f64], event: &[u8]) -> Survival {
        Survival::new(time.to_vec(), event.iter().map(|&e| e == 1).collect()).unwrap()
    }

    #[test]
    fn events_leave_before_the_censorings_of_their_time() {
        let g = CensorSurvival::fit(&data(&[1.0, 1.0, 2.0, 3.0], &[1, 0, 1, 1]));
        assert!((g.at(1.0).unwrap() - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(g.at(0.5), Ok(1.0));
        assert_eq!(g.just_before(1.0), Ok(1.0));
        assert!((g.event_weight(1.0).unwrap() - 1.5).abs() < 1e-15);
        assert_eq!(g.with_limit(EventLimit::JustBefore).event_weight(1.0), Ok(1.0));
    }

    #[test]
    fn weights_end_with_the_follow_up() {
        let g = CensorSurvival::fit(&data(&[1.0, 2.0, 3.0], &[1, 1, 0]));
        assert_eq!(g.at(3.0), Err(Error::BeyondFollowUp { time: 3.0, last: 3.0 }));
        assert_eq!(g.at(3.5), Err(Error::BeyondFollowUp { time: 3.5, last: 3.0 }));
        assert_eq!(g.at(2.9), Ok(1.0));
        assert!(g.at(f64::NAN).is_err());
    }

    #[test]
    fn kaplan_meier_at_a_horizon_solved_by_hand() {
        // S(2) = 3/4 · 2/3 = 1/2; Greenwood 1/(4·3) + 1/(3·2) = 1/4.
        let found = AtHorizon::new(&data(&[1.0, 2.0, 2.0, 5.0], &[1, 1, 0, 0]), 2.0).unwrap();
        assert!((found.survival - 0.5).abs() < 1e-15 && (found.log_variance - 0.25).abs() < 1e-15);
        assert_eq!(found.n_at_risk, 3);
        assert!(matches!(AtHorizon::new(&data(&[1.0, 2.0], &[1, 0]), 3.0), Err(Error::BeyondFollowUp { .. })));
        assert_eq!(AtHorizon::new(&data(&[1.0, 2.0], &[1, 1]), 3.0).unwrap().survival, 0.0);
        assert!(AtHorizon::new(&data(&[1.0], &[1]), f64::NAN).is_err());
    }
}
