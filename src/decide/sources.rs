//! Three columns for one option: regimen, PREDICT where it applies, and what the trial itself observed.
//!
//! An empty column says why, and numbers of the same quantity that disagree beyond their intervals raise a conflict.
//! Deliberately absent: a winner.

use serde::{Deserialize, Serialize};

use super::benefit::{Benefit, RefusalReason, Withheld};
use super::options::{Class, Endpoint, PcrDefinition, RateOf, TreatmentOption, Truth};
use super::record::ClinicalRecord;
use crate::stats::normal::Z95;
use crate::terms::Estimate;

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The model of regimen.
    Regimen,
    /// PREDICT Breast.
    Predict,
    /// The trial of the option.
    Trial,
}

/// What a number measures; only equal quantities are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Endpoint.
    pub endpoint: Endpoint,
    /// Definition of response, where that is the endpoint.
    pub pcr_definition: Option<PcrDefinition>,
    /// Years; `None` for response.
    pub at_years: Option<f64>,
    /// The share with the event, or how much the option lowers it.
    pub as_difference: bool,
}

/// A number of one source, as a share of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What it measures.
    pub measured: Measured,
    /// The number; both ends equal the estimate where no interval is published.
    pub value: Estimate,
    /// False where the source gives no interval.
    pub has_interval: bool,
    /// Standard error, where known.
    pub std_error: Option<f64>,
    /// Who received it, or the model's name and version.
    pub from: String,
    /// False when recalled.
    pub verified: bool,
}

/// Why a column is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Empty {
    /// PREDICT knows no treatment of this class.
    PredictHasNoSuchTreatment,
    /// PREDICT is not for treatment before surgery.
    PredictIsAdjuvant,
    /// PREDICT was not, or could not be, computed.
    PredictNotComputed {
        /// Why.
        why: String,
    },
    /// The option's effect could not be applied.
    Refused {
        /// Why.
        reason: RefusalReason,
    },
    /// No number at this horizon.
    Withheld {
        /// Why.
        reason: Withheld,
    },
    /// The model does not apply to the patient.
    ModelDoesNotApply {
        /// Why.
        why: String,
    },
    /// The file holds no rate of the trial for this patient.
    NoTrialRate,
}

/// The three columns of one option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreeColumns {
    /// Option.
    pub option: String,
    /// Regimen.
    pub regimen: Column,
    /// PREDICT.
    pub predict: Column,
    /// Trial: rates of both groups and their difference, each in its own endpoint.
    pub trial: Column,
    /// Disagreements beyond the intervals.
    pub conflicts: Vec<Conflict>,
}

/// Numbers, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// One or more numbers.
    Numbers(Vec<Cell>),
    /// None.
    Empty(Empty),
}

/// Two sources that disagree about the same quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The quantity.
    pub measured: Measured,
    /// One source.
    pub first: Source,
    /// The other.
    pub second: Source,
    /// First less second.
    pub difference: f64,
    /// Which rule says so.
    pub rule: ConflictRule,
}

/// When numbers disagree, the first rule for which both sources give enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictRule {
    /// The 95 % interval of the difference excludes 0: |a − b| > 1.96 √(se_a² + se_b²), sources taken as independent
    /// (shared evidence would make the true interval narrower, so the flag is raised too seldom rather than too often).
    DifferenceExcludesZero,
    /// The two intervals do not overlap.
    IntervalsDoNotOverlap,
    /// One source has no interval and lies outside the other's.
    PointOutsideInterval,
}

/// The three columns of an option for a patient.
///
/// `regimen` and `predict` come from the callers' models ([`from_benefit`] for a benefit); the trial column is read from
/// the option's own file, rates of groups to which the patient is not known to belong left out.
#[must_use]
pub fn three_columns(
    option: &TreatmentOption,
    record: &ClinicalRecord,
    regimen: Column,
    predict: Column,
) -> ThreeColumns {
    let predict = predict_has(option.class).map_or(predict, Column::Empty);
    let cells = trial_cells(option, record);
    let trial = if cells.is_empty() { Column::Empty(Empty::NoTrialRate) } else { Column::Numbers(cells) };
    let pairs = [
        (Source::Regimen, &regimen, Source::Predict, &predict),
        (Source::Regimen, &regimen, Source::Trial, &trial),
        (Source::Predict, &predict, Source::Trial, &trial),
    ];
    let conflicts = pairs.iter().flat_map(|&(first, a, second, b)| {
        let pairs = a.cells().iter().flat_map(|x| b.cells().iter().map(move |y| (x, y)));
        pairs.filter_map(move |(x, y)| {
            // A trial's difference is that of its own patients, whose risk is not hers.
            if second == Source::Trial && x.measured.as_difference {
                return None;
            }
            let rule = disagreement(x, y)?;
            let difference = x.value.estimate - y.value.estimate;
            Some(Conflict { measured: x.measured, first, second, difference, rule })
        })
    });
    let conflicts = conflicts.collect();
    ThreeColumns { option: option.id.clone(), regimen, predict, trial, conflicts }
}

