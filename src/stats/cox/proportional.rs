//! The test of proportional hazards.

use serde::{Deserialize, Serialize};

use super::fit::ChiSquaredTest;
use super::partial::derivatives;
use super::residuals::at_fit;
use super::{CoxData, CoxFit};
use crate::stats::linalg::Cholesky;
use crate::stats::{Error, Survival};

/// The function of time g with which a coefficient is suspected to change: β + γ g(t).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum TimeTransform {
    /// 1 − S(t−), S being the Kaplan-Meier estimate of all rows together; R's default, not led by late outliers.
    #[default]
    KaplanMeier,
    /// Rank of t among all event and censoring times; ties share their mean rank.
    Rank,
    /// t itself.
    Identity,
    /// ln t.
    Log,
}

/// Tests of each term's and of all coefficients' constancy in time; a small p speaks against proportional hazards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProportionalHazards {
    /// The function of time.
    pub transform: TimeTransform,
    /// One test per term.
    pub terms: Vec<ChiSquaredTest>,
    /// The test of all features together.
    pub global: ChiSquaredTest,
}

/// Returns the score tests of γ = 0 in λ(t | x) = λ₀(t) exp(xβ + x g(t) γ), at the coefficients of `fit`.
///
/// `data` are the rows of the fit. `terms` groups columns that form one term (the dummies of a factor), which gives a
/// test with as many degrees of freedom; `None` makes each column a term.
///
/// This is the exact score test, with the variance of x in each risk set, not Grambsch and Therneau's approximation
/// by one mean variance that R used before version 3.
///
/// # Errors
/// Those of [`super::cox_fit`] about the data, [`Error::OutOfDomain`] for a fit under a ridge, for a term with an unknown
/// column and for the logarithm of an event at time 0, [`Error::TooFew`] with one distinct event time or an empty
/// term, and [`Error::Singular`] naming a feature whose course in time cannot be told apart.
///
/// # Source
/// Grambsch & Therneau 1994; Therneau & Grambsch 2000, section 6.2; R `survival::cox.zph` from version 3 on.
pub fn proportional_hazards_test(
    data: &CoxData<'_>,
    fit: &CoxFit,
    transform: TimeTransform,
    terms: Option<&[&[usize]]>,
) -> Result<ProportionalHazards, Error> {
    if fit.ridge > 0.0 {
        return Err(Error::OutOfDomain { what: "ridge of the fit", expected: "0", found: fit.ridge });
    }
    let (design, risks) = at_fit(data, fit)?;
    let size = design.n_features;
    let mut course = Vec::with_capacity(design.groups.len());
    let transformed = Transformed::new(data, transform);
    for group in &design.groups {
        course.push(transformed.at(group.time)?);
    }
    standardise(&mut course)?;
    let plain = derivatives(&design, &risks, fit.ties, |_| 1.0);
    let once = derivatives(&design, &risks, fit.ties, |group| course[group]);
    let twice = derivatives(&design, &risks, fit.ties, |group| course[group] * course[group]);
    let columns: Vec<usize> = (0..size).collect();
    let test = |chosen: &[usize]| -> Result<ChiSquaredTest, Error> {
        let full = size + chosen.len();
        let mut information = vec![0.0; full * full];
        for a in 0..full {
            for b in 0..=a {
                let (block, row, column) = match (a.checked_sub(size), b.checked_sub(size)) {
                    (Some(a), Some(b)) => (&twice, chosen[a], chosen[b]),
                    (Some(a), None) => (&once, chosen[a], b),
                    _ => (&plain, a, b),
                };
                information[a * full + b] = block.information[row.max(column) * size + row.min(column)];
            }
        }
        let mut score = vec![0.0; full];
        score.iter_mut().skip(size).zip(chosen).for_each(|(slot, &column)| *slot = once.gradient[column]);
        let factor = Cholesky::new(&information, full).map_err(|error| match error {
            Error::Singular { column } if column >= size => Error::Singular { column: chosen[column - size] },
            other => other,
        })?;
        let statistic = factor.solve(&score)?.iter().zip(&score).map(|(a, b)| a * b).sum();
        ChiSquaredTest::new(statistic, chosen.len())
    };
    let tests = match terms {
        None => columns.iter().map(|&column| test(&[column])).collect::<Result<_, _>>()?,
        Some(terms) => {
            check_terms(terms, size)?;
            terms.iter().map(|term| test(term)).collect::<Result<_, _>>()?
        }
    };
    Ok(ProportionalHazards { transform, terms: tests, global: test(&columns)? })
}

