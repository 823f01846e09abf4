use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::Error;
use crate::stats::linalg::Cholesky;

/// Added to the diagonal of the correlation matrix, so that indicators that sum to one can be inverted.
const DIAGONAL: f64 = 1e-3;
/// Most steps of the EM algorithm; it has converged to 1e-6 long before with METABRIC's share of missing values.
const MAX_STEPS: usize = 60;
/// Largest change of a covariance at which EM stops.
const TOLERANCE: f64 = 1e-6;

/// A multivariate normal description of the training inputs, which fills missing ones by their conditional mean and
/// says how uncertain that leaves them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaussianImputer {
    /// Means of the observed values, by which inputs are standardised.
    pub mean: Vec<f64>,
    /// Standard deviations of the observed values; 1 for an input that does not vary.
    pub std_dev: Vec<f64>,
    /// Smallest and largest standardised value in training: filled values stay within.
    pub range: Vec<[f64; 2]>,
    /// EM estimate of the mean of the standardised inputs.
    pub centre: Vec<f64>,
    /// EM estimate of their covariance, row-major.
    pub covariance: Vec<f64>,
}

/// A standardised row with its missing inputs filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// Standardised inputs, missing ones at their conditional mean.
    pub z: Vec<f64>,
    /// Positions that were missing.
    pub missing: Vec<usize>,
    /// Lower Cholesky factor of the conditional covariance of the missing inputs, row-major; empty when none is.
    pub factor: Vec<f64>,
}

impl GaussianImputer {
    /// Fits mean and covariance to rows with NaN for missing values, by EM.
    ///
    /// # Errors
    /// [`Error::TooFew`] below 30 rows, [`Error::Stats`] when the covariance is not positive definite.
    ///
    /// # Source
    /// Little & Rubin 2019, *Statistical Analysis with Missing Data*, section 11.2.
    pub fn fit(rows: &[Vec<f64>]) -> Result<Self, Error> {
        let size = rows.first().map_or(0, Vec::len);
        if rows.len() < 30 {
            return Err(Error::TooFew { expected: 30, found: rows.len() });
        }
        let observed = |column: usize| rows.iter().filter_map(move |row| row.get(column).filter(|v| v.is_finite()));
        let (mut mean, mut std_dev) = (Vec::with_capacity(size), Vec::with_capacity(size));
        for column in 0..size {
            let n = observed(column).count().max(1) as f64;
            let centre = observed(column).sum::<f64>() / n;
            let spread = (observed(column).map(|v| (v - centre).powi(2)).sum::<f64>() / n).sqrt();
            mean.push(centre);
            std_dev.push(if spread > 0.0 { spread } else { 1.0 });
        }
        let identity = (0..size * size).map(|at| f64::from(u8::from(at / size == at % size))).collect();
        let mut imputer = Self { mean, std_dev, range: vec![], centre: vec![0.0; size], covariance: identity };
        let z: Vec<Vec<f64>> = rows.iter().map(|row| imputer.standardise(row)).collect();
        imputer.range = (0..size)
            .map(|column| {
                z.iter().filter_map(|row| row.get(column).filter(|v| v.is_finite())).fold([0.0, 0.0], |[low, high], &v| {
                    [f64::min(low, v), f64::max(high, v)]
                })
            })
            .collect();
        for _ in 0..MAX_STEPS {
            if imputer.step(&z)? < TOLERANCE {
                break;
            }
        }
        Ok(imputer)
    }

