use serde::{Deserialize, Serialize};

use crate::decide::Error;
use crate::stats::conditional_normal::{Conditional, MultivariateNormal, Shrinkage};

/// Keeps the age terms and the indicators of one classification apart from singularity.
const SHRINKAGE: f64 = 0.01;

/// Standardisation of the inputs, and the multivariate normal distribution by which missing ones are filled: at their
/// conditional mean in an estimate, drawn from their conditional distribution in a draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianImputer {
    /// Means of the observed training values.
    pub mean: Vec<f64>,
    /// Their standard deviations; 1 for an input that does not vary.
    pub std_dev: Vec<f64>,
    /// Smallest and largest standardised value in training: filled values stay within.
    pub range: Vec<[f64; 2]>,
    /// Distribution of the standardised inputs.
    pub normal: MultivariateNormal,
}

/// A standardised row with its missing inputs filled.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    /// Standardised inputs, missing ones at their conditional mean.
    pub z: Vec<f64>,
    /// Distribution of the missing ones; `None` for a complete row.
    conditional: Option<Conditional>,
}

impl Filled {
    /// Positions that were missing.
    pub fn missing(&self) -> &[usize] {
        self.conditional.as_ref().map_or(&[], Conditional::missing)
    }
}

impl GaussianImputer {
    /// Fits to rows with NaN for missing values.
    ///
    /// # Errors
    /// [`Error::TooFew`] below 30 rows, [`Error::Stats`] when EM does not converge.
    pub(super) fn fit(rows: &[Vec<f64>]) -> Result<Self, Error> {
        let size = rows.first().map_or(0, Vec::len);
        if rows.len() < 30 {
            return Err(Error::TooFew { expected: 30, found: rows.len() });
        }
        let known = |column: usize| rows.iter().filter_map(move |row| row.get(column).filter(|v| v.is_finite()));
        let (mut mean, mut std_dev, mut range) = (vec![], vec![], vec![]);
        for column in 0..size {
            let n = known(column).count().max(1) as f64;
            let centre = known(column).sum::<f64>() / n;
            let spread = (known(column).map(|v| (v - centre).powi(2)).sum::<f64>() / n).sqrt();
            let spread = if spread > 0.0 { spread } else { 1.0 };
            let ends = known(column).map(|v| (v - centre) / spread);
            range.push(ends.fold([0.0, 0.0], |[low, high]: [f64; 2], z| [low.min(z), high.max(z)]));
            mean.push(centre);
            std_dev.push(spread);
        }
        let z: Vec<f64> = rows.iter().flat_map(|row| standardise(row, &mean, &std_dev)).collect();
        let normal = MultivariateNormal::fit(&z, size, Shrinkage::Fixed(SHRINKAGE))?;
        Ok(Self { mean, std_dev, range, normal })
    }

    /// Returns a row of inputs, NaN where missing, standardised and filled.
    ///
    /// # Errors
    /// [`Error::Width`] for a row of another width, [`Error::Stats`] when the stored covariance is not positive definite.
    pub(super) fn fill(&self, row: &[f64]) -> Result<Filled, Error> {
        if row.len() != self.mean.len() {
            return Err(Error::Width { what: "inputs", expected: self.mean.len(), found: row.len() });
        }
        let mut z: Vec<f64> = standardise(row, &self.mean, &self.std_dev).collect();
        if z.iter().all(|value| value.is_finite()) {
            return Ok(Filled { z, conditional: None });
        }
        let conditional = self.normal.conditional(&z)?;
        let mean = conditional.mean(&z);
        self.put(&mut z, conditional.missing(), &mean);
        Ok(Filled { z, conditional: Some(conditional) })
    }

    /// Returns the row with its missing inputs drawn by standard normal numbers, in place of their conditional mean.
    pub(super) fn draw(&self, filled: &Filled, normals: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut z = filled.z.clone();
        if let Some(conditional) = &filled.conditional {
            let normals: Vec<f64> = normals.take(conditional.missing().len()).collect();
            let drawn = conditional.draw(&conditional.mean(&filled.z), &normals);
            self.put(&mut z, conditional.missing(), &drawn);
        }
        z
    }

    fn put(&self, z: &mut [f64], columns: &[usize], values: &[f64]) {
        for (&column, &value) in columns.iter().zip(values) {
            if let (Some(cell), Some(&[low, high])) = (z.get_mut(column), self.range.get(column)) {
                *cell = value.max(low).min(high);
            }
        }
    }
}

fn standardise<'a>(row: &'a [f64], mean: &'a [f64], std_dev: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    row.iter().zip(mean.iter().zip(std_dev)).map(|(value, (mean, std_dev))| (value - mean) / std_dev)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 2 x ± ½, x known to all, y missing in every fifth row.
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
    fn a_missing_value_is_filled_near_its_regression_and_drawn_around_it() {
        let imputer = GaussianImputer::fit(&rows()).unwrap();
        let filled = imputer.fill(&[7.0, f64::NAN]).unwrap();
        assert_eq!(filled.missing(), [1]);
        // 2 · 7, pulled by the shrinkage of 0.01 towards the mean of y, near 10.
        let y = filled.z[1] * imputer.std_dev[1] + imputer.mean[1];
        assert!((y - 14.0).abs() < 0.1, "{y}");
        let spread = (imputer.draw(&filled, [1.0].into_iter())[1] - filled.z[1]) * imputer.std_dev[1];
        // Variance ¼ of the noise, and of the shrinkage 1 − 0.99² of that of y, which is 34.
        assert!((spread - (0.25_f64 + 34.0 * 0.0199).sqrt()).abs() < 0.1, "{spread}");
    }

    #[test]
    fn a_complete_row_is_only_standardised() {
        let imputer = GaussianImputer::fit(&rows()).unwrap();
        let filled = imputer.fill(&[imputer.mean[0], imputer.mean[1] + imputer.std_dev[1]]).unwrap();
        assert!(filled.missing().is_empty() && filled.z[0].abs() < 1e-12 && (filled.z[1] - 1.0).abs() < 1e-12);
        assert_eq!(imputer.draw(&filled, [1.0].into_iter()), filled.z);
        assert!(matches!(imputer.fill(&[1.0]), Err(Error::Width { expected: 2, found: 1, .. })));
    }
}
