use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use candle_core::{Device, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::imaging::Prepared;
use crate::terms::PatientId;

use super::Error;
use super::augment::augmented;
use super::convolution::Grid;
use super::early_stopping::{patients_aside, validation_auc};
use super::encoder::{EMBEDDING_DIM, Encoder};
use super::fine_tuning::{Classification, FineTuned, TrainingFiles, fine_tune};
use super::fine_tuning_spec::{Architecture, Task};
use super::loss::weighted_cross_entropy;
use super::network::FoldedNetwork;
use super::samples::{InputFile, Sample};
use super::spec::{EncoderSpec, TrainingSpec};
use super::trainable::TrainableNetwork;
use super::typicality::Typicality;

/// Epochs over which the learning rate rises.
const WARM_UP: f64 = 2.0;

/// How one epoch went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss, augmentation and smoothing included.
    pub loss: f64,
    /// Learning rate of the new layers at the end of the epoch.
    pub learning_rate: f64,
    /// Over the inner validation images: mean one-against-rest area under the ROC curve, or mean Dice coefficient of a
    /// segmentation; `None` without any.
    pub validation: Option<f64>,
    /// Mean of `validation` over the last `smoothed_epochs` epochs of the specification; it chooses the epoch.
    pub smoothed: Option<f64>,
    /// True when these weights are the ones to keep so far: the best by `smoothed` once that many epochs are done, the
    /// last ones without validation.
    pub best: bool,
}

/// A trained encoder and what its manifest must say about it.
#[derive(Debug, Clone)]
pub struct TrainedEncoder {
    /// The specification it was trained from.
    pub spec: EncoderSpec,
    /// The encoder at its best epoch, ready to embed.
    pub encoder: Encoder,
    /// Every patient used for fitting or early stopping.
    pub training_patients: BTreeSet<PatientId>,
    /// Images used for fitting or early stopping.
    pub n_images: usize,
    /// Epochs run.
    pub epochs_run: usize,
    /// The epoch whose weights were kept.
    pub best: EpochReport,
    /// Files the training read; filled by the caller from [`super::label_tables`].
    pub inputs: Vec<InputFile>,
    /// Every epoch, in order.
    pub curves: Vec<EpochReport>,
}

/// Keeps the network of the best epoch.
pub(super) struct Chooser<'a, T> {
    settings: &'a TrainingSpec,
    pub curves: Vec<EpochReport>,
    pub best: Option<(EpochReport, T)>,
}

/// A finished training: the network of its best epoch, that epoch, and all of them.
pub(super) struct Course<T> {
    pub kept: T,
    pub best: EpochReport,
    pub curves: Vec<EpochReport>,
}

impl<'a, T> Chooser<'a, T> {
    pub fn new(settings: &'a TrainingSpec) -> Self {
        Self { settings, curves: Vec::new(), best: None }
    }

    /// Reports an epoch and keeps its network when it is the best so far.
    pub fn judge(
        &mut self,
        loss: f64,
        learning_rate: f64,
        validation: Option<f64>,
        network: impl FnOnce() -> T,
    ) -> EpochReport {
        let epoch = self.curves.len() + 1;
        let window = self.settings.smoothed_epochs.min(self.settings.epochs);
        let earlier = self.curves.iter().rev().filter_map(|report| report.validation);
        let recent: Vec<f64> = validation.into_iter().chain(earlier).take(window).collect();
        let smoothed = validation.map(|_| recent.iter().sum::<f64>() / recent.len() as f64);
        let before = self.best.as_ref().map(|(report, _)| report.smoothed);
        let best = validation.is_none() || (epoch >= window && before.is_none_or(|before| smoothed > before));
        let report = EpochReport { epoch, loss, learning_rate, validation, smoothed, best };
        if best {
            self.best = Some((report, network()));
        }
        self.curves.push(report);
        report
    }

    /// True when the last epochs brought nothing better.
    pub fn done(&self) -> bool {
        let last = self.curves.last().map_or(0, |report| report.epoch);
        self.best.as_ref().is_some_and(|(report, _)| last - report.epoch >= self.settings.patience)
    }

    /// The network of the best epoch.
    pub fn finish(self) -> Result<Course<T>, Error> {
        let (best, kept) = self.best.ok_or(Error::Interrupted { epoch: 0 })?;
        Ok(Course { kept, best, curves: self.curves })
    }
}

