use std::path::PathBuf;

use serde::Serialize;

use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{Cells, Complete, Level, Levels, Presence, RowCount, Rule, Table};
use crate::stats;
use crate::stats::concordance::c_index;
use crate::stats::cox::{
    ChiSquaredTest, CoxData, CoxFit, CoxOptions, CoxTests, Ties, TimeTransform, cox_fit, proportional_hazards_test,
};
use crate::study::Error;

/// Which Cox regression to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct CoxRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up.
    pub follow_up: FollowUpColumns,
    /// Columns of the covariates: numbers as they are, booleans as 0 and 1, text by level.
    pub covariates: Vec<String>,
    /// Covariates of numbers or booleans that are coded by level all the same.
    pub factors: Vec<String>,
    /// Treatment of tied events.
    pub ties: Ties,
    /// Column of strata, each with its own baseline hazard.
    pub strata: Option<String>,
    /// Column of clusters, for robust standard errors.
    pub cluster: Option<String>,
    /// Robust standard errors also without clusters; weights that are not whole numbers bring them by themselves.
    pub robust: bool,
    /// Adds the baseline hazard to the result.
    pub baseline: bool,
    /// Adds the test of proportional hazards with this function of time.
    pub proportional: Option<TimeTransform>,
}

/// A Cox regression.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoxResult {
    /// One term for each column of the design.
    pub terms: Vec<CoxTermResult>,
    /// Log partial likelihood of the null model and of the fit.
    pub log_likelihood: [f64; 2],
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// `efron` or `breslow`.
    pub ties: &'static str,
    /// True when `se` is the robust standard error.
    pub robust: bool,
    /// Tests of all coefficients together.
    pub tests: Option<CoxTests>,
    /// Harrell's index of the linear predictor on these rows, optimistic as any measure on the rows of the fit; without
    /// strata, weights and delayed entry.
    pub concordance: Option<FitConcordance>,
    /// Reference level of each covariate coded by level.
    pub references: Vec<Reference>,
    /// Test of proportional hazards, when asked for.
    pub proportional_hazards: Option<ProportionalResult>,
    /// Baseline hazard of each stratum, when asked for.
    pub baseline: Option<Vec<BaselineResult>>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// One coefficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoxTermResult {
    /// Column, or `column=level`.
    pub name: String,
    /// Log hazard ratio per unit.
    pub coef: f64,
    /// Its standard error.
    pub se: f64,
    /// Hazard ratio per unit; above 1 the event comes earlier.
    pub hazard_ratio: f64,
    /// Lower end of the hazard ratio's Wald interval.
    pub lower95: f64,
    /// Upper end of the hazard ratio's Wald interval.
    pub upper95: f64,
    /// coef / se.
    pub z: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// Concordance of a fit with its own rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FitConcordance {
    /// Harrell's index.
    pub c_index: f64,
    /// Its standard error.
    pub std_err: f64,
}

/// The level that the others of its covariate are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Covariate.
    pub covariate: String,
    /// Its first level in sorted order.
    pub level: String,
}

/// Test of proportional hazards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProportionalResult {
    /// Function of time.
    pub transform: &'static str,
    /// One test for each covariate.
    pub terms: Vec<ProportionalTerm>,
    /// The test of all together.
    pub global: ChiSquaredTest,
}

/// One covariate's test of proportional hazards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProportionalTerm {
    /// Covariate.
    pub name: String,
    /// Its test.
    #[serde(flatten)]
    pub test: ChiSquaredTest,
}

/// Cumulative baseline hazard of one stratum, for a patient whose covariates have the values `at`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BaselineResult {
    /// Level of the stratum, `all` without strata.
    pub stratum: String,
    /// Value of each term to which the hazard belongs: its mean, 0 for a term of −1, 0 and 1 (as in R).
    pub at: Vec<f64>,
    /// Event times.
    pub time: Vec<f64>,
    /// Cumulative hazard from each time on.
    pub cum_hazard: Vec<f64>,
}

