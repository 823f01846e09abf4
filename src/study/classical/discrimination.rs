use std::path::PathBuf;

use serde::Serialize;

use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{Cells, Complete, Presence, RowCount, Rule, Table};
use crate::stats::concordance::{CIndex, CIndexIpcw, c_index, c_index_ipcw, c_index_value};
use crate::stats::dynamic_auc::dynamic_auc;
use crate::stats::ipcw::CensorSurvival;
use crate::stats::paired::{PairedDifference, bootstrap_estimates, paired_difference, pick};
use crate::stats::{delong_paired, roc_auc};
use crate::study::Error;
use crate::terms::Estimate;

/// Resamples behind an interval that has no formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resampling {
    /// Number of resamples.
    pub n_resamples: usize,
    /// Seed.
    pub seed: u64,
}

/// Which concordance to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct ConcordanceRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up.
    pub follow_up: FollowUpColumns,
    /// Columns of risk scores, higher = earlier event.
    pub risks: Vec<String>,
    /// Horizon of Uno's index.
    pub tau: Option<f64>,
    /// Resamples of the paired differences.
    pub resampling: Resampling,
}

/// Concordance of one or more risk scores; the keys of the first stand at the top.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConcordanceResult {
    /// The first score.
    #[serde(flatten)]
    pub first: ScoreConcordance,
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Every score, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<ScoreConcordance>,
    /// Each later score against the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<ScoreDifference>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// Concordance of one risk score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreConcordance {
    /// Column of the score.
    pub risk: String,
    /// Harrell's index and its pairs.
    #[serde(flatten)]
    pub harrell: CIndex,
    /// Lower end of Harrell's normal 95 % interval.
    pub lower95: f64,
    /// Upper end of Harrell's normal 95 % interval.
    pub upper95: f64,
    /// Uno's index, when a horizon was given; censoring estimated on the same rows.
    pub uno: Option<UnoConcordance>,
}

/// Uno's index of one risk score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnoConcordance {
    /// The index with its standard error and horizon.
    #[serde(flatten)]
    pub index: CIndexIpcw,
    /// Lower end of its normal 95 % interval.
    pub lower95: f64,
    /// Upper end of its normal 95 % interval.
    pub upper95: f64,
}

/// The first score's measure minus another's, on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreDifference {
    /// First score.
    pub first: String,
    /// Second score.
    pub second: String,
    /// First minus second.
    pub difference: Estimate,
    /// Two-sided p-value of no difference.
    pub p: f64,
    /// How interval and p-value were made.
    pub method: String,
}

/// Returns Harrell's (and Uno's) concordance of risk scores with the follow-up of a table.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Stats`] without events or comparable pairs, and for
/// a horizon past the follow-up.
///
/// # Source
/// [`c_index`], [`c_index_ipcw`].
pub fn concordance(request: &ConcordanceRequest) -> Result<ConcordanceResult, Error> {
    let table = Table::read(&request.data)?;
    let scores = scores(&table, &request.risks, Rule::Finite)?;
    let rows = FollowUp::read(&table, &request.follow_up, &presences(&scores))?;
    let censoring = CensorSurvival::fit(&rows.survival);
    let values: Vec<Vec<f64>> = scores.iter().map(|cells| rows.complete.pick(cells)).collect();
    let mut found = Vec::with_capacity(values.len());
    for (cells, risk) in scores.iter().zip(&values) {
        let harrell = c_index(&rows.survival, risk)?;
        let interval = harrell.estimate();
        let uno = request.tau.map(|tau| c_index_ipcw(&censoring, &rows.survival, risk, tau)).transpose()?;
        let uno = uno.map(|index| {
            let Estimate { lower95, upper95, .. } = index.estimate();
            UnoConcordance { index, lower95, upper95 }
        });
        let (lower95, upper95) = (interval.lower95, interval.upper95);
        found.push(ScoreConcordance { risk: cells.name.clone(), harrell, lower95, upper95, uno });
    }
    let n = rows.survival.n_samples();
    let Resampling { n_resamples, seed } = request.resampling;
    let against_first = |at: usize| -> Result<ScoreDifference, Error> {
        let PairedDifference { difference, p, n_resamples, .. } = paired_difference(n, n_resamples, seed, |chosen| {
            let data = rows.survival.select(chosen)?;
            let index = |risk: &[f64]| c_index_value(&data, &pick(risk, chosen));
            Ok((index(&values[0])?, index(&values[at])?))
        })?;
        let method = format!("Harrell's index, {n_resamples} resamples of rows, percentile interval");
        Ok(ScoreDifference {
            first: request.risks[0].clone(),
            second: request.risks[at].clone(),
            difference,
            p,
            method,
        })
    };
    let differences = (1..values.len()).map(against_first).collect::<Result<_, _>>()?;
    let first = found.first().cloned().ok_or_else(|| Error::Unsupported("no risk score was named".into()))?;
    Ok(ConcordanceResult {
        first,
        n,
        n_events: rows.survival.n_events(),
        risks: if found.len() > 1 { found } else { Vec::new() },
        differences,
        rows: rows.complete.count,
    })
}

/// What the area under the curve is asked about.
#[derive(Debug, Clone, PartialEq)]
pub enum AucOutcome {
    /// A label: boolean, or 1 and 0.
    Label(String),
    /// Whether the event came by each of these ascending times.
    FollowUp(FollowUpColumns, Vec<f64>),
}

