//! Intervals of cumulative incidences by refitting on resampled patients.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{CauseModel, CauseSpecific, CumulativeIncidence, HazardSteps};
use crate::learn::calibrate::checks::check_at_least;
use crate::learn::{DesignMatrix, Error};
use crate::stats::bootstrap::resample;
use crate::stats::{self, CompetingRisks, Survival, quantile};
use crate::terms::Estimate;

/// An interval needs a fit in at least this share of the resamples.
const SMALLEST_SHARE: f64 = 0.9;

/// Cumulative incidences with pointwise 95 % percentile intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidenceIntervals {
    /// The incidences of the model fitted on all rows.
    pub incidence: CumulativeIncidence,
    /// Lower ends, laid out like the incidences.
    lower95: Vec<f64>,
    /// Upper ends.
    upper95: Vec<f64>,
    /// Resamples on which every cause could be fitted.
    pub n_refits: usize,
}

impl IncidenceIntervals {
    /// P(cause by each time) of patient `row` with its interval, causes from 1; empty when there is none such.
    #[must_use]
    pub fn estimates(&self, row: usize, cause: u32) -> Vec<Estimate> {
        let values = self.incidence.incidence(row, cause);
        let n_times = values.len();
        let start = (row * self.incidence.n_causes() + (cause as usize).saturating_sub(1)) * n_times;
        let ends = self.lower95.iter().zip(&self.upper95).skip(start);
        values
            .iter()
            .zip(ends)
            .map(|(&estimate, (&lower95, &upper95))| Estimate { estimate, lower95, upper95 })
            .collect()
    }
}

/// Returns the incidences of the rows of `new`, with intervals from `n_resamples` refits on patients drawn with
/// replacement.
///
/// `fit` is called for every cause of the whole sample and of each resample, as in [`CauseSpecific::fit`]; each row
/// must be one patient. The intervals hold for the modelled probability, the mean over patients alike in the features.
/// Runs in parallel; the same seed gives the same bytes on any number of threads.
///
/// # Errors
/// As [`CauseSpecific::fit`] and [`CauseSpecific::predict`] on all rows; [`stats::Error::TooFew`] when fewer than 90 %
/// of the resamples could be fitted, for then the interval would describe only those.
///
/// # Source
/// Efron & Tibshirani 1993, chapter 13 (percentile interval).
#[expect(clippy::too_many_arguments, reason = "data, new rows, grid and resampling are four separate things")]
pub fn bootstrap_incidence<M, F>(
    data: &CompetingRisks,
    x: &DesignMatrix,
    new: &DesignMatrix,
    times: &[f64],
    steps: HazardSteps,
    fit: F,
    n_resamples: usize,
    seed: u64,
) -> Result<IncidenceIntervals, Error>
where
    M: CauseModel,
    F: Fn(u32, &Survival, &DesignMatrix) -> Result<M, Error> + Sync,
{
    let incidence = CauseSpecific::fit(data, x, &fit)?.predict(new, times, steps)?;
    let refit = |index: usize| -> Result<CumulativeIncidence, Error> {
        let rows = resample(data.n_samples(), seed, index);
        CauseSpecific::fit(&data.select(&rows)?, &x.select(&rows), &fit)?.integrate(new, times, steps)
    };
    let refits: Vec<CumulativeIncidence> =
        (0..n_resamples).into_par_iter().filter_map(|index| refit(index).ok()).collect();
    let needed = ((SMALLEST_SHARE * n_resamples as f64).ceil() as usize).max(2);
    check_at_least("bootstrap refits", needed, refits.len())?;
    let ends: Vec<(f64, f64)> = (0..incidence.values().len())
        .into_par_iter()
        .map(|at| {
            let values: Vec<f64> = refits.iter().map(|refit| refit.values()[at]).collect();
            Ok((quantile(&values, 0.025)?, quantile(&values, 0.975)?))
        })
        .collect::<Result<_, stats::Error>>()?;
    let (lower95, upper95) = ends.into_iter().unzip();
    Ok(IncidenceIntervals { incidence, lower95, upper95, n_refits: refits.len() })
}
