use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::terms::PatientId;

use super::super::Error;
use super::super::convolution::Grid;
use super::super::early_stopping::patients_aside;
use super::super::fine_tuning_spec::Pooling;
use super::super::samples::Sample;
use super::super::spec::EncoderSpec;
use super::super::tflite::mobilenet_v2_tensors;
use super::super::train::{Chooser, Course, EpochReport};
use super::backbone::{Backbone, Workspace};
use super::checkpoint::Checkpoint;
use super::network::normalised;
use super::optimiser::{Optimiser, Step, rate_at};
use super::parameters::Layout;
use super::vectors::add;

/// Where a training finds its starting weights and keeps its state.
#[derive(Debug, Clone, Default)]
pub struct TrainingFiles {
    /// The data folder, which `fine_tuning.initial_weights` is relative to.
    pub data: Option<PathBuf>,
    /// A checkpoint, written after every epoch and continued from when it is there.
    pub checkpoint: Option<PathBuf>,
}

/// What a network learns: the layers after the backbone, the answers and the loss.
pub(in crate::embed) trait Objective: Sized + Sync {
    /// Blocks of the backbone that it stands on.
    const BLOCKS: usize;

    /// What the images of one chunk should give.
    type Targets: Send;

    /// The objective for some training images, its parameters added to `layout`.
    fn new(spec: &EncoderSpec, samples: &[&Sample], layout: &mut Layout) -> Self;

    /// Writes the parameters that are not learned.
    fn settle(&self, _parameters: &mut [f32]) {}

    /// The answers of the chunks of one batch, weighted so that the losses of the chunks add up to that of the batch. A
    /// chunk is a list of groups of images.
    fn targets(&self, chunks: &[Vec<Vec<&Sample>>]) -> Vec<Self::Targets>;

    /// The loss of a chunk, the gradients of the maps after some blocks, and those of its own parameters in
    /// `pass.gradient`.
    fn loss(
        &self,
        pass: &mut Pass<'_>,
        images: &[&Sample],
        targets: Self::Targets,
        rng: &mut ChaCha8Rng,
    ) -> Result<(f64, BTreeMap<usize, Vec<f32>>), Error>;

    /// How good the parameters are on samples kept aside; higher is better.
    fn validate(spec: &EncoderSpec, parameters: &[f32], samples: &[&Sample]) -> Result<f64, Error>;
}

/// One forward pass over a chunk.
pub(in crate::embed) struct Pass<'a> {
    pub spec: &'a EncoderSpec,
    pub layout: &'a Layout,
    pub backbone: &'a Backbone,
    pub parameters: &'a [f32],
    pub space: &'a mut Workspace,
    pub gradient: &'a mut [f32],
}

impl Pass<'_> {
    /// Runs the backbone on images in [0, 1], channels last.
    pub fn forward(&mut self, pixels: Vec<f32>) {
        let [channels, rows, columns] = self.spec.input_shape();
        let grid = Grid { images: pixels.len() / (channels * rows * columns), rows, columns, channels };
        self.backbone.forward(self.parameters, &normalised(pixels), grid, self.space);
    }
}

/// What one chunk of images needs and leaves: reused from batch to batch.
#[derive(Debug, Default)]
struct Scratch {
    space: Workspace,
    gradient: Vec<f32>,
}

/// Everything that one epoch hands to the next, and what stays the same.
struct Run<'a, T> {
    spec: &'a EncoderSpec,
    groups: Vec<Vec<&'a Sample>>,
    validation: Vec<&'a Sample>,
    layout: Layout,
    backbone: Backbone,
    objective: T,
    optimiser: Optimiser,
    scratch: Mutex<Vec<Scratch>>,
}

