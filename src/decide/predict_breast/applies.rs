use serde::Serialize;

use super::inputs::{Detection, PredictInputs};
use crate::decide::ClinicalRecord;

/// Percentage of Ki-67 positive nuclei above which the tool calls a tumour Ki-67 positive.
const KI67_LIMIT_PCT: f64 = 10.0;
/// Ages that the web tool accepts, years.
const AGES: (f64, f64) = (25.0, 85.0);

/// An input that the record does not give, and what PREDICT takes instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assumed {
    /// The input.
    pub input: &'static str,
    /// What is taken.
    pub value: &'static str,
}

/// PREDICT's inputs from a record: usable, usable outside its population, or not at all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FromRecord {
    /// The inputs; `None` when one that PREDICT cannot do without is missing.
    pub inputs: Option<PredictInputs>,
    /// Why there are no inputs, or why its population does not include her: with any of these its numbers are no answer.
    pub outside: Vec<String>,
    /// What was taken for inputs that the record does not give.
    pub assumed: Vec<Assumed>,
}

impl PredictInputs {
    /// Reads PREDICT's inputs from a record and says for whom it was not made.
    #[must_use]
    pub fn of_record(record: &ClinicalRecord) -> FromRecord {
        let mut outside: Vec<String> = exclusions(record).into_iter().map(str::to_owned).collect();
        let mut assumed = Vec::new();
        let mut assume = |missing: bool, input, value| {
            if missing {
                assumed.push(Assumed { input, value });
            }
        };
        assume(record.screen_detected.is_none(), "detection", "unknown (0.204 of screening)");
        assume(record.grade.is_none(), "grade", "unknown (2.13)");
        assume(record.her2_positive().is_none(), "HER2", "unknown (contributes nothing)");
        assume(record.ki67_pct.is_none(), "Ki-67", "unknown (contributes nothing)");
        assume(pr_positive(record).is_none(), "PR", "unknown (contributes nothing)");
        assume(record.current_smoker.is_none(), "smoking", "not a current smoker");
        assume(record.heart_dose_gy.is_none(), "heart dose", "0 Gy: no harm of radiotherapy is counted");
        let mut needed = |name: &str, value: Option<f64>, allowed: fn(f64) -> bool, expected: &str| match value {
            Some(value) if allowed(value) => Some(value),
            Some(value) => {
                outside.push(format!("{name}: expected {expected}, found {value}"));
                None
            }
            None => {
                outside.push(format!("{name} is not recorded"));
                None
            }
        };
        let age = needed("age", record.age_years, |age| age > 24.0, "above 24 years");
        let size = needed("tumour size", record.tumour_size_mm, |mm| mm > 0.0 && mm <= 500.0, "above 0 to 500 mm");
        let none_involved = (record.nodes_involved() == Some(false)).then_some(0.0);
        let nodes = needed(
            "positive nodes",
            record.nodes_positive.or(none_involved),
            |n| (0.0..=100.0).contains(&n),
            "0 to 100",
        );
        if record.er_positive().is_none() {
            outside.push("oestrogen receptor is unknown or unclear".to_owned());
        }
        let inputs = age.zip(size).zip(nodes).zip(record.er_positive()).map(|(((age, size), nodes), er)| Self {
            age_years: age,
            detection: match record.screen_detected {
                Some(true) => Detection::Screening,
                Some(false) => Detection::Symptoms,
                None => Detection::Unknown,
            },
            tumour_size_mm: size,
            grade: record.grade,
            nodes_positive: nodes,
            er_positive: er,
            her2_positive: record.her2_positive(),
            ki67_positive: record.ki67_pct.map(|pct| pct > KI67_LIMIT_PCT),
            pr_positive: pr_positive(record),
            current_smoker: record.current_smoker.unwrap_or(false),
            heart_dose_gy: record.heart_dose_gy.unwrap_or(0.0),
        });
        FromRecord { inputs, outside, assumed }
    }
}

fn pr_positive(record: &ClinicalRecord) -> Option<bool> {
    use crate::decide::Receptor;
    match record.pr? {
        Receptor::Positive | Receptor::LowPositive => Some(true),
        Receptor::Negative => Some(false),
        Receptor::Equivocal => None,
    }
}

fn exclusions(record: &ClinicalRecord) -> Vec<&'static str> {
    let young = record.age_years.is_some_and(|age| age < AGES.0);
    let old = record.age_years.is_some_and(|age| age > AGES.1);
    [
        (record.male == Some(true), "PREDICT was made for women"),
        (young || old, "age is outside 25 to 85 years"),
        (record.bilateral == Some(true), "cancer in both breasts"),
        (record.distant_metastasis() == Some(true), "metastatic disease"),
        (record.stage_group == Some(0), "carcinoma in situ"),
        (record.recurrent == Some(true), "recurrent disease"),
        (record.pregnant == Some(true), "pregnancy"),
        (
            record.treated_before_surgery() == Some(true),
            "treatment before surgery: PREDICT expects the size and nodes of untreated disease",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect()
}
