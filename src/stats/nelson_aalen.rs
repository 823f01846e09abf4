//! The cumulative hazard, and the survival curve that is its exponential.

use serde::{Deserialize, Serialize};

use super::influence::Influence;
use super::risk_table::RiskTable;
use super::{CurveOptions, Error, StepFunction, Survival, Variance};

/// How tied events share the risk set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HazardTies {
    /// All tied events see the whole risk set: d/n (R `ctype = 1`).
    #[default]
    NelsonAalen,
    /// Tied events leave the risk set one after another: 1/n + 1/(n − 1) + … (R `ctype = 2`), the counterpart of
    /// Efron's ties. The mean weight of the tied events leaves at each step.
    FlemingHarrington,
}

/// A cumulative hazard at every distinct time of its rows, censoring times included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CumulativeHazard {
    /// Distinct event and censoring times, ascending, in the unit of the data.
    pub times: Vec<f64>,
    /// Weight at risk just before each time.
    pub n_at_risk: Vec<f64>,
    /// Weight of the events at each time.
    pub n_events: Vec<f64>,
    /// H(t) from each time on, at least 0, never falling.
    pub cum_hazard: Vec<f64>,
    /// Standard error of H(t).
    pub std_err: Vec<f64>,
    /// Kind of variance.
    pub variance: Variance,
}

impl CumulativeHazard {
    /// Returns the cumulative hazard of the rows.
    ///
    /// H(t) = Σ over event times u ≤ t of d/n with variance Σ d/n², or the sums over one event after another of
    /// [`HazardTies::FlemingHarrington`]. Weighted counts as in [`KaplanMeier`](super::KaplanMeier). Of the options,
    /// `conf_type` and `level` have no effect here. O(n log n).
    ///
    /// # Errors
    /// As [`KaplanMeier::fit`](super::KaplanMeier::fit), the level aside.
    ///
    /// # Source
    /// Nelson 1972; Aalen 1978; Fleming & Harrington 1984; R `survfit(ctype = )$cumhaz` and `$std.chaz`.
    pub fn fit(data: &Survival, options: &CurveOptions<'_>, ties: HazardTies) -> Result<Self, Error> {
        let event = data.event();
        let table = RiskTable::new(data.event_time(), |row| u32::from(event[row]), options)?;
        let steps: Vec<Step> = (0..table.times.len()).map(|at| Step::new(&table, at, ties)).collect();
        let mut total = 0.0;
        let mut running = |value: f64| {
            total += value;
            total
        };
        let cum_hazard = steps.iter().map(|step| running(step.hazard)).collect();
        let variance = options.variance_used();
        let std_err = match variance {
            Variance::ModelBased => {
                let mut sum = 0.0;
                let step_to = |step: &Step| {
                    sum += step.variance;
                    f64::sqrt(sum)
                };
                steps.iter().map(step_to).collect()
            }
            Variance::InfinitesimalJackknife => jackknife(&table, &steps, options.weights),
        };
        Ok(Self {
            cum_hazard,
            std_err,
            times: table.times,
            n_at_risk: table.n_at_risk,
            n_events: table.n_events,
            variance,
        })
    }

    /// Returns H(t) as a step function: 0 before the first event, a step at each event time.
    #[must_use]
    pub fn as_step(&self) -> StepFunction {
        self.step_of(0.0, |cum_hazard| cum_hazard)
    }

    /// Returns exp(−H(t)), Breslow's or (with the Fleming–Harrington ties) Fleming and Harrington's survival curve.
    ///
    /// # Source
    /// R `survfit(stype = 2, ctype = )$surv`.
    #[must_use]
    pub fn survival(&self) -> StepFunction {
        self.step_of(1.0, |cum_hazard| (-cum_hazard).exp())
    }

    fn step_of(&self, before: f64, value: impl Fn(f64) -> f64) -> StepFunction {
        let events = || (0..self.times.len()).filter(|&at| self.n_events[at] > 0.0);
        StepFunction {
            before,
            times: events().map(|at| self.times[at]).collect(),
            values: events().map(|at| value(self.cum_hazard[at])).collect(),
        }
    }
}

