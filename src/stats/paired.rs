//! Bootstrap intervals of any metric, and of the difference of two models on the same patients.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
use super::bootstrap::resample;
use super::quantile::sorted_quantile;
use crate::terms::Estimate;

/// An interval needs a value from at least this share of the resamples, as in [`bootstrap`](super::bootstrap()).
const SMALLEST_SHARE: f64 = 0.9;

/// The difference of a metric between two models, with the same resamples for both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// First minus second, with its percentile 95 % interval.
    pub difference: Estimate,
    /// Share of resamples in which the difference is below 0.
    pub share_below_zero: f64,
    /// Two-sided bootstrap p-value, 2 (1 + the smaller of the counts ≤ 0 and ≥ 0) / (1 + resamples), at most 1.
    pub p: f64,
    /// Resamples that gave a value.
    pub n_resamples: usize,
}

/// Returns the elements of `values` at `rows`, in that order; a position past the end is left out.
#[must_use]
pub fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().filter_map(|&row| values.get(row).copied()).collect()
}

/// Returns `metric` over all rows with its percentile 95 % interval over resampled rows.
///
/// `metric` gets row indices (a row may repeat) and returns the estimate of those rows. A resample without an estimate
/// is left out; fewer than 90 % with one is an error. The same on any number of threads.
///
/// ```
/// use regimen::stats::{Survival, concordance::c_index_value, paired::{bootstrap_estimate, pick}};
/// let data = Survival::new((1..60).map(f64::from).collect(), vec![true; 59]).unwrap();
/// let risk: Vec<f64> = (1..60).map(|k| f64::from((k * 7) % 59 - k)).collect();
/// let c = bootstrap_estimate(59, 200, 1, |rows| c_index_value(&data.select(rows)?, &pick(&risk, rows))).unwrap();
/// assert!(c.lower95 < c.estimate && c.estimate < c.upper95);
/// ```
///
/// # Errors
/// The metric's own error over all rows; [`Error::TooFew`] for fewer than two rows, no resamples, or too many
/// without an estimate; [`Error::NotFinite`].
///
/// # Source
/// Efron & Tibshirani 1993, chapter 13 (percentile interval).
pub fn bootstrap_estimate<F>(n_rows: usize, n_resamples: usize, seed: u64, metric: F) -> Result<Estimate, Error>
where
    F: Fn(&[usize]) -> Result<f64, Error> + Sync,
{
    let found = bootstrap_estimates(n_rows, n_resamples, seed, |rows| Ok(vec![metric(rows)?]))?;
    found.first().copied().ok_or(Error::TooFew { what: "estimates", needed: 1, found: 0 })
}

/// Returns several estimates of the same rows, such as a curve, each with its pointwise percentile 95 % interval.
///
/// `metric` returns them in a fixed order and number; all share the resamples.
///
/// # Errors
/// As [`bootstrap_estimate`]; [`Error::LengthMismatch`] when a resample returns another number of estimates.
///
/// # Source
/// As [`bootstrap_estimate`].
pub fn bootstrap_estimates<F>(n_rows: usize, n_resamples: usize, seed: u64, metric: F) -> Result<Vec<Estimate>, Error>
where
    F: Fn(&[usize]) -> Result<Vec<f64>, Error> + Sync,
{
    let (whole, draws) = draws(n_rows, n_resamples, seed, metric)?;
    let interval = |(column, &estimate): (usize, &f64)| {
        let mut values: Vec<f64> = draws.iter().map(|draw| draw[column]).collect();
        values.sort_by(f64::total_cmp);
        Ok(Estimate { estimate, lower95: sorted_quantile(&values, 0.025)?, upper95: sorted_quantile(&values, 0.975)? })
    };
    whole.iter().enumerate().map(interval).collect()
}

/// Returns the difference of a metric between two models on the same rows, from resamples of those rows.
///
/// `metrics` gets row indices and returns the metric of the first and of the second model on them. Resampling both
/// together keeps their correlation, which the difference of two separate intervals loses.
///
/// # Errors
/// As [`bootstrap_estimate`].
///
/// # Source
/// Davison & Hinkley 1997, sections 4.4 and 5.3.
pub fn paired_difference<F>(n_rows: usize, n_resamples: usize, seed: u64, metrics: F) -> Result<PairedDifference, Error>
where
    F: Fn(&[usize]) -> Result<(f64, f64), Error> + Sync,
{
    let (whole, draws) = draws(n_rows, n_resamples, seed, |rows| metrics(rows).map(|(a, b)| vec![a - b]))?;
    let mut values: Vec<f64> = draws.into_iter().flatten().collect();
    values.sort_by(f64::total_cmp);
    let n_resamples = values.len();
    let below = values.partition_point(|&value| value < 0.0);
    let at_most = values.partition_point(|&value| value <= 0.0);
    let smaller = at_most.min(n_resamples - below);
    Ok(PairedDifference {
        difference: Estimate {
            estimate: whole.first().copied().unwrap_or(0.0),
            lower95: sorted_quantile(&values, 0.025)?,
            upper95: sorted_quantile(&values, 0.975)?,
        },
        share_below_zero: below as f64 / n_resamples as f64,
        p: (2.0 * (1 + smaller) as f64 / (1 + n_resamples) as f64).min(1.0),
        n_resamples,
    })
}

