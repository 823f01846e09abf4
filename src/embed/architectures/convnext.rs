use super::engine::{Engine, Network, Stage, convolve_once, normalise_once};
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, Padding};

/// Channels and blocks of the four stages.
const STAGES: [(usize, usize); 4] = [(96, 3), (192, 3), (384, 9), (768, 3)];

/// ConvNeXt-T; stage `i` is timm's `stages.i`, the first with the stem.
///
/// # Source
/// Liu et al., A ConvNet for the 2020s, CVPR 2022.
pub(super) struct ConvNext<E: Engine> {
    stem: (E::Convolution, E::LayerNorm),
    stages: Vec<ConvNextStage<E>>,
    /// The normalisation of the pooled embedding; heads without one leave it out.
    norm: Option<E::LayerNorm>,
}

struct ConvNextStage<E: Engine> {
    downsample: Option<(E::LayerNorm, E::Convolution)>,
    blocks: Vec<Block<E>>,
}

struct Block<E: Engine> {
    depthwise: E::Convolution,
    norm: E::LayerNorm,
    widen: E::Convolution,
    /// With the layer scale folded in.
    narrow: E::Convolution,
}

fn layer_norm<E: Engine>(
    engine: &E,
    weights: &mut Weights,
    name: &str,
    channels: usize,
) -> Result<E::LayerNorm, Error> {
    let scale = weights.take(&format!("{name}.weight"), &[channels]);
    engine.layer_norm(scale, weights.take(&format!("{name}.bias"), &[channels]))
}

/// A convolution whose window is its step.
fn patches<E: Engine>(
    engine: &E,
    weights: &mut Weights,
    name: &str,
    [inputs, outputs, side]: [usize; 3],
) -> Result<E::Convolution, Error> {
    let (kernel, padding) = ([side; 2], Padding::Even(0));
    let shape = ConvolutionShape { inputs, outputs, kernel, stride: side, padding, depthwise: false };
    let (weight, bias) = weights.convolution(name, None, shape.weight_shape());
    engine.convolution(shape, weight, bias, Activation::None)
}

impl<E: Engine> ConvNext<E> {
    /// Builds the network, from as many input channels as the stem's weights say.
    pub fn build(engine: &E, weights: &mut Weights) -> Result<Self, Error> {
        let timm = weights.has("stem.0.weight");
        let colours = weights.input_channels();
        let stem = if timm { "stem" } else { "features.0" };
        let first = patches(engine, weights, &format!("{stem}.0"), [colours, STAGES[0].0, 4])?;
        let stem = (first, layer_norm(engine, weights, &format!("{stem}.1"), STAGES[0].0)?);
        let (mut stages, mut inputs) = (Vec::new(), STAGES[0].0);
        for (index, (channels, depth)) in STAGES.into_iter().enumerate() {
            let downsample = if index == 0 {
                None
            } else {
                let name = if timm { format!("stages.{index}.downsample") } else { format!("features.{}", 2 * index) };
                let norm = layer_norm(engine, weights, &format!("{name}.0"), inputs)?;
                Some((norm, patches(engine, weights, &format!("{name}.1"), [inputs, channels, 2])?))
            };
            let prefix = if timm { format!("stages.{index}.blocks") } else { format!("features.{}", 2 * index + 1) };
            let blocks =
                (0..depth).map(|block| Block::build(engine, weights, &format!("{prefix}.{block}"), channels, timm));
            stages.push(ConvNextStage { downsample, blocks: blocks.collect::<Result<_, Error>>()? });
            inputs = channels;
        }
        let name = if timm { "head.norm" } else { "classifier.0" };
        let norm =
            weights.has(&format!("{name}.weight")).then(|| layer_norm(engine, weights, name, inputs)).transpose()?;
        Ok(Self { stem, stages, norm })
    }
}

impl<E: Engine> Block<E> {
    fn build(engine: &E, weights: &mut Weights, prefix: &str, channels: usize, timm: bool) -> Result<Self, Error> {
        let (depthwise, norm, widen, narrow) =
            if timm { ("conv_dw", "norm", "mlp.fc1", "mlp.fc2") } else { ("block.0", "block.2", "block.3", "block.5") };
        let name = |part: &str| format!("{prefix}.{part}");
        let (kernel, padding) = ([7; 2], Padding::Even(3));
        let shape =
            ConvolutionShape { inputs: channels, outputs: channels, kernel, stride: 1, padding, depthwise: true };
        let (weight, bias) = weights.convolution(&name(depthwise), None, shape.weight_shape());
        let depthwise = engine.convolution(shape, weight, bias, Activation::None)?;
        let norm = layer_norm(engine, weights, &name(norm), channels)?;
        let (weight, bias) = weights.linear(&name(widen), [channels, 4 * channels]);
        let widen =
            engine.convolution(ConvolutionShape::linear(channels, 4 * channels), weight, bias, Activation::Gelu)?;
        let linear = weights.linear(&name(narrow), [4 * channels, channels]);
        let scale = if timm {
            weights.take(&name("gamma"), &[channels])
        } else {
            weights.take(&name("layer_scale"), &[channels, 1, 1])
        };
        let (weight, bias) = scaled(linear, &scale);
        let narrow =
            engine.convolution(ConvolutionShape::linear(4 * channels, channels), weight, bias, Activation::None)?;
        Ok(Self { depthwise, norm, widen, narrow })
    }

    fn run(&self, engine: &E, map: E::Map) -> Result<E::Map, Error> {
        let spread = normalise_once(engine, &self.norm, engine.convolve(&self.depthwise, &map, None)?)?;
        let wide = convolve_once(engine, &self.widen, spread)?;
        let out = engine.convolve(&self.narrow, &wide, Some(&map))?;
        engine.release(wide);
        engine.release(map);
        Ok(out)
    }
}

/// A layer whose outputs are multiplied by one factor each.
pub(super) fn scaled((mut weight, mut bias): (Vec<f32>, Vec<f32>), scale: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let inputs = weight.len() / bias.len().max(1);
    for (row, factor) in weight.chunks_exact_mut(inputs.max(1)).zip(scale) {
        row.iter_mut().for_each(|weight| *weight *= factor);
    }
    bias.iter_mut().zip(scale).for_each(|(bias, factor)| *bias *= factor);
    (weight, bias)
}

impl<E: Engine> Network<E> for ConvNext<E> {
    fn stages(&self) -> Vec<Stage> {
        STAGES.iter().enumerate().map(|(index, &(channels, _))| Stage { channels, stride: 4 << index }).collect()
    }

    fn run(&self, engine: &E, index: usize, mut map: E::Map) -> Result<E::Map, Error> {
        if index == 0 {
            map = normalise_once(engine, &self.stem.1, convolve_once(engine, &self.stem.0, map)?)?;
        }
        if let Some(stage) = self.stages.get(index) {
            if let Some((norm, convolution)) = &stage.downsample {
                map = convolve_once(engine, convolution, normalise_once(engine, norm, map)?)?;
            }
            for block in &stage.blocks {
                map = block.run(engine, map)?;
            }
        }
        Ok(map)
    }

    fn pool(&self, engine: &E, features: E::Map) -> Result<E::Map, Error> {
        let means = engine.means(&features)?;
        engine.release(features);
        match &self.norm {
            Some(norm) => normalise_once(engine, norm, means),
            None => Ok(means),
        }
    }
}
