use std::collections::{BTreeMap, BTreeSet};

use crate::terms::PatientId;

use super::samples::Sample;
use super::spec::EncoderSpec;
use super::{Encoder, Error};

/// One image that the encoder never saw, with what it says and what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// Whose image it is.
    pub patient: PatientId,
    /// True for the positive class of the specification.
    pub label: bool,
    /// Probability of the positive class: higher means more likely positive.
    pub score: f64,
    /// The true class, as a position in the classes of the specification.
    pub class: usize,
    /// Probability of every class.
    pub class_probabilities: Vec<f32>,
}

/// The held-out images and how many rows were left out because their patient had been trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// One entry per held-out image, in sample order.
    pub rows: Vec<HeldOut>,
    /// Images of a held-out fold whose patient was nevertheless used in training.
    pub excluded_training_rows: usize,
}

/// Scores the samples of the held-out folds; a patient for whom `is_training` holds is left out and counted.
///
/// Metrics are not computed here: `stats` turns labels and scores into areas and intervals.
///
/// # Errors
/// [`Error::NothingHeldOut`] when no sample is left; [`Error::Input`] for a sample of another shape.
pub fn evaluate(
    encoder: &Encoder,
    spec: &EncoderSpec,
    samples: &[Sample],
    is_training: &dyn Fn(&PatientId) -> bool,
) -> Result<Evaluation, Error> {
    let held_out: BTreeSet<u32> = spec.dataset.folds.held_out.iter().copied().collect();
    let inside = samples.iter().filter(|sample| sample.fold.is_some_and(|fold| held_out.contains(&fold)));
    let (seen, unseen): (Vec<&Sample>, Vec<&Sample>) = inside.partition(|sample| is_training(&sample.patient));
    if unseen.is_empty() {
        return Err(Error::NothingHeldOut { folds: held_out.into_iter().collect() });
    }
    let images: Vec<_> = unseen.iter().map(|sample| &sample.prepared).collect();
    let positive = spec.positive_class();
    let rows = unseen
        .iter()
        .zip(encoder.class_probabilities(&images)?)
        .map(|(sample, class_probabilities)| HeldOut {
            patient: sample.patient.clone(),
            label: sample.label == positive,
            score: f64::from(class_probabilities.get(positive).copied().unwrap_or(0.0)),
            class: sample.label,
            class_probabilities,
        })
        .collect();
    Ok(Evaluation { rows, excluded_training_rows: seen.len() })
}

/// One row per patient: the mean score of her images, positive when any of them is. In patient order.
#[must_use]
pub fn held_out_per_patient(rows: &[HeldOut]) -> Vec<HeldOut> {
    let mut grouped: BTreeMap<&PatientId, Vec<&HeldOut>> = BTreeMap::new();
    for row in rows {
        grouped.entry(&row.patient).or_default().push(row);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    grouped
        .into_iter()
        .map(|(patient, images)| {
            let classes = images.first().map_or(0, |image| image.class_probabilities.len());
            let probability = |k: usize| {
                let of_class = images.iter().filter_map(|image| image.class_probabilities.get(k));
                mean(&of_class.map(|&p| f64::from(p)).collect::<Vec<f64>>()) as f32
            };
            HeldOut {
                patient: patient.clone(),
                label: images.iter().any(|image| image.label),
                score: mean(&images.iter().map(|image| image.score).collect::<Vec<f64>>()),
                class: images.iter().map(|image| image.class).max().unwrap_or(0),
                class_probabilities: (0..classes).map(probability).collect(),
            }
        })
        .collect()
}
