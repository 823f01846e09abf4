//! The product-limit estimate of survival: Greenwood or jackknife variance, intervals, quantiles.

use serde::{Deserialize, Serialize};

use super::influence::Influence;
use super::risk_table::RiskTable;
use super::{ConfType, CurveOptions, Error, StepFunction, Survival, Variance};

/// R's `quantile.survfit` takes a curve within sqrt(machine epsilon) of a level as lying on it.
const ON_LEVEL: f64 = 1.490_116_119_384_765_6e-8;

/// A Kaplan–Meier curve at every distinct time of its rows, censoring times included.
///
/// All vectors have one element per time. Counts are weighted. Where a standard error or bound does not exist it is
/// `None` (JSON `null`), never NaN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KaplanMeier {
    /// Distinct event and censoring times, ascending, in the unit of the data.
    pub times: Vec<f64>,
    /// Weight at risk just before each time.
    pub n_at_risk: Vec<f64>,
    /// Weight of the events at each time.
    pub n_events: Vec<f64>,
    /// Weight of the censorings at each time.
    pub n_censored: Vec<f64>,
    /// S(t) from each time on, in \[0, 1\], never rising.
    pub survival: Vec<f64>,
    /// Standard error of S(t), on the scale of S; under Greenwood's formula `None` where S = 0.
    pub std_err: Vec<Option<f64>>,
    /// Lower bound of the pointwise interval of S(t).
    pub lower: Vec<Option<f64>>,
    /// Upper bound of the pointwise interval of S(t).
    pub upper: Vec<Option<f64>>,
    /// Kind of variance.
    pub variance: Variance,
    /// Scale of the intervals.
    pub conf_type: ConfType,
    /// Level of the intervals, in (0, 1).
    pub level: f64,
}

/// One point of a survival curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// S(t).
    pub survival: f64,
    /// Its standard error, as in [`KaplanMeier::std_err`].
    pub std_err: Option<f64>,
    /// Lower bound of its interval.
    pub lower: Option<f64>,
    /// Upper bound of its interval.
    pub upper: Option<f64>,
}

/// A quantile of the event time; `None` where the curve, or its bound, does not fall that far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EventTimeQuantile {
    /// Time by which the share has had the event.
    pub estimate: Option<f64>,
    /// Where the lower bound of S reaches the same height.
    pub lower: Option<f64>,
    /// Where the upper bound of S reaches the same height.
    pub upper: Option<f64>,
}

