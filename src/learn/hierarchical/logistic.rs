use serde::{Deserialize, Serialize};

use super::SparseRows;
use super::laplace::Posterior;
use super::variances::VarianceSearch;
use crate::learn::{Error, Margin};

/// Logistic regression whose coefficients are shrunk in named groups, each by a variance that the data choose.
///
/// logit P(y) = xᵀβ, βⱼ ~ N(0, τ²_g(j)) for a column of group g, flat for a column of none. The posterior is Gaussian:
/// the Laplace approximation at the variances, averaged over what the data leave open about them.
///
/// # Source
/// Gelman & Hill 2007, chapters 12 to 14; MacKay 1992 (variances by the evidence).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HierarchicalLogistic {
    /// Posterior mean of each coefficient, per unit of its column.
    pub coef: Vec<f64>,
    /// Lower triangle of the posterior covariance by rows: (0,0), (1,0), (1,1), (2,0) …
    pub covariance: Vec<f64>,
    /// Posterior mean of τ² of each group.
    pub variances: Vec<f64>,
    /// Log marginal likelihood at the mode of the variances (Laplace).
    pub log_evidence: f64,
}

impl HierarchicalLogistic {
    /// Fits outcomes `y` on the rows of `x`; `group_of` holds the group of each column, from 0, or `None`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::OneClass`] below two rows in a class, [`Error::Width`], [`Error::Parameter`],
    /// [`Error::Stats`] when flat columns are collinear or separate the classes.
    pub fn fit(x: &SparseRows, y: &[bool], group_of: &[Option<usize>], search: &VarianceSearch) -> Result<Self, Error> {
        let n_events = y.iter().filter(|&&event| event).count();
        let n_others = y.len() - n_events;
        if n_events < 2 || n_others < 2 {
            return Err(Error::OneClass { n_events, n_others });
        }
        let n_groups = group_of.iter().flatten().max().map_or(0, |last| last + 1);
        let points = search.run(&Posterior { x, y, group_of }, n_groups)?;
        let average = |value: &dyn Fn(usize) -> f64| points.iter().enumerate().map(|(k, p)| p.weight * value(k)).sum();
        let size = x.n_columns();
        let coef: Vec<f64> = (0..size).map(|at| average(&|k| points[k].posterior.coef[at])).collect();
        let mut covariance = Vec::with_capacity(size * (size + 1) / 2);
        for row in 0..size {
            for column in 0..=row {
                covariance.push(average(&|k| {
                    let posterior = &points[k].posterior;
                    let (left, right) = (posterior.coef[row] - coef[row], posterior.coef[column] - coef[column]);
                    posterior.covariance[row * size + column] + left * right
                }));
            }
        }
        let variances = (0..n_groups).map(|group| average(&|k| points[k].variances[group])).collect();
        let log_evidence = points.first().map_or(f64::NEG_INFINITY, |mode| mode.posterior.log_evidence);
        Ok(Self { coef, covariance, variances, log_evidence })
    }

    /// Posterior covariance of coefficients `a` and `b`.
    ///
    /// # Panics
    /// When either is past the last coefficient.
    #[must_use]
    pub fn covariance_of(&self, a: usize, b: usize) -> f64 {
        let (row, column) = if a > b { (a, b) } else { (b, a) };
        self.covariance[row * (row + 1) / 2 + column]
    }

    /// Mean and standard deviation of the logit of each row.
    ///
    /// # Errors
    /// [`Error::Width`] for another number of columns.
    pub fn predict(&self, x: &SparseRows) -> Result<Vec<Margin>, Error> {
        if x.n_columns() != self.coef.len() {
            return Err(Error::Width { expected: self.coef.len(), found: x.n_columns() });
        }
        let margin = |row: &[(usize, f64)]| {
            let mean = row.iter().map(|&(at, value)| value * self.coef[at]).sum();
            let variance: f64 = row
                .iter()
                .map(|&(a, left)| left * row.iter().map(|&(b, right)| right * self.covariance_of(a, b)).sum::<f64>())
                .sum();
            Margin { mean, std_dev: variance.max(0.0).sqrt() }
        };
        Ok(x.rows().map(margin).collect())
    }

    /// Says what is wrong with lengths or values, for weights that came from a file.
    pub(super) fn fault(&self) -> Option<String> {
        let size = self.coef.len();
        if self.covariance.len() != size * (size + 1) / 2 {
            return Some(format!("{} covariances of {size} coefficients", self.covariance.len()));
        }
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if !(finite(&self.coef) && finite(&self.covariance) && finite(&self.variances) && self.log_evidence.is_finite())
        {
            return Some("a value that is not finite".to_owned());
        }
        if (0..size).any(|at| self.covariance_of(at, at) < 0.0) || self.variances.iter().any(|&variance| variance < 0.0)
        {
            return Some("a negative variance".to_owned());
        }
        None
    }
}