/// Fine-tunes a network on the samples given and returns the averaged parameters of the best epoch; see
/// [`super::super::train_encoder_with`].
pub(in crate::embed) fn fine_tune<T: Objective>(
    spec: &EncoderSpec,
    usable: &[&Sample],
    files: &TrainingFiles,
    progress: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
) -> Result<Course<Vec<f32>>, Error> {
    let mut run = Run::<T>::new(spec, usable, files)?;
    let mut chooser = Chooser::new(&spec.training);
    let checkpoint = files.checkpoint.as_deref().map(|path| Checkpoint::new(path, spec, usable)).transpose()?;
    if let Some(checkpoint) = &checkpoint {
        checkpoint.resume(&run.layout, &mut run.optimiser, &mut chooser)?;
    }
    while chooser.curves.len() < spec.training.epochs && !chooser.done() {
        let epoch = chooser.curves.len() + 1;
        let (loss, learning_rate) = run.epoch(epoch)?;
        let average = &run.optimiser.average;
        let validation =
            if run.validation.is_empty() { None } else { Some(T::validate(spec, average, &run.validation)?) };
        let report = chooser.judge(loss, learning_rate, validation, || average.clone());
        if let Some(checkpoint) = &checkpoint {
            checkpoint.write(&run.layout, &run.optimiser, &chooser)?;
        }
        if progress(&report).is_break() {
            return Err(Error::Interrupted { epoch });
        }
    }
    chooser.finish()
}

impl<'a, T: Objective> Run<'a, T> {
    fn new(spec: &'a EncoderSpec, usable: &[&'a Sample], files: &TrainingFiles) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(spec.training.seed);
        let aside: BTreeSet<PatientId> = if spec.training.validation_fraction > 0.0 {
            patients_aside(spec, usable, &mut rng)?
        } else {
            BTreeSet::new()
        };
        let (validation, fitting): (Vec<&Sample>, Vec<&Sample>) =
            usable.iter().partition(|sample| aside.contains(&sample.patient));
        let mut layout = Layout::default();
        let backbone = Backbone::new(spec.input_shape()[0], T::BLOCKS, &mut layout);
        let objective = T::new(spec, &fitting, &mut layout);
        let mut parameters = layout.draw(&mut rng);
        if let Some(path) = &spec.fine_tuning.initial_weights {
            let path = files.data.as_deref().unwrap_or(Path::new("")).join(path);
            let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
            let loaded = mobilenet_v2_tensors(&bytes).and_then(|tensors| layout.load(&mut parameters, &tensors));
            loaded.map_err(|reason| Error::InitialWeights { path, reason })?;
        }
        objective.settle(&mut parameters);
        let groups = groups_of(spec, fitting);
        let optimiser = Optimiser::new(parameters);
        Ok(Self { spec, groups, validation, layout, backbone, objective, optimiser, scratch: Mutex::default() })
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
            self.optimiser.step(&self.layout, &gradient, step);
        }
        Ok((total, rate))
    }

    /// Loss and gradient of one batch: chunks in any order on any thread, their gradients added in the order of chunks.
    fn gradient(&self, chunks: &[Vec<Vec<&Sample>>], rng: &mut ChaCha8Rng) -> Result<(f64, Vec<f32>), Error> {
        let targets = self.objective.targets(chunks);
        let seeds: Vec<u64> = chunks.iter().map(|_| rng.random()).collect();
        let work: Vec<_> = chunks.iter().zip(targets).zip(seeds).collect();
        let done: Vec<(f64, Scratch)> = work
            .into_par_iter()
            .map(|((chunk, targets), seed)| {
                let mut scratch = self.scratch.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default();
                let loss = self.chunk_gradient(chunk, targets, seed, &mut scratch)?;
                Ok((loss, scratch))
            })
            .collect::<Result<_, Error>>()?;
        let mut gradient = vec![0.0; self.layout.len()];
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
        chunk: &[Vec<&Sample>],
        targets: T::Targets,
        seed: u64,
        scratch: &mut Scratch,
    ) -> Result<f64, Error> {
        let images: Vec<&Sample> = chunk.iter().flatten().copied().collect();
        let Scratch { space, gradient } = scratch;
        gradient.resize(self.layout.len(), 0.0);
        let (layout, backbone, parameters) = (&self.layout, &self.backbone, self.optimiser.parameters.as_slice());
        let mut pass = Pass { spec: self.spec, layout, backbone, parameters, space, gradient };
        let (loss, slopes) = self.objective.loss(&mut pass, &images, targets, &mut ChaCha8Rng::seed_from_u64(seed))?;
        backbone.backward(parameters, space, slopes, gradient);
        Ok(loss)
    }
}

/// The images that stay together: those of one patient with attention, each alone without.
fn groups_of<'a>(spec: &EncoderSpec, samples: Vec<&'a Sample>) -> Vec<Vec<&'a Sample>> {
    if spec.fine_tuning.pooling == Pooling::Mean {
        return samples.into_iter().map(|sample| vec![sample]).collect();
    }
    let mut by_patient: BTreeMap<&PatientId, Vec<&Sample>> = BTreeMap::new();
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

