use super::HierarchicalLogistic;
use super::covariates::Completion;
use super::expansion::Expansion;
use crate::learn::Margin;

/// The model of one arm in one subtype: a straight line in the covariates, with its covariance.
///
/// Everything that the expanded coefficients say about such rows, summed once so that a prediction costs the square of
/// the covariates and not of the coefficients.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Constant, then the slope of each standardised covariate.
    pub mean: Vec<f64>,
    /// Lower triangle of their covariance, by rows.
    covariance: Vec<f64>,
    /// The part of the constant that is the arm's.
    pub arm_effect: f64,
}

impl Line {
    /// Sums the coefficients that such rows meet. For an arm without an estimate (`None`) its effects are 0, with the
    /// variance that effects have between arms.
    pub(super) fn new(model: &HierarchicalLogistic, layout: &Expansion, arm: Option<usize>, subtype: usize) -> Self {
        let terms = layout.terms(arm, subtype);
        let sum = |columns: &[usize]| columns.iter().map(|&at| model.coef[at]).sum::<f64>();
        let mean = terms.iter().map(|columns| sum(columns)).collect();
        let mut covariance = Vec::with_capacity(terms.len() * (terms.len() + 1) / 2);
        // What the terms of a known arm have beyond those of an unknown one is drawn from the prior instead.
        let unseen = if arm.is_none() { layout.terms(Some(0), subtype) } else { Vec::new() };
        let prior = |at: usize| layout.group_of[at].map_or(0.0, |group| model.variances[group]);
        for row in 0..terms.len() {
            for column in 0..=row {
                let pairs = terms[row].iter().flat_map(|&a| terms[column].iter().map(move |&b| (a, b)));
                let mut value: f64 = pairs.map(|(a, b)| model.covariance_of(a, b)).sum();
                if let Some(all) = unseen.get(row).filter(|_| row == column) {
                    value += all.iter().filter(|at| !terms[row].contains(at)).map(|&at| prior(at)).sum::<f64>();
                }
                covariance.push(value);
            }
        }
        let arm_columns: Vec<usize> = terms[0].iter().copied().filter(|&at| layout.is_arm_effect(at)).collect();
        Self { mean, covariance, arm_effect: sum(&arm_columns) }
    }

    fn covariance_of(&self, a: usize, b: usize) -> f64 {
        let (row, column) = if a > b { (a, b) } else { (b, a) };
        self.covariance[row * (row + 1) / 2 + column]
    }

    /// Mean and variance of the logit of a completed row.
    ///
    /// With slopes b ~ (b̄, V) and missing values x ~ (x̄, C) independent: Var(bᵀx) = x̄ᵀVx̄ + b̄ᵀCb̄ + tr(VC).
    pub(super) fn margin(&self, row: &Completion<'_>) -> (f64, f64) {
        let x: Vec<f64> = std::iter::once(1.0).chain(row.z.iter().copied()).collect();
        let mean = self.mean.iter().zip(&x).map(|(slope, x)| slope * x).sum();
        let mut variance = 0.0;
        let mut rest = self.covariance.as_slice();
        for (at, &value) in x.iter().enumerate() {
            let (line, below) = rest.split_at((at + 1).min(rest.len()));
            let cross: f64 = line.iter().zip(&x).take(at).map(|(v, x)| v * x).sum();
            variance += value * (2.0 * cross + line.last().copied().unwrap_or(0.0) * value);
            rest = below;
        }
        if let Some(given) = row.given {
            let missing = given.missing();
            for (line, &a) in given.covariance().chunks_exact(missing.len().max(1)).zip(missing) {
                for (c, &b) in line.iter().zip(missing) {
                    variance += c * (self.mean[a + 1] * self.mean[b + 1] + self.covariance_of(a + 1, b + 1));
                }
            }
        }
        (mean, variance.max(0.0))
    }
}

/// Mean and standard deviation of a mixture of (share, (mean, variance)).
pub(super) fn mixed(parts: &[(f64, (f64, f64))]) -> Margin {
    let total: f64 = parts.iter().map(|(share, _)| share).sum::<f64>().max(f64::MIN_POSITIVE);
    let mean = parts.iter().map(|(share, (mean, _))| share * mean).sum::<f64>() / total;
    let variance = parts.iter().map(|(share, (m, v))| share * (v + (m - mean).powi(2))).sum::<f64>() / total;
    Margin { mean, std_dev: variance.sqrt() }
}
