use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::encoder_cv::{N_RESAMPLES, interval_figures, localiser_figures};
use super::{Error, Progress};
use crate::embed::{
    EncoderSpec, EpochReport, Evaluation, Sample, Task, TrainingFiles, evaluate, evaluate_localiser,
    held_out_per_patient, label_tables, load_samples, train_encoder_with, train_localiser, write_encoder,
    write_localiser,
};
use crate::terms::PatientId;

/// An encoder that is trained again for every outer fold of a cross-validation, without the fold's patients.
#[derive(Debug)]
pub struct EncoderRefit {
    spec: EncoderSpec,
    samples: Vec<Sample>,
    column: String,
    files: TrainingFiles,
}

impl EncoderRefit {
    /// Reads the specification and its images under `data`.
    ///
    /// # Errors
    /// [`Error::Embed`] for a broken specification or table.
    pub fn load(spec: &Path, data: &Path) -> Result<Self, Error> {
        let spec = EncoderSpec::read(spec)?;
        let samples = load_samples(&spec, data)?;
        let files = TrainingFiles { data: Some(data.to_owned()), checkpoint: None };
        Ok(Self { column: format!("{}_emb", spec.modality.as_str()), spec, samples, files })
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
        let trained = train_encoder_with(&self.spec, &usable, &self.files, &mut |_| flow(progress))?;
        let mut images: BTreeMap<&PatientId, Vec<crate::imaging::Prepared>> = BTreeMap::new();
        for sample in &self.samples {
            images.entry(&sample.patient).or_default().push(sample.prepared.clone());
        }
        images
            .into_iter()
            .map(|(patient, images)| {
                let pooled = trained.encoder.pool(&trained.encoder.embed(&images)?)?;
                Ok((patient.clone(), pooled.embedding))
            })
            .collect()
    }
}

fn flow(progress: &dyn Progress) -> ControlFlow<()> {
    if progress.interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Trains an encoder or, by a specification of kind `segmentation`, a localiser, and writes a new version under `out`.
///
/// Returns the version's folder and its figures: of the held-out folds, or those of `evaluation`, a cross-validation
/// that was run before (for a specification whose held-out folds are not at hand, so that all others can be used to
/// train). After every epoch the state is kept in `out/NAME/.training`, so that a stopped training goes on where it was.
///
/// # Errors
/// [`Error::Embed`] for a broken specification, table or image; [`Error::Interrupted`]. Nothing is half-written.
pub fn train_encoder_from(
    spec: &Path,
    data: &Path,
    out: &Path,
    evaluation: Option<&Path>,
    progress: &dyn Progress,
) -> Result<(PathBuf, Value), Error> {
    let spec = EncoderSpec::read(spec)?;
    let samples = load_samples(&spec, data)?;
    let figures = evaluation.map(read_figures).transpose()?;
    let parent = out.join(&spec.name);
    std::fs::create_dir_all(&parent).map_err(|source| Error::Write { path: parent.clone(), source })?;
    let checkpoint = parent.join(".training");
    let files = TrainingFiles { data: Some(data.to_owned()), checkpoint: Some(checkpoint.clone()) };
    let total = spec.training.epochs;
    let mut report = |epoch: &EpochReport| {
        progress.step("epochs", epoch.epoch, total);
        flow(progress)
    };
    let (folder, figures) = if spec.kind == Task::Segmentation {
        let mut trained = train_localiser(&spec, &samples, &files, &mut report)?;
        trained.inputs = label_tables(&spec, data)?;
        let figures = match figures {
            Some(figures) => figures,
            None => {
                let seen = |patient: &PatientId| trained.training_patients.contains(patient);
                let rows = evaluate_localiser(&trained.localiser, &spec, &samples, &seen)?.0;
                localiser_figures(&rows, spec.training.seed)
            }
        };
        (write_localiser(out, &trained, &figures)?, figures)
    } else {
        let mut trained = train_encoder_with(&spec, &samples, &files, &mut report)?;
        trained.inputs = label_tables(&spec, data)?;
        let figures = match figures {
            Some(figures) => figures,
            None => {
                let seen = |patient: &PatientId| trained.training_patients.contains(patient);
                held_out_figures(&spec, &evaluate(&trained.encoder, &spec, &samples, &seen)?)
            }
        };
        (write_encoder(out, &trained, &figures)?, figures)
    };
    // The state has served; a failure to remove it costs nothing but its space.
    let _ = std::fs::remove_file(&checkpoint);
    Ok((folder, figures))
}

fn held_out_figures(spec: &EncoderSpec, held_out: &Evaluation) -> Value {
    json!({
        "n": held_out.rows.len(),
        "n_events": held_out.rows.iter().filter(|row| row.label).count(),
        "n_patients": held_out_per_patient(&held_out.rows).len(),
        "excluded_training_rows": held_out.excluded_training_rows,
        "figures": interval_figures(spec, &held_out.rows),
        "method": format!(
            "held-out folds of {}; 95 % percentile bootstrap over patients, {N_RESAMPLES} resamples",
            spec.dataset.table
        ),
    })
}

/// The figures of a cross-validation that `encoder evaluate --cv --json` wrote.
fn read_figures(path: &Path) -> Result<Value, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let figures: Value = serde_json::from_str(&text).map_err(|e| {
        Error::Unsupported(format!("{}: expected the JSON of an evaluation, found {e}", path.display()))
    })?;
    if figures.get("figures").is_none() && figures.get("localiser").is_none() && figures.get("dice").is_none() {
        return Err(Error::Unsupported(format!(
            "{}: expected the figures of an evaluation, found none",
            path.display()
        )));
    }
    Ok(figures)
}
