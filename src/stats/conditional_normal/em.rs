use super::pattern::{Pattern, sum_patterns};
use super::{MultivariateNormal, Shrinkage};
use crate::stats::Error;

/// Converged when no standardised mean or correlation moves by more.
const TOLERANCE: f64 = 1e-6;
const MAX_STEPS: usize = 2000;
/// Least estimated shrinkage: keeps indicator columns that sum to one apart from singularity.
const LEAST_SHRINKAGE: f64 = 0.01;

/// See [`MultivariateNormal::fit`].
pub(super) fn fit(values: &[f64], n_columns: usize, shrinkage: Shrinkage) -> Result<MultivariateNormal, Error> {
    let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
    if n_rows * n_columns != values.len() {
        return Err(Error::LengthMismatch { what: "values", expected: n_rows * n_columns, found: values.len() });
    }
    if n_rows < 2 {
        return Err(Error::TooFew { what: "rows", needed: 2, found: n_rows });
    }
    if let Some(index) = values.iter().position(|value| value.is_infinite()) {
        return Err(Error::NotFinite { index });
    }
    let (mean, std_dev) = available_moments(values, n_columns);
    let patterns = sum_patterns(values, &mean, &std_dev);
    let shrinkage = match shrinkage {
        Shrinkage::Fixed(share) if (0.0..=1.0).contains(&share) => share,
        Shrinkage::Fixed(found) => {
            return Err(Error::OutOfDomain { what: "shrinkage", expected: "a value in [0, 1]", found });
        }
        Shrinkage::Estimated => estimated_shrinkage(&patterns, n_columns),
    };
    let start = MultivariateNormal { mean: vec![0.0; n_columns], covariance: unit_where_varying(&std_dev) };
    let standard = iterate(start, &patterns, shrinkage)?;
    let unbiased = n_rows as f64 / (n_rows as f64 - 1.0);
    let rescaled = standard.mean.iter().zip(mean.iter().zip(&std_dev)).map(|(z, (mean, sd))| mean + sd * z).collect();
    let covariance = standard
        .covariance
        .chunks_exact(n_columns)
        .zip(&std_dev)
        .flat_map(|(row, a)| row.iter().zip(&std_dev).map(move |(value, b)| unbiased * value * a * b))
        .collect();
    MultivariateNormal::new(rescaled, covariance)
}

