use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Error, Progress};
use crate::embed::{
    EncoderSpec, HeldOut, Sample, evaluate, held_out_per_patient, label_tables, load_samples, pool_mean, train_encoder,
    write_encoder,
};
use crate::stats::{self, bootstrap};
use crate::terms::{Estimate, PatientId};

/// Resamples of patients behind the intervals of an encoder's card.
const N_RESAMPLES: usize = 2000;

/// An encoder that is trained again for every outer fold of a cross-validation, without the fold's patients.
#[derive(Debug)]
pub struct EncoderRefit {
    spec: EncoderSpec,
    samples: Vec<Sample>,
    column: String,
}

impl EncoderRefit {
    /// Reads the specification and its images under `data`.
    ///
    /// # Errors
    /// [`Error::Embed`] for a broken specification or table.
    pub fn load(spec: &Path, data: &Path) -> Result<Self, Error> {
        let spec = EncoderSpec::read(spec)?;
        let samples = load_samples(&spec, data)?;
        Ok(Self { column: format!("{}_emb", spec.modality.as_str()), spec, samples })
    }

    /// The embedding column of the fused table that the encoder makes.
    pub(super) fn column(&self) -> &str {
        &self.column
    }

    /// Trains without `held_out` (neither for fitting nor for early stopping) and embeds every patient with images.
    pub(super) fn without(
        &self,
        held_out: &[&PatientId],
        _seed: u64,
        progress: &dyn Progress,
    ) -> Result<HashMap<PatientId, Vec<f32>>, Error> {
        let held_out: BTreeSet<&PatientId> = held_out.iter().copied().collect();
        let usable: Vec<Sample> =
            self.samples.iter().filter(|sample| !held_out.contains(&sample.patient)).cloned().collect();
        let trained = train_encoder(&self.spec, &usable, &mut |_| flow(progress))?;
        let mut images: BTreeMap<&PatientId, Vec<crate::imaging::Prepared>> = BTreeMap::new();
        for sample in &self.samples {
            images.entry(&sample.patient).or_default().push(sample.prepared.clone());
        }
        images
            .into_iter()
            .map(|(patient, images)| {
                let pooled = pool_mean(&trained.encoder.embed(&images)?)?;
                Ok((patient.clone(), pooled.to_vec()))
            })
            .collect()
    }
}

fn flow(progress: &dyn Progress) -> ControlFlow<()> {
    if progress.interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Trains an encoder from its specification, measures it on its held-out folds and writes a new version under `out`.
///
/// Returns the version's folder and the held-out figures: AUC of the positive class per image and per patient, with
/// 95 % percentile bootstrap intervals over patients.
///
/// # Errors
/// [`Error::Embed`] for a broken specification, table or image; [`Error::Interrupted`]. Nothing is half-written.
pub fn train_encoder_from(
    spec: &Path,
    data: &Path,
    out: &Path,
    progress: &dyn Progress,
) -> Result<(PathBuf, Value), Error> {
    let spec = EncoderSpec::read(spec)?;
    let samples = load_samples(&spec, data)?;
    let total = spec.training.epochs;
    let mut trained = train_encoder(&spec, &samples, &mut |epoch| {
        progress.step("epochs", epoch.epoch, total);
        flow(progress)
    })?;
    trained.inputs = label_tables(&spec, data)?;
    let patients = trained.training_patients.clone();
    let held_out = evaluate(&trained.encoder, &spec, &samples, &|patient| patients.contains(patient))?;
    let by_patient = held_out_per_patient(&held_out.rows);
    let figures = json!({
        "n": held_out.rows.len(),
        "n_events": held_out.rows.iter().filter(|row| row.label).count(),
        "n_patients": by_patient.len(),
        "excluded_training_rows": held_out.excluded_training_rows,
        "auc_image": auc(&held_out.rows, spec.training.seed),
        "auc_patient": auc(&by_patient, spec.training.seed),
        "method": format!("held-out folds of {}; 95 % percentile bootstrap over patients, {N_RESAMPLES} resamples", spec.dataset.table),
    });
    Ok((write_encoder(out, &trained, &figures)?, figures))
}

/// The AUC of held-out rows, resampling whole patients; `None` where it is not defined.
fn auc(rows: &[HeldOut], seed: u64) -> Option<Estimate> {
    let mut of_patient: BTreeMap<&PatientId, Vec<usize>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        of_patient.entry(&row.patient).or_default().push(at);
    }
    let clusters: Vec<Vec<usize>> = of_patient.into_values().collect();
    let figure = |drawn: &[usize]| {
        let chosen: Vec<&HeldOut> = drawn
            .iter()
            .filter_map(|&patient| clusters.get(patient))
            .flatten()
            .filter_map(|&at| rows.get(at))
            .collect();
        let y: Vec<bool> = chosen.iter().map(|row| row.label).collect();
        let score: Vec<f64> = chosen.iter().map(|row| row.score).collect();
        stats::roc_auc_value(&y, &score).ok()
    };
    let all: Vec<usize> = (0..clusters.len()).collect();
    let (lower95, upper95) = bootstrap(clusters.len(), N_RESAMPLES, seed, figure)?;
    Some(Estimate { estimate: figure(&all)?, lower95, upper95 })
}
