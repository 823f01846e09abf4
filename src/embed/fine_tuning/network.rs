use std::sync::Mutex;

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;

use crate::imaging::Prepared;

use super::super::Error;
use super::super::convolution::Grid;
use super::super::fine_tuning_spec::AuxiliaryKind;
use super::super::loss::softmax;
use super::super::saliency::slopes;
use super::super::spec::EncoderSpec;
use super::backbone::{Backbone, Workspace};
use super::heads::{Heads, Named};
use super::layers::FEATURES;
use super::parameters::Layout;
use super::tensors::{halved, read_tensors, weights_bytes};

/// The position of the last block.
pub(super) const TOP: usize = 18;

/// A fine-tuned network and its parameters, ready to embed.
#[derive(Debug)]
pub(in crate::embed) struct FineTuned {
    layout: Layout,
    backbone: Backbone,
    heads: Heads,
    parameters: Vec<f32>,
    tensors: Named,
    mirror: bool,
    spaces: Mutex<Vec<Workspace>>,
}

/// The last map of an image, and what raises a score in it.
#[derive(Debug)]
pub(in crate::embed) struct Activation {
    /// `rows × columns × channels`, channels innermost.
    pub map: Vec<f32>,
    /// Rows and columns.
    pub size: [usize; 2],
    /// Derivative of the score by the mean of every channel.
    pub slopes: Vec<f32>,
}

/// Pixels in [0, 1] as the network sees them: in [−1, 1].
pub(super) fn normalised(mut pixels: Vec<f32>) -> Vec<f32> {
    pixels.iter_mut().for_each(|value| *value = 2.0 * *value - 1.0);
    pixels
}

/// The pixels of an image, channels last, unchanged or mirrored left to right.
pub(super) fn channels_last(image: &Prepared, mirrored: bool) -> Vec<f32> {
    let plane = image.height * image.width;
    let mut out = Vec::with_capacity(image.pixels.len());
    for row in 0..image.height {
        for column in 0..image.width {
            let column = if mirrored { image.width - 1 - column } else { column };
            let pixel = row * image.width + column;
            out.extend((0..image.channels).map(|c| image.pixels.get(c * plane + pixel).copied().unwrap_or(0.0)));
        }
    }
    out
}

