use serde::{Deserialize, Serialize};

use super::spline_basis::check_finite;
use super::{BinaryModel, DesignMatrix, Error, SurvivalModel};
use crate::stats::cox::{CoxData, CoxFit, CoxOptions, NewPatients, cox_fit};
use crate::stats::{self, LogisticFit, Survival, SurvivalCurves, expit, logistic_fit};

/// The ridge, per standard deviation of each column, under which a model without a finite maximum is fitted instead.
const RIDGE: f64 = 1.0;

/// Columns kept, standardised: columns that are constant or a combination of earlier ones have no coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    n_features: usize,
    columns: Vec<usize>,
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Kept {
    fn all(x: &DesignMatrix) -> Result<Self, Error> {
        check_finite(x)?;
        let n = x.n_rows as f64;
        let width = x.n_features();
        let mut kept = Self { n_features: width, columns: Vec::new(), mean: Vec::new(), sd: Vec::new() };
        for at in 0..width {
            let values = || x.values.iter().skip(at).step_by(width).map(|&value| f64::from(value));
            let mean = values().sum::<f64>() / n;
            let sd = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
            if sd > 1e-9 * mean.abs().max(1e-30) {
                kept.columns.push(at);
                kept.mean.push(mean);
                kept.sd.push(sd);
            }
        }
        if kept.columns.is_empty() { Err(Error::NothingVaries { n_features: width }) } else { Ok(kept) }
    }

    /// Forgets the column at that place among the kept ones; false when none would be left.
    fn forget(&mut self, at: usize) -> bool {
        if at >= self.columns.len() || self.columns.len() == 1 {
            return false;
        }
        self.columns.remove(at);
        self.mean.remove(at);
        self.sd.remove(at);
        true
    }

    fn standardised(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        if x.n_features() != self.n_features {
            return Err(Error::Width { expected: self.n_features, found: x.n_features() });
        }
        check_finite(x)?;
        let mut values = Vec::with_capacity(x.n_rows * self.columns.len());
        for row in 0..x.n_rows {
            let cells = x.row(row);
            values.extend(
                self.columns
                    .iter()
                    .zip(&self.mean)
                    .zip(&self.sd)
                    .filter_map(|((&at, mean), sd)| cells.get(at).map(|&value| (f64::from(value) - mean) / sd)),
            );
        }
        Ok(values)
    }

    /// Fits by maximum likelihood, without the columns that are redundant; under a ridge where no maximum exists.
    fn fit<T>(
        &mut self,
        x: &DesignMatrix,
        first_column: usize,
        fit: impl Fn(&[f64], usize, f64) -> Result<T, stats::Error>,
    ) -> Result<(T, f64), Error> {
        loop {
            let values = self.standardised(x)?;
            match fit(&values, self.columns.len(), 0.0) {
                Ok(found) => return Ok((found, 0.0)),
                Err(stats::Error::Singular { column } | stats::Error::ConstantColumn { column })
                    if self.forget(column.saturating_sub(first_column)) => {}
                Err(
                    stats::Error::Singular { .. }
                    | stats::Error::ConstantColumn { .. }
                    | stats::Error::MonotoneLikelihood { .. }
                    | stats::Error::Separated
                    | stats::Error::NotConverged { .. },
                ) => return Ok((fit(&values, self.columns.len(), RIDGE)?, RIDGE)),
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// Cox regression with Efron's ties on a design matrix: the simple baseline of every comparison.
///
/// Columns that are constant or a combination of earlier ones are left out. Where the likelihood has no maximum
/// (separation, more columns than events), a ridge of 1 per standard deviation of each column is used instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoxRegression {
    kept: Kept,
    fit: CoxFit,
}

impl CoxRegression {
    /// Fits on `x` without missing values.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::NothingVaries`], and [`Error::Stats`] as [`cox_fit`], no events among them.
    pub fn fit(x: &DesignMatrix, survival: &Survival) -> Result<Self, Error> {
        let mut kept = Kept::all(x)?;
        let (fit, _) = kept.fit(x, 0, |values, n_features, ridge| {
            cox_fit(&CoxData::new(values, n_features, survival), &CoxOptions { ridge, ..CoxOptions::default() })
        })?;
        Ok(Self { kept, fit })
    }

    /// The ridge used, 0 where maximum likelihood had an answer.
    #[must_use]
    pub fn ridge(&self) -> f64 {
        self.fit.ridge
    }
}

impl SurvivalModel for CoxRegression {
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        Ok(self.fit.linear_predictors(&self.kept.standardised(x)?)?)
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        let values = self.kept.standardised(x)?;
        Ok(self.fit.survival_curves(&NewPatients::new(&values))?.on(times)?)
    }
}

/// Logistic regression on a design matrix: the simple baseline of every comparison of binary outcomes.
///
/// Redundant columns and separation are treated as in [`CoxRegression`].
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    kept: Kept,
    fit: LogisticFit,
    ridge: f64,
}

impl LogisticRegression {
    /// Fits on `x` without missing values.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::NothingVaries`], and [`Error::Stats`] as [`logistic_fit`].
    pub fn fit(x: &DesignMatrix, y: &[bool]) -> Result<Self, Error> {
        let mut kept = Kept::all(x)?;
        // The intercept is column 0 of the likelihood.
        let (fit, ridge) =
            kept.fit(x, 1, |values, n_features, ridge| logistic_fit(values, y.len(), n_features, y, ridge))?;
        Ok(Self { kept, fit, ridge })
    }

    /// The ridge used, 0 where maximum likelihood had an answer.
    #[must_use]
    pub fn ridge(&self) -> f64 {
        self.ridge
    }
}

impl BinaryModel for LogisticRegression {
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        let values = self.kept.standardised(x)?;
        Ok(values.chunks(self.kept.columns.len().max(1)).map(|row| expit(self.fit.linear_predictor(row))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[[f32; 3]]) -> DesignMatrix {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        DesignMatrix { names, n_rows: rows.len(), values: rows.concat() }
    }

    fn rows() -> Vec<[f32; 3]> {
        // `b` is constant, `c` is a combination of `a`.
        (0..60).map(|k| ((k * 37) % 19) as f32).map(|a| [a, 4.0, 2.0 * a + 1.0]).collect()
    }

    fn times() -> Survival {
        let time = (0..60).map(|k| f64::from(1 + (k * 23) % 41 + (k * 37) % 19)).collect();
        Survival::new(time, (0..60).map(|k| k % 3 > 0).collect()).unwrap()
    }

    #[test]
    fn redundant_columns_change_nothing() {
        let (wide, narrow) = (
            matrix(&rows()),
            DesignMatrix { names: vec!["a".into()], n_rows: 60, values: rows().iter().map(|row| row[0]).collect() },
        );
        let (a, b) = (CoxRegression::fit(&wide, &times()).unwrap(), CoxRegression::fit(&narrow, &times()).unwrap());
        assert_eq!(a.ridge(), 0.0);
        for (one, other) in a.risk_scores(&wide).unwrap().iter().zip(b.risk_scores(&narrow).unwrap()) {
            assert!((one - other).abs() < 1e-9);
        }
        let y: Vec<bool> = (0..60).map(|k| (k * 7) % 5 < 2).collect();
        let p = LogisticRegression::fit(&wide, &y).unwrap().probabilities(&wide).unwrap();
        let q = LogisticRegression::fit(&narrow, &y).unwrap().probabilities(&narrow).unwrap();
        assert!(p.iter().zip(&q).all(|(a, b)| (a - b).abs() < 1e-9));
        // The maximum of the likelihood reproduces the event rate.
        assert!((p.iter().sum::<f64>() - 24.0).abs() < 1e-8);
    }

    #[test]
    fn separation_is_answered_by_a_ridge() {
        let x = DesignMatrix { names: vec!["a".into()], n_rows: 12, values: (0..12).map(|k| k as f32).collect() };
        let y: Vec<bool> = (0..12).map(|k| k >= 6).collect();
        let fit = LogisticRegression::fit(&x, &y).unwrap();
        assert_eq!(fit.ridge(), RIDGE);
        assert!(fit.probabilities(&x).unwrap().iter().all(|p| (0.01..0.99).contains(p)));
    }

    #[test]
    fn nothing_to_learn_from_is_an_error() {
        let x = matrix(&[[1.0, 4.0, 2.0]; 60]);
        assert!(matches!(CoxRegression::fit(&x, &times()), Err(Error::NothingVaries { n_features: 3 })));
        let censored = Survival::new(vec![1.0; 60], vec![false; 60]).unwrap();
        assert!(matches!(
            CoxRegression::fit(&matrix(&rows()), &censored),
            Err(Error::Stats(stats::Error::NoEvents { .. }))
        ));
    }
}