/// Trains an encoder on the samples outside the held-out folds, stopping early on training patients kept aside.
///
/// AdamW with decoupled decay on the kernels, a short linear rise and a cosine fall of the learning rate, class weights
/// n / (classes × n of the class), weights drawn and images changed by ChaCha8 from the seed. `progress` sees every epoch
/// and may stop the training. The same samples and seed give the same bytes on any number of threads.
///
/// # Errors
/// [`Error::TooFewPatients`] for a class with fewer than 4 training patients, [`Error::Input`] for an image of another
/// shape, [`Error::Diverged`] for a loss that is not finite, [`Error::Interrupted`] when `progress` breaks.
pub fn train_encoder(
    spec: &EncoderSpec,
    samples: &[Sample],
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<TrainedEncoder, Error> {
    train_encoder_with(spec, samples, &TrainingFiles::default(), progress)
}

/// Trains an encoder as [`train_encoder`] does, with starting weights and a checkpoint where the architecture knows them.
///
/// A `mobilenet-v2` is fine-tuned: its chunks of images run on every thread, their gradients are added in a fixed order.
///
/// # Errors
/// Those of [`train_encoder`]; [`Error::InitialWeights`] for another network's weights; [`Error::Io`].
pub fn train_encoder_with(
    spec: &EncoderSpec,
    samples: &[Sample],
    files: &TrainingFiles,
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<TrainedEncoder, Error> {
    if spec.kind != Task::Classification {
        return Err(spec.another_kind(Task::Classification));
    }
    let usable = training_samples(spec, samples)?;
    let course = match spec.architecture {
        Architecture::Residual64 => train_residual(spec, &usable, progress)?,
        Architecture::MobileNetV2 => {
            let tuned = fine_tune::<Classification>(spec, &usable, files, progress)?;
            let encoder = Encoder::fine_tuned(spec, FineTuned::new(spec, tuned.kept)?)?;
            Course { kept: encoder, best: tuned.best, curves: tuned.curves }
        }
    };
    let typicality = typicality_of(&course.kept, &usable)?;
    Ok(TrainedEncoder {
        spec: spec.clone(),
        encoder: course.kept.with_typicality(typicality),
        training_patients: usable.iter().map(|sample| sample.patient.clone()).collect(),
        n_images: usable.len(),
        epochs_run: course.curves.len(),
        best: course.best,
        inputs: Vec::new(),
        curves: course.curves,
    })
}

/// Where the pooled embeddings of the training patients lie.
fn typicality_of(encoder: &Encoder, samples: &[&Sample]) -> Result<Option<Typicality>, Error> {
    let mut of_patient: BTreeMap<&PatientId, Vec<Prepared>> = BTreeMap::new();
    for sample in samples {
        of_patient.entry(&sample.patient).or_default().push(sample.prepared.clone());
    }
    let pooled = of_patient.values().map(|images| Ok(encoder.pool(&encoder.embed(images)?)?.embedding));
    Ok(Typicality::of(&pooled.collect::<Result<Vec<_>, Error>>()?))
}

/// The samples outside the held-out folds, each of the shape of the specification.
pub(super) fn training_samples<'a>(spec: &EncoderSpec, samples: &'a [Sample]) -> Result<Vec<&'a Sample>, Error> {
    let held_out: BTreeSet<u32> = spec.dataset.folds.held_out.iter().copied().collect();
    let usable: Vec<&Sample> =
        samples.iter().filter(|sample| !sample.fold.is_some_and(|fold| held_out.contains(&fold))).collect();
    check_shapes(spec, &usable)?;
    Ok(usable)
}

fn train_residual(
    spec: &EncoderSpec,
    usable: &[&Sample],
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Course<Encoder>, Error> {
    // The products are small: handing their parts between threads costs more than it saves (eight times the wall time on
    // two busy cores), and a pool of one keeps candle's own products on one thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| Error::Threads(e.to_string()))?;
    let mut training = Training::new(spec, usable)?;
    let mut chooser = Chooser::new(&spec.training);
    for epoch in 1..=spec.training.epochs {
        let (loss, rate, encoder, area) = pool.install(|| training.epoch(epoch))?;
        let report = chooser.judge(loss, rate, area, || encoder);
        if progress(&report).is_break() {
            return Err(Error::Interrupted { epoch });
        }
        if chooser.done() {
            break;
        }
    }
    chooser.finish()
}

/// What one epoch hands to the next.
struct Training<'a> {
    spec: &'a EncoderSpec,
    fitting: Vec<&'a Sample>,
    validation: Vec<&'a Sample>,
    class_weights: Vec<f32>,
    network: TrainableNetwork,
    optimisers: [AdamW; 2],
    order: Vec<usize>,
    rng: ChaCha8Rng,
}

