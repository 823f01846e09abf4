use std::path::PathBuf;

use serde::Serialize;

use super::discrimination::{presences, scores};
use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{RowCount, Rule, Table};
use crate::stats::ipcw::CensorSurvival;
use crate::stats::survival_brier::{brier_curve, ibs, scaled_brier, scaled_ibs};
use crate::stats::{KaplanMeier, SurvivalCurves};
use crate::study::Error;

/// A column of predicted probabilities of being free of the event at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalColumn {
    /// Column.
    pub column: String,
    /// Time.
    pub time: f64,
}

/// Which Brier scores to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct BrierRequest {
    /// Table.
    pub data: PathBuf,
    /// Columns of the follow-up.
    pub follow_up: FollowUpColumns,
    /// Predictions, by ascending time.
    pub survival: Vec<SurvivalColumn>,
}

/// Brier scores of predicted survival.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrierResult {
    /// Times.
    pub times: Vec<f64>,
    /// Brier score at each time; lower is better.
    pub brier: Vec<f64>,
    /// Time average over the times by trapezoids; `None` with one time.
    pub ibs: Option<f64>,
    /// Brier score of giving everybody the Kaplan–Meier estimate of these rows.
    pub null_brier: Vec<f64>,
    /// The same, averaged.
    pub null_ibs: Option<f64>,
    /// 1 − Brier / null Brier at each time; 0 is no better than the null, 1 perfect, `None` where the null has no error.
    pub scaled: Vec<Option<f64>>,
    /// The same of the averages.
    pub scaled_ibs: Option<f64>,
    /// How the scores were made.
    pub method: &'static str,
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// Returns the Brier scores of predicted survival probabilities at one or more times, censoring estimated on the same
/// rows.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Stats`] without events and for a time past the
/// follow-up.
///
/// # Source
/// [`brier_curve`]; Graf et al. 1999; scikit-survival `brier_score`, `integrated_brier_score`.
pub fn brier(request: &BrierRequest) -> Result<BrierResult, Error> {
    let table = Table::read(&request.data)?;
    let names: Vec<String> = request.survival.iter().map(|column| column.column.clone()).collect();
    let cells = scores(&table, &names, Rule::Probability)?;
    let rows = FollowUp::read(&table, &request.follow_up, &presences(&cells))?;
    let data = &rows.survival;
    data.require_events()?;
    let columns: Vec<Vec<f64>> = cells.iter().map(|cells| rows.complete.pick(cells)).collect();
    let times: Vec<f64> = request.survival.iter().map(|column| column.time).collect();
    let n = data.n_samples();
    let values = (0..n).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    let curves = SurvivalCurves::new(times.clone(), n, values)?;
    // Past the follow-up of everybody who is still without the event, this curve is what refuses the time.
    let null_curve = KaplanMeier::fit(data, &crate::stats::CurveOptions::default())?;
    let at = |&time: &f64| null_curve.at(time).map(|point| point.survival);
    let null_row: Vec<f64> = times.iter().map(at).collect::<Result<_, _>>()?;
    let censoring = CensorSurvival::fit(data);
    let found = brier_curve(&censoring, data, &curves)?;
    let null = SurvivalCurves::new(times.clone(), n, null_row.repeat(n))?;
    let several = times.len() > 1;
    let scaled =
        columns.iter().zip(&times).map(|(survival, &time)| scaled_brier(&censoring, data, survival, data, time).ok());
    Ok(BrierResult {
        scaled: scaled.collect(),
        ibs: several.then(|| ibs(&censoring, data, &curves)).transpose()?,
        null_brier: brier_curve(&censoring, data, &null)?,
        null_ibs: several.then(|| ibs(&censoring, data, &null)).transpose()?,
        scaled_ibs: several.then(|| scaled_ibs(&censoring, data, &curves, data).ok()).flatten(),
        brier: found,
        times,
        method: "weighted by inverse probability of censoring estimated on the same rows",
        n,
        n_events: data.n_events(),
        rows: rows.complete.count,
    })
}
