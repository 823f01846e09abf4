//! Percentile intervals by resampling whole patients.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::quantile::sorted_quantile;

/// An interval needs a value from at least this share of the resamples.
const SMALLEST_SHARE: f64 = 0.9;

/// Returns the 95 % percentile interval (lower, upper) of `stat` over resampled clusters.
///
/// A cluster is the unit that is independent: a patient, with all her rows, images and cross-validation
/// repeats. Each resample draws `n_clusters` cluster indices with replacement ([`resample`]) and hands them to `stat`,
/// which looks up their rows (a cluster drawn twice counts twice) and returns the estimate, or `None`
/// where it does not exist, as with one outcome class. Resamples run in parallel; the result is the same on any
/// number of threads. `None` with fewer than two clusters, no resamples, or finite values from fewer
/// than 90 % of them, for then the interval would describe only the resamples that happened to work.
///
/// ```
/// let ages = [41.0, 52.0, 67.0, 58.0, 49.0];
/// let mean = |drawn: &[usize]| Some(drawn.iter().map(|&i| ages[i]).sum::<f64>() / drawn.len() as f64);
/// let (lower, upper) = regimen::stats::bootstrap(5, 200, 1, mean).unwrap();
/// assert!(41.0 < lower && lower < 53.4 && 53.4 < upper && upper < 67.0);
/// ```
///
/// # Source
/// Efron & Tibshirani 1993, chapter 13 (percentile interval); Davison & Hinkley 1997, section 3.8 (clusters).
pub fn bootstrap<F>(n_clusters: usize, n_resamples: usize, seed: u64, stat: F) -> Option<(f64, f64)>
where
    F: Fn(&[usize]) -> Option<f64> + Sync,
{
    if n_clusters < 2 || n_resamples == 0 {
        return None;
    }
    let mut values: Vec<f64> = (0..n_resamples)
        .into_par_iter()
        .filter_map(|index| stat(&resample(n_clusters, seed, index)).filter(|value| value.is_finite()))
        .collect();
    if (values.len() as f64) < SMALLEST_SHARE * n_resamples as f64 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some((sorted_quantile(&values, 0.025).ok()?, sorted_quantile(&values, 0.975).ok()?))
}

/// Returns the cluster indices of resample number `index`: `n_clusters` draws with replacement.
///
/// Depends on `seed` and `index` alone (ChaCha8 keyed by the seed, stream `index`), so one resample can
/// be drawn again without those before it; models refitted by bootstrap use the same draws.
#[must_use]
pub fn resample(n_clusters: usize, seed: u64, index: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index as u64);
    (0..n_clusters).map(|_| rng.random_range(0..n_clusters)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(values: &[f64]) -> impl Fn(&[usize]) -> Option<f64> + Sync + '_ {
        |drawn| Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64)
    }

    #[test]
    fn the_interval_is_the_same_on_one_thread_and_on_four() {
        let values: Vec<f64> = (0..50).map(|k| f64::from(k * k % 37)).collect();
        let on = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| bootstrap(50, 300, 9, mean_of(&values)))
        };
        assert_eq!(on(1), on(4));
        assert_ne!(on(1), bootstrap(50, 300, 10, mean_of(&values)));
    }

    #[test]
    fn resamples_differ_by_index_and_stay_in_range() {
        let (first, second) = (resample(30, 7, 0), resample(30, 7, 1));
        assert_ne!(first, second);
        assert_eq!(first, resample(30, 7, 0));
        assert!(first.iter().chain(&second).all(|&cluster| cluster < 30));
    }

    #[test]
    fn the_interval_of_a_mean_is_near_its_normal_interval() {
        let values: Vec<f64> = (0..400).map(|k| f64::from(k % 20)).collect();
        let (lower, upper) = bootstrap(400, 4000, 3, mean_of(&values)).unwrap();
        let half_width = 1.96 * (33.25_f64 / 400.0).sqrt();
        // Monte Carlo error of a 2.5 % quantile from 4000 draws is about 0.013 here.
        assert!((lower - (9.5 - half_width)).abs() < 0.06 && (upper - (9.5 + half_width)).abs() < 0.06);
    }

    #[test]
    fn too_many_failures_too_few_clusters_or_nan_give_none() {
        assert_eq!(bootstrap(1, 100, 1, |_| Some(1.0)), None);
        assert_eq!(bootstrap(5, 0, 1, |_| Some(1.0)), None);
        assert_eq!(bootstrap(5, 100, 1, |_| Some(f64::NAN)), None);
        assert_eq!(bootstrap(5, 100, 1, |drawn| (drawn[0] != 0).then_some(1.0)), None);
        assert_eq!(bootstrap(5, 100, 1, |_| Some(2.0)), Some((2.0, 2.0)));
    }
}