impl<'a> Training<'a> {
    fn new(spec: &'a EncoderSpec, usable: &[&'a Sample]) -> Result<Self, Error> {
        let settings = &spec.training;
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        let aside =
            if settings.validation_fraction > 0.0 { patients_aside(spec, usable, &mut rng)? } else { BTreeSet::new() };
        let (validation, fitting): (Vec<&Sample>, Vec<&Sample>) =
            usable.iter().partition(|sample| aside.contains(&sample.patient));
        let classes = spec.classes.len();
        let class_weights = (0..classes)
            .map(|k| fitting.len() as f32 / (classes * fitting.iter().filter(|s| s.label == k).count()) as f32)
            .collect();
        let [channels, _, _] = spec.input_shape();
        let network = TrainableNetwork::new(channels, EMBEDDING_DIM, classes, &mut rng)?;
        let optimiser = |vars, weight_decay| {
            AdamW::new(vars, ParamsAdamW { lr: settings.learning_rate, weight_decay, ..ParamsAdamW::default() })
        };
        let optimisers = [optimiser(network.decayed(), settings.weight_decay)?, optimiser(network.undecayed(), 0.0)?];
        let order = (0..fitting.len()).collect();
        Ok(Self { spec, fitting, validation, class_weights, network, optimisers, order, rng })
    }

    /// One pass over the fitting images; returns the mean loss, the last learning rate, the encoder after it and its
    /// validation area.
    fn epoch(&mut self, epoch: usize) -> Result<(f64, f64, Encoder, Option<f64>), Error> {
        let settings = &self.spec.training;
        self.order.shuffle(&mut self.rng);
        let batches = batches_of(&self.order, settings.batch_size);
        let (mut total, mut rate, steps) = (0.0, 0.0, batches.len() as f64);
        for (step, batch) in batches.into_iter().enumerate() {
            let place = (epoch - 1) as f64 + step as f64 / steps;
            rate = learning_rate(settings.learning_rate, place, settings.epochs as f64);
            let chosen: Vec<&Sample> = batch.iter().filter_map(|&i| self.fitting.get(i).copied()).collect();
            let loss = self.batch_loss(&chosen)?;
            let value = f64::from(loss.to_scalar::<f32>()?);
            if !value.is_finite() {
                return Err(Error::Diverged { epoch, loss: value });
            }
            total += value / steps;
            let grads = loss.backward()?;
            for optimiser in &mut self.optimisers {
                optimiser.set_learning_rate(rate);
                optimiser.step(&grads)?;
            }
        }
        let encoder = encoder_of(self.spec, self.network.folded()?)?;
        let area = if self.validation.is_empty() { None } else { Some(validation_auc(&encoder, &self.validation)?) };
        Ok((total, rate, encoder, area))
    }

    fn batch_loss(&mut self, batch: &[&Sample]) -> Result<Tensor, Error> {
        let (spec, rng) = (self.spec, &mut self.rng);
        let [channels, rows, columns] = spec.input_shape();
        let grid = Grid { images: batch.len(), rows, columns, channels };
        let pixels = batch.iter().flat_map(|sample| augmented(&sample.prepared, &spec.augment, rng)).collect();
        let dropout = spec.training.dropout;
        let kept = (1.0 / (1.0 - dropout)) as f32;
        let mask: Vec<f32> =
            (0..batch.len() * EMBEDDING_DIM).map(|_| if rng.random::<f64>() < dropout { 0.0 } else { kept }).collect();
        let mask = Tensor::from_vec(mask, (batch.len(), EMBEDDING_DIM), &Device::Cpu)?;
        let logits = self.network.logits(pixels, grid, Some(&mask))?;
        let labels: Vec<usize> = batch.iter().map(|sample| sample.label).collect();
        let smoothing = spec.training.label_smoothing as f32;
        Ok(weighted_cross_entropy(&logits, &labels, &self.class_weights, smoothing)?)
    }
}

fn encoder_of(spec: &EncoderSpec, network: FoldedNetwork) -> Result<Encoder, Error> {
    Encoder::from_network(spec, network)
}

fn check_shapes(spec: &EncoderSpec, samples: &[&Sample]) -> Result<(), Error> {
    let [channels, height, width] = spec.input_shape();
    let fits = |image: &Prepared| [image.channels, image.height, image.width] == [channels, height, width];
    match samples.iter().position(|sample| !fits(&sample.prepared)) {
        None => Ok(()),
        Some(index) => {
            let found = samples.get(index).map(|s| [s.prepared.channels, s.prepared.height, s.prepared.width]);
            Err(Error::Input {
                index,
                expected: format!("{channels} x {height} x {width}"),
                found: format!("{found:?}"),
            })
        }
    }
}

