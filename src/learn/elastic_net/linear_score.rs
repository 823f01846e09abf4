//! What a fitted elastic net computes: a weighted sum of centred columns.

use serde::{Deserialize, Serialize};

use super::ElasticNetPath;
use super::standardise::check_finite;
use crate::learn::{DesignMatrix, Error};

/// A weighted sum of columns, centred at their means in the training rows: Σⱼ βⱼ (xⱼ − meanⱼ).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct LinearScore {
    names: Vec<String>,
    mean: Vec<f64>,
    coef: Vec<f64>,
}

/// The same before its lengths are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    names: Vec<String>,
    mean: Vec<f64>,
    coef: Vec<f64>,
}

impl TryFrom<Raw> for LinearScore {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let Raw { names, mean, coef } = raw;
        if mean.len() != names.len() || coef.len() != names.len() {
            let found = format!("{} names, {} means, {} coefficients", names.len(), mean.len(), coef.len());
            return Err(Error::Weights { expected: "one name, mean and coefficient per column", found });
        }
        if let Some(found) = mean.iter().chain(&coef).find(|value| !value.is_finite()) {
            return Err(Error::Weights { expected: "finite means and coefficients", found: found.to_string() });
        }
        Ok(Self { names, mean, coef })
    }
}

impl LinearScore {
    /// The penalty and score number `index` of a path.
    pub(super) fn from_path(path: &ElasticNetPath, index: usize) -> Result<(f64, Self), Error> {
        let (Some(&lambda), Some(coef)) = (path.lambda.get(index), path.coef.get(index)) else {
            let expected = "one of the penalties of the path";
            return Err(Error::Parameter { what: "index of lambda", expected, found: index as f64 });
        };
        Ok((lambda, Self { names: path.names.clone(), mean: path.mean.clone(), coef: coef.clone() }))
    }

    /// Column names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Mean of each column in the training rows.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Coefficient of each column, per unit of the column.
    #[must_use]
    pub fn coef(&self) -> &[f64] {
        &self.coef
    }

    /// The score of every row of `x`.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::Weights`] for other columns than those of the fit, [`Error::NotFinite`].
    pub fn of(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.check(x)?;
        Ok((0..x.n_rows).map(|row| self.terms(x.row(row)).sum()).collect())
    }

    /// Per row the terms of the score, with `base` last.
    pub(super) fn contributions(&self, x: &DesignMatrix, base: f64) -> Result<Vec<Vec<f64>>, Error> {
        self.check(x)?;
        Ok((0..x.n_rows).map(|row| self.terms(x.row(row)).chain([base]).collect()).collect())
    }

    fn terms(&self, row: &[f32]) -> impl Iterator<Item = f64> {
        row.iter().zip(&self.mean).zip(&self.coef).map(|((value, mean), coef)| coef * (f64::from(*value) - mean))
    }

    fn check(&self, x: &DesignMatrix) -> Result<(), Error> {
        if x.n_features() != self.names.len() {
            return Err(Error::Width { expected: self.names.len(), found: x.n_features() });
        }
        if let Some((_, found)) = self.names.iter().zip(&x.names).find(|(expected, found)| expected != found) {
            return Err(Error::Weights { expected: "the columns of the fit in their order", found: found.clone() });
        }
        check_finite(x)
    }
}