    /// One EM step; returns the largest change of the covariance.
    fn step(&mut self, z: &[Vec<f64>]) -> Result<f64, Error> {
        let size = self.centre.len();
        let n = z.len() as f64;
        let mut filled = Vec::with_capacity(z.len());
        let mut covariance = vec![0.0; size * size];
        // Few patterns of missing inputs occur: each is regressed once.
        let mut patterns: BTreeMap<Vec<usize>, Regression> = BTreeMap::new();
        for row in z {
            let missing = missing_of(row);
            if !patterns.contains_key(&missing) {
                let regression = self.regression(&missing)?;
                patterns.insert(missing.clone(), regression);
            }
            let Some(regression) = patterns.get(&missing) else { continue };
            for (i, &a) in missing.iter().enumerate() {
                for (j, &b) in missing.iter().enumerate() {
                    covariance[a * size + b] += regression.covariance[i * missing.len() + j];
                }
            }
            filled.push(self.filled(row, &missing, regression));
        }
        let centre: Vec<f64> = (0..size).map(|column| filled.iter().map(|row| row[column]).sum::<f64>() / n).collect();
        for row in &filled {
            let centred: Vec<f64> = row.iter().zip(&centre).map(|(value, centre)| value - centre).collect();
            for (line, a) in covariance.chunks_exact_mut(size.max(1)).zip(&centred) {
                line.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b);
            }
        }
        covariance.iter_mut().for_each(|value| *value /= n);
        (0..size).for_each(|at| covariance[at * (size + 1)] += DIAGONAL);
        let change = covariance.iter().zip(&self.covariance).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        (self.centre, self.covariance) = (centre, covariance);
        Ok(change)
    }

    /// Returns a row of inputs, NaN where missing, standardised and filled.
    ///
    /// # Errors
    /// [`Error::Stats`] when the stored covariance is not positive definite, [`Error::Width`] for a row of another width.
    pub fn fill(&self, row: &[f64]) -> Result<Filled, Error> {
        if row.len() != self.mean.len() {
            return Err(Error::Width { what: "inputs", expected: self.mean.len(), found: row.len() });
        }
        let z = self.standardise(row);
        let missing = missing_of(&z);
        let regression = self.regression(&missing)?;
        let mut z = self.filled(&z, &missing, &regression);
        for &at in &missing {
            z[at] = self.within(at, z[at]);
        }
        let factor = lower_factor(&regression.covariance, missing.len());
        Ok(Filled { z, missing, factor })
    }

    /// Returns the row with its missing inputs drawn from their conditional distribution by standard normal numbers.
    #[must_use]
    pub fn draw(&self, filled: &Filled, normals: impl Iterator<Item = f64>) -> Vec<f64> {
        let n_missing = filled.missing.len();
        let normals: Vec<f64> = normals.take(n_missing).collect();
        let mut z = filled.z.clone();
        for (&at, line) in filled.missing.iter().zip(filled.factor.chunks_exact(n_missing.max(1))) {
            let shift: f64 = line.iter().zip(&normals).map(|(a, b)| a * b).sum();
            if let Some(value) = z.get_mut(at) {
                *value = self.within(at, *value + shift);
            }
        }
        z
    }

    fn within(&self, column: usize, value: f64) -> f64 {
        self.range.get(column).map_or(value, |&[low, high]| value.max(low).min(high))
    }

    fn standardise(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(self.mean.iter().zip(&self.std_dev)).map(|(value, (mean, sd))| (value - mean) / sd).collect()
    }

    /// The regression of missing inputs on the others.
    fn regression(&self, missing: &[usize]) -> Result<Regression, Error> {
        let size = self.centre.len();
        let known: Vec<usize> = (0..size).filter(|at| !missing.contains(at)).collect();
        let mut regression = Regression { weights: vec![], covariance: vec![], known };
        if missing.is_empty() {
            return Ok(regression);
        }
        let entry = |a: usize, b: usize| self.covariance.get(a * size + b).copied().unwrap_or(0.0);
        let known = &regression.known;
        let block: Vec<f64> = known.iter().flat_map(|&a| known.iter().map(move |&b| entry(a, b))).collect();
        let factor = Cholesky::new(&block, known.len())?;
        for &a in missing {
            let cross: Vec<f64> = known.iter().map(|&b| entry(a, b)).collect();
            let weights = factor.solve(&cross)?;
            for &b in missing {
                let explained: f64 = weights.iter().zip(known).map(|(w, &at)| w * entry(at, b)).sum();
                regression.covariance.push(entry(a, b) - explained);
            }
            regression.weights.push(weights);
        }
        Ok(regression)
    }

    /// The standardised row with conditional means in place of NaN.
    fn filled(&self, z: &[f64], missing: &[usize], regression: &Regression) -> Vec<f64> {
        let mut filled = z.to_vec();
        for (&at, weights) in missing.iter().zip(&regression.weights) {
            let terms = weights.iter().zip(&regression.known);
            filled[at] = self.centre[at] + terms.map(|(w, &k)| w * (z[k] - self.centre[k])).sum::<f64>();
        }
        filled
    }
}

