//! Newton's method on the partial likelihood, and what to say when there is no maximum.

use std::collections::BinaryHeap;

use super::design::Design;
use super::partial::{Derivatives, Risks, derivatives};
use super::{CoxOptions, Ties};
use crate::stats::Error;
use crate::stats::linalg::Cholesky;

/// Halving ends here.
const SMALLEST_SHARE: f64 = 1e-15;
/// Most that one step may change a linear predictor: far from the maximum the quadratic model promises too much.
const LONGEST_STEP: f64 = 20.0;
/// A squared decrement this small that no longer falls is rounding: the maximum is reached.
const ROUNDING_DECREMENT: f64 = 1e-10;
/// Newton squares its error near a maximum; a decrement that keeps this share hints at an infinite coefficient.
const SLOW_SHARE: f64 = 0.05;
/// Steps before the hint is taken.
const EARLY_STEPS: usize = 4;
/// A spread of linear predictors (hazard ratio e¹⁰) from which an apparent maximum is examined before it is believed.
const SUSPICIOUS_SPREAD: f64 = 10.0;
/// How far an event may lie below the largest value of its risk set, as a share of the spread, and still count as it.
const SEPARATION_SLACK: f64 = 1e-5;
/// A column whose information at 0 is below this share of one unit per event does not vary within risk sets.
const CONSTANT_SHARE: f64 = 1e-12;

/// The maximum on the standardised scale, and the derivatives at 0 and there.
pub(super) struct Maximum {
    pub beta: Vec<f64>,
    pub null: Derivatives,
    /// At `beta`, without the penalty.
    pub fit: Derivatives,
    /// (Information + penalty)⁻¹ at `beta`.
    pub covariance: Vec<f64>,
    pub risks: Risks,
    pub n_iterations: usize,
}

/// Finds the maximum of the (penalised) log partial likelihood.
pub(super) fn maximise(design: &Design, options: &CoxOptions) -> Result<Maximum, Error> {
    let ties = options.ties;
    // The penalty is meant on the caller's scale: β = standardised β / scale.
    let penalty: Vec<f64> = design.scale.iter().map(|scale| options.ridge / (scale * scale)).collect();
    let size = design.n_features;
    let mut beta = vec![0.0; size];
    let mut risks = Risks::new(design, &beta).map_err(|found| Error::OutOfDomain {
        what: "spread of the offset",
        expected: "at most 300",
        found,
    })?;
    let null = derivatives(design, &risks, ties, |_| 1.0);
    if options.ridge == 0.0 {
        refuse_constant(design, &null)?;
    }
    let mut fit = null.clone();
    let mut last: Option<(Vec<f64>, f64)> = None;
    for n_iterations in 0..=options.max_iterations {
        let (gradient, information) = penalised(&fit, &beta, &penalty);
        let factor = match Cholesky::new(&information, size) {
            Ok(factor) => factor,
            Err(error) => {
                let step = last.as_ref().map_or(&beta, |(step, _)| step);
                return Err(explain(design, [step, &beta], options, error));
            }
        };
        let step = factor.solve(&gradient)?;
        let decrement: f64 = step.iter().zip(&gradient).map(|(step, slope)| step * slope).sum();
        let slow = last.as_ref().is_some_and(|(_, before)| decrement > SLOW_SHARE * before);
        let at_rounding = decrement <= ROUNDING_DECREMENT
            && last.as_ref().is_some_and(|(_, before)| *before <= ROUNDING_DECREMENT && decrement > 0.25 * before);
        let arrived = decrement <= options.tolerance || at_rounding;
        let far = at_rounding || spread(&risks) > SUSPICIOUS_SPREAD;
        let suspicious = if arrived { far } else { slow && n_iterations >= EARLY_STEPS };
        if suspicious && let Some(column) = infinite_column(design, [&step, &beta], options) {
            return Err(Error::MonotoneLikelihood { column });
        }
        if arrived {
            if n_iterations > 0 && decrement.is_finite() {
                beta.iter_mut().zip(&step).for_each(|(value, step)| *value += step);
            }
            return Ok(Maximum { covariance: factor.inverse(), beta, null, fit, risks, n_iterations });
        }
        if n_iterations == options.max_iterations {
            return Err(explain(design, [&step, &beta], options, Error::NotConverged { n_iterations }));
        }
        let objective = objective(&fit, &beta, &penalty);
        let mut share = first_share(design, &step);
        loop {
            let trial: Vec<f64> = beta.iter().zip(&step).map(|(value, step)| value + share * step).collect();
            if let Some((trial_risks, trial_fit)) = evaluate(design, &trial, ties) {
                // A fall below rounding of the sum is no fall.
                if self::objective(&trial_fit, &trial, &penalty) >= objective - 1e-12 * (1.0 + objective.abs()) {
                    (beta, risks, fit) = (trial, trial_risks, trial_fit);
                    break;
                }
            }
            share *= 0.5;
            if share < SMALLEST_SHARE {
                return Err(explain(design, [&step, &beta], options, Error::NotConverged { n_iterations }));
            }
        }
        last = Some((step, decrement));
    }
    Err(Error::NotConverged { n_iterations: options.max_iterations })
}

