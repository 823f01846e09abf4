//! From cause-specific hazards to cumulative incidences.

use serde::{Deserialize, Serialize};

use crate::learn::Error;
use crate::stats::{self, StepFunction};

/// What the hazards dΛₖ do to those still event-free at a jump.
///
/// A jump of an estimated hazard is a lump: with dΛ = Σ dΛₖ at one time, S shrinks by some factor f ≤ 1 and cause k
/// takes the share dΛₖ/dΛ of the loss S(1 − f). Both rules keep Σ incidences + event-free = 1 by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HazardSteps {
    /// f = 1 − dΛ, or 0 where dΛ > 1: the product integral. Without features it is the Aalen-Johansen estimate. For a
    /// patient at high risk a late jump, among few at risk, can exceed 1, which no probability can; the jump then takes
    /// all.
    #[default]
    ProductIntegral,
    /// f = exp(−dΛ): each jump spread evenly over a moment. Never exceeds 1, agrees with S = exp(−Λ), and is what R's
    /// `survfit` of a multi-state `coxph` computes (from Breslow hazards).
    Exponential,
}

impl HazardSteps {
    /// The share of the event-free that a jump of all causes together takes.
    fn loss(self, total: f64) -> f64 {
        match self {
            Self::ProductIntegral => total.min(1.0),
            Self::Exponential => -(-total).exp_m1(),
        }
    }
}

/// Cumulative incidences of several patients and causes on one grid of times: right-continuous steps from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CumulativeIncidence {
    times: Vec<f64>,
    n_samples: usize,
    n_causes: usize,
    /// n_samples × n_causes × n_times, row-major.
    values: Vec<f64>,
}

impl CumulativeIncidence {
    /// The grid, ascending.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Number of patients.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of causes.
    #[must_use]
    pub fn n_causes(&self) -> usize {
        self.n_causes
    }

    /// P(cause `cause` by each time) of patient `row`, causes from 1; empty when there is none such.
    #[must_use]
    pub fn incidence(&self, row: usize, cause: u32) -> &[f64] {
        let Some(cause) = (cause as usize).checked_sub(1).filter(|&cause| cause < self.n_causes) else { return &[] };
        let n_times = self.times.len();
        let start = (row * self.n_causes + cause) * n_times;
        self.values.get(start..start + n_times).unwrap_or(&[])
    }

    /// P(no event by each time) of patient `row`: 1 less all incidences; empty when there is none such.
    #[must_use]
    pub fn event_free(&self, row: usize) -> Vec<f64> {
        if row >= self.n_samples {
            return Vec::new();
        }
        let sum = |at: usize| (1..=self.n_causes as u32).map(|cause| self.incidence(row, cause)[at]).sum::<f64>();
        (0..self.times.len()).map(|at| 1.0 - sum(at)).collect()
    }

    /// Every value, patients outermost and times innermost.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Jumps of all causes at one time.
struct Jump {
    time: f64,
    /// dΛ₀ of every cause.
    hazards: Vec<f64>,
}

/// The jumps up to `last`, ascending.
fn jumps(baselines: &[&StepFunction], last: f64) -> Vec<Jump> {
    let mut times: Vec<f64> =
        baselines.iter().flat_map(|baseline| &baseline.times).copied().filter(|&time| time <= last).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let hazard = |baseline: &&StepFunction, time: f64| baseline.at(time) - baseline.just_before(time);
    times
        .into_iter()
        .map(|time| Jump { time, hazards: baselines.iter().map(|baseline| hazard(baseline, time)).collect() })
        .collect()
}

/// Integrates checked baselines and `predictors` (one slice of η per cause) over ascending `times`.
pub(super) fn integrate(
    baselines: &[&StepFunction],
    predictors: &[Vec<f64>],
    n_samples: usize,
    times: &[f64],
    steps: HazardSteps,
) -> Result<CumulativeIncidence, Error> {
    let n_causes = baselines.len();
    let jumps = jumps(baselines, times.last().copied().unwrap_or(0.0));
    let mut values = vec![0.0; n_samples * n_causes * times.len()];
    let (mut relative, mut incidence) = (vec![0.0; n_causes], vec![0.0; n_causes]);
    for row in 0..n_samples {
        for (cause, predictor) in predictors.iter().enumerate() {
            relative[cause] = predictor[row].exp();
            if !relative[cause].is_finite() {
                let expected = "at most 709";
                let found = predictor[row];
                return Err(stats::Error::OutOfDomain { what: "log relative hazard", expected, found }.into());
            }
        }
        incidence.fill(0.0);
        let mut event_free = 1.0;
        let mut next = 0;
        for (at, &time) in times.iter().enumerate() {
            while let Some(jump) = jumps.get(next).filter(|jump| jump.time <= time) {
                let total: f64 = jump.hazards.iter().zip(&relative).map(|(hazard, relative)| hazard * relative).sum();
                if total > 0.0 {
                    let lost = event_free * steps.loss(total);
                    for ((incidence, hazard), relative) in incidence.iter_mut().zip(&jump.hazards).zip(&relative) {
                        *incidence += lost * (hazard * relative / total);
                    }
                    event_free -= lost;
                }
                next += 1;
            }
            // Sums of positive parts may pass 1 by rounding.
            let excess = incidence.iter().sum::<f64>().max(1.0);
            for (cause, incidence) in incidence.iter().enumerate() {
                values[(row * n_causes + cause) * times.len() + at] = incidence / excess;
            }
        }
    }
    Ok(CumulativeIncidence { times: times.to_vec(), n_samples, n_causes, values })
}
