use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TestPrior;
use super::prior::scaled;
use crate::decide::{ColumnScale, Error};
use crate::learn::DesignMatrix;
use crate::stats::conditional_normal::MultivariateNormal;

/// Copies of `row`, each with a drawn result of the test whose columns are `block` (positions in `row`), in antithetic
/// pairs: draw 2i + 1 mirrors draw 2i. `None` when the prior describes no column of the block.
pub(super) fn draw_results(
    prior: &TestPrior,
    normal: &MultivariateNormal,
    (names, row): (&[String], &[f32]),
    block: &[usize],
    (n_draws, seed): (usize, u64),
) -> Result<Option<DesignMatrix>, Error> {
    let place = |column: &String| names.iter().position(|name| name == column);
    let described: Vec<(usize, usize, ColumnScale)> = prior
        .columns
        .iter()
        .zip(&prior.scales)
        .enumerate()
        .filter_map(|(at, (column, scale))| Some((at, place(column)?, *scale)))
        .collect();
    let known = |at: usize, scale: ColumnScale| row.get(at).is_some_and(|value| scale.normal(*value).is_finite());
    // Other missing inputs stay missing: the test gives its own results and no more.
    let taken: Vec<&(usize, usize, ColumnScale)> =
        described.iter().filter(|(_, place, scale)| block.contains(place) || known(*place, *scale)).collect();
    let places: Vec<usize> = taken.iter().map(|taken| taken.1).collect();
    let scales: Vec<ColumnScale> = taken.iter().map(|taken| taken.2).collect();
    let observed: Vec<bool> = places.iter().map(|place| !block.contains(place)).collect();
    let given = normal.marginal(&taken.iter().map(|taken| taken.0).collect::<Vec<_>>()).condition(&observed)?;
    if given.missing().is_empty() {
        return Ok(None);
    }
    let width = given.missing().len();
    let mean = given.mean(&scaled(row, &places, &scales));
    let targets: Vec<(usize, ColumnScale, f64, f64)> = given
        .missing()
        .iter()
        .zip(given.covariance().iter().step_by(width + 1))
        .zip(&mean)
        .filter_map(|((&at, variance), mean)| Some((*places.get(at)?, *scales.get(at)?, *mean, variance.sqrt())))
        .collect();
    let n_pairs = n_draws.div_ceil(2).max(1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(2 * n_pairs * row.len());
    for _ in 0..n_pairs {
        let z = standard_normals(width, &mut rng);
        let mirrored: Vec<f64> = z.iter().map(|value| -value).collect();
        for z in [&z, &mirrored] {
            let mut drawn = row.to_vec();
            for ((place, scale, mean, std_dev), value) in targets.iter().zip(given.draw(&mean, z)) {
                if let Some(slot) = drawn.get_mut(*place) {
                    *slot = scale.design(value, *mean, *std_dev);
                }
            }
            values.extend(drawn);
        }
    }
    Ok(Some(DesignMatrix { names: names.to_vec(), n_rows: 2 * n_pairs, values }))
}

/// Independent standard normal draws.
///
/// # Source
/// Box & Muller 1958.
fn standard_normals(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut draws = Vec::with_capacity(n + 1);
    while draws.len() < n {
        // 1 − u lies in (0, 1], where the logarithm is finite.
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        let radius = (-2.0 * (1.0 - u).ln()).sqrt();
        draws.push(radius * (TAU * v).cos());
        draws.push(radius * (TAU * v).sin());
    }
    draws.truncate(n);
    draws
}
