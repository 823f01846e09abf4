use super::MultivariateNormal;
use crate::stats::Error;
use crate::stats::inputs::check_length;
use crate::stats::linalg::Cholesky;

/// The distribution of the missing columns given the observed ones, for one pattern of missing values.
///
/// Mean μₘ + Σₘₒ Σₒₒ⁻¹ (xₒ − μₒ), covariance Σₘₘ − Σₘₒ Σₒₒ⁻¹ Σₒₘ.
///
/// # Source
/// Anderson 2003, *An Introduction to Multivariate Statistical Analysis*, theorem 2.5.1.
#[derive(Debug, Clone)]
pub struct Conditional {
    n_columns: usize,
    observed: Vec<usize>,
    missing: Vec<usize>,
    observed_mean: Vec<f64>,
    missing_mean: Vec<f64>,
    factor: Cholesky,
    /// Σₘₒ Σₒₒ⁻¹, row-major missing × observed.
    gain: Vec<f64>,
    covariance: Vec<f64>,
    /// Lower-triangular square root of `covariance`.
    root: Vec<f64>,
}

impl Conditional {
    pub(super) fn new(normal: &MultivariateNormal, observed: &[bool]) -> Result<Self, Error> {
        check_length("observed columns", normal.n_columns(), observed.len())?;
        let known = |want: bool| -> Vec<usize> {
            let columns = observed.iter().enumerate().filter(|(_, is)| **is == want);
            columns.map(|(column, _)| column).collect()
        };
        // A constant column says nothing and would make the matrix singular.
        let observed: Vec<usize> = known(true).into_iter().filter(|&column| normal.at(column, column) > 0.0).collect();
        let missing = known(false);
        let factor = Cholesky::new(normal.marginal(&observed).covariance(), observed.len())?;
        let mut half = Vec::with_capacity(missing.len());
        let mut gain = Vec::with_capacity(missing.len() * observed.len());
        for &row in &missing {
            let across: Vec<f64> = observed.iter().map(|&column| normal.at(row, column)).collect();
            gain.extend(factor.solve(&across)?);
            half.push(factor.half_solve(&across)?);
        }
        let mut covariance = vec![0.0; missing.len() * missing.len()];
        for (i, &row) in missing.iter().enumerate() {
            for (j, &column) in missing.iter().enumerate().take(i + 1) {
                let explained: f64 = half[i].iter().zip(&half[j]).map(|(a, b)| a * b).sum();
                let rest = normal.at(row, column) - explained;
                let value = if i == j { rest.max(0.0) } else { rest };
                covariance[i * missing.len() + j] = value;
                covariance[j * missing.len() + i] = value;
            }
        }
        let of = |columns: &[usize]| columns.iter().map(|&column| normal.mean()[column]).collect();
        Ok(Self {
            n_columns: normal.n_columns(),
            observed_mean: of(&observed),
            missing_mean: of(&missing),
            root: semidefinite_root(&covariance, missing.len()),
            observed,
            missing,
            factor,
            gain,
            covariance,
        })
    }

    /// Columns conditioned on: observed, and not constant.
    #[must_use]
    pub fn observed(&self) -> &[usize] {
        &self.observed
    }

    /// Columns that are missing.
    #[must_use]
    pub fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Covariance of the missing columns given the observed ones, row-major; the same for every row of the pattern.
    #[must_use]
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// Σₘₒ Σₒₒ⁻¹: how the expected missing values move with the observed ones, row-major missing × observed.
    #[must_use]
    pub fn gain(&self) -> &[f64] {
        &self.gain
    }

    /// Expected values of the missing columns of `row`, whose observed entries are finite.
    #[must_use]
    pub fn mean(&self, row: &[f64]) -> Vec<f64> {
        let centred = self.centred(row);
        let width = centred.len();
        self.missing_mean
            .iter()
            .enumerate()
            .map(|(i, mean)| mean + dot(&self.gain[i * width..(i + 1) * width], &centred))
            .collect()
    }

    /// Squared Mahalanobis distance of the observed entries of `row` from their mean, and its degrees of freedom: the
    /// number of columns conditioned on. Chi-squared with that many degrees of freedom if the row is normal.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for a row of another width.
    pub fn distance_squared(&self, row: &[f64]) -> Result<(f64, usize), Error> {
        check_length("row", self.n_columns, row.len())?;
        let half = self.factor.half_solve(&self.centred(row))?;
        Ok((dot(&half, &half), half.len()))
    }

    /// Σₒₒ⁻¹ (xₒ − μₒ): over the square root of [`Conditional::precision_diagonal`], how far each observed value lies from
    /// what the other observed ones foretell, in standard deviations of it given them.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for a row of another width.
    pub fn weighted_residuals(&self, row: &[f64]) -> Result<Vec<f64>, Error> {
        check_length("row", self.n_columns, row.len())?;
        self.factor.solve(&self.centred(row))
    }

    /// Diagonal of Σₒₒ⁻¹: the inverse of the variance of each observed column given the other observed ones.
    #[must_use]
    pub fn precision_diagonal(&self) -> Vec<f64> {
        self.factor.inverse().into_iter().step_by(self.observed.len() + 1).collect()
    }

    /// The missing values mean + L z for independent standard normal `z`, L Lᵀ = [`Conditional::covariance`]; `mean` is
    /// [`Conditional::mean`] of the row. Missing entries of `z` count as 0.
    #[must_use]
    pub fn draw(&self, mean: &[f64], z: &[f64]) -> Vec<f64> {
        let width = self.missing.len();
        mean.iter().zip(self.root.chunks(width.max(1))).map(|(mean, root)| mean + dot(root, z)).collect()
    }

    fn centred(&self, row: &[f64]) -> Vec<f64> {
        let values = self.observed.iter().zip(&self.observed_mean);
        values.map(|(&column, mean)| row.get(column).map_or(0.0, |value| value - mean)).collect()
    }
}

/// Σ aᵢ bᵢ over the shorter of the two.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The lower-triangular L with L Lᵀ = `matrix`, which may be singular: a column whose pivot vanishes is 0.
fn semidefinite_root(matrix: &[f64], size: usize) -> Vec<f64> {
    let mut lower = vec![0.0; size * size];
    for column in 0..size {
        let before = dot(&lower[column * size..][..column], &lower[column * size..][..column]);
        let pivot = matrix[column * size + column] - before;
        if pivot <= 1e-12 * matrix[column * size + column] {
            continue;
        }
        let diagonal = pivot.sqrt();
        lower[column * size + column] = diagonal;
        for row in column + 1..size {
            let before = dot(&lower[row * size..][..column], &lower[column * size..][..column]);
            lower[row * size + column] = (matrix[row * size + column] - before) / diagonal;
        }
    }
    lower
}