/// The rule by which two numbers of the same quantity disagree; `None` when they agree, differ in quantity, or when
/// neither has an interval.
#[must_use]
pub fn disagreement(a: &Cell, b: &Cell) -> Option<ConflictRule> {
    if a.measured != b.measured {
        return None;
    }
    let gap = (a.value.estimate - b.value.estimate).abs();
    let outside = |point: &Cell, interval: &Cell| {
        let value = point.value.estimate;
        value < interval.value.lower95 || value > interval.value.upper95
    };
    let (conflict, rule) = match (a.std_error, b.std_error, a.has_interval, b.has_interval) {
        (Some(x), Some(y), _, _) => (gap > Z95 * x.hypot(y), ConflictRule::DifferenceExcludesZero),
        (_, _, true, true) => (
            a.value.upper95 < b.value.lower95 || b.value.upper95 < a.value.lower95,
            ConflictRule::IntervalsDoNotOverlap,
        ),
        (_, _, true, false) => (outside(b, a), ConflictRule::PointOutsideInterval),
        (_, _, false, true) => (outside(a, b), ConflictRule::PointOutsideInterval),
        (_, _, false, false) => return None,
    };
    conflict.then_some(rule)
}

/// Deaths of any cause and of breast cancer that a benefit avoids at each of its horizons, or why there is no number at any.
#[must_use]
pub fn from_benefit(benefit: &Benefit, model: &str) -> Column {
    if let (true, Some(refusal)) = (benefit.options.is_empty(), benefit.left_out.first()) {
        return Column::Empty(Empty::Refused { reason: refusal.reason.clone() });
    }
    let verified = benefit.effects.iter().all(|effect| effect.verified);
    let shown = benefit.horizons.iter().filter_map(|horizon| Some((horizon.years, horizon.gain.as_ref()?)));
    let cells: Vec<Cell> = shown
        .flat_map(|(years, gain)| {
            let cell = |endpoint, value| Cell {
                measured: Measured { endpoint, pcr_definition: None, at_years: Some(years), as_difference: true },
                value,
                has_interval: true,
                std_error: None,
                from: model.to_owned(),
                verified,
            };
            [cell(Endpoint::Death, gain.survival_benefit), cell(Endpoint::BreastCancerDeath, gain.breast_death_avoided)]
        })
        .collect();
    if cells.is_empty() {
        let reason = benefit.horizons.iter().find_map(|horizon| horizon.withheld.clone());
        return Column::Empty(Empty::Withheld { reason: reason.unwrap_or(Withheld::NothingApplied) });
    }
    Column::Numbers(cells)
}

/// The probability of response (no invasive cancer in breast and nodes) by a model, as a column.
#[must_use]
pub fn from_response(estimate: Estimate, from: String) -> Column {
    Column::Numbers(vec![Cell {
        measured: Measured {
            endpoint: Endpoint::Pcr,
            pcr_definition: Some(PcrDefinition::BreastAndNodes),
            at_years: None,
            as_difference: false,
        },
        value: estimate,
        has_interval: true,
        std_error: None,
        from,
        verified: true,
    }])
}

/// Why PREDICT says nothing about a class; `None` for the classes that it knows.
#[must_use]
pub fn predict_has(class: Class) -> Option<Empty> {
    match class {
        Class::Surgery
        | Class::Radiotherapy
        | Class::Endocrine
        | Class::ExtendedEndocrine
        | Class::Chemotherapy
        | Class::AntiHer2
        | Class::Bisphosphonate => None,
        Class::Neoadjuvant => Some(Empty::PredictIsAdjuvant),
        _ => Some(Empty::PredictHasNoSuchTreatment),
    }
}