/// The derivatives at `beta`, unless numbers there leave the range of f64.
fn evaluate(design: &Design, beta: &[f64], ties: Ties) -> Option<(Risks, Derivatives)> {
    let risks = Risks::new(design, beta).ok()?;
    let found = derivatives(design, &risks, ties, |_| 1.0);
    let finite = found.log_likelihood.is_finite()
        && found.gradient.iter().chain(&found.information).all(|value| value.is_finite());
    finite.then_some((risks, found))
}

fn objective(fit: &Derivatives, beta: &[f64], penalty: &[f64]) -> f64 {
    fit.log_likelihood - 0.5 * beta.iter().zip(penalty).map(|(beta, penalty)| penalty * beta * beta).sum::<f64>()
}

fn penalised(fit: &Derivatives, beta: &[f64], penalty: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut gradient, mut information) = (fit.gradient.clone(), fit.information.clone());
    for (column, penalty) in penalty.iter().enumerate() {
        gradient[column] -= penalty * beta[column];
        information[column * beta.len() + column] += penalty;
    }
    (gradient, information)
}

fn refuse_constant(design: &Design, null: &Derivatives) -> Result<(), Error> {
    let event_weight: f64 = design.groups.iter().flat_map(|group| &design.weight[group.deaths.clone()]).sum();
    let size = design.n_features;
    match (0..size).find(|&column| null.information[column * size + column] <= CONSTANT_SHARE * event_weight) {
        Some(column) => Err(Error::ConstantColumn { column }),
        None => Ok(()),
    }
}

/// `MonotoneLikelihood` when the likelihood rises for ever along one of the directions, else `otherwise`.
fn explain(design: &Design, directions: [&[f64]; 2], options: &CoxOptions, otherwise: Error) -> Error {
    infinite_column(design, directions, options).map_or(otherwise, |column| Error::MonotoneLikelihood { column })
}

/// The column that leads the first direction that separates, if one does and nothing holds the coefficients back.
fn infinite_column(design: &Design, directions: [&[f64]; 2], options: &CoxOptions) -> Option<usize> {
    directions.into_iter().find(|direction| options.ridge == 0.0 && separates(design, direction)).map(steepest)
}

/// The share of `step` that moves no linear predictor by more than [`LONGEST_STEP`], at most 1.
fn first_share(design: &Design, step: &[f64]) -> f64 {
    let seen = design.at_risk.iter().enumerate().filter(|(_, groups)| !groups.is_empty());
    let moved = |position: usize| design.row(position).iter().zip(step).map(|(x, step)| x * step).sum::<f64>().abs();
    let longest = seen.map(|(position, _)| moved(position)).fold(0.0, f64::max);
    (LONGEST_STEP / longest).min(1.0)
}

fn spread(risks: &Risks) -> f64 {
    let seen = risks.eta.iter().zip(&risks.weighted).filter(|(_, weighted)| **weighted > 0.0);
    // The largest is 0 by construction of the shift.
    -seen.map(|(eta, _)| *eta).fold(0.0, f64::min)
}

/// The column of the largest standardised coefficient step.
fn steepest(step: &[f64]) -> usize {
    (0..step.len()).max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs())).unwrap_or(0)
}

/// Does every event have (nearly) the largest value of `direction` in its risk set, so that the likelihood rises along
/// it for ever?
///
/// # Source
/// Bryson & Johnson 1981; Heinze & Schemper 2001, section 2.
fn separates(design: &Design, direction: &[f64]) -> bool {
    let values: Vec<f64> = (0..design.n_samples())
        .map(|position| design.row(position).iter().zip(direction).map(|(x, step)| x * step).sum())
        .collect();
    let mut lowest_slack = 0.0_f64;
    let mut range = 0.0_f64;
    for stratum in &design.strata {
        // Rows leave for good on the way down, so that the heap's top is dropped when it has left.
        let mut at_risk: BinaryHeap<Entry> = BinaryHeap::new();
        let mut lowest = f64::INFINITY;
        for index in stratum.groups.clone() {
            let group = &design.groups[index];
            for position in group.joining.clone().chain(group.deaths.clone()) {
                let until = design.at_risk[position].end;
                if !design.at_risk[position].is_empty() {
                    lowest = lowest.min(values[position]);
                    at_risk.push(Entry { value: values[position], until });
                }
            }
            while at_risk.peek().is_some_and(|top| top.until <= index) {
                at_risk.pop();
            }
            let Some(top) = at_risk.peek() else { continue };
            range = range.max(top.value - lowest);
            for position in group.deaths.clone() {
                lowest_slack = lowest_slack.max(top.value - values[position]);
            }
        }
    }
    range > 0.0 && lowest_slack <= SEPARATION_SLACK * range
}

/// A row in the heap of [`separates`].
#[derive(PartialEq)]
struct Entry {
    value: f64,
    until: usize,
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.total_cmp(&other.value).then(self.until.cmp(&other.until))
    }
}
