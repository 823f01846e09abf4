//! Cumulative incidence of competing events.

use serde::Serialize;

use super::influence::Influence;
use super::inputs::{check_finite, check_length};
use super::risk_table::RiskTable;
use super::{CurveOptions, Error, StepFunction, Survival};

/// Times to the first of several kinds of event, row `i` of both slices being the same patient.
///
/// Times are finite and not negative; cause 0 means censored, causes 1 to `n_causes` are the kinds of event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompetingRisks {
    event_time: Vec<f64>,
    cause: Vec<u32>,
    n_causes: u32,
}

impl CompetingRisks {
    /// Checks and keeps the times.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::TooFew`] when there is no row or no cause, [`Error::NotFinite`],
    /// [`Error::NegativeTime`], [`Error::OutOfDomain`] for a cause above `n_causes`.
    pub fn new(event_time: Vec<f64>, cause: Vec<u32>, n_causes: u32) -> Result<Self, Error> {
        check_length("causes", event_time.len(), cause.len())?;
        if event_time.is_empty() {
            return Err(Error::TooFew { what: "rows", needed: 1, found: 0 });
        }
        if n_causes == 0 {
            return Err(Error::TooFew { what: "causes", needed: 1, found: 0 });
        }
        check_finite(&event_time)?;
        if let Some((index, &found)) = event_time.iter().enumerate().find(|(_, time)| **time < 0.0) {
            return Err(Error::NegativeTime { index, found });
        }
        if let Some(&found) = cause.iter().find(|&&cause| cause > n_causes) {
            let expected = "a code from 0 to the number of causes";
            return Err(Error::OutOfDomain { what: "cause", expected, found: f64::from(found) });
        }
        Ok(Self { event_time, cause, n_causes })
    }

    /// Time of each row.
    #[must_use]
    pub fn event_time(&self) -> &[f64] {
        &self.event_time
    }

    /// Cause of each row's event, 0 for a censored row.
    #[must_use]
    pub fn cause(&self) -> &[u32] {
        &self.cause
    }

    /// Number of causes, whether or not each occurs.
    #[must_use]
    pub fn n_causes(&self) -> u32 {
        self.n_causes
    }

    /// Number of rows.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.cause.len()
    }

    /// Number of events of one cause.
    #[must_use]
    pub fn n_events(&self, cause: u32) -> usize {
        if cause == 0 { 0 } else { self.cause.iter().filter(|&&c| c == cause).count() }
    }

    /// The times to the first event of any cause.
    ///
    /// # Errors
    /// None for a value that [`new`](Self::new) let in.
    pub fn any_event(&self) -> Result<Survival, Error> {
        Survival::new(self.event_time.clone(), self.cause.iter().map(|&cause| cause > 0).collect())
    }

    /// The times to an event of one cause, events of other causes being censored: for cause-specific hazards. One
    /// minus their Kaplan–Meier curve overstates the incidence; that is what [`AalenJohansen`] is for.
    ///
    /// # Errors
    /// [`Error::OutOfDomain`] unless 1 ≤ `cause` ≤ `n_causes`.
    pub fn cause_specific(&self, cause: u32) -> Result<Survival, Error> {
        if cause == 0 || cause > self.n_causes {
            let expected = "a code from 1 to the number of causes";
            return Err(Error::OutOfDomain { what: "cause", expected, found: f64::from(cause) });
        }
        Survival::new(self.event_time.clone(), self.cause.iter().map(|&c| c == cause).collect())
    }

    /// The rows at those positions, in that order; a row may repeat, a position past the end is left out.
    ///
    /// # Errors
    /// [`Error::TooFew`] when nothing is left.
    pub fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        Self::new(
            rows.iter().filter_map(|&row| self.event_time.get(row).copied()).collect(),
            rows.iter().filter_map(|&row| self.cause.get(row).copied()).collect(),
            self.n_causes,
        )
    }
}

/// A probability at each time with its standard error and pointwise interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateCurve {
    /// The probability from each time on, in \[0, 1\].
    pub probability: Vec<f64>,
    /// Its infinitesimal-jackknife standard error.
    pub std_err: Vec<f64>,
    /// Lower bound; `None` where the scale of the interval has no value (probability 0, for `LogLog` also 1).
    pub lower: Vec<Option<f64>>,
    /// Upper bound.
    pub upper: Vec<Option<f64>>,
}

/// Cumulative incidences of competing events at every distinct time of the rows, censoring times included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AalenJohansen {
    /// Distinct event and censoring times, ascending, in the unit of the data.
    pub times: Vec<f64>,
    /// Weight at risk just before each time.
    pub n_at_risk: Vec<f64>,
    /// Weight of the censorings at each time.
    pub n_censored: Vec<f64>,
    /// Weight of the events at each time, cause 1 first.
    pub n_events: Vec<Vec<f64>>,
    /// Probability of being free of every event; the Kaplan–Meier curve of any event.
    pub event_free: StateCurve,
    /// Cumulative incidence of each cause, cause 1 first.
    pub incidence: Vec<StateCurve>,
}

