use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Device, Result, Tensor, Var};

use super::super::fine_tuning_spec::{AuxiliaryKind, Pooling};
use super::super::loss::summed_cross_entropy;
use super::super::spec::EncoderSpec;
use super::layers::FEATURES;
use super::linear::linear;
use super::parameters::Layout;

/// Hidden units of the gated attention.
const ATTENTION: usize = 32;

/// What an auxiliary head predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embed) struct Auxiliary {
    pub name: String,
    pub kind: AuxiliaryKind,
    /// Where mean and standard deviation of a number in training lie; 0 and 1 for a class.
    pub moments: Range<usize>,
}

/// What follows the features: embedding, class head, auxiliary heads and, where asked, attention over a patient's images.
///
/// Small enough for candle's graph; only the slots from `first_slot` on are theirs.
#[derive(Debug, Clone)]
pub(in crate::embed) struct Heads {
    slots: Range<usize>,
    pub auxiliary: Vec<Auxiliary>,
    pub attention: bool,
}

/// What one image, or the images of one patient, should be, with the weight of the answer in the loss of the batch.
#[derive(Debug, Clone, Default)]
pub(in crate::embed) struct Targets {
    pub classes: Vec<usize>,
    pub weights: Vec<f32>,
    /// Per auxiliary task: a value per image (class or standardised number) and its weight, 0 where it is missing.
    pub auxiliary: Vec<(Vec<f32>, Vec<f32>)>,
    /// Per patient, with attention: her images, class and weight.
    pub bags: Vec<(Range<usize>, usize, f32)>,
    /// Dropout of the embedding, already scaled: images × its length; empty for none.
    pub mask: Vec<f32>,
    pub smoothing: f32,
}

/// The tensors of one pass, by name.
pub(in crate::embed) type Named = BTreeMap<String, Tensor>;

fn named<'a>(tensors: &'a Named, name: &str) -> Result<&'a Tensor> {
    tensors.get(name).ok_or_else(|| candle_core::Error::Msg(format!("no tensor {name}")))
}

fn apply(tensors: &Named, name: &str, rows: &Tensor) -> Result<Tensor> {
    linear(rows, named(tensors, &format!("{name}.weight"))?, named(tensors, &format!("{name}.bias"))?)
}

impl Heads {
    /// The heads of a specification, their parameters added to `layout`.
    pub fn new(spec: &EncoderSpec, layout: &mut Layout) -> Self {
        let first = layout.slots.len();
        let dim = spec.fine_tuning.embedding_dim;
        layout.add("embedding", &[dim, FEATURES], false);
        layout.add("head", &[spec.classes.len(), dim], false);
        for task in &spec.auxiliary {
            layout.add(&format!("auxiliary.{}", task.name), &[task.outputs(), dim], false);
        }
        let auxiliary = spec
            .auxiliary
            .iter()
            .map(|task| Auxiliary {
                name: task.name.clone(),
                kind: task.kind,
                moments: layout.add_constants(&format!("auxiliary.{}.moments", task.name), 2),
            })
            .collect();
        let attention = spec.fine_tuning.pooling == Pooling::Attention;
        if attention {
            layout.add("attention.value", &[ATTENTION, dim], false);
            layout.add("attention.gate", &[ATTENTION, dim], false);
            layout.add("attention.score", &[1, ATTENTION], false);
        }
        Self { slots: first..layout.slots.len(), auxiliary, attention }
    }

    /// The head parameters as plain tensors.
    pub fn tensors(&self, layout: &Layout, parameters: &[f32]) -> Result<Named> {
        let own = layout.slots.iter().skip(self.slots.start).take(self.slots.len());
        own.map(|slot| {
            let values = parameters.get(slot.range.clone()).unwrap_or(&[]);
            Ok((slot.name.clone(), Tensor::from_slice(values, slot.shape.as_slice(), &Device::Cpu)?))
        })
        .collect()
    }

    /// The embeddings `[images, dim]` of features `[images, 1280]`.
    pub fn embed(&self, tensors: &Named, features: &Tensor) -> Result<Tensor> {
        apply(tensors, "embedding", features)
    }

    /// The class logits of embeddings.
    pub fn logits(&self, tensors: &Named, embeddings: &Tensor) -> Result<Tensor> {
        apply(tensors, "head", &embeddings.relu()?)
    }

    /// The outputs of an auxiliary head on embeddings.
    pub fn auxiliary(&self, tensors: &Named, name: &str, embeddings: &Tensor) -> Result<Tensor> {
        apply(tensors, &format!("auxiliary.{name}"), &embeddings.relu()?)
    }

