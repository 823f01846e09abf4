use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::imaging::prepare_ultrasound;

use super::super::Error;
use super::super::augment::changed;
use super::super::early_stopping::validation_auc;
use super::super::encoder::Encoder;
use super::super::samples::Sample;
use super::super::spec::EncoderSpec;
use super::heads::{Heads, Targets};
use super::network::{FineTuned, TOP, mean_over_pixels};
use super::parameters::Layout;
use super::targets::Balance;
use super::training::{Objective, Pass};

/// Learning the class of an image, of a patient where attention is asked for, and the auxiliary tasks.
#[derive(Debug)]
pub(in crate::embed) struct Classification {
    heads: Heads,
    balance: Balance,
    task_weights: Vec<f64>,
}

impl Objective for Classification {
    const BLOCKS: usize = TOP + 1;

    type Targets = Targets;

    fn new(spec: &EncoderSpec, samples: &[&Sample], layout: &mut Layout) -> Self {
        Self {
            heads: Heads::new(spec, layout),
            balance: Balance::new(spec, samples),
            task_weights: spec.auxiliary.iter().map(|task| task.weight).collect(),
        }
    }

    fn settle(&self, parameters: &mut [f32]) {
        for (task, moments) in self.heads.auxiliary.iter().zip(self.balance.moments()) {
            if let Some(cells) = parameters.get_mut(task.moments.clone()) {
                cells.copy_from_slice(&moments);
            }
        }
    }

    fn targets(&self, chunks: &[Vec<Vec<&Sample>>]) -> Vec<Targets> {
        self.balance.targets(chunks)
    }

    fn loss(
        &self,
        pass: &mut Pass<'_>,
        images: &[&Sample],
        mut targets: Targets,
        rng: &mut ChaCha8Rng,
    ) -> Result<(f64, BTreeMap<usize, Vec<f32>>), Error> {
        let pixels: Vec<f32> = images.iter().flat_map(|sample| augmented(sample, pass.spec, rng)).collect();
        let dropout = pass.spec.training.dropout;
        if dropout > 0.0 {
            let kept = (1.0 / (1.0 - dropout)) as f32;
            let count = images.len() * pass.spec.fine_tuning.embedding_dim;
            targets.mask = (0..count).map(|_| if rng.random::<f64>() < dropout { 0.0 } else { kept }).collect();
        }
        pass.forward(pixels);
        let (map, top) = pass.backbone.after(TOP, pass.space);
        let features = mean_over_pixels(map, top);
        let (loss, slopes) =
            self.heads.loss(pass.layout, pass.parameters, features, &targets, &self.task_weights, pass.gradient)?;
        // The mean over pixels hands each of them an equal share of the gradient.
        let pixels = top.rows * top.columns;
        let share = |slope: &[f32]| slope.iter().map(|s| s / pixels as f32).collect::<Vec<f32>>();
        let spread = slopes.chunks_exact(top.channels).flat_map(|slope| share(slope).repeat(pixels)).collect();
        Ok((loss, [(TOP, spread)].into()))
    }

    fn validate(spec: &EncoderSpec, parameters: &[f32], samples: &[&Sample]) -> Result<f64, Error> {
        validation_auc(&Encoder::fine_tuned(spec, FineTuned::new(spec, parameters.to_vec())?)?, samples)
    }
}

/// A changed copy of a training image, cut anew around a moved lesion box where asked; in [0, 1], channels last.
fn augmented(sample: &Sample, spec: &EncoderSpec, rng: &mut ChaCha8Rng) -> Vec<f32> {
    match &sample.whole {
        Some((image, lesion)) => {
            let moved = lesion.jittered(spec.augment.crop_jitter, &mut || rng.random::<f64>());
            changed(&prepare_ultrasound(image, Some(moved), spec.preparation()).0, &spec.augment, rng)
        }
        None => changed(&sample.prepared, &spec.augment, rng),
    }
}
