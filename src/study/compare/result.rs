use serde::{Deserialize, Serialize};

use super::super::evaluation::{Calibration, Subgroup};
use crate::terms::Estimate;

/// How several models of a survival endpoint did on patients that they had not seen.
///
/// Figures are means over the test folds of all repeats; intervals are 95 % percentile bootstrap intervals over patients,
/// each resample carrying all repeats and all models. They hold the sampling error of the patients judged, not that of the
/// training patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalComparison {
    /// Name of the comparison.
    pub name: String,
    /// The endpoint in words.
    pub definition: String,
    /// How it was measured.
    pub method: String,
    /// SHA-256 of the specification.
    pub spec_sha256: String,
    /// SHA-256 of the table.
    pub data_sha256: String,
    /// SHA-256 of the file of given folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds_sha256: Option<String>,
    /// regimen's version.
    pub crate_version: String,
    /// Seed.
    pub seed: u64,
    /// Patients.
    pub n: usize,
    /// Observed events.
    pub n_events: usize,
    /// Rows left out because a model was trained on them: none in a cross-validation.
    pub excluded_training_rows: usize,
    /// Rows left out because time, event or a required flag is missing.
    pub excluded_unusable_rows: usize,
    /// Evaluation grid: 20 times from the 10th to the 80th percentile of the event times.
    pub grid: Vec<f64>,
    /// Time at which calibration is judged.
    pub horizon: f64,
    /// Harrell's index of the first model; higher is better.
    pub c_index: Estimate,
    /// Uno's index of the first model, truncated at the end of the grid.
    pub c_index_ipcw: Estimate,
    /// Mean cumulative/dynamic AUC of the first model.
    pub auc_t: Estimate,
    /// Integrated Brier score of the first model; lower is better.
    pub ibs: Estimate,
    /// Calibration of the first model.
    pub calibration: Option<SurvivalCalibrationSummary>,
    /// All models.
    pub models: Vec<SurvivalModelResult>,
    /// The first model less every other, on the same resamples.
    pub differences: Vec<SurvivalDifference>,
    /// Every patient: outcome and the first model's risk score, the mean over repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_patient: Vec<PatientRisk>,
}

/// Calibration of predicted survival at the horizon; figures are means over repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalCalibrationSummary {
    /// Observed (Kaplan–Meier) over mean predicted risk; 1 is ideal.
    pub observed_expected: Estimate,
    /// Slope of the Cox regression on the complementary log-log of predicted risk; 1 is ideal, below 1 too extreme.
    pub slope: Estimate,
    /// Integrated calibration index: mean absolute difference of predicted and smoothed observed risk; 0 is ideal.
    pub ici: Estimate,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalModelResult {
    /// Name.
    pub name: String,
    /// Family, or `external` for predictions made by other software.
    pub family: String,
    /// Feature groups; empty for all.
    pub features: Vec<String>,
    /// Harrell's index.
    pub c_index: Estimate,
    /// Uno's index.
    pub c_index_ipcw: Estimate,
    /// Mean cumulative/dynamic AUC.
    pub auc_t: Estimate,
    /// Integrated Brier score.
    pub ibs: Estimate,
    /// Every test fold.
    pub folds: Vec<FoldResult>,
}

/// One model on one test fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Repeat, from 0.
    pub repeat: usize,
    /// Fold, from 0.
    pub fold: usize,
    /// Centre held out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub held_out: String,
    /// Harrell's index.
    pub c_index: f64,
    /// Integrated Brier score.
    pub ibs: f64,
    /// Settings chosen inside the training fold, or weights of a stack.
    pub chosen: String,
}

/// The first model less another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalDifference {
    /// The other model.
    pub against: String,
    /// Difference of Harrell's index; above 0 the first is better.
    pub c_index: Estimate,
    /// Difference of the integrated Brier score; below 0 the first is better.
    pub ibs: Estimate,
}

/// One patient's outcome and risk score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientRisk {
    /// Id as in the table.
    pub patient_id: String,
    /// Time.
    pub event_time: f64,
    /// Whether the event was observed.
    pub event: bool,
    /// Higher means earlier; the mean rank within the test folds, in \[0, 1\], over repeats.
    pub risk_score: f64,
}

/// How several models of a binary outcome did on patients that they had not seen.
///
/// Figures are means over the repeats of figures pooled over folds; intervals as in [`SurvivalComparison`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryComparison {
    /// Name of the comparison.
    pub name: String,
    /// The outcome in words.
    pub definition: String,
    /// SHA-256 of the file of given folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds_sha256: Option<String>,
    /// regimen's version.
    pub crate_version: String,
    /// Seed.
    pub seed: u64,
    /// The first model's evaluation, with method, hashes and every patient's probability.
    #[serde(flatten)]
    pub first: super::super::BinaryEvaluation,
    /// All models.
    pub models: Vec<BinaryModelResult>,
    /// The first model less every other, on the same resamples.
    pub differences: Vec<BinaryDifference>,
    /// Label sets of the first model at 90 %, by split conformal prediction within the test folds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_sets: Vec<LabelSetCoverage>,
}

/// One model of a binary outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryModelResult {
    /// Name.
    pub name: String,
    /// Family, or `external`.
    pub family: String,
    /// Feature groups; empty for all.
    pub features: Vec<String>,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// Average precision.
    pub auprc: Estimate,
    /// Brier score.
    pub brier: Estimate,
    /// Log loss.
    pub log_loss: Estimate,
    /// Calibration.
    pub calibration: Calibration,
    /// By receptor subtype.
    pub subgroups: Vec<Subgroup>,
    /// Settings chosen in each test fold, or weights of a stack.
    pub chosen: Vec<String>,
}

/// The first model less another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryDifference {
    /// The other model.
    pub against: String,
    /// Difference of AUC; above 0 the first is better.
    pub auc: Estimate,
    /// Difference of the Brier score; below 0 the first is better.
    pub brier: Estimate,
}

/// How often label sets held the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelSetCoverage {
    /// How the sets were calibrated: over all patients, or within the receptor subtype.
    pub calibration: String,
    /// Receptor subtype, or `all`.
    pub group: String,
    /// Patients judged.
    pub n: usize,
    /// Share of patients whose set held the outcome, with the exact 95 % interval; nominal 0.90.
    pub coverage: Estimate,
    /// Share of sets with both labels, which say nothing.
    pub both: f64,
    /// Share of sets with exactly one label.
    pub single: f64,
    /// Share of empty sets.
    pub empty: f64,
}
