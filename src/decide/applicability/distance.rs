use serde::{Deserialize, Serialize};

use crate::decide::Error;
use crate::stats::quantile;

/// The cube-root score of a squared Mahalanobis distance on `df` columns: about standard normal when the row is normal,
/// so that rows that know different columns can be compared. 0 for no columns.
///
/// z = ((d²/k)^⅓ − (1 − 2/(9k))) / √(2/(9k)).
///
/// # Source
/// Wilson & Hilferty 1931.
pub(super) fn score(distance_squared: f64, df: usize) -> f64 {
    if df == 0 {
        return 0.0;
    }
    let spread = 2.0 / (9.0 * df as f64);
    ((distance_squared / df as f64).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Largest values whose mean ends the percentiles: no single patient's value is kept.
const N_EXTREME: usize = 5;

/// The distribution of a measure among patients left out of the fit: percentiles 0 to 99, then the mean of the five
/// largest values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Percentiles(Vec<f64>);

impl Percentiles {
    /// # Errors
    /// [`Error::Stats`] without values or for one that is not finite.
    pub(super) fn of(values: &[f64]) -> Result<Self, Error> {
        // Sorted once: sorting what is sorted takes one pass.
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut grid =
            (0..100).map(|percent| quantile(&sorted, f64::from(percent) / 100.0)).collect::<Result<Vec<_>, _>>()?;
        let largest: Vec<f64> = sorted.into_iter().rev().take(N_EXTREME).collect();
        let extreme = largest.iter().sum::<f64>() / largest.len() as f64;
        grid.push(grid.last().map_or(extreme, |last| extreme.max(*last)));
        Ok(Self(grid))
    }

    /// A stored grid of 101 ascending finite values.
    pub(super) fn stored(grid: Vec<f64>) -> Option<Self> {
        let whole = grid.len() == 101 && grid.iter().all(|value| value.is_finite()) && grid.is_sorted();
        whole.then_some(Self(grid))
    }

    /// False for a grid that was broken in a file.
    pub(super) fn is_whole(&self) -> bool {
        Self::stored(self.0.clone()).is_some()
    }

    /// Share of the patients below `value`, interpolated, half of those equal to it; beyond the 99th percentile by the
    /// exponential tail through it and the 90th, so that very unusual values still differ. 0 to 1.
    pub(super) fn share_below(&self, value: f64) -> f64 {
        let grid = &self.0;
        if let (Some(p90), Some(p99)) = (grid.get(90), grid.get(99))
            && value > *p99
            && p99 > p90
        {
            return 1.0 - 0.01 * 0.1_f64.powf((value - p99) / (p99 - p90));
        }
        let below = grid.partition_point(|edge| *edge < value);
        let upto = grid.partition_point(|edge| *edge <= value);
        let last = grid.len().saturating_sub(1).max(1) as f64;
        if upto > below {
            let place = (below + upto - 1) as f64 / 2.0;
            return place / last;
        }
        let Some(high) = grid.get(below) else { return 1.0 };
        let Some(low) = below.checked_sub(1).and_then(|at| grid.get(at)) else { return 0.0 };
        ((below - 1) as f64 + (value - low) / (high - low)) / last
    }

    /// The mean of the five largest values.
    pub(super) fn extreme(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::INFINITY)
    }
}
