use std::path::PathBuf;

use serde::Serialize;

use super::discrimination::{presences, scores};
use super::follow_up::{FollowUp, FollowUpColumns};
use super::table::{Complete, RowCount, Rule, Table};
use crate::stats::Survival;
use crate::stats::decision_curve::{NetBenefit, decision_curve, decision_curve_t};
use crate::study::Error;

/// What treatment is meant to prevent.
#[derive(Debug, Clone, PartialEq)]
pub enum NetBenefitOutcome {
    /// A label: boolean, or 1 and 0.
    Label(String),
    /// The event by a time.
    FollowUp(FollowUpColumns, f64),
}

/// Which decision curves to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct NetBenefitRequest {
    /// Table.
    pub data: PathBuf,
    /// Outcome.
    pub outcome: NetBenefitOutcome,
    /// Columns of predicted probabilities of the event.
    pub risks: Vec<String>,
    /// Thresholds, in (0, 1).
    pub thresholds: Vec<f64>,
}

/// Decision curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetBenefitResult {
    /// One curve for each predicted probability.
    pub curves: Vec<DecisionCurve>,
    /// Time of the event, `None` for a label.
    pub time: Option<f64>,
    /// Rows used.
    pub n: usize,
    /// Events among them.
    pub n_events: usize,
    /// Rows used and left out.
    pub rows: RowCount,
}

/// The decision curve of one prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionCurve {
    /// Column of the prediction.
    pub risk: String,
    /// Net benefit at each threshold.
    pub points: Vec<NetBenefit>,
}

/// Returns the net benefit of treating by predicted probabilities at each threshold.
///
/// # Errors
/// Those of the columns as in [`kaplan_meier`](super::kaplan_meier()); [`Error::Stats`] for outcomes of one class, a bad threshold,
/// and a time past the follow-up of those treated.
///
/// # Source
/// [`decision_curve`], [`decision_curve_t`]; Vickers & Elkin 2006.
pub fn net_benefit(request: &NetBenefitRequest) -> Result<NetBenefitResult, Error> {
    let table = Table::read(&request.data)?;
    let cells = scores(&table, &request.risks, Rule::Probability)?;
    let (outcome, complete) = match &request.outcome {
        NetBenefitOutcome::Label(label) => {
            let label = table.flags(label)?;
            let mut used = presences(&cells);
            used.push(&label);
            let complete = Complete::of(&table, &used)?;
            (Outcome::Label(complete.pick(&label)), complete)
        }
        NetBenefitOutcome::FollowUp(columns, time) => {
            let rows = FollowUp::read(&table, columns, &presences(&cells))?;
            (Outcome::FollowUp(rows.survival, *time), rows.complete)
        }
    };
    let curve = |cells: &super::table::Cells<f64>| -> Result<DecisionCurve, Error> {
        let p = complete.pick(cells);
        let points = match &outcome {
            Outcome::Label(y) => decision_curve(y, &p, &request.thresholds, None)?,
            Outcome::FollowUp(data, time) => decision_curve_t(data, &p, *time, &request.thresholds)?,
        };
        Ok(DecisionCurve { risk: cells.name.clone(), points })
    };
    Ok(NetBenefitResult {
        curves: cells.iter().map(curve).collect::<Result<_, _>>()?,
        time: match &outcome {
            Outcome::Label(_) => None,
            Outcome::FollowUp(_, time) => Some(*time),
        },
        n: complete.count.used,
        n_events: match &outcome {
            Outcome::Label(y) => y.iter().filter(|&&event| event).count(),
            Outcome::FollowUp(data, _) => data.n_events(),
        },
        rows: complete.count,
    })
}

enum Outcome {
    Label(Vec<bool>),
    FollowUp(Survival, f64),
}
