//! The multivariate normal distribution of rows with missing values: its fit, and what the known entries of a row say
//! about the missing ones.

mod condition;
mod em;
mod pattern;

use serde::{Deserialize, Serialize};

pub use condition::Conditional;

use super::Error;
use super::inputs::{check_finite, check_length};

/// Shrinkage of a covariance matrix towards its diagonal: Σ ← (1 − λ) Σ + λ diag(Σ).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shrinkage {
    /// λ itself, in \[0, 1\].
    Fixed(f64),
    /// λ = Σᵢⱼ (1 − rᵢⱼ²)² / nᵢⱼ over Σᵢⱼ rᵢⱼ² (i ≠ j), between 0.01 and 1, from the correlations rᵢⱼ of the nᵢⱼ rows
    /// that know both columns: noise of the correlations over their size.
    ///
    /// # Source
    /// Schäfer & Strimmer 2005, target "diagonal, unequal variance", with the normal-theory variance of a correlation.
    Estimated,
}

/// A multivariate normal distribution.
///
/// A column of variance 0 takes part in nothing: it is never informative and always drawn at its mean.
///
/// ```
/// use regimen::stats::conditional_normal::MultivariateNormal;
/// let normal = MultivariateNormal::new(vec![0.0, 10.0], vec![1.0, 0.8, 0.8, 1.0]).unwrap();
/// let given = normal.conditional(&[2.0, f64::NAN]).unwrap();
/// assert_eq!((given.missing(), given.mean(&[2.0, f64::NAN])), (&[1][..], vec![11.6]));
/// assert!((given.covariance()[0] - 0.36).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct MultivariateNormal {
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

/// The stored form, checked on the way in.
#[derive(Serialize, Deserialize)]
struct Parameters {
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl TryFrom<Parameters> for MultivariateNormal {
    type Error = Error;
    fn try_from(stored: Parameters) -> Result<Self, Error> {
        Self::new(stored.mean, stored.covariance)
    }
}

impl From<MultivariateNormal> for Parameters {
    fn from(normal: MultivariateNormal) -> Self {
        Self { mean: normal.mean, covariance: normal.covariance }
    }
}

impl MultivariateNormal {
    /// Checks a mean and a row-major covariance matrix of as many rows and columns.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`], [`Error::Singular`] for a negative variance. Whether the matrix
    /// is positive definite shows when it is conditioned on.
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self, Error> {
        check_length("covariance", mean.len() * mean.len(), covariance.len())?;
        check_finite(&mean)?;
        check_finite(&covariance)?;
        match covariance.iter().step_by(mean.len() + 1).position(|variance| *variance < 0.0) {
            Some(column) => Err(Error::Singular { column }),
            None => Ok(Self { mean, covariance }),
        }
    }

    /// The maximum-likelihood distribution of rows with missing values (NaN), by the EM algorithm, its covariance
    /// shrunk in every step and multiplied by n / (n − 1) at the end.
    ///
    /// `values` is row-major with `n_columns` columns. Right where values are missing at random given the known ones
    /// (Rubin 1976). A column known in fewer than two rows, or constant, keeps its mean (0 if never known) and variance 0.
    /// Rows are summed per pattern of missing values; of more than 1024 patterns the most frequent are used.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] for a ragged end, [`Error::NotFinite`] for infinity, [`Error::TooFew`] below two rows,
    /// [`Error::OutOfDomain`] for λ outside \[0, 1\], [`Error::Singular`] for collinear columns without shrinkage,
    /// [`Error::NotConverged`] after 2000 steps.
    ///
    /// # Source
    /// Dempster, Laird & Rubin 1977; Little & Rubin 2019, section 11.2.
    pub fn fit(values: &[f64], n_columns: usize, shrinkage: Shrinkage) -> Result<Self, Error> {
        em::fit(values, n_columns, shrinkage)
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.mean.len()
    }

    /// Mean of each column.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Covariance matrix, row-major.
    #[must_use]
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// The distribution of some columns only, in the order given; columns that do not exist are left out.
    #[must_use]
    pub fn marginal(&self, columns: &[usize]) -> Self {
        let columns: Vec<usize> = columns.iter().copied().filter(|&column| column < self.mean.len()).collect();
        let mean = columns.iter().map(|&column| self.mean[column]).collect();
        let covariance =
            columns.iter().flat_map(|&row| columns.iter().map(move |&column| self.at(row, column))).collect();
        Self { mean, covariance }
    }

    /// The same covariance around another mean.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`].
    pub fn shifted(&self, mean: Vec<f64>) -> Result<Self, Error> {
        check_length("mean", self.mean.len(), mean.len())?;
        Self::new(mean, self.covariance.clone())
    }

    /// What the finite entries of `row` say about the others (NaN).
    ///
    /// # Errors
    /// As [`MultivariateNormal::condition`].
    pub fn conditional(&self, row: &[f64]) -> Result<Conditional, Error> {
        let observed: Vec<bool> = row.iter().map(|value| value.is_finite()).collect();
        self.condition(&observed)
    }

    /// The conditional distribution for every row that knows exactly the columns marked `observed`: factored once, used
    /// for many rows.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`]; [`Error::Singular`] when the observed block is not positive definite.
    pub fn condition(&self, observed: &[bool]) -> Result<Conditional, Error> {
        Conditional::new(self, observed)
    }

    /// Covariance of two columns that exist.
    fn at(&self, row: usize, column: usize) -> f64 {
        self.covariance[row * self.mean.len() + column]
    }
}

#[cfg(test)]
mod tests;
