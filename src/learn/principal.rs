use linfa_linalg::eigh::{EigSort, EighInto};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;

/// Principal components: the orthogonal directions in which rows differ most.
///
/// A score is Σⱼ (xⱼ − meanⱼ)·componentⱼ. Each component has unit length, and its largest loading in magnitude (the
/// first of equals) is positive. Columns are centred, not scaled. Fitting and scoring sum in one fixed order, whatever
/// the number of threads.
///
/// # Source
/// Jolliffe 2002, chapter 1; scikit-learn's `PCA(svd_solver="covariance_eigh")` with the sign rule above. The
/// eigenvectors are linfa-linalg's; linfa-reduction's own `Pca` is not used because its variances divide by the number
/// of kept components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrincipalComponents {
    mean: Vec<f64>,
    /// Unit vectors, one after the other.
    components: Vec<f64>,
    explained_variance: Vec<f64>,
    explained_ratio: Vec<f64>,
}

impl PrincipalComponents {
    /// Fits `n_components` directions on `values`, row-major `n_rows` × `n_columns`; rows with a NaN are left out.
    ///
    /// # Errors
    /// [`Error::Components`] for no components, for more than columns or complete rows − 1, for values that are not
    /// finite and for columns without variance.
    pub fn fit(values: &[f32], n_columns: usize, n_components: usize) -> Result<Self, Error> {
        let wrong = |expected: String, found: String| Error::Components { expected, found };
        let rows: Vec<&[f32]> =
            values.chunks_exact(n_columns.max(1)).filter(|row| !row.iter().any(|value| value.is_nan())).collect();
        if rows.iter().any(|row| row.iter().any(|value| value.is_infinite())) {
            return Err(wrong("finite components".into(), "an infinite one".into()));
        }
        let most = n_columns.min(rows.len().saturating_sub(1));
        if n_components == 0 || n_components > most {
            return Err(wrong(
                format!("1 to {most} principal components of {} complete rows and {n_columns} columns", rows.len()),
                n_components.to_string(),
            ));
        }
        let n = rows.len() as f64;
        let mut mean = vec![0.0; n_columns];
        for row in &rows {
            mean.iter_mut().zip(*row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        let centred: Vec<Vec<f64>> = (0..n_columns)
            .into_par_iter()
            .map(|at| {
                let centre = mean.get(at).copied().unwrap_or(0.0);
                rows.iter().map(|row| row.get(at).map_or(0.0, |value| f64::from(*value) - centre)).collect()
            })
            .collect();
        let covariance: Vec<f64> = centred
            .par_iter()
            .flat_map_iter(|left| centred.iter().map(move |right| dot(left, right) / (n - 1.0)))
            .collect();
        let total: f64 = covariance.iter().step_by(n_columns + 1).sum();
        if total <= 0.0 {
            return Err(wrong("columns that vary".into(), "constant columns".into()));
        }
        let refused = |error: String| wrong("a covariance matrix with eigenvectors".into(), error);
        let matrix =
            Array2::from_shape_vec((n_columns, n_columns), covariance).map_err(|error| refused(error.to_string()))?;
        let (variances, vectors) = matrix.eigh_into().map_err(|error| refused(error.to_string()))?.sort_eig_desc();
        let mut components = Vec::with_capacity(n_components * n_columns);
        for vector in vectors.columns().into_iter().take(n_components) {
            let largest =
                vector.iter().fold(0.0_f64, |most, value| if value.abs() > most.abs() { *value } else { most });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            components.extend(vector.iter().map(|value| sign * value));
        }
        let explained_variance: Vec<f64> = variances.iter().take(n_components).map(|value| value.max(0.0)).collect();
        let explained_ratio = explained_variance.iter().map(|variance| variance / total).collect();
        Ok(Self { mean, components, explained_variance, explained_ratio })
    }

    /// Columns of the rows that it reduces.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.mean.len()
    }

    /// Components kept.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.explained_variance.len()
    }

    /// Unit vectors, row-major `n_components` × `n_columns`, in falling order of variance.
    #[must_use]
    pub fn components(&self) -> &[f64] {
        &self.components
    }

    /// Variance of the scores on the training rows, n − 1 in the denominator.
    #[must_use]
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// Share of the columns' total variance, of every component.
    #[must_use]
    pub fn explained_ratio(&self) -> &[f64] {
        &self.explained_ratio
    }

    /// Returns the scores of one row; all NaN if a value of it is NaN.
    ///
    /// # Errors
    /// [`Error::Components`] unless the row has one value per column.
    pub fn transform(&self, row: &[f32]) -> Result<Vec<f32>, Error> {
        if row.len() != self.mean.len() {
            let (expected, found) = (format!("rows of {} columns", self.mean.len()), row.len().to_string());
            return Err(Error::Components { expected, found });
        }
        let centred: Vec<f64> = row.iter().zip(&self.mean).map(|(value, mean)| f64::from(*value) - mean).collect();
        Ok(self.components.chunks_exact(row.len()).map(|component| dot(component, &centred) as f32).collect())
    }
}