/// Returns the Cox regression of a table.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Unsupported`] naming the term that is constant,
/// a combination of others or separates early from late events; [`Error::Stats`] without events, with no more
/// rows than terms, or without convergence.
///
/// # Source
/// [`cox_fit`], [`proportional_hazards_test`]; R `survival::coxph`, `cox.zph`.
pub fn cox(request: &CoxRequest) -> Result<CoxResult, Error> {
    let table = Table::read(&request.data)?;
    let covariates = covariates(&table, request)?;
    let optional = |name: &Option<String>| name.as_deref().map(|name| table.levels(name)).transpose();
    let (strata, cluster) = (optional(&request.strata)?, optional(&request.cluster)?);
    let mut others: Vec<&dyn Presence> = covariates.iter().map(Covariate::presence).collect();
    others.extend(strata.iter().chain(&cluster).map(|cells| cells as &dyn Presence));
    let rows = FollowUp::read(&table, &request.follow_up, &others)?;
    let design = Design::new(&covariates, &rows.complete)?;
    let codes = |cells: &Option<Cells<Level>>| cells.as_ref().map(|cells| Levels::of(&rows.complete.pick(cells)));
    let (strata, cluster) = (codes(&strata), codes(&cluster));
    let data = CoxData {
        strata: strata.as_ref().map(|levels| levels.codes.as_slice()),
        weights: rows.times.weights.as_deref(),
        entry: rows.times.entry.as_deref(),
        cluster: cluster.as_ref().map(|levels| levels.codes.as_slice()),
        ..CoxData::new(&design.features, design.names.len(), &rows.survival)
    };
    // Fractional weights are no replicates: as in R, their standard errors are robust.
    let fractional = data.weights.is_some_and(|weights| weights.iter().any(|weight| weight.fract() != 0.0));
    let robust = request.robust || fractional;
    let options = CoxOptions { ties: request.ties, robust, ..CoxOptions::default() };
    let fit = cox_fit(&data, &options).map_err(|error| design.named(error))?;
    let plain = strata.is_none() && data.weights.is_none() && data.entry.is_none();
    let concordance = plain
        .then(|| c_index(&rows.survival, &fit.linear_predictors(&design.features).ok()?).ok())
        .flatten()
        .map(|found| FitConcordance { c_index: found.c_index, std_err: found.std_err });
    let proportional_hazards = match request.proportional {
        Some(transform) => Some(proportional(&data, &fit, transform, &design).map_err(|error| design.named(error))?),
        None => None,
    };
    Ok(CoxResult {
        terms: terms(&fit, &design)?,
        log_likelihood: fit.log_likelihood,
        n: fit.n_samples,
        n_events: fit.n_events,
        ties: match fit.ties {
            Ties::Efron => "efron",
            Ties::Breslow => "breslow",
        },
        robust: fit.robust_covariance.is_some(),
        tests: fit.tests,
        concordance,
        references: design.references.clone(),
        proportional_hazards,
        baseline: request.baseline.then(|| baselines(&fit, strata.as_ref())),
        rows: rows.complete.count,
    })
}

fn terms(fit: &CoxFit, design: &Design) -> Result<Vec<CoxTermResult>, Error> {
    let terms = fit.terms()?;
    let named = terms.iter().zip(&design.names).map(|(term, name)| CoxTermResult {
        name: name.clone(),
        coef: term.coef,
        se: term.standard_error,
        hazard_ratio: term.hazard_ratio.estimate,
        lower95: term.hazard_ratio.lower95,
        upper95: term.hazard_ratio.upper95,
        z: term.z,
        p: term.p,
    });
    Ok(named.collect())
}

fn proportional(
    data: &CoxData<'_>,
    fit: &CoxFit,
    transform: TimeTransform,
    design: &Design,
) -> Result<ProportionalResult, stats::Error> {
    let groups: Vec<&[usize]> = design.groups.iter().map(|(_, columns)| columns.as_slice()).collect();
    let found = proportional_hazards_test(data, fit, transform, Some(&groups))?;
    let terms = design.groups.iter().zip(found.terms);
    Ok(ProportionalResult {
        transform: match transform {
            TimeTransform::KaplanMeier => "km",
            TimeTransform::Rank => "rank",
            TimeTransform::Identity => "identity",
            TimeTransform::Log => "log",
        },
        terms: terms.map(|((name, _), test)| ProportionalTerm { name: name.clone(), test }).collect(),
        global: found.global,
    })
}

