//! What regimen says about one patient, before any wording: the result that every view renders.

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::input_age::InputAge;
use super::neighbours::Neighbours;
use super::what_if::Hypothetical;
use crate::decide::Verdict;
use crate::terms::{Estimate, Modality, Pseudonym, Subtype};

/// One patient's complete assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// True for a patient made by the simulator; every page then says SYNTHETIC.
    pub synthetic: bool,
    /// The name under which the patient is shown.
    pub pseudonym: Pseudonym,
    /// Cohort that the row comes from (`demo`, `ispy2`).
    pub cohort: String,
    /// Visit of the row (`baseline`).
    pub visit: String,
    /// Version of the regimen program.
    pub regimen_version: String,
    /// The models that spoke; the first is the one whose numbers lead.
    pub models: Vec<ModelIdentity>,
    /// Receptor subtype; `None` when HR or HER2 is unknown, and then there are no estimates.
    pub subtype: Option<Subtype>,
    /// Every model input with its value and where it came from.
    pub inputs: Vec<Input>,
    /// What became of each imaging modality.
    pub imaging: Vec<ImagingInput>,
    /// Whether the model applies to this patient at all.
    pub applicability: Applicability,
    /// One entry per treatment arm of the model, in the order of the options file.
    pub options: Vec<OptionEstimate>,
    /// What followed every option before surgery; empty for models without options.
    pub followed_by: String,
    /// Arm that the patient received, where the record says so (option id).
    pub received: Option<String>,
    /// Option id whose contributions are listed: the received arm, else the control of her subtype.
    pub explained_option: Option<String>,
    /// Contributions to the lead model's logit under `explained_option`, largest first.
    pub contributions: Vec<Contribution>,
    /// Logit of the model's mean prediction, from which contributions start.
    pub contribution_base: Option<f64>,
    /// Cross-validated performance of each model, overall and in this patient's subtype.
    pub performance: Vec<Performance>,
    /// Options after surgery, the chain to survival, missing tests: what the decision engine adds; absent where it was not
    /// asked.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// Past patients of the same cohort file who are most like her; for looking at, never an estimate.
    #[serde(default)]
    pub neighbours: Option<Neighbours>,
    /// How old inputs and images were at the decision: those with a date or a limit.
    #[serde(default)]
    pub ages: Vec<InputAge>,
    /// What was changed by hand; present exactly where this is a "what if" and not her record.
    #[serde(default)]
    pub hypothetical: Option<Hypothetical>,
    /// Sources of the evidence, as citations.
    pub sources: Vec<String>,
}

/// Which model, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Model name (`pcr-ispy2`).
    pub name: String,
    /// Zero-padded version (`0001`).
    pub version: String,
    /// SHA-256 of the manifest, hex.
    pub sha256: String,
    /// What it predicts, in words ("pathological complete response, ypT0/is ypN0").
    pub target: String,
    /// What it was trained on, in words, with the number of patients.
    pub trained_on: String,
    /// Number of training patients.
    pub n_training: usize,
    /// How intervals were made ("bootstrap of patients, 50 refits").
    pub interval_method: String,
    /// True when its features include an image embedding.
    pub uses_imaging: bool,
}

/// Where an input value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputState {
    /// Given and inside the range of the training data.
    Used,
    /// Given, outside the 1st to 99th percentile of the training data.
    OutOfRange,
    /// Not given; the model handles it as missing.
    Missing,
    /// Given but refused by the schema; handled as missing, with the reason.
    Refused,
}

/// One model input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Column name in the fused frame (`age_years`).
    pub column: String,
    /// Label for people ("Age at diagnosis").
    pub label: String,
    /// Feature group (`clinical`, `genomic`, `mri_measurement`, `imaging`).
    pub group: String,
    /// Value as display text with the level's label, if given.
    pub value: Option<String>,
    /// Unit (`years`, `mm³`), empty where there is none.
    pub unit: String,
    /// State of the input.
    pub state: InputState,
    /// Reason for `OutOfRange` or `Refused` ("expected 18 to 110 years, found -4").
    pub note: Option<String>,
    /// File from which the value came, relative to the data folder, without identifiers.
    pub source: String,
}

