use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::imaging::{LesionBox, Raster, WholeFrame, largest_lesion, mask_box, prepare_whole};
use crate::terms::{Modality, PatientId};

use super::Error;
use super::artifact::{Record, write_version};
use super::fine_tuning::{Segmentation, SegmentationNetwork, TrainingFiles, fine_tune};
use super::fine_tuning_spec::Task;
use super::manifest::{EncoderManifest, WEIGHTS_FILE};
use super::samples::{InputFile, LesionMask, Sample, hex};
use super::spec::EncoderSpec;
use super::train::{EpochReport, training_samples};

/// The probability from which a pixel counts as lesion.
const LEVEL: f32 = 0.5;

/// A trained network that finds the lesion in a whole image.
#[derive(Debug, Clone)]
pub struct Localiser {
    model: String,
    modality: Modality,
    side: usize,
    weights_sha256: String,
    network: SegmentationNetwork,
}

/// Where a lesion lies in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The probability of lesion per pixel of the image.
    pub probability: Raster,
    /// The largest region of probability one half and more.
    pub region: LesionMask,
    /// The box around it; `None` when no pixel reaches one half.
    pub lesion: Option<LesionBox>,
}

impl Localiser {
    /// Loads a localiser from the bytes of its `manifest.json` and `weights.safetensors`, hash checked first.
    ///
    /// # Errors
    /// As [`super::Encoder::load`]; [`Error::Manifest`] for an encoder.
    pub fn load(manifest: &[u8], weights: &[u8]) -> Result<Self, Error> {
        let manifest = EncoderManifest::parse(manifest)?;
        let model = manifest.model();
        if manifest.spec.kind != Task::Segmentation {
            return Err(manifest.wrong("kind", "localiser", &manifest.kind));
        }
        let found = hex(&Sha256::digest(weights));
        let expected = manifest.files.get(WEIGHTS_FILE).cloned().unwrap_or_default();
        if expected != found {
            return Err(Error::WeightsHash { model, expected, found });
        }
        let network = SegmentationNetwork::read(&model, &manifest.spec, weights)?;
        let [_, side, _] = manifest.spec.input_shape();
        Ok(Self { model, modality: manifest.modality, side, weights_sha256: found, network })
    }

    /// A localiser straight from training.
    pub(super) fn from_network(spec: &EncoderSpec, network: SegmentationNetwork) -> Result<Self, Error> {
        let [_, side, _] = spec.input_shape();
        Ok(Self {
            model: format!("{}@candidate", spec.name),
            modality: spec.modality,
            side,
            weights_sha256: hex(&Sha256::digest(network.bytes()?)),
            network,
        })
    }

    /// `name@version`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What it searches.
    #[must_use]
    pub fn modality(&self) -> Modality {
        self.modality
    }

    /// SHA-256 of the weights file, hex.
    #[must_use]
    pub fn weights_sha256(&self) -> &str {
        &self.weights_sha256
    }

    /// The lesion in a whole image.
    ///
    /// # Errors
    /// [`Error::Candle`] when the tensor library refuses.
    pub fn locate(&self, image: &Raster) -> Result<Located, Error> {
        self.locate_prepared(&prepare_whole(image, self.side), image.rows, image.columns)
    }

    fn locate_prepared(
        &self,
        prepared: &crate::imaging::Prepared,
        rows: usize,
        columns: usize,
    ) -> Result<Located, Error> {
        let frame = WholeFrame { rows, columns, side: self.side };
        let probability = frame.restore(&self.network.probabilities(prepared)?);
        let mut inside = vec![false; rows * columns];
        let found = largest_lesion(&probability, LEVEL);
        for &at in found.iter().flat_map(|(_, region)| region) {
            if let Some(cell) = inside.get_mut(at) {
                *cell = true;
            }
        }
        let region = LesionMask { rows, columns, inside };
        Ok(Located { probability, region, lesion: found.map(|(lesion, _)| lesion) })
    }
}

/// A trained localiser and what its manifest must say about it.
#[derive(Debug, Clone)]
pub struct TrainedLocaliser {
    /// The specification it was trained from.
    pub spec: EncoderSpec,
    /// The localiser at its best epoch.
    pub localiser: Localiser,
    /// Every patient used for fitting or early stopping.
    pub training_patients: BTreeSet<PatientId>,
    /// Images used for fitting or early stopping.
    pub n_images: usize,
    /// The epoch whose weights were kept.
    pub best: EpochReport,
    /// Every epoch, in order.
    pub curves: Vec<EpochReport>,
    /// Files the training read; filled by the caller from [`super::label_tables`].
    pub inputs: Vec<InputFile>,
}

