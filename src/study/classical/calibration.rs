use std::path::PathBuf;

use serde::Serialize;

use super::brier::SurvivalColumn;
use super::discrimination::{Resampling, presences, scores};
use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{Complete, RowCount, Rule, Table};
use crate::stats::beta_interval;
use crate::stats::calibration::{calibration_in_the_large, calibration_slope, ici};
use crate::stats::paired::{bootstrap_estimate, pick};
use crate::stats::survival_calibration::{
    CalibrationGroup, calibration_indices_t, calibration_slope_t, grouped_calibration, observed_expected,
};
use crate::study::Error;
use crate::terms::Estimate;

/// What predictions are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum CalibrationOutcome {
    /// A label and the column of its predicted probability.
    Label {
        /// Label: boolean, or 1 and 0.
        label: String,
        /// Predicted probability of the label.
        risk: String,
    },
    /// Follow-up and predicted survival at a time.
    Survival {
        /// Columns of the follow-up.
        follow_up: FollowUpColumns,
        /// Prediction.
        survival: SurvivalColumn,
    },
}

/// Which calibration to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationRequest {
    /// Table.
    pub data: PathBuf,
    /// Outcome and prediction.
    pub outcome: CalibrationOutcome,
    /// Groups of ascending predicted risk in `groups`.
    pub n_groups: usize,
    /// Resamples of the index's interval.
    pub resampling: Resampling,
}

/// Calibration of predictions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationResult {
    /// Level, slope and index.
    pub calibration: CalibrationFigures,
    /// Time of the predictions, `None` for a label.
    pub time: Option<f64>,
    /// Predicted and observed risk of groups of patients by ascending predicted risk; empty where they do not exist.
    pub groups: Vec<CalibrationGroup>,
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// How the figures were made.
    pub method: String,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// Level, slope and index of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationFigures {
    /// Calibration in the large on the logit scale, 0 is ideal; of labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intercept: Option<Estimate>,
    /// Observed over expected events, 1 is ideal; of survival predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_expected: Option<Estimate>,
    /// Calibration slope, 1 is ideal.
    pub slope: Estimate,
    /// Integrated calibration index, 0 is ideal.
    pub ici: Estimate,
}

/// Returns the calibration of predicted probabilities with labels, or of predicted survival with follow-up.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Stats`] for outcomes of one class, predictions that
/// are all equal or separate the outcomes, and a time past the follow-up.
///
/// # Source
/// [`calibration_slope`], [`ici`], [`calibration_slope_t`], [`observed_expected`].
pub fn calibration(request: &CalibrationRequest) -> Result<CalibrationResult, Error> {
    let table = Table::read(&request.data)?;
    match &request.outcome {
        CalibrationOutcome::Label { label, risk } => of_label(&table, label, risk, request),
        CalibrationOutcome::Survival { follow_up, survival } => of_survival(&table, follow_up, survival, request),
    }
}

fn of_label(table: &Table, label: &str, risk: &str, request: &CalibrationRequest) -> Result<CalibrationResult, Error> {
    let (label, risk) = (table.flags(label)?, table.numbers(risk, Rule::Probability)?);
    let complete = Complete::of(table, &[&label, &risk])?;
    let (y, p) = (complete.pick(&label), complete.pick(&risk));
    let Resampling { n_resamples, seed } = request.resampling;
    let calibration = CalibrationFigures {
        intercept: Some(calibration_in_the_large(&y, &p)?),
        observed_expected: None,
        slope: calibration_slope(&y, &p)?,
        ici: bootstrap_estimate(y.len(), n_resamples, seed, |rows| ici(&pick(&y, rows), &pick(&p, rows)))?,
    };
    Ok(CalibrationResult {
        calibration,
        time: None,
        groups: label_groups(&y, &p, request.n_groups)?,
        n: y.len(),
        n_events: y.iter().filter(|&&event| event).count(),
        method: format!(
            "logistic recalibration, Wald intervals; index: percentile interval of {n_resamples} resamples"
        ),
        rows: complete.count,
    })
}

/// Groups of about equal size by ascending probability, equal ones together, with Jeffreys intervals.
fn label_groups(y: &[bool], p: &[f64], n_groups: usize) -> Result<Vec<CalibrationGroup>, Error> {
    let mut rows: Vec<(f64, bool)> = p.iter().copied().zip(y.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let n_rows = rows.len();
    let mut groups: Vec<Vec<(f64, bool)>> = vec![Vec::new(); n_groups.max(1)];
    let mut before = 0;
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let at = before * groups.len() / n_rows;
        groups[at].extend_from_slice(tied);
        before += tied.len();
    }
    let summary = |group: &Vec<(f64, bool)>| -> Result<CalibrationGroup, Error> {
        let n_events = group.iter().filter(|(_, event)| *event).count();
        let predicted = group.iter().map(|(p, _)| p).sum::<f64>() / group.len() as f64;
        Ok(CalibrationGroup { n_samples: group.len(), predicted, observed: beta_interval(n_events, group.len())? })
    };
    groups.iter().filter(|group| !group.is_empty()).map(summary).collect()
}

fn of_survival(
    table: &Table,
    follow_up: &FollowUpColumns,
    column: &SurvivalColumn,
    request: &CalibrationRequest,
) -> Result<CalibrationResult, Error> {
    let cells = scores(table, std::slice::from_ref(&column.column), Rule::Probability)?;
    let rows = FollowUp::read(table, follow_up, &presences(&cells))?;
    let survival: Vec<f64> = cells.iter().flat_map(|cells| rows.complete.pick(cells)).collect();
    let (data, time) = (&rows.survival, column.time);
    let Resampling { n_resamples, seed } = request.resampling;
    let index = |chosen: &[usize]| {
        calibration_indices_t(&data.select(chosen)?, &pick(&survival, chosen), time).map(|[ici, ..]| ici)
    };
    let calibration = CalibrationFigures {
        intercept: None,
        observed_expected: Some(observed_expected(data, &survival, time)?),
        slope: calibration_slope_t(data, &survival, time)?,
        ici: bootstrap_estimate(data.n_samples(), n_resamples, seed, index)?,
    };
    Ok(CalibrationResult {
        calibration,
        time: Some(time),
        groups: grouped_calibration(data, &survival, time, request.n_groups).unwrap_or_default(),
        n: data.n_samples(),
        n_events: data.n_events(),
        method: format!(
            "observed by Kaplan and Meier over expected; slope of ln(-ln S) in a Cox regression; index: percentile \
             interval of {n_resamples} resamples"
        ),
        rows: rows.complete.count,
    })
}
