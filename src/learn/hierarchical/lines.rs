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
        let signed: Vec<Vec<(usize, f64)>> = terms.iter().map(|at| at.iter().map(|&at| (at, 1.0)).collect()).collect();
        let mut line = Self::of(model, layout, &signed);
        if arm.is_none() {
            // What the terms of a known arm have beyond these is drawn from the prior instead.
            for (row, (all, own)) in layout.terms(Some(0), subtype).iter().zip(&terms).enumerate() {
                let unseen = all.iter().filter(|at| !own.contains(at));
                let prior = |at: &usize| layout.group_of[*at].map_or(0.0, |group| model.variances[group]);
                line.covariance[row * (row + 3) / 2] += unseen.map(prior).sum::<f64>();
            }
        }
        line
    }

    /// The line under arm `arm` less that under arm `reference`: what both share cancels.
    pub(super) fn difference(
        model: &HierarchicalLogistic,
        layout: &Expansion,
        (arm, reference): (usize, usize),
        subtype: usize,
    ) -> Self {
        let (with, without) = (layout.terms(Some(arm), subtype), layout.terms(Some(reference), subtype));
        let signed: Vec<Vec<(usize, f64)>> = with
            .iter()
            .zip(&without)
            .map(|(with, without)| {
                let plus = with.iter().filter(|at| !without.contains(at)).map(|&at| (at, 1.0));
                plus.chain(without.iter().filter(|at| !with.contains(at)).map(|&at| (at, -1.0))).collect()
            })
            .collect();
        Self::of(model, layout, &signed)
    }

    /// The signed sums of coefficients of each element, with their covariance.
    fn of(model: &HierarchicalLogistic, layout: &Expansion, terms: &[Vec<(usize, f64)>]) -> Self {
        let sum = |terms: &[(usize, f64)]| terms.iter().map(|&(at, sign)| sign * model.coef[at]).sum::<f64>();
        let mut covariance = Vec::with_capacity(terms.len() * (terms.len() + 1) / 2);
        for (row, left) in terms.iter().enumerate() {
            for right in &terms[..=row] {
                let pairs = left.iter().flat_map(|&(a, p)| right.iter().map(move |&(b, q)| (a, b, p * q)));
                covariance.push(pairs.map(|(a, b, sign)| sign * model.covariance_of(a, b)).sum());
            }
        }
        let constant = terms.first().map_or(&[][..], Vec::as_slice);
        let of_arm: Vec<(usize, f64)> = constant.iter().copied().filter(|&(at, _)| layout.is_arm_effect(at)).collect();
        Self { mean: terms.iter().map(|terms| sum(terms)).collect(), covariance, arm_effect: sum(&of_arm) }
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