/// Mean and standard deviation (n in the denominator) of the known values of each column; 0 and 0 where none is known,
/// and 0 for the deviation of a constant.
fn available_moments(values: &[f64], n_columns: usize) -> (Vec<f64>, Vec<f64>) {
    (0..n_columns)
        .map(|column| {
            let known = || values.iter().skip(column).step_by(n_columns).filter(|value| value.is_finite());
            let n = known().count() as f64;
            if n == 0.0 {
                return (0.0, 0.0);
            }
            let mean = known().sum::<f64>() / n;
            let std_dev = (known().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
            // Rounding of the mean of a constant is not variation.
            (mean, if std_dev > 1e-12 * mean.abs() { std_dev } else { 0.0 })
        })
        .unzip()
}

fn unit_where_varying(std_dev: &[f64]) -> Vec<f64> {
    let width = std_dev.len();
    let mut identity = vec![0.0; width * width];
    for (column, sd) in std_dev.iter().enumerate() {
        identity[column * width + column] = if *sd > 0.0 { 1.0 } else { 0.0 };
    }
    identity
}

/// [`Shrinkage::Estimated`] from correlations of the rows that know both columns.
fn estimated_shrinkage(patterns: &[Pattern], width: usize) -> f64 {
    // Per pair: n, Σa, Σa², Σab, where a is the row's column.
    let mut sums = vec![[0.0; 4]; width * width];
    for pattern in patterns {
        let size = pattern.observed.len();
        for (i, &row) in pattern.observed.iter().enumerate() {
            for (j, &column) in pattern.observed.iter().enumerate() {
                let pair = &mut sums[row * width + column];
                pair[0] += pattern.n;
                pair[1] += pattern.sum[i];
                pair[2] += pattern.products[i * size + i];
                pair[3] += pattern.products[i * size + j];
            }
        }
    }
    let (mut noise, mut size) = (0.0, 0.0);
    for row in 0..width {
        for column in 0..row {
            let ([n, a, aa, ab], [_, b, bb, _]) = (sums[row * width + column], sums[column * width + row]);
            let spread = (aa - a * a / n) * (bb - b * b / n);
            if n < 3.0 || spread <= 0.0 {
                continue;
            }
            let square = ((ab - a * b / n).powi(2) / spread).min(1.0);
            noise += (1.0 - square).powi(2) / n;
            size += square;
        }
    }
    if size > 0.0 { (noise / size).clamp(LEAST_SHRINKAGE, 1.0) } else { 1.0 }
}

fn iterate(start: MultivariateNormal, patterns: &[Pattern], shrinkage: f64) -> Result<MultivariateNormal, Error> {
    let mut normal = start;
    for _ in 0..MAX_STEPS {
        let next = step(&normal, patterns, shrinkage)?;
        let before = normal.mean.iter().chain(&normal.covariance);
        let moved =
            next.mean.iter().chain(&next.covariance).zip(before).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        normal = next;
        if moved <= TOLERANCE {
            return Ok(normal);
        }
    }
    Err(Error::NotConverged { n_iterations: MAX_STEPS })
}

/// One E step and one M step, both on the sums of the patterns.
fn step(normal: &MultivariateNormal, patterns: &[Pattern], shrinkage: f64) -> Result<MultivariateNormal, Error> {
    let width = normal.n_columns();
    let (mut n, mut first, mut second) = (0.0, vec![0.0; width], vec![0.0; width * width]);
    for pattern in patterns {
        n += pattern.n;
        expect(normal, pattern, &mut first, &mut second)?;
    }
    if n == 0.0 {
        return Ok(normal.clone());
    }
    first.iter_mut().for_each(|sum| *sum /= n);
    let mut covariance = vec![0.0; width * width];
    for row in 0..width {
        for column in 0..=row {
            let value = second[row * width + column] / n - first[row] * first[column];
            let kept = if row == column { value.max(0.0) } else { (1.0 - shrinkage) * value };
            covariance[row * width + column] = kept;
            covariance[column * width + row] = kept;
        }
    }
    let mean = normal.mean.iter().zip(&first).map(|(mean, moved)| mean + moved).collect();
    Ok(MultivariateNormal { mean, covariance })
}

/// Adds the expected sums of (x − μ) and (x − μ)(x − μ)ᵀ of a pattern's rows, lower triangle.
fn expect(normal: &MultivariateNormal, pattern: &Pattern, first: &mut [f64], second: &mut [f64]) -> Result<(), Error> {
    let width = normal.n_columns();
    let size = pattern.observed.len();
    let mut known = vec![false; width];
    pattern.observed.iter().for_each(|&column| known[column] = true);
    let given = normal.condition(&known)?;
    let mean: Vec<f64> = pattern.observed.iter().map(|&column| normal.mean[column]).collect();
    let sum: Vec<f64> = pattern.sum.iter().zip(&mean).map(|(sum, mean)| sum - pattern.n * mean).collect();
    let products: Vec<f64> = (0..size * size)
        .map(|at| {
            let (i, j) = (at / size, at % size);
            pattern.products[at] - mean[i] * pattern.sum[j] - pattern.sum[i] * mean[j] + pattern.n * mean[i] * mean[j]
        })
        .collect();
    // x − μ = M (xₒ − μₒ) + noise: M is the identity for observed columns, the gain for missing ones.
    let mut map = vec![0.0; width * size];
    for (i, &column) in pattern.observed.iter().enumerate() {
        map[column * size + i] = 1.0;
    }
    for (gain, &column) in given.gain().chunks_exact(size).zip(given.missing()) {
        map[column * size..][..size].copy_from_slice(gain);
    }
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let half: Vec<f64> = map
        .chunks_exact(size)
        .flat_map(|line| products.chunks_exact(size).map(move |products| dot(line, products)))
        .collect();
    for row in 0..width {
        first[row] += dot(&map[row * size..][..size], &sum);
        for column in 0..=row {
            second[row * width + column] += dot(&half[row * size..][..size], &map[column * size..][..size]);
        }
    }
    for (i, &row) in given.missing().iter().enumerate() {
        for (j, &column) in given.missing().iter().enumerate().take(i + 1) {
            second[row * width + column] += pattern.n * given.covariance()[i * given.missing().len() + j];
        }
    }
    Ok(())
}