    /// The attention `[images]` of each image of one patient, summing to 1:
    /// `softmax(w · (tanh(V e) ⊙ σ(U e)))`; equal shares without attention.
    ///
    /// # Source
    /// Ilse, Tomczak and Welling, Attention-based deep multiple instance learning, ICML 2018, equation 9.
    pub fn attention(&self, tensors: &Named, embeddings: &Tensor) -> Result<Tensor> {
        let images = embeddings.dim(0)?;
        if !self.attention {
            return Tensor::full(1.0 / images as f32, images, &Device::Cpu);
        }
        let value = apply(tensors, "attention.value", embeddings)?.tanh()?;
        // σ(x) = (1 + tanh(x / 2)) / 2 does not overflow.
        let gate = (apply(tensors, "attention.gate", embeddings)? * 0.5)?.tanh()?.affine(0.5, 0.5)?;
        let scores = apply(tensors, "attention.score", &(value * gate)?)?.squeeze(1)?;
        let powers = scores.broadcast_sub(&scores.max(0)?.detach())?.exp()?;
        powers.broadcast_div(&powers.sum_all()?)
    }

    /// The embedding `[1, dim]` of a patient: the mean of her images' weighted by attention.
    pub fn pooled(&self, tensors: &Named, embeddings: &Tensor) -> Result<Tensor> {
        let shares = self.attention(tensors, embeddings)?.unsqueeze(1)?;
        embeddings.broadcast_mul(&shares)?.sum_keepdim(0)
    }