/// Which area under the ROC curve to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct AucRequest {
    /// Table.
    pub data: PathBuf,
    /// Outcome.
    pub outcome: AucOutcome,
    /// Columns of scores, higher = event, or earlier event.
    pub risks: Vec<String>,
    /// Resamples of the time-dependent area's intervals.
    pub resampling: Resampling,
}

/// Areas under ROC curves; the keys of the first score stand at the top.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AucResult {
    /// The first score.
    #[serde(flatten)]
    pub first: ScoreAuc,
    /// How areas and intervals were made.
    pub method: String,
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Every score, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<ScoreAuc>,
    /// Each later score against the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<ScoreDifference>,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// Area of one score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreAuc {
    /// Column of the score.
    pub risk: String,
    /// The area; with several times their mean, weighted by the events that fall between them.
    pub auc: Estimate,
    /// Times of `auc_t`, for follow-up outcomes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<f64>,
    /// The area at each time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auc_t: Vec<Estimate>,
}

/// Returns the area under the ROC curve of scores: DeLong's for a label, cumulative/dynamic for a follow-up.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Stats`] for outcomes of one class and for a time
/// past the follow-up or before the first event.
///
/// # Source
/// [`roc_auc`], [`delong_paired`], [`dynamic_auc`].
pub fn auc(request: &AucRequest) -> Result<AucResult, Error> {
    let table = Table::read(&request.data)?;
    let scores = scores(&table, &request.risks, Rule::Finite)?;
    match &request.outcome {
        AucOutcome::Label(label) => label_auc(&table, label, &scores),
        AucOutcome::FollowUp(columns, times) => time_auc(&table, columns, times, &scores, request.resampling),
    }
}

fn label_auc(table: &Table, label: &str, scores: &[Cells<f64>]) -> Result<AucResult, Error> {
    let label = table.flags(label)?;
    let mut used = presences(scores);
    used.push(&label);
    let complete = Complete::of(table, &used)?;
    let y = complete.pick(&label);
    let values: Vec<Vec<f64>> = scores.iter().map(|cells| complete.pick(cells)).collect();
    let area = |(cells, risk): (&Cells<f64>, &Vec<f64>)| -> Result<ScoreAuc, Error> {
        let auc = roc_auc(&y, risk)?;
        Ok(ScoreAuc { risk: cells.name.clone(), auc, times: Vec::new(), auc_t: Vec::new() })
    };
    let found: Vec<ScoreAuc> = scores.iter().zip(&values).map(area).collect::<Result<_, _>>()?;
    let against_first = |at: usize| -> Result<ScoreDifference, Error> {
        let paired = delong_paired(&y, &values[0], &values[at])?;
        Ok(ScoreDifference {
            first: scores[0].name.clone(),
            second: scores[at].name.clone(),
            difference: paired.difference,
            p: paired.p,
            method: "DeLong, paired".to_owned(),
        })
    };
    let differences = (1..values.len()).map(against_first).collect::<Result<_, _>>()?;
    let n_events = y.iter().filter(|&&event| event).count();
    assemble(found, differences, "area under the ROC curve, DeLong's variance".to_owned(), n_events, complete.count)
}

fn time_auc(
    table: &Table,
    columns: &FollowUpColumns,
    times: &[f64],
    scores: &[Cells<f64>],
    resampling: Resampling,
) -> Result<AucResult, Error> {
    let rows = FollowUp::read(table, columns, &presences(scores))?;
    let n = rows.survival.n_samples();
    let Resampling { n_resamples, seed } = resampling;
    let mut found = Vec::with_capacity(scores.len());
    for cells in scores {
        let risk = rows.complete.pick(cells);
        // The mean first, then the area at each time; censoring is estimated again in each resample.
        let estimates = bootstrap_estimates(n, n_resamples, seed, |chosen| {
            let data = rows.survival.select(chosen)?;
            let area = dynamic_auc(&CensorSurvival::fit(&data), &data, &pick(&risk, chosen), times)?;
            Ok(std::iter::once(area.mean_auc).chain(area.auc_t).collect())
        })?;
        let Some((&auc, auc_t)) = estimates.split_first() else {
            return Err(Error::Unsupported("no time was named".into()));
        };
        found.push(ScoreAuc { risk: cells.name.clone(), auc, times: times.to_vec(), auc_t: auc_t.to_vec() });
    }
    let method = format!(
        "cumulative/dynamic area, weighted by inverse probability of censoring estimated on the same rows; \
         percentile intervals from {n_resamples} resamples of rows"
    );
    assemble(found, Vec::new(), method, rows.survival.n_events(), rows.complete.count)
}

fn assemble(
    found: Vec<ScoreAuc>,
    differences: Vec<ScoreDifference>,
    method: String,
    n_events: usize,
    rows: RowCount,
) -> Result<AucResult, Error> {
    let first = found.first().cloned().ok_or_else(|| Error::Unsupported("no risk score was named".into()))?;
    let risks = if found.len() > 1 { found } else { Vec::new() };
    Ok(AucResult { first, method, n: rows.used, n_events, risks, differences, rows })
}

pub(super) fn scores(table: &Table, names: &[String], rule: Rule) -> Result<Vec<Cells<f64>>, Error> {
    names.iter().map(|name| table.numbers(name, rule)).collect()
}

pub(super) fn presences<T>(columns: &[Cells<T>]) -> Vec<&dyn Presence> {
    columns.iter().map(|cells| cells as &dyn Presence).collect()
}