/// What became of one imaging modality of this patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagingInput {
    /// Which modality.
    pub modality: Modality,
    /// Number of images read.
    pub n_images: usize,
    /// Encoder name and version, when an embedding was made.
    pub encoder: Option<String>,
    /// Quality findings, empty when none.
    pub quality: Vec<String>,
    /// True when an embedding was made and the study passed the quality gate.
    pub available: bool,
    /// Why it is absent or not used by the lead model, in one sentence.
    pub note: String,
    /// How much each image counted in the embedding, the largest first; empty where all count alike.
    #[serde(default)]
    pub views: Vec<ViewWeight>,
    /// The image that counted most with the regions that moved its score, as a PNG data URI; without identifiers.
    #[serde(default)]
    pub picture: Option<String>,
}

/// How much one image of a study counted in its embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewWeight {
    /// The view in words (`left MLO`, `slice 12`).
    pub view: String,
    /// Its share of the pooled embedding, in [0, 1]; the shares of a study sum to 1.
    pub weight: f64,
}

/// Whether the model applies to this patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applicability {
    /// The verdict.
    pub verdict: Verdict,
    /// Every reason for a verdict other than `applies`, as sentences, the gravest first.
    pub reasons: Vec<String>,
    /// What changes nothing but should be known, as sentences.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Share of the training patients that lie nearer to the centre of the training data than she does, 0 to 1.
    pub distance_percentile: Option<f64>,
    /// Number of training patients of her receptor subtype.
    pub n_subtype: Option<usize>,
    /// Share of the model's inputs that are given, 0 to 1.
    pub completeness: f64,
}

/// One treatment arm for this patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionEstimate {
    /// Option id (`Pembro`).
    pub id: String,
    /// Label for people ("Pembrolizumab + paclitaxel, then AC").
    pub label: String,
    /// Agent under test, and the backbone to which it was added or in which it replaced a drug.
    pub agent: String,
    /// Backbone in words.
    pub backbone: String,
    /// `control`, `investigational` or `approved`, as of the options file.
    pub standing: String,
    /// One sentence about the arm's place today, with its limits.
    pub note: String,
    /// Probability of pCR under this arm with its 95 % interval; `None` when not supported.
    pub estimate: Option<Estimate>,
    /// The same from further models, by model name.
    pub other_models: Vec<(String, Estimate)>,
    /// Observed pCR rate in the open rows of her subtype and this arm; `None` below 15 patients.
    pub observed: Option<ObservedRate>,
    /// Training patients of her subtype who received this arm.
    pub n_comparable: usize,
    /// True when `n_comparable` is at least 15.
    pub supported: bool,
    /// Why there is no number, or what weakens it; empty when nothing.
    pub reason: String,
}

/// An observed rate with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedRate {
    /// Rate with a 95 % Jeffreys (Beta) interval.
    pub rate: Estimate,
    /// Patients.
    pub n: usize,
    /// Patients with pCR.
    pub n_events: usize,
}

/// What one input moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Column name.
    pub column: String,
    /// Label for people.
    pub label: String,
    /// Feature group.
    pub group: String,
    /// Value as display text, `not given` when missing.
    pub value: String,
    /// SHAP value on the logit scale; positive raises the probability of pCR.
    pub logit: f64,
}

/// Cross-validated performance of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Model name.
    pub model: String,
    /// Whom it was measured on ("all 880 open I-SPY2 patients", "HR+/HER2-").
    pub population: String,
    /// Patients.
    pub n: usize,
    /// Patients with pCR.
    pub n_events: usize,
    /// How it was measured ("5 × 5-fold cross-validation, split by patient").
    pub method: String,
    /// Area under the ROC curve, higher better.
    pub auc: Option<Estimate>,
    /// Brier score, lower better.
    pub brier: Option<Estimate>,
    /// Calibration slope, 1 is ideal.
    pub calibration_slope: Option<Estimate>,
}