#[cfg(test)]
mod tests {
    use crate::imaging::Prepared;

    use super::super::super::localiser::{evaluate_localiser, train_localiser};
    use super::super::super::samples::LesionMask;
    use super::super::super::spec::tests::{TEXT, multitask};
    use super::super::super::tflite::tests::{SHARED, shared_data};
    use super::super::super::{Encoder, evaluate, train_encoder_with, write_encoder};
    use super::*;

    /// Two images a patient, 32 × 32: a disc that is bright for odd patients, its radius and shade as auxiliary values.
    fn discs(patients: u32) -> Vec<Sample> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut samples = Vec::new();
        for patient in 0..patients {
            for image in 0..2 {
                let (bright, radius) = (patient % 2 == 1, 5 + (patient as usize + image) % 6);
                let inside: Vec<bool> = (0..32 * 32)
                    .map(|i: usize| (i / 32).abs_diff(16).pow(2) + (i % 32).abs_diff(16).pow(2) < radius * radius)
                    .collect();
                let shade = if bright { 0.35 } else { -0.35 };
                let pixels = inside
                    .iter()
                    .map(|inside| 0.5 + if *inside { shade } else { 0.0 } + 0.2 * (rng.random::<f32>() - 0.5))
                    .collect();
                samples.push(Sample {
                    patient: PatientId::new("blobs", &patient.to_string()).unwrap(),
                    prepared: Prepared { channels: 1, height: 32, width: 32, pixels },
                    label: usize::from(bright),
                    fold: Some(1 + (patient / 2) % 4),
                    auxiliary: vec![
                        (patient % 3 != 0).then_some(f64::from(patient % 3)),
                        Some((radius as f64).ln_1p()),
                    ],
                    whole: None,
                    mask: Some(LesionMask { rows: 32, columns: 32, inside }),
                });
            }
        }
        samples
    }

    fn quiet(_: &EpochReport) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn small() -> EncoderSpec {
        let mut spec = multitask();
        spec.training.epochs = 2;
        spec.training.dropout = 0.2;
        spec.training.validation_fraction = 0.0;
        spec.augment.flip_horizontal = true;
        spec.augment.noise = 0.05;
        spec
    }

    fn weights(spec: &EncoderSpec, samples: &[Sample], files: &TrainingFiles) -> String {
        train_encoder_with(spec, samples, files, &mut quiet).unwrap().encoder.weights_sha256().to_owned()
    }

    #[test]
    fn the_same_weights_come_out_on_any_number_of_threads() {
        let (spec, samples) = (small(), discs(12));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| weights(&spec, &samples, &TrainingFiles::default()))
        };
        let one = on(1);
        assert_eq!((one.clone(), one), (on(2), on(3)));
    }

    #[test]
    fn a_stopped_run_goes_on_to_the_very_same_weights() {
        let (mut spec, samples) = (small(), discs(12));
        spec.training.epochs = 3;
        spec.training.validation_fraction = 0.4;
        let folder = tempfile::tempdir().unwrap();
        let files = TrainingFiles { data: None, checkpoint: Some(folder.path().join("run.safetensors")) };
        let whole = weights(&spec, &samples, &TrainingFiles::default());
        for stop in 1..=2 {
            let stopped = train_encoder_with(&spec, &samples, &files, &mut |report| {
                if report.epoch == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(matches!(stopped, Err(Error::Interrupted { epoch }) if epoch == stop));
        }
        let mut seen = Vec::new();
        let resumed = train_encoder_with(&spec, &samples, &files, &mut |report| {
            seen.push(report.epoch);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((seen, resumed.curves.len()), (vec![3], 3));
        assert_eq!(resumed.encoder.weights_sha256(), whole);
        assert_eq!(weights(&spec, &samples, &files), whole, "a finished run only reads its checkpoint");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_checkpoint_of_another_training_is_refused() {
        let (mut spec, mut samples) = (small(), discs(8));
        spec.training.epochs = 1;
        let folder = tempfile::tempdir().unwrap();
        let files = TrainingFiles { data: None, checkpoint: Some(folder.path().join("run.safetensors")) };
        weights(&spec, &samples, &files);
        spec.training.learning_rate *= 2.0;
        let refused = |spec: &EncoderSpec, samples: &[Sample]| {
            train_encoder_with(spec, samples, &files, &mut quiet).unwrap_err().to_string()
        };
        assert!(refused(&spec, &samples).contains("spec_sha256"));
        spec.training.learning_rate /= 2.0;
        samples[0].prepared.pixels[5] += 0.001;
        assert!(refused(&spec, &samples).contains("data_sha256"));
        std::fs::write(folder.path().join("run.safetensors"), b"cut").unwrap();
        assert!(train_encoder_with(&spec, &samples, &files, &mut quiet).is_err());
    }

    #[test]
    fn images_of_a_patient_stay_in_one_chunk_and_small_rests_join() {
        assert_eq!(packed(&[2, 0, 1], &[2, 3, 4], 4), [vec![2], vec![0, 1]]);
        assert_eq!(packed(&[0, 1, 2, 3, 4], &[1; 5], 4), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(packed(&[0, 1, 2, 3, 4, 5], &[1; 6], 4), [vec![0, 1, 2, 3], vec![4, 5]]);
    }

    #[test]
    fn a_fine_tuned_encoder_tells_discs_apart_and_reloads_with_all_its_heads() {
        let Some(data) = shared_data() else { return };
        let (mut spec, samples) = (small(), discs(24));
        spec.training.epochs = 4;
        spec.training.learning_rate = 2e-3;
        spec.fine_tuning.initial_weights = Some(SHARED.to_owned());
        spec.fine_tuning.mirror = true;
        let files = TrainingFiles { data: Some(data), checkpoint: None };
        let trained = train_encoder_with(&spec, &samples, &files, &mut quiet).unwrap();
        let patients = trained.training_patients.clone();
        let held_out = evaluate(&trained.encoder, &spec, &samples, &|patient| patients.contains(patient)).unwrap();
        let right = held_out.rows.iter().filter(|row| row.label == (row.score > 0.5)).count();
        assert!(right * 10 >= held_out.rows.len() * 9, "{right} of {}", held_out.rows.len());
        let root = tempfile::tempdir().unwrap();
        let folder = write_encoder(root.path(), &trained, &serde_json::Value::Null).unwrap();
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let reloaded = Encoder::load(&read("manifest.json"), &read("weights.safetensors")).unwrap();
        let images: Vec<Prepared> = samples.iter().take(3).map(|sample| sample.prepared.clone()).collect();
        let embeddings = trained.encoder.embed(&images).unwrap();
        assert_eq!(reloaded.embed(&images).unwrap(), embeddings);
        assert_eq!((embeddings[0].len(), reloaded.auxiliary(&embeddings[0]).unwrap()[0].len()), (8, 3));
        assert_eq!(reloaded.pool(&embeddings).unwrap(), trained.encoder.pool(&embeddings).unwrap());
        let curves: Vec<EpochReport> = serde_json::from_slice(&read("curves.json")).unwrap();
        assert_eq!(curves, trained.curves);
    }

    #[test]
    fn a_localiser_finds_discs_in_unseen_patients() {
        let Some(data) = shared_data() else { return };
        let text = TEXT
            .replace("positive", "architecture = \"mobilenet-v2\"\nkind = \"segmentation\"\npositive")
            .replace("image = ", "mask = \"{id}.png\"\nimage = ");
        let mut spec = EncoderSpec::parse(&text, Path::new("blobs.toml")).unwrap();
        spec.input.side = Some(32);
        spec.training.epochs = 10;
        spec.training.validation_fraction = 0.0;
        spec.fine_tuning.initial_weights = Some(SHARED.to_owned());
        let samples = discs(24);
        let files = TrainingFiles { data: Some(data), checkpoint: None };
        let trained = train_localiser(&spec, &samples, &files, &mut quiet).unwrap();
        let patients = trained.training_patients.clone();
        let (rows, _) = evaluate_localiser(&trained.localiser, &spec, &samples, &|p| patients.contains(p)).unwrap();
        let mean = rows.iter().map(|row| row.dice).sum::<f64>() / rows.len() as f64;
        assert!(mean > 0.75 && rows.iter().all(|row| row.lesion.is_some()), "{mean}");
    }
}
