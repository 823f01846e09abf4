use serde::{Deserialize, Serialize};

use super::evaluate::{HORIZONS, Predicted};
use super::rows::{BaselineRows, YEAR_DAYS};
use crate::decide::{ClinicalRecord, Error};
use crate::stats::{AalenJohansen, CompetingRisks, CurveOptions, normal};
use crate::terms::Estimate;

/// Predicted against observed risk of a group at a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupCalibration {
    /// Women.
    pub n_samples: usize,
    /// Events by the horizon.
    pub n_events: usize,
    /// Mean predicted risk.
    pub expected: f64,
    /// Observed risk: Aalen–Johansen for death from breast cancer, Kaplan–Meier for death.
    pub observed: f64,
    /// Observed / expected with its 95 % interval, from the standard error of the log of `observed`.
    pub observed_expected: Estimate,
}

/// The names of the groups of [`BaselineRows::groups`] to which a record belongs before any treatment: everyone, receptors,
/// nodes, grade and age; what is not recorded names no group.
#[must_use]
pub fn groups_before_treatment(record: &ClinicalRecord) -> Vec<String> {
    let er = record.er_positive().map(|positive| if positive { "ER-positive" } else { "ER-negative" });
    let her2 = (record.her2_positive() == Some(true)).then_some("HER2-positive");
    let nodes = record.nodes_positive.map(|nodes| match nodes {
        n if n < 0.5 => "no positive node",
        n if n < 4.0 => "1 to 3 positive nodes",
        _ => "4 positive nodes and more",
    });
    let age = record.age_years.map(|age| match age {
        a if a < 50.0 => "under 50 years",
        a if a < 70.0 => "50 to 69 years",
        _ => "70 years and more",
    });
    let named = [Some("all"), er, her2, nodes, age].into_iter().flatten().map(str::to_owned);
    named.chain(record.grade.map(|grade| format!("grade {grade}"))).collect()
}

impl BaselineRows {
    /// The groups in which predictions are compared with what was observed, by receptor, nodes, grade, age, treatment
    /// received and fifths of the mean predicted risk of death from breast cancer at 10 years; positions of the women.
    #[must_use]
    pub fn groups(&self, predictions: &[Predicted]) -> Vec<(String, Vec<usize>)> {
        let mut groups = Vec::new();
        let mut add = |name: &str, holds: &dyn Fn(&ClinicalRecord) -> bool| {
            let members = self.records.iter().enumerate().filter(|(_, record)| holds(record)).map(|(row, _)| row);
            groups.push((name.to_owned(), members.collect::<Vec<usize>>()));
        };
        let yes = |flag: Option<bool>| flag == Some(true);
        let positive = |record: &ClinicalRecord| yes(record.er_positive());
        let nodes = |record: &ClinicalRecord, low: f64, high: f64| {
            record.nodes_positive.is_some_and(|nodes| (low..=high).contains(&nodes))
        };
        let age = |record: &ClinicalRecord, low: f64, high: f64| {
            record.age_years.is_some_and(|age| (low..high).contains(&age))
        };
        add("all", &|_| true);
        add("ER-positive", &positive);
        add("ER-negative", &|record| !positive(record));
        add("HER2-positive", &|record| yes(record.her2_positive()));
        add("no positive node", &|record| nodes(record, 0.0, 0.0));
        add("1 to 3 positive nodes", &|record| nodes(record, 0.5, 3.0));
        add("4 positive nodes and more", &|record| nodes(record, 4.0, f64::INFINITY));
        for grade in 1..=3 {
            add(&format!("grade {grade}"), &|record| record.grade == Some(grade));
        }
        add("under 50 years", &|record| age(record, 0.0, 50.0));
        add("50 to 69 years", &|record| age(record, 50.0, 70.0));
        add("70 years and more", &|record| age(record, 70.0, f64::INFINITY));
        add("chemotherapy", &|record| yes(record.received.chemotherapy));
        add("no chemotherapy", &|record| !yes(record.received.chemotherapy));
        add("ER-positive, endocrine therapy", &|record| positive(record) && yes(record.received.endocrine));
        add("ER-positive, no endocrine therapy", &|record| positive(record) && !yes(record.received.endocrine));
        add("radiotherapy", &|record| yes(record.received.radiotherapy));
        add("no radiotherapy", &|record| !yes(record.received.radiotherapy));
        add("none of the three", &|record| {
            let received = &record.received;
            ![received.chemotherapy, received.endocrine, received.radiotherapy].into_iter().any(yes)
        });
        let risk =
            |row: usize| predictions.iter().filter_map(|p| p.breast_death.get(row)).map(|risk| risk[1]).sum::<f64>();
        let mut order: Vec<usize> = (0..self.n_samples()).collect();
        order.sort_by(|&a, &b| risk(a).total_cmp(&risk(b)));
        for fifth in 0..5 {
            let (from, to) = (fifth * order.len() / 5, (fifth + 1) * order.len() / 5);
            let members = order.get(from..to).unwrap_or_default().to_vec();
            groups.push((format!("risk fifth {}", fifth + 1), members));
        }
        groups
    }
}

/// Returns predicted against observed risk of the women at positions `members`, at horizon number `horizon`, for death
/// from breast cancer or (`any_death`) from any cause. Predictions are averaged over the repeats.
///
/// # Errors
/// [`Error::Stats`] for a group without rows, or without an event by the horizon.
pub fn group_calibration(
    rows: &BaselineRows,
    predictions: &[Predicted],
    members: &[usize],
    horizon: usize,
    any_death: bool,
) -> Result<GroupCalibration, Error> {
    let outcome = rows.outcome.select(members)?;
    let limit = HORIZONS.get(horizon).copied().unwrap_or(HORIZONS[2]) * YEAR_DAYS;
    let risk = |predicted: &Predicted| {
        let curve = if any_death { &predicted.death } else { &predicted.breast_death };
        members.iter().filter_map(|&row| curve.get(row)?.get(horizon)).sum::<f64>() / members.len() as f64
    };
    let expected = predictions.iter().map(risk).sum::<f64>() / predictions.len().max(1) as f64;
    let (observed, std_err) = observed_risk(&outcome, limit, any_death)?;
    let counts = |(&cause, &time): (&u32, &f64)| time <= limit && (cause == 1 || (any_death && cause > 0));
    let n_events = outcome.cause().iter().zip(outcome.event_time()).filter(|&pair| counts(pair)).count();
    if observed <= 0.0 || expected <= 0.0 {
        return Err(crate::stats::Error::NoEvents { n_samples: members.len() }.into());
    }
    let ratio = observed / expected;
    let width = (normal::Z95 * std_err / observed).exp();
    let observed_expected = Estimate { estimate: ratio, lower95: ratio / width, upper95: ratio * width };
    Ok(GroupCalibration { n_samples: members.len(), n_events, expected, observed, observed_expected })
}

/// Observed risk by `limit` days and its standard error.
fn observed_risk(outcome: &CompetingRisks, limit: f64, any_death: bool) -> Result<(f64, f64), Error> {
    let curves = AalenJohansen::fit(outcome, &CurveOptions::default())?;
    let Some(at) = curves.times.partition_point(|&time| time <= limit).checked_sub(1) else { return Ok((0.0, 0.0)) };
    let curve = if any_death { Some(&curves.event_free) } else { curves.incidence.first() };
    let read = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
    let (probability, std_err) = curve.map_or((0.0, 0.0), |curve| (read(&curve.probability), read(&curve.std_err)));
    Ok((if any_death { 1.0 - probability } else { probability }, std_err))
}
