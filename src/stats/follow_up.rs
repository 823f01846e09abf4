//! What the follow-up supports: how many rows are at risk, and how likely a row is to be still uncensored.

use super::kaplan_meier::check_time;
use super::risk_table::RiskTable;
use super::{CurveOptions, Error, StepFunction, Survival};

/// Returns the probability G(t) of being still uncensored after `t`, the weight function of IPCW estimates.
///
/// The Kaplan–Meier curve with events and censorings exchanged, where an event precedes a censoring at the same time:
/// a row with an event at u is not at risk of being censored at u. Steps at censoring times only; 1 without censoring.
/// Use [`StepFunction::just_before`] for G(t−), the weight of an event at t.
///
/// # Source
/// scikit-survival's `kaplan_meier_estimator(reverse=True)`. R's `survfit(Surv(time, 1 - event) ~ 1)` instead keeps
/// the tied events at risk, and agrees after the censored times are moved up by less than any gap between times.
#[must_use]
pub fn censoring_survival(data: &Survival) -> StepFunction {
    let mut step = StepFunction { before: 1.0, times: Vec::new(), values: Vec::new() };
    let event = data.event();
    let table = RiskTable::count(data.event_time(), |row| u32::from(event[row]), &CurveOptions::default());
    let mut survival = 1.0;
    for (at, &time) in table.times.iter().enumerate() {
        let censored = table.n_censored[at];
        if censored > 0.0 {
            survival *= 1.0 - censored / (table.n_at_risk[at] - table.n_events[at]);
            step.times.push(time);
            step.values.push(survival);
        }
    }
    step
}

/// Returns the weight at risk at each of `times`, in any order: the row under a plotted curve.
///
/// Σ w over rows with entry < t ≤ event time; at t = 0 a row that enters at 0 counts. O((n + n_times) log n).
///
/// # Errors
/// As [`KaplanMeier::fit`](super::KaplanMeier::fit) for the options, [`Error::OutOfDomain`] for a time that is
/// negative or not finite.
///
/// # Source
/// R `summary(survfit(...), times = )$n.risk`, which with delayed entry reads the number at the next distinct time.
pub fn numbers_at_risk(data: &Survival, options: &CurveOptions<'_>, times: &[f64]) -> Result<Vec<f64>, Error> {
    let table = RiskTable::new(data.event_time(), |_| 0, options)?;
    // Weight that has left or entered before each position of the sorted rows.
    let left = running_sums(table.exits().iter().map(|exit| exit.weight));
    let weight_of = |row: usize| options.weights.map_or(1.0, |weights| weights[row]);
    let entered = running_sums(table.entries().iter().map(|&(_, row)| weight_of(row)));
    times
        .iter()
        .map(|&time| {
            check_time(time)?;
            let gone = match table.times.partition_point(|&t| t < time) {
                0 => 0,
                n_before => table.block_end(n_before - 1),
            };
            let come = if table.entries().is_empty() {
                left[table.exits().len()]
            } else {
                entered[table.entries().partition_point(|&(entry, _)| entry < time || (time == 0.0 && entry == 0.0))]
            };
            Ok(if gone == table.exits().len() { 0.0 } else { (come - left[gone]).max(0.0) })
        })
        .collect()
}

fn running_sums(values: impl Iterator<Item = f64>) -> Vec<f64> {
    std::iter::once(0.0)
        .chain(values.scan(0.0, |sum, value| {
            *sum += value;
            Some(*sum)
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;

    #[test]
    fn censoring_curve_of_five_rows_solved_by_hand() {
        // At 2 the event comes first: 3 of 4 left could be censored, one is. At 4 both of 2.
        let data = Survival::new(vec![1.0, 2.0, 2.0, 4.0, 4.0], vec![true, true, false, false, false]).unwrap();
        let curve = censoring_survival(&data);
        assert_eq!(curve.times, [2.0, 4.0]);
        assert!((curve.values[0] - 2.0 / 3.0).abs() < 1e-15 && curve.values[1] == 0.0);
        assert_eq!((curve.before, curve.just_before(2.0)), (1.0, 1.0));
    }

    #[test]
    fn without_censoring_the_censoring_curve_is_one() {
        let curve = censoring_survival(&Survival::new(vec![1.0, 2.0], vec![true; 2]).unwrap());
        assert_eq!((curve.at(0.0), curve.at(9.0), curve.times.len()), (1.0, 1.0, 0));
    }

    #[test]
    fn censoring_and_event_curves_split_the_share_still_followed() {
        // With events first, S(t)·G(t) is the share of rows followed past t.
        for seed in 0..20 {
            let sample = Sample::new(seed, 40);
            let data = sample.survival();
            let curve = crate::stats::KaplanMeier::fit(&data, &CurveOptions::default()).unwrap();
            let (events, censorings) = (curve.as_step(), censoring_survival(&data));
            for &time in &curve.times {
                let share = sample.time.iter().filter(|&&t| t > time).count() as f64 / 40.0;
                assert!((events.at(time) * censorings.at(time) - share).abs() < 1e-14, "{seed} {time}");
            }
        }
    }

    #[test]
    fn numbers_at_risk_equal_their_definition() {
        for seed in 0..10 {
            let sample = Sample::new(seed, 30);
            for options in sample.all_options() {
                let times = [0.0, 0.5, 1.0, 3.0, 2.0, 7.5, 99.0];
                let found = numbers_at_risk(&sample.survival(), &options, &times).unwrap();
                for (&time, found) in times.iter().zip(found) {
                    let there = |&row: &usize| {
                        let entry = options.entry_time.map_or(-1.0, |entry| entry[row]);
                        (entry < time || (entry == 0.0 && time == 0.0)) && sample.time[row] >= time
                    };
                    let weight = |row: usize| options.weights.map_or(1.0, |weights| weights[row]);
                    let expected: f64 = (0..30).filter(there).map(weight).sum();
                    assert!((found - expected).abs() < 1e-12, "{seed} {time}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn times_that_are_no_times_are_refused() {
        let data = Survival::new(vec![1.0], vec![true]).unwrap();
        for time in [-1.0, f64::NAN, f64::INFINITY] {
            let found = numbers_at_risk(&data, &CurveOptions::default(), &[time]);
            assert!(matches!(found, Err(Error::OutOfDomain { what: "time", .. })));
        }
    }
}
