use std::collections::BTreeMap;

use super::super::fine_tuning_spec::{AuxiliaryKind, Pooling};
use super::super::samples::Sample;
use super::super::spec::EncoderSpec;
use super::heads::Targets;
use crate::terms::PatientId;

/// What the labels of the training images say about how much each answer counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Balance {
    class_weights: Vec<f32>,
    tasks: Vec<Task>,
    smoothing: f32,
    bags: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Task {
    Class(Vec<f32>),
    Number { mean: f64, sd: f64 },
}

impl Balance {
    /// Class weights `patients / (classes × patients of the class)`, so that neither a common class nor a patient with many
    /// images counts for more; mean and standard deviation of every number.
    pub fn new(spec: &EncoderSpec, samples: &[&Sample]) -> Self {
        let weights = |classes: usize, of: &dyn Fn(&Sample) -> Option<usize>| {
            let mut class_of: BTreeMap<&PatientId, usize> = BTreeMap::new();
            for sample in samples {
                if let Some(own) = of(sample) {
                    let class = class_of.entry(&sample.patient).or_insert(own);
                    *class = (*class).max(own);
                }
            }
            let count = |k: usize| class_of.values().filter(|class| **class == k).count().max(1);
            (0..classes).map(|k| class_of.len() as f32 / (classes * count(k)) as f32).collect::<Vec<f32>>()
        };
        let value = |sample: &Sample, at: usize| sample.auxiliary.get(at).copied().flatten();
        let tasks = spec.auxiliary.iter().enumerate().map(|(at, task)| match task.kind {
            AuxiliaryKind::Class => Task::Class(weights(task.outputs(), &|s| value(s, at).map(|k| k as usize))),
            AuxiliaryKind::Number => {
                let known: Vec<f64> = samples.iter().filter_map(|sample| value(sample, at)).collect();
                let count = known.len().max(1) as f64;
                let mean = known.iter().sum::<f64>() / count;
                let sd = (known.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
                Task::Number { mean, sd: if sd > 0.0 { sd } else { 1.0 } }
            }
        });
        Self {
            class_weights: weights(spec.classes.len(), &|sample| Some(sample.label)),
            tasks: tasks.collect(),
            smoothing: spec.training.label_smoothing as f32,
            bags: spec.fine_tuning.pooling == Pooling::Attention,
        }
    }

    /// Mean and standard deviation that standardise a task's number; 0 and 1 for a class.
    pub fn moments(&self) -> Vec<[f32; 2]> {
        let of = |task: &Task| match task {
            Task::Class(_) => [0.0, 1.0],
            Task::Number { mean, sd } => [*mean as f32, *sd as f32],
        };
        self.tasks.iter().map(of).collect()
    }

    /// The answers of the chunks of one batch; the weights of all answers to one question sum to 1 over the batch.
    /// A chunk is a list of groups of images: those of one patient with attention, single images without.
    pub fn targets(&self, chunks: &[Vec<Vec<&Sample>>]) -> Vec<Targets> {
        let weight = |sample: &Sample| self.class_weights.get(sample.label).copied().unwrap_or(0.0);
        let mut targets: Vec<Targets> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let images: Vec<&Sample> = chunk.iter().flatten().copied().collect();
            let mut bags = Vec::new();
            let mut start = 0;
            for group in chunk.iter().filter(|_| self.bags) {
                let strongest = group.iter().max_by_key(|sample| sample.label);
                if let Some(sample) = strongest {
                    bags.push((start..start + group.len(), sample.label, weight(sample)));
                }
                start += group.len();
            }
            targets.push(Targets {
                classes: images.iter().map(|sample| sample.label).collect(),
                weights: images.iter().map(|sample| weight(sample)).collect(),
                auxiliary: (0..self.tasks.len()).map(|at| self.answers(at, &images)).collect(),
                bags,
                mask: Vec::new(),
                smoothing: self.smoothing,
            });
        }
        share(&mut targets, |target| target.weights.iter_mut().collect());
        share(&mut targets, |target| target.bags.iter_mut().map(|(_, _, weight)| weight).collect());
        for at in 0..self.tasks.len() {
            share(&mut targets, |target| target.auxiliary.iter_mut().skip(at).take(1).flat_map(|(_, w)| w).collect());
        }
        targets
    }

    fn answers(&self, at: usize, images: &[&Sample]) -> (Vec<f32>, Vec<f32>) {
        let answer = |sample: &&Sample| match (self.tasks.get(at), sample.auxiliary.get(at).copied().flatten()) {
            (Some(Task::Class(weights)), Some(class)) => {
                (class as f32, weights.get(class as usize).copied().unwrap_or(0.0))
            }
            (Some(Task::Number { mean, sd }), Some(x)) => (((x - mean) / sd) as f32, 1.0),
            _ => (0.0, 0.0),
        };
        images.iter().map(answer).unzip()
    }
}

/// Divides some weights by their sum over all chunks; all zero stays zero.
fn share<'a>(targets: &'a mut [Targets], weights: impl FnMut(&'a mut Targets) -> Vec<&'a mut f32>) {
    let all: Vec<&mut f32> = targets.iter_mut().flat_map(weights).collect();
    let total: f32 = all.iter().map(|weight| **weight).sum();
    if total > 0.0 {
        all.into_iter().for_each(|weight| *weight /= total);
    }
}
