use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::imaging::Prepared;
use crate::terms::PatientId;

use super::samples::Sample;
use super::spec::EncoderSpec;
use super::{Encoder, Error};

/// The least patients of a class, with and without those kept aside for early stopping.
const MIN_PATIENTS: usize = 4;

/// The training patients kept aside for early stopping: the same fraction of every class, at least two each.
pub(super) fn patients_aside(
    spec: &EncoderSpec,
    samples: &[&Sample],
    rng: &mut ChaCha8Rng,
) -> Result<BTreeSet<PatientId>, Error> {
    let mut class_of: BTreeMap<&PatientId, usize> = BTreeMap::new();
    for sample in samples {
        let class = class_of.entry(&sample.patient).or_insert(sample.label);
        *class = (*class).max(sample.label);
    }
    let mut aside = BTreeSet::new();
    for (k, name) in spec.classes.iter().enumerate() {
        let mut patients: Vec<&PatientId> = class_of.iter().filter(|(_, c)| **c == k).map(|(p, _)| *p).collect();
        if patients.len() < MIN_PATIENTS {
            return Err(Error::TooFewPatients { class: name.clone(), expected: MIN_PATIENTS, found: patients.len() });
        }
        patients.shuffle(rng);
        let kept = ((patients.len() as f64 * spec.training.validation_fraction).round() as usize).max(2);
        aside.extend(patients.into_iter().take(kept).cloned());
    }
    Ok(aside)
}

/// Mean over the classes of the one-against-rest area under the ROC curve.
pub(super) fn validation_auc(encoder: &Encoder, samples: &[&Sample]) -> Result<f64, Error> {
    let images: Vec<&Prepared> = samples.iter().map(|sample| &sample.prepared).collect();
    let probabilities = encoder.class_probabilities(&images)?;
    let classes = encoder.classes().len();
    let areas: Vec<f64> = (0..classes)
        .filter_map(|k| {
            let scored = samples.iter().zip(&probabilities);
            rank_auc(scored.filter_map(|(sample, p)| Some((*p.get(k)?, sample.label == k))).collect())
        })
        .collect();
    Ok(if areas.is_empty() { 0.0 } else { areas.iter().sum::<f64>() / areas.len() as f64 })
}

/// The probability that a positive outscores a negative, ties counting one half; `None` without both. Only for choosing an
/// epoch: reported figures come from `stats`.
pub(super) fn rank_auc(mut scored: Vec<(f32, bool)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let hits = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let misses = tied.len() as f64 - hits;
        wins += hits * (below + misses / 2.0);
        below += misses;
    }
    (positives > 0.0 && negatives > 0.0).then(|| wins / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::spec::tests::blobs;
    use super::super::train::tests::disc_samples;
    use super::*;

    #[test]
    fn patients_kept_aside_never_lend_an_image_to_fitting() {
        let (spec, samples) = (blobs(), disc_samples(40, 3));
        let usable: Vec<&Sample> = samples.iter().collect();
        let aside = patients_aside(&spec, &usable, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        assert_eq!(aside.len(), 8);
        let bright = aside.iter().filter(|p| usable.iter().any(|s| s.patient == **p && s.label == 1)).count();
        assert_eq!(bright, 4);
    }

    #[test]
    fn ties_count_one_half_in_the_area() {
        let area = rank_auc(vec![(0.1, false), (0.4, true), (0.4, false), (0.9, true)]);
        assert_eq!(area, Some(0.875));
        assert_eq!(rank_auc(vec![(0.1, true)]), None);
    }
}