impl AalenJohansen {
    /// Returns the cumulative incidence of every cause.
    ///
    /// Fₖ(t) = Σ over event times u ≤ t of S(u−) dₖ(u)/n(u), with S the Kaplan–Meier curve of any event, so that
    /// S + Σ Fₖ = 1 at every time. The variance is the infinitesimal jackknife Σᵢ (wᵢ ∂Fₖ(t)/∂wᵢ)², whatever
    /// `options.variance` says. O(n log n) for a fixed number of causes.
    ///
    /// ```
    /// use regimen::stats::{AalenJohansen, CompetingRisks, CurveOptions};
    /// let data = CompetingRisks::new(vec![1.0, 2.0, 3.0, 4.0], vec![1, 2, 0, 1], 2).unwrap();
    /// let curves = AalenJohansen::fit(&data, &CurveOptions::default()).unwrap();
    /// assert_eq!(curves.incidence[0].probability, [0.25, 0.25, 0.25, 0.75]);
    /// assert_eq!(curves.incidence[1].probability, [0.0, 0.25, 0.25, 0.25]);
    /// ```
    ///
    /// # Errors
    /// As [`KaplanMeier::fit`](super::KaplanMeier::fit).
    ///
    /// # Source
    /// Aalen & Johansen 1978; R `survfit(Surv(time, factor(cause)) ~ 1)`, its `pstate` and `std.err`.
    pub fn fit(data: &CompetingRisks, options: &CurveOptions<'_>) -> Result<Self, Error> {
        let z = options.z()?;
        let table = RiskTable::new(&data.event_time, |row| data.cause[row], options)?;
        let state = |(probability, std_err): (Vec<f64>, Vec<f64>)| {
            let bounds: Vec<Option<(f64, f64)>> = probability
                .iter()
                .zip(&std_err)
                .map(|(&probability, &std_err)| options.conf_type.bounds(probability, Some(std_err), z))
                .collect();
            StateCurve {
                lower: bounds.iter().map(|pair| pair.map(|(lower, _)| lower)).collect(),
                upper: bounds.iter().map(|pair| pair.map(|(_, upper)| upper)).collect(),
                probability,
                std_err,
            }
        };
        let n_events: Vec<Vec<f64>> = (1..=data.n_causes).map(|cause| events_of(&table, cause)).collect();
        let incidence = (1..=data.n_causes)
            .zip(&n_events)
            .map(|(cause, events)| state(incidence(&table, options.weights, cause, events)))
            .collect();
        Ok(Self {
            event_free: state(event_free(&table, options.weights)),
            incidence,
            n_events,
            times: table.times,
            n_at_risk: table.n_at_risk,
            n_censored: table.n_censored,
        })
    }

    /// Returns the cumulative incidence of `cause` (from 1) as a step function that starts at 0; `None` when there is
    /// no such cause.
    #[must_use]
    pub fn as_step(&self, cause: u32) -> Option<StepFunction> {
        let at = usize::try_from(cause).ok()?.checked_sub(1)?;
        let (curve, events) = (self.incidence.get(at)?, self.n_events.get(at)?);
        let at_events = || (0..self.times.len()).filter(|&at| events[at] > 0.0);
        Some(StepFunction {
            before: 0.0,
            times: at_events().map(|at| self.times[at]).collect(),
            values: at_events().map(|at| curve.probability[at]).collect(),
        })
    }
}

/// Weight of the events of one cause at each time.
fn events_of(table: &RiskTable, cause: u32) -> Vec<f64> {
    let weight = |at: usize| {
        let of_cause = table.exits_at(at).iter().filter(|exit| exit.cause == cause);
        of_cause.fold(0.0, |sum, exit| sum + exit.weight)
    };
    (0..table.times.len()).map(weight).collect()
}

/// The incidence of one cause with its standard error.
fn incidence(table: &RiskTable, weights: Option<&[f64]>, cause: u32, events: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut influence = Influence::new(table, weights);
    let mut probability = 0.0_f64;
    (0..table.times.len())
        .map(|at| {
            let (before, n) = (influence.survival(), table.n_at_risk[at]);
            let hazard = events[at] / n;
            influence.enter(at);
            influence.advance(hazard, -before * hazard / n);
            influence.decay(at);
            let leave = if influence.survival() > 0.0 { -before / n } else { 0.0 };
            influence.exit(at, |of| (leave, if of == cause { before / n } else { 0.0 }));
            probability += before * hazard;
            (probability.min(1.0), influence.variance_of_second().sqrt())
        })
        .unzip()
}