/// Trains a localiser on the masks of the samples outside the held-out folds, as [`super::train_encoder_with`] does.
///
/// # Errors
/// Those of [`super::train_encoder_with`]; [`Error::SpecValue`] for a specification that is no segmentation.
pub fn train_localiser(
    spec: &EncoderSpec,
    samples: &[Sample],
    files: &TrainingFiles,
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<TrainedLocaliser, Error> {
    if spec.kind != Task::Segmentation {
        return Err(spec.another_kind(Task::Segmentation));
    }
    let usable = training_samples(spec, samples)?;
    let course = fine_tune::<Segmentation>(spec, &usable, files, progress)?;
    Ok(TrainedLocaliser {
        spec: spec.clone(),
        localiser: Localiser::from_network(spec, SegmentationNetwork::new(spec, course.kept))?,
        training_patients: usable.iter().map(|sample| sample.patient.clone()).collect(),
        n_images: usable.len(),
        best: course.best,
        curves: course.curves,
        inputs: Vec::new(),
    })
}

/// Writes a localiser as [`super::write_encoder`] writes an encoder and returns the folder.
///
/// # Errors
/// [`Error::Io`], [`Error::Json`].
pub fn write_localiser(out_root: &Path, trained: &TrainedLocaliser, held_out: &Value) -> Result<PathBuf, Error> {
    write_version(
        out_root,
        &Record {
            spec: &trained.spec,
            weights: trained.localiser.network.bytes()?,
            training_patients: &trained.training_patients,
            n_images: trained.n_images,
            best: trained.best,
            curves: &trained.curves,
            inputs: &trained.inputs,
            typicality: None,
        },
        held_out,
    )
}

/// How well the lesion of one image was found by a localiser that never saw its patient.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatedHeldOut {
    /// Whose image it is.
    pub patient: PatientId,
    /// The class of the lesion, as a position in the classes of the specification.
    pub class: usize,
    /// Dice coefficient of the region found and the reader's mask, at the size of the image.
    pub dice: f64,
    /// Intersection over union of the two boxes; 0 when nothing was found.
    pub box_iou: f64,
    /// The box found.
    pub lesion: Option<LesionBox>,
}

/// Compares the regions found in the held-out folds with the masks; patients for whom `is_training` holds are left out.
/// The second value counts the images left out.
///
/// # Errors
/// [`Error::NothingHeldOut`] when no sample is left.
pub fn evaluate_localiser(
    localiser: &Localiser,
    spec: &EncoderSpec,
    samples: &[Sample],
    is_training: &dyn Fn(&PatientId) -> bool,
) -> Result<(Vec<LocatedHeldOut>, usize), Error> {
    let held_out: BTreeSet<u32> = spec.dataset.folds.held_out.iter().copied().collect();
    let inside = samples.iter().filter(|sample| sample.fold.is_some_and(|fold| held_out.contains(&fold)));
    let (seen, unseen): (Vec<&Sample>, Vec<&Sample>) = inside.partition(|sample| is_training(&sample.patient));
    if unseen.is_empty() {
        return Err(Error::NothingHeldOut { folds: held_out.into_iter().collect() });
    }
    Ok((compared(localiser, &unseen)?, seen.len()))
}

/// The mean Dice coefficient over samples with a mask.
pub(super) fn mean_dice(localiser: &Localiser, samples: &[&Sample]) -> Result<f64, Error> {
    let rows = compared(localiser, samples)?;
    Ok(rows.iter().map(|row| row.dice).sum::<f64>() / rows.len().max(1) as f64)
}

fn compared(localiser: &Localiser, samples: &[&Sample]) -> Result<Vec<LocatedHeldOut>, Error> {
    samples
        .par_iter()
        .filter_map(|sample| sample.mask.as_ref().map(|mask| (sample, mask)))
        .map(|(sample, mask)| {
            let found = localiser.locate_prepared(&sample.prepared, mask.rows, mask.columns)?;
            let box_iou = match (found.lesion, mask_box(&mask.raster())) {
                (Some(found), Some(truth)) => box_iou(found, truth),
                (None, None) => 1.0,
                _ => 0.0,
            };
            Ok(LocatedHeldOut {
                patient: sample.patient.clone(),
                class: sample.label,
                dice: dice(&found.region.inside, &mask.inside),
                box_iou,
                lesion: found.lesion,
            })
        })
        .collect()
}

/// Twice the pixels in both masks over the pixels of each; 1 for two empty masks.
fn dice(found: &[bool], truth: &[bool]) -> f64 {
    let both = found.iter().zip(truth).filter(|(a, b)| **a && **b).count();
    let each = found.iter().chain(truth).filter(|inside| **inside).count();
    if each == 0 { 1.0 } else { 2.0 * both as f64 / each as f64 }
}

/// Pixels in both boxes over pixels in either.
fn box_iou(a: LesionBox, b: LesionBox) -> f64 {
    let overlap = |start: usize, length: usize, other: usize, other_length: usize| {
        (start + length).min(other + other_length).saturating_sub(start.max(other))
    };
    let both = overlap(a.top, a.rows, b.top, b.rows) * overlap(a.left, a.columns, b.left, b.columns);
    let either = a.rows * a.columns + b.rows * b.columns - both;
    both as f64 / either.max(1) as f64
}
