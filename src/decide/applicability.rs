use serde::{Deserialize, Serialize};

use super::Error;
use crate::learn::DesignMatrix;
use crate::stats::linalg::Cholesky;
use crate::stats::quantile;

/// Weight of the identity in the shrunken correlation matrix.
const SHRINKAGE: f64 = 0.1;
/// Fewest training patients that can describe a population.
const MIN_PATIENTS: usize = 30;

/// The training population of a model in aggregate: no row of it can be read back.
///
/// Distance is Mahalanobis on standardised columns with the correlation matrix shrunk towards the identity;
/// a missing value sits at the mean, so it neither adds nor hides distance in other columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Design columns described.
    pub columns: Vec<String>,
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations (n − 1).
    pub std_dev: Vec<f64>,
    /// First percentile of each column.
    pub p01: Vec<f64>,
    /// Ninety-ninth percentile of each column.
    pub p99: Vec<f64>,
    /// Share of training patients in whom each column is missing.
    pub missing_share: Vec<f64>,
    /// Shrunken correlation matrix, row-major.
    pub correlation: Vec<f64>,
    /// Percentiles 0 to 100 of the training patients' distances.
    pub distance_percentiles: Vec<f64>,
    /// Columns outside their own 1st to 99th percentile that 95 % of the training patients do not exceed.
    pub usual_out_of_range: usize,
}

/// What the gate measured for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Mahalanobis distance to the centre of the training data.
    pub distance: f64,
    /// Share of training patients nearer to the centre, 0 to 1.
    pub percentile: f64,
    /// True when the distance exceeds 1.5 times the largest of the training data.
    pub far_outside: bool,
    /// Described columns outside the 1st to 99th percentile of the training data.
    pub out_of_range: Vec<String>,
    /// True when more columns are out of range than in 95 % of the training patients.
    pub often_out_of_range: bool,
    /// Described columns that are missing here and were missing in under 1 % of the training data.
    pub unseen_missing: Vec<String>,
}

