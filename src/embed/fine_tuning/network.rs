use std::collections::BTreeMap;
use std::sync::Mutex;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::imaging::Prepared;

use super::super::Error;
use super::super::convolution::Grid;
use super::super::fine_tuning_spec::AuxiliaryKind;
use super::super::loss::softmax;
use super::super::spec::EncoderSpec;
use super::backbone::{Backbone, Workspace};
use super::heads::{Heads, Named};
use super::layers::FEATURES;
use super::parameters::Layout;

/// The position of the last block.
pub(super) const TOP: usize = 18;

/// A fine-tuned network and its parameters, ready to embed.
#[derive(Debug)]
pub(in crate::embed) struct FineTuned {
    shape: Shape,
    parameters: Vec<f32>,
    heads: Named,
    mirror: bool,
    spaces: Mutex<Vec<Workspace>>,
}

/// The parts of a network without their parameters.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub layout: Layout,
    pub backbone: Backbone,
    pub heads: Heads,
}

impl Shape {
    pub fn new(spec: &EncoderSpec) -> Self {
        let mut layout = Layout::default();
        let [channels, _, _] = spec.input_shape();
        let backbone = Backbone::new(channels, TOP + 1, &mut layout);
        let heads = Heads::new(spec, &mut layout);
        Self { layout, backbone, heads }
    }
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
    pub(super) fn new(shape: Shape, parameters: Vec<f32>, mirror: bool) -> Result<Self, Error> {
        let heads = shape.heads.tensors(&shape.layout, &parameters)?;
        Ok(Self { shape, parameters, heads, mirror, spaces: Mutex::default() })
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
            self.shape.backbone.forward(&self.parameters, &pixels, grid, &mut space);
            let (map, grid) = self.shape.backbone.after(TOP, &space);
            let own = mean_over_pixels(map, grid);
            features.iter_mut().zip(own).for_each(|(sum, value)| *sum += value / sides.len() as f32);
        }
        if let Ok(mut spaces) = self.spaces.lock() {
            spaces.push(space);
        }
        let features = Tensor::from_vec(features, (1, FEATURES), &Device::Cpu)?;
        Ok(self.shape.heads.embed(&self.heads, &features)?.flatten_all()?.to_vec1::<f32>()?)
    }

    fn rows(embeddings: &[Vec<f32>]) -> Result<Tensor, Error> {
        let dim = embeddings.first().map_or(0, Vec::len);
        Ok(Tensor::from_vec(embeddings.concat(), (embeddings.len(), dim), &Device::Cpu)?)
    }

    /// The class logits of one embedding.
    pub fn logits(&self, embedding: &[f32]) -> Result<Vec<f32>, Error> {
        let rows = Self::rows(&[embedding.to_vec()])?;
        Ok(self.shape.heads.logits(&self.heads, &rows)?.flatten_all()?.to_vec1::<f32>()?)
    }

    /// True when the shares of a patient's images were learned.
    pub fn has_attention(&self) -> bool {
        self.shape.heads.attention
    }

    /// What every auxiliary head says about one embedding: class probabilities, or one number.
    pub fn auxiliary(&self, embedding: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let rows = Self::rows(&[embedding.to_vec()])?;
        let tasks = self.shape.heads.auxiliary.iter();
        tasks
            .map(|task| {
                let outputs = self.shape.heads.auxiliary(&self.heads, &task.name, &rows)?;
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
        let shares = self.shape.heads.attention(&self.heads, &rows)?.to_vec1::<f32>()?;
        let pooled = self.shape.heads.pooled(&self.heads, &rows)?.flatten_all()?.to_vec1::<f32>()?;
        Ok((pooled, shares))
    }

    /// The weights file: every tensor under torchvision's name or its head's, little-endian f32.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        tensor_bytes(&self.shape.layout, &[("", &self.parameters)], None)
    }

    /// Reads a weights file of this specification.
    pub fn read(model: &str, spec: &EncoderSpec, bytes: &[u8]) -> Result<Self, Error> {
        let shape = Shape::new(spec);
        let parameters = read_tensors(model, &shape.layout, "", &SafeTensors::deserialize(bytes)?)?;
        Self::new(shape, parameters, spec.fine_tuning.mirror)
    }
}

/// Flat vectors as named tensors in the safetensors format; each vector's names get its prefix.
pub(super) fn tensor_bytes(
    layout: &Layout,
    vectors: &[(&str, &[f32])],
    metadata: Option<std::collections::HashMap<String, String>>,
) -> Result<Vec<u8>, Error> {
    let mut stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (prefix, values) in vectors {
        for slot in &layout.slots {
            let own = values.get(slot.range.clone()).unwrap_or(&[]);
            let bytes = own.iter().flat_map(|value| value.to_le_bytes()).collect();
            stored.insert(format!("{prefix}{}", slot.name), (slot.shape.clone(), bytes));
        }
    }
    let mut views = Vec::with_capacity(stored.len());
    for (name, (shape, bytes)) in &stored {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    Ok(safetensors::serialize(views, metadata)?)
}

/// The flat vector whose tensors have this prefix; each must be there, of its shape, and finite.
pub(super) fn read_tensors(
    model: &str,
    layout: &Layout,
    prefix: &str,
    stored: &SafeTensors<'_>,
) -> Result<Vec<f32>, Error> {
    let mut values = Vec::with_capacity(layout.len());
    for slot in &layout.slots {
        let name = format!("{prefix}{}", slot.name);
        let wrong = |found: String| Error::Tensor {
            model: model.to_owned(),
            tensor: name.clone(),
            expected: format!("{:?} F32, finite", slot.shape),
            found,
        };
        let view = stored.tensor(&name).map_err(|_| wrong("absent".to_owned()))?;
        if view.shape() != slot.shape || view.dtype() != Dtype::F32 {
            return Err(wrong(format!("{:?} {:?}", view.shape(), view.dtype())));
        }
        let four = |chunk: &[u8]| chunk.try_into().map_or(f32::NAN, f32::from_le_bytes);
        values.extend(view.data().chunks_exact(4).map(four));
        if !values.iter().skip(slot.range.start).all(|value| value.is_finite()) {
            return Err(wrong("a value that is not finite".to_owned()));
        }
    }
    Ok(values)
}
