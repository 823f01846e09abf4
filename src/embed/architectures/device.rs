use candle_core::{D, Device, Tensor};

use super::engine::Engine;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, FeatureMap, MaxPool};

/// candle's own layers on any device it knows; maps are `[images, channels, height, width]`.
#[derive(Debug)]
pub(super) struct OnDevice {
    pub device: Device,
}

/// A convolution in candle's terms.
#[derive(Debug)]
pub(super) struct DeviceConvolution {
    shape: ConvolutionShape,
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
}

fn activate(map: &Tensor, activation: Activation) -> candle_core::Result<Tensor> {
    match activation {
        Activation::None => Ok(map.clone()),
        Activation::Relu => map.relu(),
        Activation::Relu6 => map.clamp(0f32, 6f32),
        Activation::Silu => map.silu(),
        Activation::Gelu => map.gelu_erf(),
        Activation::Sigmoid => (map.neg()?.exp()? + 1.0)?.recip(),
    }
}

/// Adds margins to dimension `axis` so that the window's steps cover exactly the output.
fn with_margin(map: Tensor, axis: usize, shape: &ConvolutionShape) -> candle_core::Result<Tensor> {
    let (size, kernel) = (map.dim(axis)?, shape.kernel[axis - 2]);
    let (lead, out) = shape.padding.lead_and_output(size, kernel, shape.stride).unwrap_or((0, 1));
    let reach = (out - 1) * shape.stride + kernel;
    map.pad_with_zeros(axis, lead, reach.saturating_sub(size + lead))
}

impl Engine for OnDevice {
    type Map = Tensor;
    type Convolution = DeviceConvolution;
    /// γ and β, each `[channels]`.
    type LayerNorm = (Tensor, Tensor);

    fn images(&self, images: &FeatureMap, first: usize, count: usize) -> Result<Tensor, Error> {
        let map = Tensor::from_slice(images.values(), &images.shape()[..], &self.device)?.narrow(0, first, count)?;
        Ok(map.permute((0, 3, 1, 2))?.contiguous()?)
    }

    fn values(&self, map: &Tensor) -> Result<FeatureMap, Error> {
        let map = map.permute((0, 2, 3, 1))?;
        let (images, height, width, channels) = map.dims4()?;
        FeatureMap::new([images, height, width, channels], map.flatten_all()?.to_vec1()?)
    }

    fn convolution(
        &self,
        shape: ConvolutionShape,
        weight: Vec<f32>,
        bias: Vec<f32>,
        activation: Activation,
    ) -> Result<DeviceConvolution, Error> {
        let weight = Tensor::from_vec(weight, &shape.weight_shape()[..], &self.device)?;
        let bias = Tensor::from_vec(bias, (1, shape.outputs, 1, 1), &self.device)?;
        Ok(DeviceConvolution { shape, weight, bias, activation })
    }

    fn convolve(&self, layer: &DeviceConvolution, map: &Tensor, residual: Option<&Tensor>) -> Result<Tensor, Error> {
        let map = with_margin(with_margin(map.clone(), 2, &layer.shape)?, 3, &layer.shape)?;
        let groups = if layer.shape.depthwise { layer.shape.inputs } else { 1 };
        let out = map.contiguous()?.conv2d(&layer.weight, 0, layer.shape.stride, 1, groups)?;
        let mut out = out.broadcast_add(&layer.bias)?;
        if let Some(residual) = residual {
            out = (out + residual)?;
        }
        Ok(activate(&out, layer.activation)?)
    }

    fn layer_norm(&self, scale: Vec<f32>, shift: Vec<f32>) -> Result<(Tensor, Tensor), Error> {
        let channels = (1, scale.len(), 1, 1);
        Ok((Tensor::from_vec(scale, channels, &self.device)?, Tensor::from_vec(shift, channels, &self.device)?))
    }

    fn normalise(&self, (scale, shift): &(Tensor, Tensor), map: &Tensor) -> Result<Tensor, Error> {
        let centred = map.broadcast_sub(&map.mean_keepdim(1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(1)? + 1e-6)?.sqrt()?;
        Ok(centred.broadcast_div(&deviation)?.broadcast_mul(scale)?.broadcast_add(shift)?)
    }

    fn scale(&self, map: Tensor, gates: &Tensor) -> Result<Tensor, Error> {
        Ok(map.broadcast_mul(gates)?)
    }

    fn attention(&self, qkv: &Tensor, heads: usize) -> Result<Tensor, Error> {
        let (images, channels, tokens, _) = qkv.dims4()?;
        let depth = channels / 3 / heads;
        let parts = qkv.reshape((images, 3, heads, depth, tokens))?;
        let part = |index: usize| parts.narrow(1, index, 1)?.squeeze(1)?.contiguous();
        let scores = (part(0)?.transpose(2, 3)?.contiguous()?.matmul(&part(1)?)? / (depth as f64).sqrt())?;
        let weights = candle_nn::ops::softmax_last_dim(&scores)?;
        let out = part(2)?.matmul(&weights.transpose(2, 3)?.contiguous()?)?;
        Ok(out.reshape((images, channels / 3, tokens, 1))?)
    }

    fn tokens(&self, map: &Tensor, prefix: &[f32], positions: &[f32]) -> Result<Tensor, Error> {
        let (images, channels, height, width) = map.dims4()?;
        let rows = |values: &[f32]| -> candle_core::Result<Tensor> {
            let count = values.len() / channels;
            Tensor::from_slice(values, (1, count, channels), &self.device)?.transpose(1, 2)?.contiguous()
        };
        let patches = map.reshape((images, channels, height * width))?.broadcast_add(&rows(positions)?)?;
        let prefix = rows(prefix)?;
        let prefix = prefix.broadcast_as((images, channels, prefix.dim(2)?))?;
        Ok(Tensor::cat(&[&prefix.contiguous()?, &patches], 2)?.unsqueeze(3)?)
    }

    fn first_token(&self, map: &Tensor) -> Result<Tensor, Error> {
        Ok(map.narrow(2, 0, 1)?)
    }

    fn size(&self, map: &Tensor) -> Result<[usize; 2], Error> {
        let (_, _, height, width) = map.dims4()?;
        Ok([height, width])
    }

    fn max_pool(&self, map: &Tensor, pool: MaxPool) -> Result<Tensor, Error> {
        // Zeros are neutral margins of a maximum here: every pooled map is an output of relu.
        let margin = pool.padding;
        let map = map.pad_with_zeros(2, margin, margin)?.pad_with_zeros(3, margin, margin)?;
        Ok(map.max_pool2d_with_stride(pool.kernel, pool.stride)?)
    }

    fn means(&self, map: &Tensor) -> Result<Tensor, Error> {
        Ok(map.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)?)
    }

    fn release(&self, _: Tensor) {}
}
