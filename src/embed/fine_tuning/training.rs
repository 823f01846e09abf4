use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::imaging::prepare_ultrasound_at;
use crate::terms::PatientId;

use super::super::Error;
use super::super::augment::changed;
use super::super::convolution::Grid;
use super::super::early_stopping::{patients_aside, validation_auc};
use super::super::encoder::Encoder;
use super::super::fine_tuning_spec::Pooling;
use super::super::samples::Sample;
use super::super::spec::EncoderSpec;
use super::super::tflite;
use super::super::train::{Chooser, EpochReport, TrainedEncoder};
use super::backbone::Workspace;
use super::heads::Targets;
use super::network::{FineTuned, Shape, TOP, mean_over_pixels, normalised};
use super::optimiser::{Optimiser, Step, rate_at};
use super::targets::Balance;
use super::vectors::add;

/// Where a training finds its starting weights and keeps its state.
#[derive(Debug, Clone, Default)]
pub struct TrainingFiles {
    /// The data folder, which `fine_tuning.initial_weights` is relative to.
    pub data: Option<PathBuf>,
    /// A checkpoint, written after every epoch and continued from when it is there.
    pub checkpoint: Option<PathBuf>,
}

/// What one chunk of images needs and leaves: reused from batch to batch.
#[derive(Debug, Default)]
struct Scratch {
    space: Workspace,
    gradient: Vec<f32>,
}

/// Everything that one epoch hands to the next, and what stays the same.
pub(super) struct Run<'a> {
    spec: &'a EncoderSpec,
    groups: Vec<Vec<&'a Sample>>,
    validation: Vec<&'a Sample>,
    balance: Balance,
    shape: Shape,
    pub optimiser: Optimiser,
    scratch: Mutex<Vec<Scratch>>,
}

/// Fine-tunes a network on the samples given; see [`super::super::train_encoder_with`].
pub(in crate::embed) fn fine_tune(
    spec: &EncoderSpec,
    usable: &[&Sample],
    files: &TrainingFiles,
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<TrainedEncoder, Error> {
    let mut run = Run::new(spec, usable, files)?;
    let mut chooser = Chooser::new(&spec.training);
    for epoch in 1..=spec.training.epochs {
        let (loss, learning_rate) = run.epoch(epoch)?;
        let encoder = run.encoder()?;
        let area = if run.validation.is_empty() { None } else { Some(validation_auc(&encoder, &run.validation)?) };
        let report = chooser.judge(epoch, loss, learning_rate, area, encoder);
        if progress(&report).is_break() {
            return Err(Error::Interrupted { epoch });
        }
        if chooser.done() {
            break;
        }
    }
    chooser.finish(spec, usable)
}

impl<'a> Run<'a> {
    fn new(spec: &'a EncoderSpec, usable: &[&'a Sample], files: &TrainingFiles) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.training.seed);
        let aside: BTreeSet<PatientId> = if spec.training.validation_fraction > 0.0 {
            patients_aside(spec, usable, &mut rng)?
        } else {
            BTreeSet::new()
        };
        let (validation, fitting): (Vec<&Sample>, Vec<&Sample>) =
            usable.iter().partition(|sample| aside.contains(&sample.patient));
        let balance = Balance::new(spec, &fitting);
        let shape = Shape::new(spec);
        let mut parameters = shape.layout.draw(&mut rng);
        if let Some(path) = &spec.fine_tuning.initial_weights {
            let path = files.data.as_deref().unwrap_or(Path::new("")).join(path);
            let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
            let loaded =
                tflite::mobilenet_v2_tensors(&bytes).and_then(|tensors| shape.layout.load(&mut parameters, &tensors));
            loaded.map_err(|reason| Error::InitialWeights { path, reason })?;
        }
        for (task, moments) in shape.heads.auxiliary.iter().zip(balance.moments()) {
            if let Some(cells) = parameters.get_mut(task.moments.clone()) {
                cells.copy_from_slice(&moments);
            }
        }
        let groups = groups_of(spec, fitting);
        Ok(Self {
            spec,
            groups,
            validation,
            balance,
            shape,
            optimiser: Optimiser::new(parameters),
            scratch: Mutex::default(),
        })
    }

    /// One pass over the training images; returns the mean loss and the last learning rate.
    ///
    /// Every draw comes from the seed and the number of the epoch alone, so a run that starts here goes the same way as
    /// one that came here.
    fn epoch(&mut self, epoch: usize) -> Result<(f64, f64), Error> {
        let settings = &self.spec.training;
        let tuning = &self.spec.fine_tuning;
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        rng.set_stream(epoch as u64);
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.shuffle(&mut rng);
        let sizes: Vec<usize> = self.groups.iter().map(Vec::len).collect();
        let batches = packed(&order, &sizes, settings.batch_size);
        let (mut total, steps, mut rate) = (0.0, batches.len() as f64, 0.0);
        for (step, batch) in batches.iter().enumerate() {
            let place = (epoch - 1) as f64 + step as f64 / steps;
            rate = rate_at(settings.learning_rate, place, tuning.warm_up_epochs, settings.epochs as f64);
            let chunks: Vec<Vec<Vec<&Sample>>> = packed(batch, &sizes, tuning.chunk)
                .into_iter()
                .map(|chunk| chunk.into_iter().filter_map(|group| self.groups.get(group).cloned()).collect())
                .collect();
            let (loss, gradient) = self.gradient(&chunks, &mut rng)?;
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch, loss });
            }
            total += loss / steps;
            let step = Step {
                rate,
                backbone_rate: tuning.backbone_rate,
                weight_decay: settings.weight_decay,
                clip_norm: tuning.clip_norm,
                ema: tuning.ema,
            };
            self.optimiser.step(&self.shape.layout, &gradient, step);
        }
        Ok((total, rate))
    }

    /// Loss and gradient of one batch: chunks in any order on any thread, their gradients added in the order of chunks.
    fn gradient(&self, chunks: &[Vec<Vec<&Sample>>], rng: &mut ChaCha8Rng) -> Result<(f64, Vec<f32>), Error> {
        let targets = self.balance.targets(chunks);
        let seeds: Vec<u64> = chunks.iter().map(|_| rng.random()).collect();
        let work: Vec<_> = chunks.iter().zip(targets).zip(seeds).collect();
        let done: Vec<(f64, Scratch)> = work
            .into_par_iter()
            .map(|((chunk, targets), seed)| {
                let images: Vec<&Sample> = chunk.iter().flatten().copied().collect();
                let mut scratch = self.scratch.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default();
                let loss = self.chunk_gradient(&images, targets, seed, &mut scratch)?;
                Ok((loss, scratch))
            })
            .collect::<Result<_, Error>>()?;
        let mut gradient = vec![0.0; self.shape.layout.len()];
        let mut loss = 0.0;
        for (own, scratch) in done {
            loss += own;
            add(&mut gradient, &scratch.gradient);
            if let Ok(mut free) = self.scratch.lock() {
                free.push(scratch);
            }
        }
        Ok((loss, gradient))
    }

    fn chunk_gradient(
        &self,
        images: &[&Sample],
        mut targets: Targets,
        seed: u64,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let [channels, rows, columns] = self.spec.input_shape();
        let pixels: Vec<f32> = images.iter().flat_map(|sample| augmented(sample, self.spec, &mut rng)).collect();
        let dropout = self.spec.training.dropout;
        if dropout > 0.0 {
            let kept = (1.0 / (1.0 - dropout)) as f32;
            let count = images.len() * self.spec.fine_tuning.embedding_dim;
            targets.mask = (0..count).map(|_| if rng.random::<f64>() < dropout { 0.0 } else { kept }).collect();
        }
        let grid = Grid { images: images.len(), rows, columns, channels };
        let Scratch { space, gradient } = scratch;
        gradient.resize(self.shape.layout.len(), 0.0);
        let (parameters, shape) = (&self.optimiser.parameters, &self.shape);
        shape.backbone.forward(parameters, &normalised(pixels), grid, space);
        let (map, top) = shape.backbone.after(TOP, space);
        let features = mean_over_pixels(map, top);
        let weights: Vec<f64> = self.spec.auxiliary.iter().map(|task| task.weight).collect();
        let (loss, slopes) = shape.heads.loss(&shape.layout, parameters, features, &targets, &weights, gradient)?;
        // The mean over pixels hands each of them an equal share of the gradient.
        let pixels = top.rows * top.columns;
        let share = |slope: &[f32]| slope.iter().map(|s| s / pixels as f32).collect::<Vec<f32>>();
        let spread = slopes.chunks_exact(top.channels).flat_map(|slope| share(slope).repeat(pixels)).collect();
        shape.backbone.backward(parameters, space, [(TOP, spread)].into(), gradient);
        Ok(loss)
    }

    /// The encoder at the averaged weights.
    fn encoder(&self) -> Result<Encoder, Error> {
        let network = FineTuned::new(self.shape.clone(), self.optimiser.average.clone(), self.spec.fine_tuning.mirror)?;
        Encoder::fine_tuned(self.spec, network)
    }
}