fn baselines(fit: &CoxFit, strata: Option<&Levels>) -> Vec<BaselineResult> {
    let name = |label: usize| strata.and_then(|levels| levels.names.get(label)).map_or("all", String::as_str);
    let result = |baseline: &stats::cox::StratumBaseline| BaselineResult {
        stratum: name(baseline.stratum).to_owned(),
        at: fit.means.clone(),
        time: baseline.times.clone(),
        cum_hazard: baseline.cum_hazard.clone(),
    };
    fit.baselines.iter().map(result).collect()
}

/// A covariate as it stands in the table.
enum Covariate {
    Number(Cells<f64>),
    Levels(Cells<Level>),
}

impl Covariate {
    fn presence(&self) -> &dyn Presence {
        match self {
            Self::Number(cells) => cells,
            Self::Levels(cells) => cells,
        }
    }
}

fn covariates(table: &Table, request: &CoxRequest) -> Result<Vec<Covariate>, Error> {
    let further = request.factors.iter().filter(|name| !request.covariates.contains(name));
    let read = |name: &String| {
        if request.factors.contains(name) || table.is_text(name)? {
            table.levels(name).map(Covariate::Levels)
        } else {
            table.numbers(name, Rule::Finite).map(Covariate::Number)
        }
    };
    request.covariates.iter().chain(further).map(read).collect()
}

/// The columns of the regression.
struct Design {
    /// Row-major.
    features: Vec<f64>,
    names: Vec<String>,
    /// Each covariate with its columns.
    groups: Vec<(String, Vec<usize>)>,
    references: Vec<Reference>,
}

impl Design {
    fn new(covariates: &[Covariate], complete: &Complete) -> Result<Self, Error> {
        let n_rows = complete.count.used;
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut design = Self { features: Vec::new(), names: Vec::new(), groups: Vec::new(), references: Vec::new() };
        for covariate in covariates {
            let first = columns.len();
            let covariate_name = covariate.presence().name().to_owned();
            match covariate {
                Covariate::Number(cells) => {
                    columns.push(complete.pick(cells));
                    design.names.push(covariate_name.clone());
                }
                Covariate::Levels(cells) => {
                    let levels = Levels::of(&complete.pick(cells));
                    let Some((reference, others)) = levels.names.split_first().filter(|(_, others)| !others.is_empty())
                    else {
                        let only = levels.names.first().map_or("", String::as_str);
                        let said = format!("covariate `{covariate_name}` has one level only, `{only}`");
                        return Err(Error::Unsupported(said));
                    };
                    for (at, name) in others.iter().enumerate() {
                        let is_level = |&code: &usize| f64::from(u8::from(code == at + 1));
                        columns.push(levels.codes.iter().map(is_level).collect());
                        design.names.push(format!("{covariate_name}={name}"));
                    }
                    design.references.push(Reference { covariate: covariate_name.clone(), level: reference.clone() });
                }
            }
            design.groups.push((covariate_name, (first..columns.len()).collect()));
        }
        design.features = (0..n_rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        Ok(design)
    }

    /// An error that counts columns, with the column's name instead.
    fn named(&self, error: stats::Error) -> Error {
        let name = |column: usize| self.names.get(column).map_or("?", String::as_str);
        match error {
            stats::Error::ConstantColumn { column } => {
                Error::Unsupported(format!("covariate `{}` is constant among the rows used", name(column)))
            }
            stats::Error::MonotoneLikelihood { column } => Error::Unsupported(format!(
                "covariate `{}` separates early from late events, its coefficient has no finite maximum",
                name(column)
            )),
            stats::Error::Singular { column } => {
                Error::Unsupported(format!("covariate `{}` is a combination of the covariates before it", name(column)))
            }
            other => other.into(),
        }
    }
}
