//! What the decision engine says about one record, beside the response model: the data that every view renders.
//!
//! Lives here: the [`Decision`] and its parts, and [`DecisionEngine`], which makes it from options, published evidence, PREDICT
//! and the survival baseline. Deliberately absent: wording for people, and a ranking.

mod adjuvant;
mod engine;
mod predict;

use serde::{Deserialize, Serialize};

pub use engine::{DecisionEngine, Response};

use crate::decide::baseline::Input;
use crate::decide::benefit::Benefit;
pub use crate::decide::benefit::{Assumptions, Waning};
use crate::decide::branches::{Assumption, Branch, OneLineAnswer};
use crate::decide::chain::Chain;
use crate::decide::options::{Class, DecisionPoint, Effect, Eligibility, Harm, NearestArm, TimeZero};
use crate::decide::review::Finding;
use crate::decide::sources::ThreeColumns;
use crate::decide::{Applicability, ClinicalRecord, TestValue};
use crate::terms::Estimate;

/// Years for which absolute numbers are shown.
pub const HORIZONS: [f64; 3] = [5.0, 10.0, 15.0];

/// What each option would do, beside the probability of response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The record from which everything here was made.
    pub record: ClinicalRecord,
    /// Impossible and suspicious combinations; with a refusal among them there are no numbers.
    pub findings: Vec<Finding>,
    /// Whether one line may answer, or which receptors must be settled first.
    pub one_line_answer: OneLineAnswer,
    /// Choices behind every benefit.
    pub assumptions: Assumptions,
    /// Options before surgery; empty after surgery.
    pub neoadjuvant: Vec<NeoadjuvantOption>,
    /// Options after surgery: one entry for the record as it is, or one per state of an unclear receptor and of an unknown
    /// response.
    pub adjuvant: Vec<AdjuvantBranch>,
    /// From the probability of response to event-free survival; absent without such a probability.
    pub chain: Option<Chain>,
    /// What absent tests could change in the probability of response.
    pub missing_tests: Vec<TestValue>,
}

/// An option with its rules judged and its published numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedOption {
    /// Option id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Kind of treatment.
    pub class: Class,
    /// `approved`, `no_benefit`, `investigational`, `control` or `reference`.
    pub standing: String,
    /// Its place today, in one sentence.
    pub note: String,
    /// When the choice is made.
    pub decision: DecisionPoint,
    /// Whether it is open to her, rule by rule.
    pub eligibility: Eligibility,
    /// Source of the rules.
    pub eligible_source: Option<String>,
    /// Published effects.
    pub effects: Vec<Effect>,
    /// Published harms.
    pub harms: Vec<Harm>,
}

/// One option before surgery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeoadjuvantOption {
    /// The option with its rules and publications.
    #[serde(flatten)]
    pub listed: ListedOption,
    /// The arm of the response model's trial whose estimate stands in the column of regimen, with what differs from the
    /// option; `None` where no arm comes near.
    pub nearest_arm: Option<NearestArm>,
    /// Regimen and trial on the probability of response, with conflicts; PREDICT knows no response.
    pub sources: ThreeColumns,
}

/// Options after surgery under one set of assumed states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdjuvantBranch {
    /// States assumed for unclear receptors; empty when none is unclear.
    pub receptors: Vec<Assumption>,
    /// Response assumed at surgery.
    pub response: Branch,
    /// Survival after surgery alone by the model of regimen.
    pub survival: SurvivalOutlook,
    /// The same by PREDICT Breast.
    pub predict: PredictOutlook,
    /// Every option, in the order of its file.
    pub options: Vec<AdjuvantOption>,
}

/// Survival after surgery alone by the survival baseline, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalOutlook {
    /// `name@version`; `None` where no baseline is promoted.
    pub model: Option<String>,
    /// Whether it applies.
    pub applicability: Option<Applicability>,
    /// Why there are no numbers; `None` where there are.
    pub absent: Option<String>,
    /// In the years in which its patients were diagnosed: never today's prognosis.
    pub raw: Vec<OutlookAt>,
    /// Carried to the target year of the recalibration.
    pub recalibrated: Vec<OutlookAt>,
    /// Recalibrated, at every whole year from 0 to 15: the curve.
    #[serde(default)]
    pub curve: Vec<OutlookAt>,
    /// Patients on whom the model was fitted.
    #[serde(default)]
    pub n_training: Option<usize>,
    /// How the model did in the groups to which the patient belongs, held out, at ten years.
    #[serde(default)]
    pub validation: Vec<GroupObserved>,
    /// What the recalibration rests on.
    pub era: String,
    /// Inputs that were not recorded and were filled from their conditional distribution.
    pub imputed: Vec<Input>,
}

/// Deaths of any cause by ten years in one group of the model's own cohort, held out, in its years of diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupObserved {
    /// Group in words (`ER-positive`).
    pub group: String,
    /// Patients.
    pub n: usize,
    /// Deaths.
    pub n_events: usize,
    /// Mean predicted risk, 0 to 1.
    pub expected: f64,
    /// Observed risk, 0 to 1.
    pub observed: f64,
    /// Observed over expected: above 1, more died than predicted.
    pub observed_expected: Estimate,
}

/// What becomes of a patient by a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlookAt {
    /// Years since year 0.
    pub years: f64,
    /// Probability to be alive.
    pub alive: Estimate,
    /// Probability to have died of breast cancer.
    pub breast_death: Estimate,
    /// Probability to have died of another cause.
    pub other_death: Estimate,
}

/// PREDICT Breast for one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictOutlook {
    /// Why it gives no number, or why she is outside its population: with any of these its numbers are no answer.
    pub outside: Vec<String>,
    /// Inputs that are not recorded, and what it takes instead: (input, value).
    pub assumed: Vec<(String, String)>,
    /// One entry per version; empty where it cannot be computed.
    pub versions: Vec<PredictVersionOutlook>,
}

/// One version of PREDICT Breast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictVersionOutlook {
    /// `3.1` or `3.2`.
    pub version: String,
    /// True for the version with published external validation.
    pub validated: bool,
    /// After surgery alone; no interval is published, so that both ends equal the estimate.
    pub surgery_only: Vec<OutlookAt>,
    /// Exact parts of the log hazard of breast cancer death in year 10: (input, part).
    pub parts: Vec<(String, f64)>,
}

/// One option after surgery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdjuvantOption {
    /// The option with its rules and publications.
    #[serde(flatten)]
    pub listed: ListedOption,
    /// Options that both sides of the comparison receive, because it is given together with them.
    pub beside: Vec<String>,
    /// Year 0 of every number: diagnosis, or five years of endocrine therapy completed alive.
    pub clock: TimeZero,
    /// Absolute benefit on the survival baseline; `None` where she may not have it or there is no baseline.
    pub benefit: Option<Benefit>,
    /// Regimen, PREDICT and trial at 5, 10 and 15 years, with conflicts.
    pub sources: ThreeColumns,
}
