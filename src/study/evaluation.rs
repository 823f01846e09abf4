use serde::{Deserialize, Serialize};

use super::Error;
use crate::decide::MIN_COMPARABLE;
use crate::stats::{self, bootstrap};
use crate::terms::{Estimate, Subtype};

/// How well probabilities of a binary outcome did on patients that the model had not seen.
///
/// With repeated cross-validation every figure is the mean over the repeats; intervals are 95 % percentile
/// bootstrap intervals over patients, each resample carrying all repeats of its patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryEvaluation {
    /// Model or specification.
    pub model: String,
    /// How it was measured.
    pub method: String,
    /// SHA-256 of the specification that was cross-validated; empty for the evaluation of a model.
    #[serde(default)]
    pub spec_sha256: String,
    /// SHA-256 of the table.
    #[serde(default)]
    pub data_sha256: String,
    /// Patients.
    pub n: usize,
    /// Patients with the outcome.
    pub n_events: usize,
    /// Rows left out because the model, or an encoder of it, was trained on them.
    pub excluded_training_rows: usize,
    /// Rows left out because the outcome is unknown or a required modality is missing.
    pub excluded_unusable_rows: usize,
    /// Area under the ROC curve; higher is better.
    pub auc: Estimate,
    /// Area under the precision–recall curve (average precision).
    pub auprc: Estimate,
    /// Brier score; lower is better.
    pub brier: Estimate,
    /// Log loss; lower is better.
    pub log_loss: Estimate,
    /// Calibration.
    pub calibration: Calibration,
    /// By receptor subtype.
    pub subgroups: Vec<Subgroup>,
    /// With feature groups blanked at prediction, as if not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<LadderStep>,
    /// By receptor subtype and option received, where at least 15 patients are: observed rate beside mean estimate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellCalibration>,
    /// Every patient; absent from stored cards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_patient: Vec<PatientResult>,
}

/// Calibration of probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Calibration in the large, logit scale; 0 is ideal.
    pub intercept: Estimate,
    /// Slope; 1 is ideal, below 1 means too extreme.
    pub slope: Estimate,
    /// Integrated calibration index; 0 is ideal.
    pub ici: Estimate,
}

/// One subgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// Name (`HR+/HER2-`).
    pub name: String,
    /// Patients.
    pub n: usize,
    /// Patients with the outcome.
    pub n_events: usize,
    /// AUC; absent where a resample often lacks one class.
    pub auc: Option<Estimate>,
    /// Brier score.
    pub brier: Option<Estimate>,
    /// Calibration slope.
    pub calibration_slope: Option<Estimate>,
}

/// Observed rate and mean out-of-fold estimate of the patients of one subtype who received one option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellCalibration {
    /// Receptor subtype.
    pub subtype: Subtype,
    /// Option id.
    pub option: String,
    /// Patients.
    pub n: usize,
    /// Observed rate with its 95 % Jeffreys interval.
    pub observed: Estimate,
    /// Mean estimate.
    pub mean_estimate: f64,
}

/// Performance with groups of inputs blanked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderStep {
    /// Groups that were blanked.
    pub without: Vec<String>,
    /// AUC.
    pub auc: Estimate,
    /// Brier score.
    pub brier: Estimate,
}

/// One patient's outcome and prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientResult {
    /// Canonical id.
    pub patient_id: String,
    /// 1 with the outcome, 0 without.
    pub y: u8,
    /// Probability under the option received; the mean over repeats.
    pub p: f64,
}

/// Probabilities of several repeats for the same patients: `repeats[r][patient]`.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub y: Vec<bool>,
    pub repeats: Vec<Vec<f64>>,
    pub subtypes: Vec<Option<Subtype>>,
    pub patient_ids: Vec<String>,
}

/// A figure of outcomes and probabilities.
type Figure = fn(&[bool], &[f64]) -> Result<f64, stats::Error>;

fn auc(y: &[bool], p: &[f64]) -> Result<f64, stats::Error> {
    stats::roc_auc_value(y, p)
}

fn slope(y: &[bool], p: &[f64]) -> Result<f64, stats::Error> {
    Ok(stats::calibration::calibration_slope(y, p)?.estimate)
}

fn intercept(y: &[bool], p: &[f64]) -> Result<f64, stats::Error> {
    Ok(stats::calibration::calibration_in_the_large(y, p)?.estimate)
}

impl Scored {
    /// The mean of a figure over the repeats on the given patients (repeats allowed), if defined in all.
    fn mean(&self, rows: &[usize], figure: Figure) -> Option<f64> {
        let y: Vec<bool> = rows.iter().filter_map(|&row| self.y.get(row).copied()).collect();
        let mut sum = 0.0;
        for p in &self.repeats {
            let p: Vec<f64> = rows.iter().filter_map(|&row| p.get(row).copied()).collect();
            sum += figure(&y, &p).ok()?;
        }
        Some(sum / self.repeats.len() as f64)
    }