/// Σ aᵢ·bᵢ in eight interleaved sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0_f64; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_columns_by_pencil() {
        // Rows (0,0), (2,2), (4,4), (2,4), (4,2): mean (2.4, 2.4), covariance 2.8 on and 1.8 off the diagonal.
        let rows = [0.0, 0.0, 2.0, 2.0, 4.0, 4.0, 2.0, 4.0, 4.0, 2.0];
        let fitted = PrincipalComponents::fit(&rows, 2, 2).unwrap();
        let half = 0.5_f64.sqrt();
        for (found, expected) in fitted.explained_variance().iter().zip([4.6, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        for (found, expected) in fitted.components()[..2].iter().zip([half, half]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert!((fitted.transform(&[3.4, 3.4]).unwrap()[0] - 2.0_f32.sqrt()).abs() < 1e-6);
        assert!(fitted.transform(&[f32::NAN, 1.0]).unwrap().iter().all(|score| score.is_nan()));
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        n_columns: usize,
        n_components: usize,
        /// Leading components whose variances stand apart, so that their directions are determined.
        n_distinct: usize,
        values: Vec<Option<f32>>,
        components: Vec<f64>,
        explained_variance: Vec<f64>,
        explained_ratio: Vec<f64>,
        scores: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    /// tests/reference/components.py, scikit-learn's `full` solver. Two exact solvers differ by rounding: 1e-11 of the
    /// largest variance, 1e-8 per loading, and scores by their single precision.
    #[test]
    fn components_agree_with_scikit_learn() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/components.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(reference.cases.len() >= 10);
        for case in reference.cases {
            let (name, width) = (&case.name, case.n_columns);
            let values: Vec<f32> = case.values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
            let fitted = PrincipalComponents::fit(&values, width, case.n_components).unwrap();
            let close = |found: f64, expected: f64, tolerance: f64| {
                assert!((found - expected).abs() <= tolerance, "{name}: {found} {expected}");
            };
            for (found, expected) in fitted.explained_variance().iter().zip(&case.explained_variance) {
                close(*found, *expected, 1e-11 * case.explained_variance[0]);
            }
            for (found, expected) in fitted.explained_ratio().iter().zip(&case.explained_ratio) {
                close(*found, *expected, 1e-11);
            }
            let complete = values.chunks(width).filter(|row| row.iter().all(|value| !value.is_nan()));
            let scores: Vec<Vec<f32>> = complete.map(|row| fitted.transform(row).unwrap()).collect();
            let largest = case.scores.iter().fold(0.0_f64, |most, score| most.max(score.abs()));
            for at in 0..case.n_distinct {
                let (ours, theirs) =
                    (&fitted.components()[at * width..][..width], &case.components[at * width..][..width]);
                let sign = ours.iter().zip(theirs).map(|(a, b)| a * b).sum::<f64>().signum();
                ours.iter().zip(theirs).for_each(|(found, expected)| close(*found, sign * expected, 1e-8));
                let expected = case.scores.iter().skip(at).step_by(case.n_components);
                scores
                    .iter()
                    .zip(expected)
                    .for_each(|(row, expected)| close(row[at].into(), sign * expected, 1e-6 * largest));
                assert!(ours.iter().fold(0.0_f64, |most, v| if v.abs() > most.abs() { *v } else { most }) > 0.0);
            }
        }
    }

    #[test]
    fn what_cannot_be_reduced_is_refused() {
        for (values, width, k) in [(vec![1.0, 2.0], 2, 1), (vec![1.0; 8], 2, 1), (vec![1.0, 2.0, 3.0, 5.0], 2, 0)] {
            assert!(matches!(PrincipalComponents::fit(&values, width, k), Err(Error::Components { .. })));
        }
        assert!(PrincipalComponents::fit(&[1.0, 2.0, f32::INFINITY, 1.0, 0.0, 0.0], 2, 1).is_err());
        assert!(PrincipalComponents::fit(&[1.0, 2.0, f32::NAN, 1.0, 0.0, 0.0], 2, 2).is_err());
    }

    #[test]
    fn it_survives_serialisation_to_the_bit() {
        let values: Vec<f32> = (0..60).map(|at| ((at * 37 % 17) as f32).sin()).collect();
        let fitted = PrincipalComponents::fit(&values, 6, 3).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<PrincipalComponents>(&text).unwrap(), fitted);
    }
}
