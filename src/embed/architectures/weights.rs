use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::embed::Error;

/// The tensors of a weights file, each taken once under the name that an architecture knows it by.
///
/// What is missing or misshaped is collected, so that one error names all of it.
#[derive(Debug)]
pub(super) struct Weights {
    tensors: BTreeMap<String, Tensor>,
    faults: Vec<String>,
}

/// A batch normalisation's ε in torchvision, timm and candle.
const BATCH_NORM_EPSILON: f64 = 1e-5;

impl Weights {
    /// Reads safetensors bytes (f32, f16 or bf16).
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
        Ok(Self { tensors: tensors.into_iter().collect(), faults: Vec::new() })
    }

    /// The tensors without a prefix that all names of an exported model share, such as `module.` or `backbone.`.
    pub fn strip_prefixes(self, prefixes: &[&str]) -> Self {
        let strip = |name: String| {
            let mut rest = name.as_str();
            while let Some(shorter) = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
                rest = shorter;
            }
            rest.to_owned()
        };
        Self { tensors: self.tensors.into_iter().map(|(name, tensor)| (strip(name), tensor)).collect(), ..self }
    }

    /// ResNets saved as a sequence of their children (RadImageNet's are): `0` for `conv1`, `4` for `layer1` and so on.
    pub fn name_children(self) -> Self {
        if !self.has("0.weight") || !self.has("4.0.conv1.weight") {
            return self;
        }
        let children =
            [("0", "conv1"), ("1", "bn1"), ("4", "layer1"), ("5", "layer2"), ("6", "layer3"), ("7", "layer4")];
        let rename = |name: String| {
            let known = name.split_once('.').and_then(|(child, rest)| {
                let (_, named) = children.iter().find(|(number, _)| *number == child)?;
                Some(format!("{named}.{rest}"))
            });
            known.unwrap_or(name)
        };
        Self { tensors: self.tensors.into_iter().map(|(name, tensor)| (rename(name), tensor)).collect(), ..self }
    }

    /// Whether a tensor of that name is there and not yet taken.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The dimensions of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(Tensor::dims)
    }

    /// Input channels of the first convolution, under any of its names; 3 when there is none.
    pub fn input_channels(&self) -> usize {
        let stems = ["conv1", "conv_stem", "features.0.0", "stem.0", "patch_embed.proj"];
        let shape = stems.iter().find_map(|stem| self.shape(&format!("{stem}.weight")));
        shape.and_then(|shape| shape.get(1)).copied().unwrap_or(3)
    }

    /// The values of a tensor of that shape; zeros when it is absent or has another (the fault is kept).
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let found = self.tensors.remove(name);
        let wrong = match &found {
            Some(tensor) if tensor.dims() == shape => None,
            Some(tensor) => Some(format!("{:?}", tensor.dims())),
            None => Some("absent".to_owned()),
        };
        if let Some(found) = wrong {
            self.faults.push(format!("{name}: expected {shape:?}, found {found}"));
            return vec![0.0; shape.iter().product()];
        }
        let values = found.map(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>());
        match values {
            Some(Ok(values)) if values.iter().all(|value| value.is_finite()) => values,
            Some(Err(error)) => {
                self.faults.push(format!("{name}: {error}"));
                vec![0.0; shape.iter().product()]
            }
            _ => {
                self.faults.push(format!("{name}: a value that is not finite"));
                vec![0.0; shape.iter().product()]
            }
        }
    }

    /// The weight and bias of a convolution, or of one without bias and the batch normalisation after it:
    /// w γ / √(σ² + ε) and β − μ γ / √(σ² + ε), in double precision.
    pub fn convolution(&mut self, name: &str, norm: Option<&str>, shape: [usize; 4]) -> (Vec<f32>, Vec<f32>) {
        let outputs = shape[0];
        let mut weight = self.take(&format!("{name}.weight"), &shape);
        let Some(norm) = norm else {
            return (weight, self.take(&format!("{name}.bias"), &[outputs]));
        };
        let mut part = |part: &str| self.take(&format!("{norm}.{part}"), &[outputs]);
        let (scale, shift) = (part("weight"), part("bias"));
        let (mean, variance) = (part("running_mean"), part("running_var"));
        let factors: Vec<f64> = std::iter::zip(&scale, &variance)
            .map(|(&scale, &variance)| f64::from(scale) / (f64::from(variance) + BATCH_NORM_EPSILON).sqrt())
            .collect();
        let per_output = weight.len() / outputs.max(1);
        for (weights, factor) in weight.chunks_exact_mut(per_output.max(1)).zip(&factors) {
            weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
        }
        let bias = std::iter::zip(&shift, &mean).zip(&factors);
        (weight, bias.map(|((&shift, &mean), factor)| (f64::from(shift) - f64::from(mean) * factor) as f32).collect())
    }

    /// The weight `[outputs, inputs]` and bias of a linear layer.
    pub fn linear(&mut self, name: &str, [inputs, outputs]: [usize; 2]) -> (Vec<f32>, Vec<f32>) {
        let weight = self.take(&format!("{name}.weight"), &[outputs, inputs]);
        (weight, self.take(&format!("{name}.bias"), &[outputs]))
    }

    /// Checks that every tensor was taken, but for heads and counters.
    ///
    /// # Errors
    /// [`Error::Weights`] naming every absent, misshaped and unknown tensor.
    pub fn finish(mut self, ignored: &[&str]) -> Result<(), Error> {
        let known =
            |name: &str| name.ends_with("num_batches_tracked") || ignored.iter().any(|prefix| name.starts_with(prefix));
        let extra = self.tensors.iter().filter(|(name, _)| !known(name));
        self.faults.extend(extra.map(|(name, tensor)| format!("{name}: {:?}, not part of it", tensor.dims())));
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Weights { faults: self.faults }) }
    }
}