/// Regression of the missing inputs of one pattern on the known ones.
struct Regression {
    /// Positions of the known inputs.
    known: Vec<usize>,
    /// Coefficients on them of each missing input.
    weights: Vec<Vec<f64>>,
    /// Conditional covariance of the missing inputs, row-major.
    covariance: Vec<f64>,
}

fn missing_of(z: &[f64]) -> Vec<usize> {
    (0..z.len()).filter(|&at| z[at].is_nan()).collect()
}

/// Lower Cholesky factor; a pivot that rounding leaves at or below 0 counts as 0, for an input that the others determine.
fn lower_factor(matrix: &[f64], size: usize) -> Vec<f64> {
    let mut lower = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
            let rest = matrix[i * size + j] - known;
            lower[i * size + j] = if i == j {
                rest.max(0.0).sqrt()
            } else if lower[j * size + j] > 0.0 {
                rest / lower[j * size + j]
            } else {
                0.0
            };
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 2 x + noise of two values, x known to all, y missing in every fifth row.
    fn rows() -> Vec<Vec<f64>> {
        (0..200)
            .map(|at| {
                let x = f64::from((at * 37) % 101) / 10.0;
                let noise = if at % 2 == 0 { 0.5 } else { -0.5 };
                vec![x, if at % 5 == 0 { f64::NAN } else { 2.0 * x + noise }]
            })
            .collect()
    }

    #[test]
    fn a_missing_value_is_filled_by_its_regression() {
        let rows = rows();
        let imputer = GaussianImputer::fit(&rows).unwrap();
        let filled = imputer.fill(&[7.0, f64::NAN]).unwrap();
        let y = filled.z[1] * imputer.std_dev[1] + imputer.mean[1];
        // Least squares on the complete rows by hand of the normal equations; the ridge of 1e-3 moves it by under 0.02.
        let complete: Vec<&Vec<f64>> = rows.iter().filter(|row| row[1].is_finite()).collect();
        let n = complete.len() as f64;
        let (mx, my) = (complete.iter().map(|r| r[0]).sum::<f64>() / n, complete.iter().map(|r| r[1]).sum::<f64>() / n);
        let sxy: f64 = complete.iter().map(|r| (r[0] - mx) * (r[1] - my)).sum();
        let sxx: f64 = complete.iter().map(|r| (r[0] - mx).powi(2)).sum();
        assert!((y - (my + sxy / sxx * (7.0 - mx))).abs() < 0.02, "{y}");
        // The noise has variance 1/4.
        let spread = filled.factor[0] * imputer.std_dev[1];
        assert!((spread - 0.5).abs() < 0.1, "{spread}");
        let drawn = imputer.draw(&filled, [1.0].into_iter());
        assert!((drawn[1] - filled.z[1] - filled.factor[0]).abs() < 1e-12);
    }

    #[test]
    fn a_complete_row_is_only_standardised() {
        let imputer = GaussianImputer::fit(&rows()).unwrap();
        let filled = imputer.fill(&[imputer.mean[0], imputer.mean[1] + imputer.std_dev[1]]).unwrap();
        assert!(filled.missing.is_empty() && filled.z[0].abs() < 1e-12 && (filled.z[1] - 1.0).abs() < 1e-12);
        assert!(matches!(imputer.fill(&[1.0]), Err(Error::Width { expected: 2, found: 1, .. })));
    }
}
