//! Elastic-net logistic and Cox regression along a path of penalties.
//!
//! Lives here: the paths ([`logistic_path`], [`cox_path`]), the models of one penalty ([`LogisticNet`], [`CoxNet`]) and
//! the choice of a penalty in given folds ([`cross_validate_logistic`], [`cross_validate_cox`]). May import what
//! `learn` may. Deliberately absent: imputation (a NaN is refused), interactions, and the drawing of folds.
//!
//! Every fit minimises, over columns standardised to mean 0 and population standard deviation 1,
//!
//! −(1/n) log-likelihood + λ Σⱼ fⱼ (α |βⱼ| + ½ (1 − α) βⱼ²)
//!
//! where fⱼ is the penalty factor of column j. It is solved by proximal Newton steps with the exact Hessian of the
//! columns that may leave zero (the sequential strong rule), and is proved by its optimality conditions: the largest
//! violation over all columns is reported as `kkt_residual` and is at most 1e-7. Time grows with the square of the
//! columns that may be non-zero, so ridge (all of them) suits hundreds of columns, not thousands. Where the smallest
//! penalties all but vanish (a lasso at λ_max · 1e-6 with more columns than events) a Cox path may end in `NotConverged`.

mod cox;
mod cox_net;
mod cross_validate;
mod linear_score;
mod logistic;
mod newton;
mod path;
mod standardise;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use cox::{CoxTies, cox_path};
pub use cox_net::CoxNet;
pub use cross_validate::{CrossValidated, CrossValidatedAlpha, cross_validate_cox, cross_validate_logistic};
pub use linear_score::LinearScore;
pub use logistic::{LogisticNet, logistic_path};

/// The penalties of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LambdaGrid {
    /// Log-spaced from λ_max, the smallest penalty at which every penalised coefficient is 0, down to a share of it.
    Automatic {
        /// Number of penalties, at least 1.
        n_lambda: usize,
        /// Last penalty as a share of the first, in (0, 1); `None` is 1e-4, or 1e-2 with fewer rows than columns.
        ratio: Option<f64>,
    },
    /// These, finite, at least 0 and strictly descending.
    Given(Vec<f64>),
}

/// Settings of an elastic-net path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticNetParams {
    /// α in \[0, 1\]: 1 is the lasso, 0 is ridge, for which λ_max is that of α = 0.001 by convention.
    pub alpha: f64,
    /// The penalties.
    pub lambda: LambdaGrid,
    /// One factor ≥ 0 per column, taken as given (glmnet rescales them to a mean of 1); 0 leaves a column
    /// unpenalised. Empty means 1 for all.
    pub penalty_factor: Vec<f64>,
}

impl Default for ElasticNetParams {
    fn default() -> Self {
        let lambda = LambdaGrid::Automatic { n_lambda: 100, ratio: None };
        Self { alpha: 0.5, lambda, penalty_factor: Vec::new() }
    }
}

/// Elastic-net fits along falling penalties; the outer index of every field is that of `lambda` unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElasticNetPath {
    /// Column names.
    pub names: Vec<String>,
    /// The α of the fit.
    pub alpha: f64,
    /// Penalties, strictly descending.
    pub lambda: Vec<f64>,
    /// Coefficient of each column per unit of the column.
    pub coef: Vec<Vec<f64>>,
    /// Coefficient of each column per population standard deviation of the column.
    pub coef_standardised: Vec<Vec<f64>>,
    /// Logit at columns of value 0; 0 throughout in a Cox path, whose baseline hazard takes its place.
    pub intercept: Vec<f64>,
    /// Coefficients that are not 0.
    pub n_nonzero: Vec<usize>,
    /// Share of the null deviance that is explained: 0 without coefficients, at most 1.
    pub deviance_ratio: Vec<f64>,
    /// Largest violation of the optimality conditions over all standardised columns, at most 1e-7.
    pub kkt_residual: Vec<f64>,
    /// Newton steps.
    pub n_iterations: Vec<usize>,
    /// (Weighted) mean of each column.
    pub mean: Vec<f64>,
    /// (Weighted) population standard deviation of each column; 0 exactly when it is constant.
    pub scale: Vec<f64>,
    /// Columns that do not vary, from 0: their coefficients are 0.
    pub constant_columns: Vec<usize>,
}