    /// A figure on `rows` with its bootstrap interval over patients.
    pub(super) fn estimate(&self, rows: &[usize], figure: Figure, n_resamples: usize, seed: u64) -> Option<Estimate> {
        let estimate = self.mean(rows, figure)?;
        let (lower95, upper95) = bootstrap(rows.len(), n_resamples, seed, |drawn| {
            let drawn: Vec<usize> = drawn.iter().filter_map(|&at| rows.get(at).copied()).collect();
            self.mean(&drawn, figure)
        })?;
        Some(Estimate { estimate, lower95, upper95 })
    }

    pub(super) fn ladder_step(&self, without: Vec<String>, n_resamples: usize, seed: u64) -> Option<LadderStep> {
        let all: Vec<usize> = (0..self.y.len()).collect();
        Some(LadderStep {
            without,
            auc: self.estimate(&all, auc, n_resamples, seed)?,
            brier: self.estimate(&all, stats::brier, n_resamples, seed)?,
        })
    }

    /// Observed rate beside mean estimate per subtype and option with at least 15 patients.
    pub(super) fn cells(&self, options: &[Option<String>]) -> Result<Vec<CellCalibration>, Error> {
        let mut known: Vec<&String> = options.iter().flatten().collect();
        known.sort();
        known.dedup();
        let mut cells = Vec::new();
        for subtype in Subtype::ALL {
            for option in &known {
                let rows: Vec<usize> = (0..self.y.len())
                    .filter(|&row| self.subtypes.get(row) == Some(&Some(subtype)))
                    .filter(|&row| options.get(row).and_then(Option::as_ref) == Some(*option))
                    .collect();
                if rows.len() < MIN_COMPARABLE {
                    continue;
                }
                let n_events = rows.iter().filter(|&&row| self.y.get(row) == Some(&true)).count();
                let estimates = self.repeats.iter().flat_map(|p| rows.iter().filter_map(|&row| p.get(row)));
                cells.push(CellCalibration {
                    subtype,
                    option: (*option).clone(),
                    n: rows.len(),
                    observed: stats::beta_interval(n_events, rows.len())?,
                    mean_estimate: estimates.sum::<f64>() / (rows.len() * self.repeats.len()) as f64,
                });
            }
        }
        Ok(cells)
    }

    /// The full evaluation.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when a figure is undefined, as with too few patients or one outcome class.
    pub(super) fn evaluate(
        &self,
        model: &str,
        method: &str,
        excluded: (usize, usize),
        n_resamples: usize,
        seed: u64,
    ) -> Result<BinaryEvaluation, Error> {
        let all: Vec<usize> = (0..self.y.len()).collect();
        let n_events = self.y.iter().filter(|event| **event).count();
        let need = |what: &str, figure: Figure| {
            self.estimate(&all, figure, n_resamples, seed).ok_or_else(|| {
                Error::Unsupported(format!(
                    "{what} is not defined on {} patients of whom {n_events} have the outcome",
                    self.y.len()
                ))
            })
        };
        let subgroups = Subtype::ALL
            .into_iter()
            .map(|subtype| {
                let rows: Vec<usize> =
                    all.iter().copied().filter(|&row| self.subtypes.get(row) == Some(&Some(subtype))).collect();
                let figure = |figure: Figure| self.estimate(&rows, figure, n_resamples, seed);
                Subgroup {
                    name: subtype.as_str().to_owned(),
                    n: rows.len(),
                    n_events: rows.iter().filter(|&&row| self.y.get(row) == Some(&true)).count(),
                    auc: figure(auc),
                    brier: figure(stats::brier),
                    calibration_slope: figure(slope),
                }
            })
            .collect();
        let per_patient = self
            .patient_ids
            .iter()
            .enumerate()
            .map(|(row, id)| PatientResult {
                patient_id: id.clone(),
                y: u8::from(self.y.get(row) == Some(&true)),
                p: self.repeats.iter().filter_map(|p| p.get(row)).sum::<f64>() / self.repeats.len() as f64,
            })
            .collect();
        Ok(BinaryEvaluation {
            model: model.to_owned(),
            method: method.to_owned(),
            spec_sha256: String::new(),
            data_sha256: String::new(),
            n: self.y.len(),
            n_events,
            excluded_training_rows: excluded.0,
            excluded_unusable_rows: excluded.1,
            auc: need("the AUC", auc)?,
            auprc: need("the AUPRC", stats::auprc)?,
            brier: need("the Brier score", stats::brier)?,
            log_loss: need("the log loss", stats::log_loss)?,
            calibration: Calibration {
                intercept: need("the calibration intercept", intercept)?,
                slope: need("the calibration slope", slope)?,
                ici: need("the calibration index", stats::calibration::ici)?,
            },
            subgroups,
            ladder: Vec::new(),
            cells: Vec::new(),
            per_patient,
        })
    }
}

/// The paired difference of mean AUC, `a` minus `b`, on the same patients.
pub(super) fn auc_difference(a: &Scored, b: &Scored, n_resamples: usize, seed: u64) -> Option<Estimate> {
    if a.patient_ids != b.patient_ids {
        return None;
    }
    let all: Vec<usize> = (0..a.y.len()).collect();
    let difference = |rows: &[usize]| Some(a.mean(rows, auc)? - b.mean(rows, auc)?);
    let (lower95, upper95) = bootstrap(all.len(), n_resamples, seed, difference)?;
    Some(Estimate { estimate: difference(&all)?, lower95, upper95 })
}