/// One time's share of the cumulative hazard and of its derivatives with respect to the weights.
struct Step {
    hazard: f64,
    variance: f64,
    /// Derivative with respect to the weight of a row at risk, events included.
    at_risk: f64,
    /// What an event's own weight adds to that.
    event: f64,
}

impl Step {
    fn new(table: &RiskTable, at: usize, ties: HazardTies) -> Self {
        let (events, n, rows) = (table.n_events[at], table.n_at_risk[at], table.event_rows[at]);
        let mut step = Self { hazard: 0.0, variance: 0.0, at_risk: 0.0, event: 0.0 };
        if rows == 0 {
            return step;
        }
        // Whole-hazard ties are the case of one step in which all leave together.
        let n_steps = match ties {
            HazardTies::NelsonAalen => 1,
            HazardTies::FlemingHarrington => rows,
        };
        let share = events / n_steps as f64;
        for gone in 0..n_steps {
            let gone_share = gone as f64 / n_steps as f64;
            let left = n - gone as f64 * share;
            step.hazard += share / left;
            step.variance += share / (left * left);
            step.at_risk -= share / (left * left);
            step.event += 1.0 / (n_steps as f64 * left) + share * gone_share / (left * left);
        }
        step
    }
}

/// The infinitesimal-jackknife standard error of H at each time.
fn jackknife(table: &RiskTable, steps: &[Step], weights: Option<&[f64]>) -> Vec<f64> {
    let mut influence = Influence::new(table, weights);
    steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            influence.enter(at);
            influence.advance(0.0, step.at_risk);
            influence.exit(at, |_| (0.0, step.event));
            influence.variance_of_second().sqrt()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::risk_table::sample::Sample;

    fn five_rows() -> Survival {
        Survival::new(vec![1.0, 2.0, 2.0, 2.0, 3.0], vec![true, true, true, false, false]).unwrap()
    }

    #[test]
    fn five_rows_solved_by_hand() {
        // H(2) = 1/5 + 2/4, variance 1/25 + 2/16; one death after another: 1/5 + 1/4 + 1/3, 1/25 + 1/16 + 1/9.
        for (ties, hazard, variance) in [
            (HazardTies::NelsonAalen, 0.7, 0.165),
            (HazardTies::FlemingHarrington, 0.2 + 0.25 + 1.0 / 3.0, 0.04 + 0.0625 + 1.0 / 9.0_f64),
        ] {
            let found = CumulativeHazard::fit(&five_rows(), &CurveOptions::default(), ties).unwrap();
            assert!((found.cum_hazard[1] - hazard).abs() < 1e-15);
            assert!((found.std_err[2] - variance.sqrt()).abs() < 1e-15);
            assert!((found.survival().at(2.5) - (-hazard).exp()).abs() < 1e-15);
            assert_eq!((found.as_step().times, found.as_step().before), (vec![1.0, 2.0], 0.0));
        }
    }

    #[test]
    fn hazard_equals_its_definition_and_lies_below_minus_log_survival() {
        for seed in 0..30 {
            let sample = Sample::new(seed, 30);
            for options in sample.all_options() {
                let found = CumulativeHazard::fit(&sample.survival(), &options, HazardTies::NelsonAalen).unwrap();
                let ones = vec![1.0; 30];
                let brute = sample.curves(&found.times, options.weights.unwrap_or(&ones), options.entry_time);
                for (found, expected) in found.cum_hazard.iter().zip(&brute) {
                    assert!((found - expected.cum_hazard).abs() < 1e-13);
                    assert!(*found <= -expected.survival.ln() + 1e-12);
                }
            }
        }
    }

    #[test]
    fn both_kinds_agree_without_ties() {
        let data = Survival::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, false, true, true]).unwrap();
        let fit = |ties| CumulativeHazard::fit(&data, &CurveOptions::default(), ties).unwrap();
        assert_eq!(fit(HazardTies::NelsonAalen), fit(HazardTies::FlemingHarrington));
    }
}