/// Batches of an epoch; a last batch of fewer than half the size joins the one before.
fn batches_of(order: &[usize], size: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
    if batches.len() > 1 && batches.last().is_some_and(|last| last.len() * 2 < size) {
        let rest = batches.pop().unwrap_or_default();
        if let Some(last) = batches.last_mut() {
            last.extend(rest);
        }
    }
    batches
}

/// The learning rate at `place` epochs: linear rise, then a cosine fall to a hundredth of the peak.
fn learning_rate(peak: f64, place: f64, epochs: f64) -> f64 {
    let rise = ((place + 0.1) / WARM_UP).min(1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * (place / epochs).min(1.0)).cos());
    peak * rise * (0.01 + 0.99 * fall)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::early_stopping::rank_auc;
    use super::super::spec::tests::blobs;
    use super::super::{evaluate, held_out_per_patient};
    use super::*;

    /// Noise with a disc in the middle, bright for odd patients and dark for even ones.
    pub(in crate::embed) fn disc_samples(patients: u32, per_patient: u32) -> Vec<Sample> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut samples = Vec::new();
        for patient in 0..patients {
            for _ in 0..per_patient {
                let (bright, radius) = (patient % 2 == 1, 8.0 + 6.0 * rng.random::<f32>());
                let pixels = (0..64 * 64)
                    .map(|i| {
                        let (y, x) = ((i / 64) as f32 - 32.0, (i % 64) as f32 - 32.0);
                        let disc = if (y * y + x * x).sqrt() < radius { 0.15 } else { 0.0 };
                        (0.5 + if bright { disc } else { -disc } + 0.3 * (rng.random::<f32>() - 0.5)).clamp(0.0, 1.0)
                    })
                    .collect();
                samples.push(Sample {
                    patient: PatientId::new("blobs", &patient.to_string()).unwrap(),
                    prepared: Prepared { channels: 1, height: 64, width: 64, pixels },
                    label: usize::from(bright),
                    fold: Some(1 + (patient / 2) % 4),
                    auxiliary: Vec::new(),
                    whole: None,
                    mask: None,
                });
            }
        }
        samples
    }

    fn quiet(_: &EpochReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn discs_are_told_apart_on_unseen_patients() {
        let (spec, samples) = (blobs(), disc_samples(32, 1));
        let trained = train_encoder(&spec, &samples, &mut quiet).unwrap();
        let unseen = |patient: &PatientId| trained.training_patients.contains(patient);
        let evaluation = evaluate(&trained.encoder, &spec, &samples, &unseen).unwrap();
        assert_eq!((evaluation.rows.len(), evaluation.excluded_training_rows), (8, 0));
        assert_eq!(held_out_per_patient(&evaluation.rows).len(), 8);
        let area = rank_auc(evaluation.rows.iter().map(|row| (row.score as f32, row.label)).collect()).unwrap();
        assert!(area > 0.95, "{area}");
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_and_another_seed_others() {
        let (mut spec, samples) = (blobs(), disc_samples(16, 1));
        spec.training.epochs = 1;
        let weights =
            |spec: &EncoderSpec| train_encoder(spec, &samples, &mut quiet).unwrap().encoder.weights_sha256().to_owned();
        let first = weights(&spec);
        assert_eq!(first, weights(&spec));
        spec.training.seed += 1;
        assert_ne!(first, weights(&spec));
    }

    #[test]
    fn an_embedding_does_not_depend_on_its_neighbours_or_on_threads() {
        let mut spec = blobs();
        spec.training.epochs = 1;
        let samples = disc_samples(16, 1);
        let encoder = train_encoder(&spec, &samples, &mut quiet).unwrap().encoder;
        let images: Vec<Prepared> = samples.into_iter().map(|sample| sample.prepared).collect();
        let together = encoder.embed(&images).unwrap();
        let alone: Vec<_> = images.chunks(1).map(|one| encoder.embed(one).unwrap()[0].clone()).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(together, alone);
        assert_eq!(together, pool.install(|| encoder.embed(&images)).unwrap());
    }

    #[test]
    fn training_stops_when_the_caller_says_so() {
        let mut seen = 0;
        let result = train_encoder(&blobs(), &disc_samples(16, 1), &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert!(matches!(result, Err(Error::Interrupted { epoch: 1 })) && seen == 1);
    }

    #[test]
    fn a_class_with_too_few_patients_is_refused() {
        let mut samples = disc_samples(16, 1);
        samples.retain(|sample| sample.label == 0 || sample.fold == Some(4));
        assert!(matches!(train_encoder(&blobs(), &samples, &mut quiet), Err(Error::TooFewPatients { found: 0, .. })));
    }
}