/// The images that stay together: those of one patient with attention, each alone without.
fn groups_of<'a>(spec: &EncoderSpec, samples: Vec<&'a Sample>) -> Vec<Vec<&'a Sample>> {
    if spec.fine_tuning.pooling == Pooling::Mean {
        return samples.into_iter().map(|sample| vec![sample]).collect();
    }
    let mut by_patient: std::collections::BTreeMap<&PatientId, Vec<&Sample>> = std::collections::BTreeMap::new();
    for sample in samples {
        by_patient.entry(&sample.patient).or_default().push(sample);
    }
    by_patient.into_values().collect()
}

/// Groups packed in order until `size` images are reached; a last pack of fewer than half joins the one before.
fn packed(order: &[usize], sizes: &[usize], size: usize) -> Vec<Vec<usize>> {
    let of = |group: &usize| sizes.get(*group).copied().unwrap_or(0);
    let mut packs: Vec<Vec<usize>> = Vec::new();
    let mut held = size;
    for group in order {
        if held >= size {
            packs.push(Vec::new());
            held = 0;
        }
        held += of(group);
        if let Some(pack) = packs.last_mut() {
            pack.push(*group);
        }
    }
    if packs.len() > 1 && held * 2 < size {
        let rest = packs.pop().unwrap_or_default();
        if let Some(last) = packs.last_mut() {
            last.extend(rest);
        }
    }
    packs
}

/// A changed copy of a training image, cut anew around a moved lesion box where asked; in [0, 1], channels last.
fn augmented(sample: &Sample, spec: &EncoderSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    match &sample.whole {
        Some((image, lesion)) => {
            let moved = lesion.jittered(spec.augment.crop_jitter, &mut || rng.random::<f64>());
            let [_, side, _] = spec.input_shape();
            changed(&prepare_ultrasound_at(image, Some(moved), side, spec.input.margin), &spec.augment, rng)
        }
        None => changed(&sample.prepared, &spec.augment, rng),
    }
}