/// The mean over the pixels of every image: `[images, channels]`.
pub(super) fn mean_over_pixels(map: &[f32], grid: Grid) -> Vec<f32> {
    let pixels = grid.rows * grid.columns;
    let mut out = vec![0.0; grid.images * grid.channels];
    for (sums, image) in out.chunks_exact_mut(grid.channels).zip(map.chunks_exact(pixels * grid.channels)) {
        for pixel in image.chunks_exact(grid.channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
        sums.iter_mut().for_each(|sum| *sum /= pixels as f32);
    }
    out
}

impl FineTuned {
    /// The network of a specification with these parameters.
    pub fn new(spec: &EncoderSpec, parameters: Vec<f32>) -> Result<Self, Error> {
        let (layout, backbone, heads) = Self::parts(spec);
        let parameters = halved(parameters);
        let tensors = heads.tensors(&layout, &parameters)?;
        let mirror = spec.fine_tuning.mirror;
        Ok(Self { layout, backbone, heads, parameters, tensors, mirror, spaces: Mutex::default() })
    }

    fn parts(spec: &EncoderSpec) -> (Layout, Backbone, Heads) {
        let mut layout = Layout::default();
        let backbone = Backbone::new(spec.input_shape()[0], TOP + 1, &mut layout);
        let heads = Heads::new(spec, &mut layout);
        (layout, backbone, heads)
    }

    /// The embedding of one image; with `mirror` the mean of it and its mirror image.
    pub fn embed(&self, image: &Prepared) -> Result<Vec<f32>, Error> {
        let sides: &[bool] = if self.mirror { &[false, true] } else { &[false] };
        let grid = Grid { images: 1, rows: image.height, columns: image.width, channels: image.channels };
        let pooled = self.spaces.lock().map_or_else(|_| None, |mut spaces| spaces.pop());
        let mut space = pooled.unwrap_or_default();
        let mut features = vec![0.0; FEATURES];
        for &side in sides {
            let pixels = normalised(channels_last(image, side));
            self.backbone.forward(&self.parameters, &pixels, grid, &mut space);
            let (map, grid) = self.backbone.after(TOP, &space);
            let own = mean_over_pixels(map, grid);
            features.iter_mut().zip(own).for_each(|(sum, value)| *sum += value / sides.len() as f32);
        }
        if let Ok(mut spaces) = self.spaces.lock() {
            spaces.push(space);
        }
        let features = Tensor::from_vec(features, (1, FEATURES), &Device::Cpu)?;
        Ok(self.heads.embed(&self.tensors, &features)?.flatten_all()?.to_vec1::<f32>()?)
    }

    fn rows(embeddings: &[Vec<f32>]) -> Result<Tensor, Error> {
        let dim = embeddings.first().map_or(0, Vec::len);
        Ok(Tensor::from_vec(embeddings.concat(), (embeddings.len(), dim), &Device::Cpu)?)
    }

    /// The last map of one image, its height and width, and the slope of the score of `class` (its logit less the mean of
    /// the others') by the mean of every channel.
    pub fn activation(&self, image: &Prepared, class: usize) -> Result<Activation, Error> {
        let grid = Grid { images: 1, rows: image.height, columns: image.width, channels: image.channels };
        let mut space = Workspace::default();
        self.backbone.forward(&self.parameters, &normalised(channels_last(image, false)), grid, &mut space);
        let (map, top) = self.backbone.after(TOP, &space);
        let features = Tensor::from_vec(mean_over_pixels(map, top), (1, FEATURES), &Device::Cpu)?;
        let embedding = self.heads.embed(&self.tensors, &features)?.flatten_all()?.to_vec1::<f32>()?;
        let rows = |name: &str| -> Result<Vec<f32>, Error> {
            let tensor = self.tensors.get(name);
            let tensor = tensor.ok_or_else(|| candle_core::Error::Msg(format!("no tensor {name}")))?;
            Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
        };
        let (weight, head) = (rows("embedding.weight")?, rows("head.weight")?);
        let classes: Vec<&[f32]> = head.chunks_exact(embedding.len().max(1)).collect();
        let others = classes.len().saturating_sub(1).max(1) as f32;
        let contrast: Vec<f32> = (0..embedding.len())
            .map(|unit| {
                let of = |row: &&[f32]| row.get(unit).copied().unwrap_or(0.0);
                let rest = classes.iter().enumerate().filter(|(k, _)| *k != class).map(|(_, row)| of(row)).sum::<f32>();
                classes.get(class).map_or(0.0, of) - rest / others
            })
            .collect();
        let slopes = slopes(&weight, FEATURES, &embedding, &contrast);
        Ok(Activation { map: map.to_vec(), size: [top.rows, top.columns], slopes })
    }

    /// The class logits of one embedding.
    pub fn logits(&self, embedding: &[f32]) -> Result<Vec<f32>, Error> {
        let rows = Self::rows(&[embedding.to_vec()])?;
        Ok(self.heads.logits(&self.tensors, &rows)?.flatten_all()?.to_vec1::<f32>()?)
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.tensors.get("embedding.weight").and_then(|weight| weight.dims().first().copied()).unwrap_or(0)
    }

    /// True when the shares of a patient's images were learned.
    pub fn has_attention(&self) -> bool {
        self.heads.attention
    }

    /// What every auxiliary head says about one embedding: class probabilities, or one number.
    pub fn auxiliary(&self, embedding: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let rows = Self::rows(&[embedding.to_vec()])?;
        let tasks = self.heads.auxiliary.iter();
        tasks
            .map(|task| {
                let outputs = self.heads.auxiliary(&self.tensors, &task.name, &rows)?;
                let outputs = outputs.flatten_all()?.to_vec1::<f32>()?;
                let [mean, sd] = match self.parameters.get(task.moments.clone()) {
                    Some(&[mean, sd]) => [mean, sd],
                    _ => [0.0, 1.0],
                };
                Ok(match task.kind {
                    AuxiliaryKind::Class => softmax(&outputs),
                    AuxiliaryKind::Number => outputs.into_iter().map(|x| mean + sd * x).collect(),
                })
            })
            .collect()
    }

    /// The embedding of a patient from those of her images, and the share of each image in it.
    pub fn pool(&self, embeddings: &[Vec<f32>]) -> Result<(Vec<f32>, Vec<f32>), Error> {
        if embeddings.is_empty() {
            return Err(Error::NoViews);
        }
        let rows = Self::rows(embeddings)?;
        let shares = self.heads.attention(&self.tensors, &rows)?.to_vec1::<f32>()?;
        let pooled = self.heads.pooled(&self.tensors, &rows)?.flatten_all()?.to_vec1::<f32>()?;
        Ok((pooled, shares))
    }

    /// The weights file: every tensor under torchvision's name or its head's, half precision.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        weights_bytes(&self.layout, &self.parameters)
    }

    /// Reads a weights file of this specification.
    pub fn read(model: &str, spec: &EncoderSpec, bytes: &[u8]) -> Result<Self, Error> {
        let (layout, _, _) = Self::parts(spec);
        Self::new(spec, read_tensors(model, &layout, "", &SafeTensors::deserialize(bytes)?)?)
    }
}