/// Rates with the option, and their difference from the comparator, as shares with the event.
fn trial_cells(option: &TreatmentOption, record: &ClinicalRecord) -> Vec<Cell> {
    let met = |rules: &[super::options::Condition]| rules.iter().all(|rule| rule.truth(record) == Truth::Met);
    let mut cells = Vec::new();
    for effect in option.effects.iter().filter(|effect| met(&effect.applies)) {
        for rate in effect.rates.iter().filter(|rate| met(&rate.applies)) {
            let share = |pct: f64| if rate.of == RateOf::Event { pct / 100.0 } else { 1.0 - pct / 100.0 };
            let cell = |as_difference, value: Estimate, has_interval| Cell {
                measured: Measured {
                    endpoint: effect.endpoint,
                    pcr_definition: effect.pcr_definition,
                    at_years: rate.at_years,
                    as_difference,
                },
                value,
                has_interval,
                std_error: None,
                from: match &rate.group {
                    Some(group) => format!("{}, {group}", effect.source),
                    None => effect.source.clone(),
                },
                verified: effect.verified,
            };
            let with = share(rate.with_pct);
            let ends = rate.with_lower95.zip(rate.with_upper95).map(|(low, high)| (share(low), share(high)));
            let (low, high) = ends.unwrap_or((with, with));
            let value = Estimate { estimate: with, lower95: low.min(high), upper95: low.max(high) };
            cells.push(cell(false, value, ends.is_some()));
            if let Some(without) = rate.without_pct {
                let lowered = share(without) - with;
                cells.push(cell(true, Estimate { estimate: lowered, lower95: lowered, upper95: lowered }, false));
            }
        }
    }
    cells
}

impl Column {
    /// Its numbers.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        match self {
            Self::Numbers(cells) => cells,
            Self::Empty(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::options::OptionSet;
    use crate::decide::{Her2, Receptor};

    fn cell(estimate: f64, half: f64, std_error: Option<f64>) -> Cell {
        let measured = Measured {
            endpoint: Endpoint::Pcr,
            pcr_definition: Some(PcrDefinition::BreastAndNodes),
            at_years: None,
            as_difference: false,
        };
        let value = Estimate { estimate, lower95: estimate - half, upper95: estimate + half };
        Cell { measured, value, has_interval: half > 0.0, std_error, from: "test".to_owned(), verified: true }
    }

    #[test]
    fn intervals_that_touch_agree_and_intervals_that_part_conflict() {
        assert_eq!(disagreement(&cell(0.25, 0.125, None), &cell(0.5, 0.125, None)), None);
        let apart = disagreement(&cell(0.25, 0.125, None), &cell(0.5625, 0.125, None));
        assert_eq!(apart, Some(ConflictRule::IntervalsDoNotOverlap));
        let point = disagreement(&cell(0.25, 0.125, None), &cell(0.4375, 0.0, None));
        assert_eq!(point, Some(ConflictRule::PointOutsideInterval));
        assert_eq!(disagreement(&cell(0.2, 0.0, None), &cell(0.9, 0.0, None)), None);
    }

    #[test]
    fn known_variances_judge_the_difference_itself() {
        // Pencil: se 0.03 and 0.04 give 0.05; 1.96 · 0.05 = 0.098. The intervals themselves would overlap.
        let a = cell(0.2, 0.0588, Some(0.03));
        assert_eq!(disagreement(&a, &cell(0.29, 0.0784, Some(0.04))), None);
        assert_eq!(disagreement(&a, &cell(0.30, 0.0784, Some(0.04))), Some(ConflictRule::DifferenceExcludesZero));
    }

    #[test]
    fn another_definition_of_response_is_another_quantity() {
        let mut breast = cell(0.9, 0.01, None);
        breast.measured.pcr_definition = Some(PcrDefinition::BreastOnly);
        assert_eq!(disagreement(&cell(0.2, 0.01, None), &breast), None);
    }

    #[test]
    fn an_empty_column_says_why_and_a_far_model_conflicts_with_the_trial() {
        let set = OptionSet::load("neoadjuvant").unwrap();
        let option = set.option("pertuzumab-trastuzumab-docetaxel").unwrap();
        let (er, pr) = (Some(Receptor::Negative), Some(Receptor::Negative));
        let record = ClinicalRecord { er, pr, her2: Some(Her2::Positive), ..ClinicalRecord::default() };
        let regimen = Column::Numbers(vec![cell(0.7, 0.1, None)]);
        let not_computed = Column::Empty(Empty::PredictNotComputed { why: "test".to_owned() });
        let columns = three_columns(option, &record, regimen, not_computed);
        assert_eq!(columns.predict, Column::Empty(Empty::PredictIsAdjuvant));
        // NeoSphere, breast and nodes: 39.3 %, outside 60 to 80 %; 45.8 and 63.2 % are of the breast alone.
        assert_eq!(columns.conflicts.len(), 1);
        assert!((columns.conflicts[0].difference - 0.307).abs() < 1e-12);
        assert!(columns.trial.cells().iter().any(|cell| cell.from.contains("HR-negative")));
        let veliparib = set.option("carboplatin-veliparib").unwrap();
        let empty = three_columns(veliparib, &record, Column::Numbers(vec![]), Column::Numbers(vec![]));
        assert_eq!(empty.trial, Column::Empty(Empty::NoTrialRate));
    }
}