impl Reference {
    /// Describes the training rows by the columns `keep` of their matrix.
    ///
    /// # Errors
    /// [`Error::TooFew`] below 30 patients.
    pub fn fit(x: &DesignMatrix, keep: &[usize]) -> Result<Self, Error> {
        if x.n_rows < MIN_PATIENTS {
            return Err(Error::TooFew { expected: MIN_PATIENTS, found: x.n_rows });
        }
        let mut reference = Self {
            columns: keep.iter().filter_map(|&column| x.names.get(column).cloned()).collect(),
            mean: vec![],
            std_dev: vec![],
            p01: vec![],
            p99: vec![],
            missing_share: vec![],
            correlation: vec![],
            distance_percentiles: vec![],
            usual_out_of_range: 0,
        };
        for &column in keep {
            let known: Vec<f64> = (0..x.n_rows)
                .filter_map(|row| x.row(row).get(column))
                .map(|&value| f64::from(value))
                .filter(|value| value.is_finite())
                .collect();
            let n = known.len() as f64;
            let mean = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / n };
            let square: f64 = known.iter().map(|value| (value - mean).powi(2)).sum();
            let std_dev = if n > 1.0 { (square / (n - 1.0)).sqrt() } else { 0.0 };
            reference.mean.push(mean);
            reference.std_dev.push(if std_dev > 0.0 { std_dev } else { 1.0 });
            let range = |q| if known.is_empty() { Ok(0.0) } else { quantile(&known, q) };
            reference.p01.push(range(0.01)?);
            reference.p99.push(range(0.99)?);
            reference.missing_share.push(1.0 - n / x.n_rows as f64);
        }
        let width = keep.len();
        let rows: Vec<Vec<f64>> =
            (0..x.n_rows).map(|row| reference.standardise(x.names.as_slice(), x.row(row))).collect();
        let mut correlation = vec![0.0; width * width];
        for z in &rows {
            for (i, a) in z.iter().enumerate() {
                for (j, b) in z.iter().enumerate() {
                    correlation[i * width + j] += a * b / (x.n_rows as f64 - 1.0);
                }
            }
        }
        for (at, value) in correlation.iter_mut().enumerate() {
            let identity = if at / width == at % width { 1.0 } else { 0.0 };
            *value = (1.0 - SHRINKAGE) * *value + SHRINKAGE * identity;
        }
        reference.correlation = correlation;
        let cholesky = Cholesky::new(&reference.correlation, width)?;
        let distances = rows.iter().map(|z| distance(&cholesky, z)).collect::<Result<Vec<f64>, Error>>()?;
        let counts: Vec<f64> = (0..x.n_rows).map(|row| reference.ranges(&x.names, x.row(row)).len() as f64).collect();
        reference.usual_out_of_range = quantile(&counts, 0.95)? as usize;
        reference.distance_percentiles = (0..=100)
            .map(|percent| Ok(quantile(&distances, f64::from(percent) / 100.0)?))
            .collect::<Result<_, Error>>()?;
        Ok(reference)
    }

    /// Measures one row of a matrix with columns `names`.
    ///
    /// # Errors
    /// [`Error::Stats`] when the stored correlation matrix is not positive definite.
    pub fn gate(&self, names: &[String], row: &[f32]) -> Result<Gate, Error> {
        let cholesky = Cholesky::new(&self.correlation, self.columns.len())?;
        let distance = distance(&cholesky, &self.standardise(names, row))?;
        let nearer = self.distance_percentiles.iter().filter(|&&other| other < distance).count();
        let out_of_range = self.ranges(names, row);
        let unseen = |(column, share): (&String, &f64)| {
            (*share < 0.01 && value_of(names, row, column).is_none()).then(|| column.clone())
        };
        Ok(Gate {
            distance,
            percentile: nearer.saturating_sub(1).min(100) as f64 / 100.0,
            far_outside: self.distance_percentiles.last().is_some_and(|largest| distance > 1.5 * largest),
            often_out_of_range: out_of_range.len() > self.usual_out_of_range,
            out_of_range,
            unseen_missing: self.columns.iter().zip(&self.missing_share).filter_map(unseen).collect(),
        })
    }

    /// Described columns outside the 1st to 99th percentile of the training data.
    fn ranges(&self, names: &[String], row: &[f32]) -> Vec<String> {
        let limits = self.p01.iter().zip(&self.p99);
        let outside = |(column, (low, high)): (&String, (&f64, &f64))| {
            let value = value_of(names, row, column)?;
            (value < *low || value > *high).then(|| column.clone())
        };
        self.columns.iter().zip(limits).filter_map(outside).collect()
    }

    fn standardise(&self, names: &[String], row: &[f32]) -> Vec<f64> {
        self.columns
            .iter()
            .zip(self.mean.iter().zip(&self.std_dev))
            .map(|(column, (mean, std_dev))| value_of(names, row, column).map_or(0.0, |value| (value - mean) / std_dev))
            .collect()
    }
}

fn value_of(names: &[String], row: &[f32], column: &str) -> Option<f64> {
    let at = names.iter().position(|name| name == column)?;
    row.get(at).map(|&value| f64::from(value)).filter(|value| value.is_finite())
}

fn distance(cholesky: &Cholesky, z: &[f64]) -> Result<f64, Error> {
    let solved = cholesky.solve(z)?;
    Ok(z.iter().zip(&solved).map(|(a, b)| a * b).sum::<f64>().max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population() -> DesignMatrix {
        let values = (0..400).map(|at| ((at * 7919 % 401) as f32 / 401.0 - 0.5) * if at % 2 == 0 { 1.0 } else { 4.0 });
        DesignMatrix { names: vec!["a".into(), "b".into()], n_rows: 200, values: values.collect() }
    }

    #[test]
    fn the_centre_is_near_and_a_far_point_is_far_outside() {
        let x = population();
        let reference = Reference::fit(&x, &[0, 1]).unwrap();
        let centre = reference.gate(&x.names, &[reference.mean[0] as f32, reference.mean[1] as f32]).unwrap();
        assert!(centre.distance < 1e-6 && centre.percentile == 0.0 && !centre.far_outside);
        let far = reference.gate(&x.names, &[50.0, f32::NAN]).unwrap();
        assert!(far.far_outside && (far.percentile - 1.0).abs() < 1e-12);
        assert_eq!((far.out_of_range, far.unseen_missing), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn a_single_standardised_column_gives_the_absolute_z_score() {
        let x = population();
        let reference = Reference::fit(&x, &[1]).unwrap();
        let z = 1.7;
        let value = reference.mean[0] + z * reference.std_dev[0];
        let gate = reference.gate(&x.names, &[0.0, value as f32]).unwrap();
        assert!((gate.distance - z).abs() < 1e-5);
    }
}
