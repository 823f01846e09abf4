use super::SparseRows;
use crate::learn::Error;
use crate::stats::linalg::Cholesky;
use crate::stats::logistic::log1p_exp;
use crate::stats::{self, expit};

const MAX_ITERATIONS: usize = 60;
/// Newton ends when a full step would raise the log posterior by less than this.
const GAIN_TOLERANCE: f64 = 1e-11;
/// The classes are parted when every outcome had a probability within this of 1.
const CERTAIN: f64 = 1e-6;
/// Step halving ends here.
const SMALLEST_SHARE: f64 = 1e-12;

/// The Gaussian approximation of a logistic regression's posterior under given prior variances.
#[derive(Debug, Clone, PartialEq)]
pub struct LaplacePosterior {
    /// Coefficients at the posterior mode.
    pub coef: Vec<f64>,
    /// (Xᵀ W X + Λ)⁻¹ at the mode, row-major.
    pub covariance: Vec<f64>,
    /// Laplace approximation of the log marginal likelihood; flat coefficients have the improper density 1.
    pub log_evidence: f64,
    /// ∂ log evidence / ∂ ln τ² of each group.
    pub gradient: Vec<f64>,
    /// Newton steps made.
    pub n_iterations: usize,
}

/// A logistic regression whose coefficients have independent N(0, τ²) priors, τ² shared by a group of columns.
#[derive(Debug, Clone, Copy)]
pub struct Posterior<'a> {
    /// Rows, with a column of ones where an intercept is wanted.
    pub x: &'a SparseRows,
    /// Outcomes.
    pub y: &'a [bool],
    /// Group of each column; `None` is a flat prior.
    pub group_of: &'a [Option<usize>],
}