fn check_terms(terms: &[&[usize]], size: usize) -> Result<(), Error> {
    for term in terms {
        if term.is_empty() {
            return Err(Error::TooFew { what: "columns of a term", needed: 1, found: 0 });
        }
        if let Some(&column) = term.iter().find(|&&column| column >= size) {
            return Err(Error::OutOfDomain {
                what: "column of a term",
                expected: "below the number of features",
                found: column as f64,
            });
        }
    }
    Ok(())
}

/// Moves g to mean 0 and variance 1 over the event times; the tests do not change, their rounding does.
fn standardise(course: &mut [f64]) -> Result<(), Error> {
    let n_times = course.len() as f64;
    let mean = course.iter().map(|value| value / n_times).sum::<f64>();
    course.iter_mut().for_each(|value| *value -= mean);
    let scale = (course.iter().map(|value| value * value).sum::<f64>() / n_times).sqrt();
    if scale <= 1e-14 * mean.abs() {
        return Err(Error::TooFew { what: "distinct event times", needed: 2, found: 1 });
    }
    course.iter_mut().for_each(|value| *value /= scale);
    Ok(())
}

/// g, tabulated where it depends on the sample.
enum Transformed {
    Identity,
    Log,
    /// Ascending times with the value at each.
    Table(Vec<(f64, f64)>),
}

impl Transformed {
    fn new(data: &CoxData<'_>, transform: TimeTransform) -> Self {
        match transform {
            TimeTransform::Identity => Self::Identity,
            TimeTransform::Log => Self::Log,
            TimeTransform::Rank => Self::Table(mean_ranks(data.survival)),
            TimeTransform::KaplanMeier => Self::Table(kaplan_meier_before(data.survival, data.entry)),
        }
    }

    fn at(&self, time: f64) -> Result<f64, Error> {
        match self {
            Self::Identity => Ok(time),
            Self::Log if time > 0.0 => Ok(time.ln()),
            Self::Log => {
                Err(Error::OutOfDomain { what: "logarithm of an event time", expected: "a time above 0", found: time })
            }
            // Every event time is in the table.
            Self::Table(table) => {
                Ok(table.get(table.partition_point(|(at, _)| *at < time)).map_or(0.0, |(_, value)| *value))
            }
        }
    }
}

fn mean_ranks(survival: &Survival) -> Vec<(f64, f64)> {
    let time = survival.event_time();
    let mut below = 0.0;
    survival
        .order()
        .chunk_by(|&a, &b| time[a] == time[b])
        .map(|tied| {
            let rank = below + (tied.len() as f64 + 1.0) / 2.0;
            below += tied.len() as f64;
            (time[tied[0]], rank)
        })
        .collect()
}

/// 1 − S(t−) at each time, all strata together, unweighted.
fn kaplan_meier_before(survival: &Survival, entry: Option<&[f64]>) -> Vec<(f64, f64)> {
    let (time, event) = (survival.event_time(), survival.event());
    let mut entries: Vec<f64> = entry.unwrap_or(&[]).to_vec();
    entries.sort_unstable_by(f64::total_cmp);
    let (mut left, mut surviving) = (0, 1.0);
    survival
        .order()
        .chunk_by(|&a, &b| time[a] == time[b])
        .map(|tied| {
            let at = time[tied[0]];
            let entered = if entry.is_some() { entries.partition_point(|&entry| entry < at) } else { time.len() };
            let before = (at, 1.0 - surviving);
            let n_deaths = tied.iter().filter(|&&row| event[row]).count();
            if n_deaths > 0 {
                // The tied rows themselves have entered, so that somebody is at risk.
                surviving *= 1.0 - n_deaths as f64 / (entered - left) as f64;
            }
            left += tied.len();
            before
        })
        .collect()
}