    /// The loss of some images, its gradient with respect to their features, and that of the head parameters written to
    /// their places in `gradient`.
    pub fn loss(
        &self,
        layout: &Layout,
        parameters: &[f32],
        features: Vec<f32>,
        targets: &Targets,
        task_weights: &[f64],
        gradient: &mut [f32],
    ) -> Result<(f64, Vec<f32>)> {
        let images = targets.classes.len();
        let features = Var::from_vec(features, (images, FEATURES), &Device::Cpu)?;
        let variables: BTreeMap<String, Var> = self
            .tensors(layout, parameters)?
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<_>>()?;
        let tensors: Named = variables.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let embeddings = self.embed(&tensors, features.as_tensor())?;
        let dim = embeddings.dim(1)?;
        let mask = if targets.mask.is_empty() {
            Tensor::ones((images, dim), candle_core::DType::F32, &Device::Cpu)?
        } else {
            Tensor::from_slice(&targets.mask, (images, dim), &Device::Cpu)?
        };
        let hidden = (embeddings.relu()? * &mask)?;
        let logits = apply(&tensors, "head", &hidden)?;
        let mut loss = summed_cross_entropy(&logits, &targets.classes, targets.weights.clone(), targets.smoothing)?;
        for ((task, (values, weights)), weight) in self.auxiliary.iter().zip(&targets.auxiliary).zip(task_weights) {
            let outputs = apply(&tensors, &format!("auxiliary.{}", task.name), &hidden)?;
            let own = match task.kind {
                AuxiliaryKind::Class => {
                    let classes: Vec<usize> = values.iter().map(|value| *value as usize).collect();
                    summed_cross_entropy(&outputs, &classes, weights.clone(), targets.smoothing)?
                }
                AuxiliaryKind::Number => {
                    let [values, weights] = [values, weights].map(|v| Tensor::from_slice(v, images, &Device::Cpu));
                    ((outputs.squeeze(1)? - values?)?.sqr()? * weights?)?.sum_all()?.affine(0.5, 0.0)?
                }
            };
            loss = (loss + own.affine(*weight, 0.0)?)?;
        }
        for (images, class, weight) in &targets.bags {
            let own = embeddings.narrow(0, images.start, images.len())?;
            let pooled = (self.pooled(&tensors, &own)?.relu()? * mask.narrow(0, images.start, 1)?)?;
            let logits = apply(&tensors, "head", &pooled)?;
            loss = (loss + summed_cross_entropy(&logits, &[*class], vec![*weight], targets.smoothing)?)?;
        }
        let slopes = loss.backward()?;
        for slot in layout.slots.iter().skip(self.slots.start).take(self.slots.len()) {
            let slope = variables.get(&slot.name).and_then(|var| slopes.get(var.as_tensor()));
            let values = slope.map(|slope| slope.flatten_all()?.to_vec1::<f32>()).transpose()?;
            if let Some(cells) = gradient.get_mut(slot.range.clone()) {
                match values {
                    Some(values) => cells.copy_from_slice(&values),
                    None => cells.fill(0.0),
                }
            }
        }
        let slope = slopes.get(features.as_tensor());
        let slope = slope.ok_or_else(|| candle_core::Error::Msg("features without a gradient".to_owned()))?;
        Ok((f64::from(loss.to_scalar::<f32>()?), slope.flatten_all()?.to_vec1::<f32>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::spec::tests::multitask;
    use super::*;

    fn wave(count: usize, pace: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * pace).sin()).collect()
    }

    fn targets(dim: usize) -> Targets {
        Targets {
            classes: vec![0, 1, 1],
            weights: vec![0.2, 0.3, 0.5],
            auxiliary: vec![(vec![2.0, 0.0, 0.0], vec![0.6, 0.0, 0.4]), (vec![0.5, -1.0, 0.0], vec![0.5, 0.5, 0.0])],
            bags: vec![(0..2, 1, 0.7), (2..3, 0, 0.3)],
            mask: wave(3 * dim, 0.9).into_iter().map(|x| if x > -0.5 { 1.25 } else { 0.0 }).collect(),
            smoothing: 0.1,
        }
    }

    #[test]
    fn gradients_of_all_heads_agree_with_finite_differences() {
        let spec = multitask();
        let mut layout = Layout::default();
        let heads = Heads::new(&spec, &mut layout);
        let dim = spec.fine_tuning.embedding_dim;
        let parameters: Vec<f32> = wave(layout.len(), 0.83).into_iter().map(|x| 0.2 * x).collect();
        let features: Vec<f32> = wave(3 * FEATURES, 0.31).into_iter().map(|x| 0.3 * x.abs()).collect();
        let loss = |parameters: &[f32], features: &[f32]| {
            let mut gradient = vec![f32::NAN; layout.len()];
            let (loss, slope) =
                heads.loss(&layout, parameters, features.to_vec(), &targets(dim), &[0.5, 0.25], &mut gradient).unwrap();
            (loss, slope, gradient)
        };
        let (_, slope, gradient) = loss(&parameters, &features);
        let moved = |values: &[f32], slope: &[f32], sign: f32| -> Vec<f32> {
            let length = slope.iter().map(|s| s * s).sum::<f32>().sqrt();
            values.iter().zip(slope).map(|(v, s)| v + sign * 1e-3 * s / length).collect()
        };
        // Along a gradient itself the slope of the loss is the gradient's length.
        for slot in &layout.slots {
            let mut own = vec![0.0; layout.len()];
            own[slot.range.clone()].copy_from_slice(&gradient[slot.range.clone()]);
            let length = own.iter().map(|s| f64::from(s * s)).sum::<f64>().sqrt();
            if slot.name.ends_with("moments") || slot.name == "attention.score.bias" {
                // A constant, and a bias that softmax takes out again.
                assert!(length < 1e-6, "{}: {length}", slot.name);
                continue;
            }
            let up = loss(&moved(&parameters, &own, 1.0), &features).0;
            let down = loss(&moved(&parameters, &own, -1.0), &features).0;
            let found = (up - down) / 2e-3;
            assert!((found - length).abs() < 0.02 * length + 1e-4, "{}: {found} {length}", slot.name);
        }
        let length = slope.iter().map(|s| f64::from(s * s)).sum::<f64>().sqrt();
        let found = (loss(&parameters, &moved(&features, &slope, 1.0)).0
            - loss(&parameters, &moved(&features, &slope, -1.0)).0)
            / 2e-3;
        assert!((found - length).abs() < 0.02 * length, "features: {found} {length}");
    }

    #[test]
    fn attention_shares_sum_to_one_and_do_not_depend_on_the_order_of_images() {
        let spec = multitask();
        let mut layout = Layout::default();
        let heads = Heads::new(&spec, &mut layout);
        let tensors = heads.tensors(&layout, &wave(layout.len(), 0.83)).unwrap();
        let dim = spec.fine_tuning.embedding_dim;
        let rows = wave(3 * dim, 0.37);
        let shares = |rows: &[f32]| {
            let rows = Tensor::from_slice(rows, (3, dim), &Device::Cpu).unwrap();
            heads.attention(&tensors, &rows).unwrap().to_vec1::<f32>().unwrap()
        };
        let found = shares(&rows);
        let turned = shares(&[&rows[2 * dim..], &rows[..2 * dim]].concat());
        assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-6 && found.iter().any(|s| (s - 1.0 / 3.0).abs() > 1e-3));
        assert!((found[2] - turned[0]).abs() < 1e-6 && (found[0] - turned[1]).abs() < 1e-6);
    }
}