impl Posterior<'_> {
    /// Returns mode, covariance, log evidence and its gradient at `variances` (τ² of each group).
    ///
    /// log Z = ℓ(β̂) − ½ β̂ᵀΛβ̂ + ½ Σ ln Λⱼ − ½ ln|XᵀWX + Λ| + ½ k ln 2π, k flat columns; the gradient is exact, the
    /// movement of the mode and of its weights W with τ² included. `start` is where Newton begins.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::Width`], [`Error::Parameter`] for a variance not above 0, [`Error::Stats`]
    /// when flat columns are collinear or separate the classes.
    ///
    /// # Source
    /// MacKay 1992 (evidence); Rasmussen & Williams 2006, section 5.5.1 (the implicit term of the gradient).
    pub fn laplace(&self, variances: &[f64], start: Option<&[f64]>) -> Result<LaplacePosterior, Error> {
        self.check(variances)?;
        let precision: Vec<f64> =
            self.group_of.iter().map(|group| group.map_or(0.0, |group| 1.0 / variances[group])).collect();
        let n_columns = self.x.n_columns();
        let start = start.filter(|start| start.len() == n_columns && start.iter().all(|value| value.is_finite()));
        let start = start.map_or_else(|| vec![0.0; n_columns], <[f64]>::to_vec);
        let (coef, n_iterations) = self.mode(&precision, start)?;
        let eta = self.x.times(&coef);
        let factor = self.curvature(&eta, &precision)?;
        let covariance = factor.inverse();
        let n_flat = precision.iter().filter(|&&precision| precision == 0.0).count();
        let log_prior: f64 = precision.iter().filter(|&&precision| precision > 0.0).map(|p| 0.5 * p.ln()).sum();
        let log_evidence = self.log_posterior(&eta, &coef, &precision) + log_prior - 0.5 * factor.log_determinant()
            + 0.5 * n_flat as f64 * (2.0 * std::f64::consts::PI).ln();
        let gradient = self.evidence_gradient(&eta, &coef, &covariance, &precision, variances.len());
        Ok(LaplacePosterior { coef, covariance, log_evidence, gradient, n_iterations })
    }

    fn check(&self, variances: &[f64]) -> Result<(), Error> {
        if self.y.len() != self.x.n_rows() {
            return Err(Error::LengthMismatch { expected: self.x.n_rows(), found: self.y.len() });
        }
        if self.group_of.len() != self.x.n_columns() {
            return Err(Error::Width { expected: self.x.n_columns(), found: self.group_of.len() });
        }
        if let Some(found) = self.group_of.iter().flatten().max().filter(|&&group| group >= variances.len()) {
            return Err(Error::Width { expected: variances.len(), found: found + 1 });
        }
        match variances.iter().find(|variance| !(variance.is_finite() && **variance > 0.0)) {
            Some(&found) => Err(Error::Parameter { what: "prior variance", expected: "a finite value above 0", found }),
            None => Ok(()),
        }
    }

    /// ℓ(β) − ½ βᵀΛβ, constants of the prior left out.
    fn log_posterior(&self, eta: &[f64], coef: &[f64], precision: &[f64]) -> f64 {
        let fit: f64 = eta.iter().zip(self.y).map(|(&eta, &event)| -log1p_exp(if event { -eta } else { eta })).sum();
        fit - 0.5 * coef.iter().zip(precision).map(|(coef, precision)| precision * coef * coef).sum::<f64>()
    }

    /// The factor of XᵀWX + Λ at η.
    fn curvature(&self, eta: &[f64], precision: &[f64]) -> Result<Cholesky, Error> {
        let weight: Vec<f64> = eta.iter().map(|&eta| expit(eta) * expit(-eta)).collect();
        let mut matrix = self.x.weighted_gram(&weight);
        let size = precision.len();
        for (at, precision) in precision.iter().enumerate() {
            matrix[at * size + at] += precision;
        }
        Ok(Cholesky::new(&matrix, size)?)
    }

    /// Newton with step halving.
    fn mode(&self, precision: &[f64], mut coef: Vec<f64>) -> Result<(Vec<f64>, usize), Error> {
        let mut eta = self.x.times(&coef);
        let mut value = self.log_posterior(&eta, &coef, precision);
        for iteration in 1..=MAX_ITERATIONS {
            // From both tails, so that neither probability rounds to zero early.
            let residual: Vec<f64> =
                eta.iter().zip(self.y).map(|(&eta, &y)| if y { expit(-eta) } else { -expit(eta) }).collect();
            let mut slope = self.x.transposed_times(&residual);
            slope.iter_mut().zip(&coef).zip(precision).for_each(|((slope, coef), p)| *slope -= p * coef);
            let step = self.curvature(&eta, precision)?.solve(&slope)?;
            let gain: f64 = step.iter().zip(&slope).map(|(step, slope)| step * slope).sum();
            let mut share = 1.0;
            loop {
                let moved: Vec<f64> = coef.iter().zip(&step).map(|(coef, step)| coef + share * step).collect();
                let moved_eta = self.x.times(&moved);
                let moved_value = self.log_posterior(&moved_eta, &moved, precision);
                // The slack lets the last step of all pass, whose gain is below rounding.
                if moved_value >= value - 1e-12 * value.abs() {
                    (coef, eta, value) = (moved, moved_eta, moved_value);
                    break;
                }
                share *= 0.5;
                if share < SMALLEST_SHARE {
                    return Err(stats::Error::NotConverged { n_iterations: iteration }.into());
                }
            }
            if gain < GAIN_TOLERANCE {
                // A penalty keeps every fit away from certainty: only flat columns can part the classes.
                let is_certain = |(&eta, &y): (&f64, &bool)| expit(if y { -eta } else { eta }) < CERTAIN;
                let parted = precision.contains(&0.0) && eta.iter().zip(self.y).all(is_certain);
                return if parted { Err(stats::Error::Separated.into()) } else { Ok((coef, iteration)) };
            }
        }
        Err(stats::Error::NotConverged { n_iterations: MAX_ITERATIONS }.into())
    }

    /// Per group ½ Σ Λⱼ (β̂ⱼ² + Σⱼⱼ) − ½ p_g, and −½ vᵀ Σ Λ_g β̂ with v = Xᵀ (w (1 − 2p) h), h the leverages xᵀΣx.
    fn evidence_gradient(
        &self,
        eta: &[f64],
        coef: &[f64],
        covariance: &[f64],
        precision: &[f64],
        n_groups: usize,
    ) -> Vec<f64> {
        let size = coef.len();
        let third: Vec<f64> = eta
            .iter()
            .zip(self.x.quadratic(covariance))
            .map(|(&eta, leverage)| {
                let (p, q) = (expit(eta), expit(-eta));
                p * q * (q - p) * leverage
            })
            .collect();
        let v = self.x.transposed_times(&third);
        let pull: Vec<f64> =
            covariance.chunks_exact(size).map(|row| row.iter().zip(&v).map(|(c, v)| c * v).sum()).collect();
        let mut gradient = vec![0.0; n_groups];
        for (at, group) in self.group_of.iter().enumerate() {
            let Some(group) = *group else { continue };
            let explicit = precision[at] * (coef[at].powi(2) + covariance[at * size + at]) - 1.0;
            gradient[group] += 0.5 * (explicit - precision[at] * coef[at] * pull[at]);
        }
        gradient
    }
}