/// The probability of no event with its standard error.
fn event_free(table: &RiskTable, weights: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
    let mut influence = Influence::new(table, weights);
    (0..table.times.len())
        .map(|at| {
            influence.enter(at);
            influence.pass_survival(at);
            (influence.survival(), influence.variance_of_survival().sqrt())
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;
    use crate::stats::{ConfType, KaplanMeier};

    #[test]
    fn six_rows_solved_by_hand() {
        // Deaths 1 and 2 at time 2 among 5, then cause 2 among 3, cause 1 among 2 and 1.
        let data = CompetingRisks::new(vec![1.0, 2.0, 2.0, 3.0, 4.0, 5.0], vec![0, 1, 2, 2, 1, 1], 2).unwrap();
        let curves = AalenJohansen::fit(&data, &CurveOptions::default()).unwrap();
        for (found, expected) in curves.incidence[0].probability.iter().zip([0.0, 0.2, 0.2, 0.4, 0.6]) {
            assert!((found - expected).abs() < 1e-15);
        }
        for (found, expected) in curves.incidence[1].probability.iter().zip([0.0, 0.2, 0.4, 0.4, 0.4]) {
            assert!((found - expected).abs() < 1e-15);
        }
        // Nothing is censored after time 1, so the variance is that of a share of 5.
        assert!((curves.incidence[0].std_err[1] - (0.2 * 0.8 / 5.0_f64).sqrt()).abs() < 1e-15);
        assert_eq!((curves.incidence[0].lower[0], curves.event_free.lower[4]), (None, None));
        assert_eq!(curves.as_step(1).unwrap().times, [2.0, 4.0, 5.0]);
        assert_eq!(curves.n_events, [[0.0, 1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0, 0.0]]);
        assert_eq!((curves.as_step(0), curves.as_step(3)), (None, None));
    }

    #[test]
    fn incidences_and_event_free_survival_sum_to_one() {
        for seed in 0..30 {
            let sample = Sample::new(seed, 3 + seed as usize);
            for options in sample.all_options() {
                let curves = AalenJohansen::fit(&sample.competing(), &options).unwrap();
                let ones = vec![1.0; sample.time.len()];
                let brute = sample.curves(&curves.times, options.weights.unwrap_or(&ones), options.entry_time);
                for (at, brute) in brute.iter().enumerate() {
                    let incidence = |cause: usize| curves.incidence[cause].probability[at];
                    let total = curves.event_free.probability[at] + incidence(0) + incidence(1);
                    assert!((total - 1.0).abs() < 1e-14, "{seed}: {total}");
                    assert!((incidence(0) - brute.incidence).abs() < 1e-14, "{seed}");
                }
                assert!(curves.incidence.iter().all(|c| c.probability.windows(2).all(|pair| pair[0] <= pair[1])));
            }
        }
    }

    #[test]
    fn one_cause_is_one_minus_kaplan_meier_with_its_error() {
        let data = Sample::new(11, 40).survival();
        let cause = data.event().iter().map(|&event| u32::from(event)).collect();
        let risks = CompetingRisks::new(data.event_time().to_vec(), cause, 1).unwrap();
        let options = CurveOptions { conf_type: ConfType::Plain, ..CurveOptions::default() };
        let (curves, curve) =
            (AalenJohansen::fit(&risks, &options).unwrap(), KaplanMeier::fit(&data, &options).unwrap());
        for (at, &survival) in curve.survival.iter().enumerate() {
            assert!((curves.incidence[0].probability[at] - (1.0 - survival)).abs() < 1e-14);
            assert!((curves.incidence[0].std_err[at] - curve.std_err[at].unwrap_or(0.0)).abs() < 1e-14);
        }
    }

    #[test]
    fn a_cause_that_never_occurs_has_incidence_zero() {
        let data = CompetingRisks::new(vec![1.0, 2.0], vec![1, 0], 3).unwrap();
        let curves = AalenJohansen::fit(&data, &CurveOptions::default()).unwrap();
        assert_eq!(curves.incidence[2].probability, [0.0, 0.0]);
        assert_eq!(curves.incidence[2].std_err, [0.0, 0.0]);
        assert_eq!((data.n_events(1), data.n_events(3), data.n_events(0)), (1, 0, 0));
    }

    #[test]
    fn derived_survival_keeps_or_censors_the_other_causes() {
        let data = CompetingRisks::new(vec![1.0, 2.0, 3.0], vec![1, 2, 0], 2).unwrap();
        assert_eq!(data.any_event().unwrap().event(), [true, true, false]);
        assert_eq!(data.cause_specific(2).unwrap().event(), [false, true, false]);
        assert_eq!(data.select(&[2, 0, 9]).unwrap().cause(), [0, 1]);
        assert!(matches!(data.cause_specific(0), Err(Error::OutOfDomain { .. })));
        assert!(matches!(data.cause_specific(3), Err(Error::OutOfDomain { .. })));
    }

    #[test]
    fn causes_and_times_are_checked_once() {
        let new = CompetingRisks::new;
        assert!(matches!(new(vec![1.0], vec![3], 2), Err(Error::OutOfDomain { found: 3.0, .. })));
        assert!(matches!(new(vec![1.0], vec![], 2), Err(Error::LengthMismatch { .. })));
        assert!(matches!(new(vec![], vec![], 2), Err(Error::TooFew { what: "rows", .. })));
        assert!(matches!(new(vec![1.0], vec![0], 0), Err(Error::TooFew { what: "causes", .. })));
        assert_eq!(new(vec![f64::NAN], vec![0], 1), Err(Error::NotFinite { index: 0 }));
        assert_eq!(new(vec![-1.0], vec![0], 1), Err(Error::NegativeTime { index: 0, found: -1.0 }));
    }
}
