use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::imaging::Prepared;
use crate::terms::PatientId;

use super::early_stopping::rank_auc;
use super::fine_tuning_spec::{AuxiliaryKind, AuxiliarySpec};
use super::samples::Sample;
use super::spec::EncoderSpec;
use super::{Encoder, Error, Pooled};

/// A patient whom the encoder never saw, her images pooled: by attention where it was learned, by their mean otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct PatientHeldOut {
    /// Who she is.
    pub patient: PatientId,
    /// True for the positive class of the specification.
    pub label: bool,
    /// Probability of the positive class from her pooled embedding.
    pub score: f64,
    /// The true class, the highest of her images', as a position in the classes of the specification.
    pub class: usize,
    /// Probability of every class.
    pub class_probabilities: Vec<f32>,
    /// The share of each of her images in the answer, in sample order; together 1.
    pub shares: Vec<f64>,
    /// Truth and answer of every auxiliary task, in the order of the specification.
    pub auxiliary: Vec<AuxiliaryHeldOut>,
}

/// Truth and answer of one auxiliary task for one patient.
#[derive(Debug, Clone, PartialEq)]
pub struct AuxiliaryHeldOut {
    /// The class as a position in [`AuxiliarySpec::classes`], or the (transformed) number, the mean of her images';
    /// `None` where it is missing.
    pub truth: Option<f64>,
    /// Class probabilities, or one number.
    pub answer: Vec<f32>,
}

/// A figure of an auxiliary task over held-out patients with a known truth. Intervals come from `stats`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuxiliaryFigure {
    /// The task.
    pub name: String,
    /// Patients behind it.
    pub n: usize,
    /// `auc` of the last of two classes, `macro_auc` over more, `spearman` or `r2` of a number.
    pub measure: &'static str,
    /// Its value; `None` where it is not defined (one class only, no spread).
    pub value: Option<f64>,
}

/// Answers for the patients of the held-out folds, in patient order; one for whom `is_training` holds is left out. The
/// second value counts the images left out.
///
/// # Errors
/// [`Error::NothingHeldOut`] when no patient is left; [`Error::Input`] for a sample of another shape.
pub fn evaluate_patients(
    encoder: &Encoder,
    spec: &EncoderSpec,
    samples: &[Sample],
    is_training: &dyn Fn(&PatientId) -> bool,
) -> Result<(Vec<PatientHeldOut>, usize), Error> {
    let held_out: BTreeSet<u32> = spec.dataset.folds.held_out.iter().copied().collect();
    let mut patients: BTreeMap<&PatientId, Vec<&Sample>> = BTreeMap::new();
    let mut left_out = 0;
    for sample in samples.iter().filter(|sample| sample.fold.is_some_and(|fold| held_out.contains(&fold))) {
        if is_training(&sample.patient) {
            left_out += 1;
        } else {
            patients.entry(&sample.patient).or_default().push(sample);
        }
    }
    if patients.is_empty() {
        return Err(Error::NothingHeldOut { folds: held_out.into_iter().collect() });
    }
    let positive = spec.positive_class();
    let rows = patients.into_iter().map(|(patient, samples)| {
        let images: Vec<Prepared> = samples.iter().map(|sample| sample.prepared.clone()).collect();
        let Pooled { embedding: pooled, weights: shares } = encoder.pool(&encoder.embed(&images)?)?;
        let class_probabilities = encoder.classify(&pooled)?;
        let answers = encoder.auxiliary(&pooled)?.into_iter().enumerate();
        Ok(PatientHeldOut {
            patient: patient.clone(),
            label: samples.iter().any(|sample| sample.label == positive),
            score: f64::from(class_probabilities.get(positive).copied().unwrap_or(0.0)),
            class: samples.iter().map(|sample| sample.label).max().unwrap_or(0),
            class_probabilities,
            shares,
            auxiliary: answers.map(|(at, answer)| AuxiliaryHeldOut { truth: truth(&samples, at), answer }).collect(),
        })
    });
    Ok((rows.collect::<Result<_, Error>>()?, left_out))
}