impl KaplanMeier {
    /// Returns the Kaplan–Meier curve of the rows.
    ///
    /// S(t) = Π over event times u ≤ t of (1 − d(u)/n(u)), with d the weight of the events at u and n the weight at
    /// risk, rows censored at u included. Greenwood's variance is S² Σ d/(n(n − d)). O(n log n).
    ///
    /// With delayed entry S can reach 0 while rows are still to enter; it stays 0, as in R.
    ///
    /// ```
    /// use regimen::stats::{CurveOptions, KaplanMeier, Survival};
    /// let data = Survival::new(vec![1.0, 2.0, 2.0, 5.0], vec![true, true, false, false]).unwrap();
    /// let curve = KaplanMeier::fit(&data, &CurveOptions::default()).unwrap();
    /// assert_eq!(curve.survival, [0.75, 0.5, 0.5]);
    /// assert_eq!(curve.n_at_risk, [4.0, 3.0, 1.0]);
    /// ```
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::BadWeight`], [`Error::NotFinite`], [`Error::NegativeTime`] and
    /// [`Error::EntryNotBeforeExit`] for the options' slices, [`Error::OutOfDomain`] for the level and for
    /// weights whose
    /// squares overflow.
    ///
    /// # Source
    /// Kaplan & Meier 1958; Greenwood 1926; R `survival::survfit`.
    pub fn fit(data: &Survival, options: &CurveOptions<'_>) -> Result<Self, Error> {
        let z = options.z()?;
        let event = data.event();
        let table = RiskTable::new(data.event_time(), |row| u32::from(event[row]), options)?;
        let variance = options.variance_used();
        let (survival, std_err) = match variance {
            Variance::ModelBased => greenwood(&table),
            Variance::InfinitesimalJackknife => jackknife(&table, options.weights),
        };
        let bounds: Vec<Option<(f64, f64)>> =
            survival.iter().zip(&std_err).map(|(&s, &se)| options.conf_type.bounds(s, se, z)).collect();
        Ok(Self {
            lower: bounds.iter().map(|pair| pair.map(|(lower, _)| lower)).collect(),
            upper: bounds.iter().map(|pair| pair.map(|(_, upper)| upper)).collect(),
            survival,
            std_err,
            times: table.times,
            n_at_risk: table.n_at_risk,
            n_events: table.n_events,
            n_censored: table.n_censored,
            variance,
            conf_type: options.conf_type,
            level: options.level,
        })
    }

    /// Returns S(t) as a step function: 1 before the first event, a step at each event time.
    #[must_use]
    pub fn as_step(&self) -> StepFunction {
        let at_events = || self.n_events.iter().zip(&self.times).zip(&self.survival).filter(|((d, _), _)| **d > 0.0);
        StepFunction {
            before: 1.0,
            times: at_events().map(|((_, &time), _)| time).collect(),
            values: at_events().map(|(_, &survival)| survival).collect(),
        }
    }

    /// Returns the curve with its interval at `time`.
    ///
    /// # Errors
    /// [`Error::BeyondFollowUp`] past the last time while S is above 0, [`Error::OutOfDomain`] for a `time` that is
    /// negative or not finite.
    pub fn at(&self, time: f64) -> Result<CurvePoint, Error> {
        check_time(time)?;
        let (last, reached) = self.end();
        if time > last && reached > 0.0 {
            return Err(Error::BeyondFollowUp { time, last });
        }
        Ok(match self.times.partition_point(|&t| t <= time).checked_sub(1) {
            Some(at) => CurvePoint {
                survival: self.survival[at],
                std_err: self.std_err[at],
                lower: self.lower[at],
                upper: self.upper[at],
            },
            None => {
                let bounds = self.conf_type.bounds(1.0, Some(0.0), 0.0);
                let (lower, upper) = (bounds.map(|(lower, _)| lower), bounds.map(|(_, upper)| upper));
                CurvePoint { survival: 1.0, std_err: Some(0.0), lower, upper }
            }
        })
    }

    /// Returns the median event time with its interval: [`quantile`](Self::quantile) at ½.
    #[must_use]
    pub fn median(&self) -> EventTimeQuantile {
        self.crossings(0.5)
    }

    /// Returns the time by which a share `p` has had the event, with its interval.
    ///
    /// The first time at which S ≤ 1 − `p`. Where S runs level at exactly 1 − `p` (within 1.5e-8), the middle of that
    /// stretch, which ends at the next drop or at the last time. The interval is where the bounds of S first reach the
    /// same height, by the same rule. (Under the jackknife an upper bound may rise again; R sorts such a bound and can
    /// answer a later time.)
    ///
    /// # Errors
    /// [`Error::OutOfDomain`] unless 0 < `p` ≤ 1.
    ///
    /// # Source
    /// Brookmeyer & Crowley 1982; R `survival:::quantile.survfit`.
    pub fn quantile(&self, p: f64) -> Result<EventTimeQuantile, Error> {
        if p > 0.0 && p <= 1.0 {
            return Ok(self.crossings(1.0 - p));
        }
        Err(Error::OutOfDomain { what: "quantile level", expected: "a value in (0, 1]", found: p })
    }

    fn crossings(&self, height: f64) -> EventTimeQuantile {
        EventTimeQuantile {
            estimate: crossing(&self.times, self.survival.iter().map(|&value| Some(value)), height),
            lower: crossing(&self.times, self.lower.iter().copied(), height),
            upper: crossing(&self.times, self.upper.iter().copied(), height),
        }
    }

    /// The last time and S there; a fitted curve has at least one time.
    fn end(&self) -> (f64, f64) {
        (self.times.last().copied().unwrap_or(0.0), self.survival.last().copied().unwrap_or(1.0))
    }
}

/// Where a falling curve first reaches `height`, a stretch on the height counting with its middle.
fn crossing(times: &[f64], values: impl Iterator<Item = Option<f64>>, height: f64) -> Option<f64> {
    let mut points = times.iter().zip(values).filter_map(|(&time, value)| value.map(|value| (time, value)));
    let (start, value) = points.find(|&(_, value)| value <= height + ON_LEVEL)?;
    if (value - height).abs() >= ON_LEVEL {
        return Some(start);
    }
    let next_drop = points.find(|&(_, value)| value <= height - ON_LEVEL).map(|(time, _)| time);
    let end = next_drop.or(times.last().copied())?;
    Some(if height > ON_LEVEL { 0.5 * (start + end) } else { start })
}

/// S and its standard error by Greenwood's formula.
fn greenwood(table: &RiskTable) -> (Vec<f64>, Vec<Option<f64>>) {
    let (mut survival, mut sum) = (1.0, 0.0);
    (0..table.times.len())
        .map(|at| {
            survival *= 1.0 - table.hazard(at);
            sum += table.greenwood_step(at);
            (survival, (survival > 0.0).then(|| survival * sum.sqrt()))
        })
        .unzip()
}

/// S and its standard error by the infinitesimal jackknife.
fn jackknife(table: &RiskTable, weights: Option<&[f64]>) -> (Vec<f64>, Vec<Option<f64>>) {
    let mut influence = Influence::new(table, weights);
    (0..table.times.len())
        .map(|at| {
            influence.enter(at);
            influence.pass_survival(at);
            (influence.survival(), Some(influence.variance_of_survival().sqrt()))
        })
        .unzip()
}

/// A time that can be asked for.
pub(super) fn check_time(time: f64) -> Result<(), Error> {
    if time.is_finite() && time >= 0.0 {
        return Ok(());
    }
    Err(Error::OutOfDomain { what: "time", expected: "a finite number of at least 0", found: time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;

    fn fit(time: &[f64], event: &[u8], options: &CurveOptions<'_>) -> KaplanMeier {
        let data = Survival::new(time.to_vec(), event.iter().map(|&event| event == 1).collect()).unwrap();
        KaplanMeier::fit(&data, options).unwrap()
    }

    /// Six rows, S = 1, 4/5, 8/15, 4/15, 0.
    fn six_rows() -> KaplanMeier {
        fit(&[1.0, 2.0, 2.0, 3.0, 4.0, 5.0], &[0, 1, 0, 1, 1, 1], &CurveOptions::default())
    }

    #[test]
    fn six_rows_solved_by_hand() {
        let curve = six_rows();
        assert_eq!(curve.times, [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(curve.n_at_risk, [6.0, 5.0, 3.0, 2.0, 1.0]);
        assert_eq!(curve.n_censored, [1.0, 1.0, 0.0, 0.0, 0.0]);
        for (found, expected) in curve.survival.iter().zip([1.0, 0.8, 8.0 / 15.0, 4.0 / 15.0, 0.0]) {
            assert!((found - expected).abs() < 1e-15);
        }
        // Greenwood's sum at 3: 1/(5·4) + 1/(3·2) = 13/60.
        let std_err = 8.0 / 15.0 * (13.0_f64 / 60.0).sqrt();
        assert!((curve.std_err[2].unwrap() - std_err).abs() < 1e-15);
        assert_eq!((curve.std_err[4], curve.lower[4], curve.upper[4]), (None, None, None));
        assert_eq!(curve.as_step().times, [2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn missing_bounds_are_null_in_json() {
        let json = serde_json::to_string(&six_rows()).unwrap();
        assert!(json.contains("null") && !json.contains("NaN"));
    }

    #[test]
    fn quantiles_on_a_level_stretch_are_its_middle() {
        // S = ¾, ½, ¼, 0 at 1, 2, 3, 4: the median lies between 2 and 3.
        let four = fit(&[1.0, 2.0, 3.0, 4.0], &[1; 4], &CurveOptions::default());
        assert_eq!(four.median().estimate, Some(2.5));
        assert_eq!(four.quantile(0.25).unwrap().estimate, Some(1.5));
        assert_eq!(four.quantile(0.3).unwrap().estimate, Some(2.0));
        assert_eq!(four.quantile(1.0).unwrap().estimate, Some(4.0));
        assert_eq!((four.median().lower, four.median().upper), (Some(1.0), None));
        // A last stretch ends at the last censoring.
        let ends_level = fit(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 0, 0], &CurveOptions::default());
        assert_eq!(ends_level.median().estimate, Some(3.0));
        assert_eq!(ends_level.quantile(0.6).unwrap().estimate, None);
        for p in [0.0, 1.1, -0.5, f64::NAN] {
            assert!(matches!(four.quantile(p), Err(Error::OutOfDomain { .. })));
        }
    }

    #[test]
    fn points_are_read_as_steps_and_not_past_the_follow_up() {
        let curve = six_rows();
        assert_eq!(curve.at(0.5).unwrap().survival, 1.0);
        assert_eq!(curve.at(0.5).unwrap().lower, Some(1.0));
        assert_eq!(curve.at(2.5).unwrap().survival, curve.survival[1]);
        assert_eq!(curve.at(9.0).unwrap().survival, 0.0);
        let censored = fit(&[1.0, 2.0], &[1, 0], &CurveOptions::default());
        assert_eq!(censored.at(3.0), Err(Error::BeyondFollowUp { time: 3.0, last: 2.0 }));
        assert!(matches!(censored.at(f64::NAN), Err(Error::OutOfDomain { .. })));
    }

    #[test]
    fn curve_equals_its_definition() {
        for seed in 0..40 {
            let sample = Sample::new(seed, 3 + seed as usize);
            for options in sample.all_options() {
                let curve = KaplanMeier::fit(&sample.survival(), &options).unwrap();
                let ones = vec![1.0; sample.time.len()];
                let brute = sample.curves(&curve.times, options.weights.unwrap_or(&ones), options.entry_time);
                for (found, expected) in curve.survival.iter().zip(&brute) {
                    assert!((found - expected.survival).abs() < 1e-14, "{seed}");
                }
            }
        }
    }

    #[test]
    fn survival_never_rises_and_lies_inside_its_interval() {
        for seed in 0..30 {
            let sample = Sample::new(seed, 25);
            for conf_type in [ConfType::Log, ConfType::LogLog, ConfType::Plain] {
                for options in sample.all_options() {
                    let curve = KaplanMeier::fit(&sample.survival(), &CurveOptions { conf_type, ..options }).unwrap();
                    assert!(curve.survival.windows(2).all(|pair| pair[0] >= pair[1]));
                    for (at, &survival) in curve.survival.iter().enumerate() {
                        assert!((0.0..=1.0).contains(&survival));
                        if let (Some(lower), Some(upper)) = (curve.lower[at], curve.upper[at]) {
                            assert!(lower <= survival + 1e-15 && survival <= upper + 1e-15 && upper <= 1.0);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn whole_weights_are_repeated_rows() {
        let (time, event) = ([1.0, 2.0, 2.0, 3.0, 5.0], [1, 0, 1, 1, 0]);
        let weights = [2.0, 1.0, 3.0, 1.0, 2.0];
        let weighted = fit(&time, &event, &CurveOptions { weights: Some(&weights), ..CurveOptions::default() });
        let repeated: Vec<usize> = (0..5).flat_map(|row| vec![row; weights[row] as usize]).collect();
        let pick = |row: &usize| (time[*row], event[*row]);
        let (time, event): (Vec<f64>, Vec<u8>) = repeated.iter().map(pick).unzip();
        assert_eq!(weighted, fit(&time, &event, &CurveOptions::default()));
    }

    #[test]
    fn row_order_does_not_matter() {
        let sample = Sample::new(3, 50);
        let data = sample.survival();
        let backwards: Vec<usize> = (0..50).rev().collect();
        let options = CurveOptions::default();
        let turned = KaplanMeier::fit(&data.select(&backwards).unwrap(), &options).unwrap();
        assert_eq!(KaplanMeier::fit(&data, &options).unwrap(), turned);
    }

    #[test]
    fn jackknife_equals_greenwood_without_weights_and_entries() {
        for seed in 0..20 {
            let data = Sample::new(seed, 40).survival();
            let jackknife =
                CurveOptions { variance: Some(Variance::InfinitesimalJackknife), ..CurveOptions::default() };
            let (a, b) = (
                KaplanMeier::fit(&data, &CurveOptions::default()).unwrap(),
                KaplanMeier::fit(&data, &jackknife).unwrap(),
            );
            for (model, jackknife) in a.std_err.iter().zip(&b.std_err) {
                assert!((model.unwrap_or(0.0) - jackknife.unwrap()).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_risk_set_that_empties_under_delayed_entry_keeps_survival_at_zero() {
        let entry = [0.0, 0.0, 2.5];
        let options = CurveOptions { entry_time: Some(&entry), ..CurveOptions::default() };
        let curve = fit(&[1.0, 2.0, 3.0], &[1, 1, 0], &options);
        assert_eq!((curve.n_at_risk, curve.survival), (vec![2.0, 1.0, 1.0], vec![0.5, 0.0, 0.0]));
        assert_eq!(curve.std_err[1..], [None, None]);
    }

    #[test]
    fn without_events_survival_is_one_with_certainty() {
        let curve = fit(&[1.0, 2.0], &[0, 0], &CurveOptions::default());
        assert_eq!((curve.survival.clone(), curve.lower.clone()), (vec![1.0; 2], vec![Some(1.0); 2]));
        assert_eq!(curve.median(), EventTimeQuantile { estimate: None, lower: None, upper: None });
    }
}