/// The estimates over all rows, and over each resample that has them.
fn draws<F>(n_rows: usize, n_resamples: usize, seed: u64, metric: F) -> Result<(Vec<f64>, Vec<Vec<f64>>), Error>
where
    F: Fn(&[usize]) -> Result<Vec<f64>, Error> + Sync,
{
    if n_rows < 2 {
        return Err(Error::TooFew { what: "rows", needed: 2, found: n_rows });
    }
    if n_resamples == 0 {
        return Err(Error::TooFew { what: "resamples", needed: 1, found: 0 });
    }
    let whole = metric(&(0..n_rows).collect::<Vec<_>>())?;
    super::inputs::check_finite(&whole)?;
    let draws: Vec<Vec<f64>> = (0..n_resamples)
        .into_par_iter()
        .filter_map(|index| metric(&resample(n_rows, seed, index)).ok())
        .filter(|draw| draw.iter().all(|value| value.is_finite()))
        .collect();
    let needed = (SMALLEST_SHARE * n_resamples as f64).ceil() as usize;
    if draws.len() < needed {
        return Err(Error::TooFew { what: "resamples with an estimate", needed, found: draws.len() });
    }
    for draw in &draws {
        super::inputs::check_length("estimates of a resample", whole.len(), draw.len())?;
    }
    Ok((whole, draws))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> Result<f64, Error> {
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn the_interval_is_that_of_the_plain_bootstrap() {
        let values: Vec<f64> = (0..80).map(|k| f64::from(k * k % 41)).collect();
        let found = bootstrap_estimate(80, 300, 5, |rows| mean(&pick(&values, rows))).unwrap();
        let plain = crate::stats::bootstrap(80, 300, 5, |rows| mean(&pick(&values, rows)).ok()).unwrap();
        assert_eq!((found.lower95, found.upper95), plain);
        assert_eq!(found.estimate, mean(&values).unwrap());
    }

    #[test]
    fn a_model_does_not_differ_from_itself_and_exchange_turns_the_sign() {
        let a: Vec<f64> = (0..50).map(|k| f64::from(k % 7)).collect();
        let b: Vec<f64> = (0..50).map(|k| f64::from(k % 5)).collect();
        let both = |x: &[f64], y: &[f64]| {
            paired_difference(50, 200, 3, |rows| Ok((mean(&pick(x, rows))?, mean(&pick(y, rows))?))).unwrap()
        };
        let same = both(&a, &a);
        assert_eq!((same.difference.lower95, same.difference.upper95, same.p), (0.0, 0.0, 1.0));
        let (first, second) = (both(&a, &b), both(&b, &a));
        assert_eq!(first.difference.estimate, -second.difference.estimate);
        assert_eq!(first.p, second.p);
        assert!(first.share_below_zero < 0.05 && second.share_below_zero > 0.95);
    }

    #[test]
    fn the_paired_interval_is_near_the_normal_one() {
        let d: Vec<f64> = (0..400).map(|k| f64::from((k * 7) % 20)).collect();
        let found = paired_difference(400, 2000, 3, |rows| Ok((mean(&pick(&d, rows))?, 9.0))).unwrap();
        let half_width = 1.96 * (33.25_f64 / 400.0).sqrt();
        assert!((found.difference.lower95 - (0.5 - half_width)).abs() < 0.08);
        // One-sided normal tail of 0.5 / 0.288.
        assert!((found.share_below_zero - 0.0415).abs() < 0.015);
    }

    #[test]
    fn failures_are_counted_and_named() {
        let failing = |rows: &[usize]| if rows[0] == 0 { Ok(1.0) } else { Err(Error::NoComparablePairs) };
        assert!(matches!(
            bootstrap_estimate(5, 100, 1, failing),
            Err(Error::TooFew { what: "resamples with an estimate", needed: 90, .. })
        ));
        assert_eq!(bootstrap_estimate(5, 10, 1, |_| Err(Error::Separated)), Err(Error::Separated));
        assert_eq!(bootstrap_estimate(5, 10, 1, |_| Ok(f64::NAN)), Err(Error::NotFinite { index: 0 }));
        assert!(bootstrap_estimate(1, 10, 1, |_| Ok(1.0)).is_err());
        assert!(bootstrap_estimate(5, 0, 1, |_| Ok(1.0)).is_err());
        assert_eq!(pick(&[1, 2], &[1, 7, 0]), [2, 1]);
    }
}