/// The mean of the known values of a patient's images.
fn truth(samples: &[&Sample], at: usize) -> Option<f64> {
    let known: Vec<f64> = samples.iter().filter_map(|sample| sample.auxiliary.get(at).copied().flatten()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The figures of every auxiliary task over held-out patients.
#[must_use]
pub fn auxiliary_figures(spec: &EncoderSpec, rows: &[PatientHeldOut]) -> Vec<AuxiliaryFigure> {
    spec.auxiliary.iter().enumerate().flat_map(|(at, task)| figures_of(task, at, rows)).collect()
}

fn figures_of(task: &AuxiliarySpec, at: usize, rows: &[PatientHeldOut]) -> Vec<AuxiliaryFigure> {
    let known: Vec<(f64, &[f32])> = rows
        .iter()
        .filter_map(|row| row.auxiliary.get(at))
        .filter_map(|task| Some((task.truth?, task.answer.as_slice())))
        .collect();
    let figure = |measure, value| AuxiliaryFigure { name: task.name.clone(), n: known.len(), measure, value };
    match task.kind {
        AuxiliaryKind::Class => {
            let classes = task.outputs();
            let area = |k: usize| {
                let scored = known.iter().filter_map(|(truth, answer)| Some((*answer.get(k)?, *truth == k as f64)));
                rank_auc(scored.collect())
            };
            if classes == 2 {
                return vec![figure("auc", area(1))];
            }
            let areas: Option<Vec<f64>> = (0..classes).map(area).collect();
            vec![figure("macro_auc", areas.map(|areas| areas.iter().sum::<f64>() / classes as f64))]
        }
        AuxiliaryKind::Number => {
            let (truths, answers): (Vec<f64>, Vec<f64>) =
                known.iter().map(|(truth, answer)| (*truth, f64::from(answer.first().copied().unwrap_or(0.0)))).unzip();
            vec![
                figure("spearman", correlation(&ranks(&truths), &ranks(&answers))),
                figure("r2", explained(&truths, &answers)),
            ]
        }
    }
}

/// Ranks from 1, ties sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .map(|x| {
            let below = values.iter().filter(|y| *y < x).count() as f64;
            let tied = values.iter().filter(|y| *y == x).count() as f64;
            below + (tied + 1.0) / 2.0
        })
        .collect()
}

/// Pearson's correlation; `None` without spread.
fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mx, my) = (mean(x), mean(y));
    let product = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>();
    let spread = |values: &[f64], m: f64| values.iter().map(|v| (v - m).powi(2)).sum::<f64>().sqrt();
    let size = spread(x, mx) * spread(y, my);
    (size > 0.0).then(|| product / size)
}

/// The share of the truths' variance explained: 1 − Σ (truth − answer)² / Σ (truth − mean)²; `None` without spread.
fn explained(truths: &[f64], answers: &[f64]) -> Option<f64> {
    let mean = truths.iter().sum::<f64>() / truths.len().max(1) as f64;
    let total: f64 = truths.iter().map(|t| (t - mean).powi(2)).sum();
    let left: f64 = truths.iter().zip(answers).map(|(t, a)| (t - a).powi(2)).sum();
    (total > 0.0).then(|| 1.0 - left / total)
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::multitask;
    use super::*;

    fn row(shade: Option<f64>, shades: [f32; 3], radius: f64, answer: f32) -> PatientHeldOut {
        PatientHeldOut {
            patient: PatientId::new("blobs", "1").unwrap(),
            label: true,
            score: 0.5,
            class: 1,
            class_probabilities: vec![0.5, 0.5],
            shares: vec![1.0],
            auxiliary: vec![
                AuxiliaryHeldOut { truth: shade, answer: shades.to_vec() },
                AuxiliaryHeldOut { truth: Some(radius), answer: vec![answer] },
            ],
        }
    }

    #[test]
    fn figures_of_tasks_are_those_worked_by_hand_and_leave_missing_truths_out() {
        let rows = [
            row(Some(0.0), [0.8, 0.1, 0.1], 1.0, 1.0),
            row(Some(1.0), [0.1, 0.7, 0.2], 2.0, 3.0),
            row(Some(2.0), [0.3, 0.4, 0.3], 3.0, 2.0),
            row(None, [0.0, 0.0, 1.0], 4.0, 4.0),
        ];
        let found = auxiliary_figures(&multitask(), &rows);
        let by = |measure: &str| found.iter().find(|figure| figure.measure == measure).unwrap();
        // Areas by counting pairs: light 1, middle 1, strong 1.
        assert_eq!((by("macro_auc").n, by("macro_auc").value), (3, Some(1.0)));
        // Spearman: 1 − 6 × 2 / (4 × 15); R²: 1 − 2 / 5.
        assert!((by("spearman").value.unwrap() - 0.8).abs() < 1e-12 && by("spearman").n == 4);
        assert!((by("r2").value.unwrap() - 0.6).abs() < 1e-12);
        assert_eq!(ranks(&[2.0, 1.0, 2.0]), [2.5, 1.0, 2.5]);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
    }
}
