use super::engine::{Engine, Network, Stage, convolve_once};
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, MaxPool, Padding};

/// Channels of the four layers before the bottleneck's expansion.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// The pooling after the stem.
const POOL: MaxPool = MaxPool { kernel: 3, stride: 2, padding: 1 };

/// A ResNet; stage 0 is the stem's convolution, stage `i` is `layer i` (the first with the pooling before it).
///
/// # Source
/// He et al., Deep residual learning for image recognition, CVPR 2016; the stride sits in the 3 × 3 convolution.
pub(super) struct ResNet<E: Engine> {
    stem: E::Convolution,
    layers: Vec<Vec<Block<E>>>,
    stages: Vec<Stage>,
}

struct Block<E: Engine> {
    /// All but the last convolution are followed by relu; the last by the sum with the shortcut, then relu.
    path: Vec<E::Convolution>,
    last: E::Convolution,
    shortcut: Option<E::Convolution>,
}

/// The convolutions of a block: two of 3 × 3, or 1 × 1, 3 × 3, 1 × 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Basic,
    Bottleneck,
}

impl BlockKind {
    /// Output channels per inner channel.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Reads one convolution and the batch normalisation after it.
fn convolution<E: Engine>(
    engine: &E,
    weights: &mut Weights,
    (name, norm): (String, String),
    [inputs, outputs]: [usize; 2],
    [kernel, stride]: [usize; 2],
    activation: Activation,
) -> Result<E::Convolution, Error> {
    let padding = Padding::Even(kernel / 2);
    let shape = ConvolutionShape { inputs, outputs, kernel: [kernel; 2], stride, padding, depthwise: false };
    let (weight, bias) = weights.convolution(&name, Some(&norm), shape.weight_shape());
    engine.convolution(shape, weight, bias, activation)
}

impl<E: Engine> ResNet<E> {
    /// Builds the network with that many blocks per layer, from as many input channels as the stem's weights say.
    pub fn build(engine: &E, weights: &mut Weights, kind: BlockKind, depths: [usize; 4]) -> Result<Self, Error> {
        let colours = weights.input_channels();
        let names = ("conv1".to_owned(), "bn1".to_owned());
        let stem = convolution(engine, weights, names, [colours, WIDTHS[0]], [7, 2], Activation::Relu)?;
        let mut stages = vec![Stage { channels: WIDTHS[0], stride: 2 }];
        let (mut layers, mut channels) = (Vec::new(), WIDTHS[0]);
        for (layer, (width, depth)) in WIDTHS.into_iter().zip(depths).enumerate() {
            let mut blocks = Vec::new();
            for index in 0..depth {
                let stride = if index == 0 && layer > 0 { 2 } else { 1 };
                let prefix = format!("layer{}.{index}", layer + 1);
                blocks.push(Block::build(engine, weights, &prefix, kind, [channels, width, stride])?);
                channels = width * kind.expansion();
            }
            layers.push(blocks);
            stages.push(Stage { channels, stride: 4 << layer });
        }
        Ok(Self { stem, layers, stages })
    }
}

impl<E: Engine> Block<E> {
    fn build(
        engine: &E,
        weights: &mut Weights,
        prefix: &str,
        kind: BlockKind,
        [inputs, width, stride]: [usize; 3],
    ) -> Result<Self, Error> {
        let outputs = width * kind.expansion();
        let mut read = |index: usize, channels: [usize; 2], window: [usize; 2]| {
            let names = (format!("{prefix}.conv{index}"), format!("{prefix}.bn{index}"));
            convolution(engine, weights, names, channels, window, Activation::Relu)
        };
        let (path, last) = match kind {
            BlockKind::Basic => (vec![read(1, [inputs, width], [3, stride])?], read(2, [width, outputs], [3, 1])?),
            BlockKind::Bottleneck => {
                let path = vec![read(1, [inputs, width], [1, 1])?, read(2, [width, width], [3, stride])?];
                (path, read(3, [width, outputs], [1, 1])?)
            }
        };
        let shortcut = if stride == 1 && inputs == outputs {
            None
        } else {
            let names = (format!("{prefix}.downsample.0"), format!("{prefix}.downsample.1"));
            Some(convolution(engine, weights, names, [inputs, outputs], [1, stride], Activation::None)?)
        };
        Ok(Self { path, last, shortcut })
    }

    fn run(&self, engine: &E, map: E::Map) -> Result<E::Map, Error> {
        let mut inner: Option<E::Map> = None;
        for layer in &self.path {
            let next = engine.convolve(layer, inner.as_ref().unwrap_or(&map), None)?;
            if let Some(used) = inner.replace(next) {
                engine.release(used);
            }
        }
        let shortcut = match &self.shortcut {
            Some(layer) => convolve_once(engine, layer, map)?,
            None => map,
        };
        let out = engine.convolve(&self.last, inner.as_ref().unwrap_or(&shortcut), Some(&shortcut))?;
        engine.release(shortcut);
        inner.into_iter().for_each(|used| engine.release(used));
        Ok(out)
    }
}

impl<E: Engine> Network<E> for ResNet<E> {
    fn stages(&self) -> Vec<Stage> {
        self.stages.clone()
    }

    fn run(&self, engine: &E, index: usize, mut map: E::Map) -> Result<E::Map, Error> {
        if index == 0 {
            return convolve_once(engine, &self.stem, map);
        }
        if index == 1 {
            let pooled = engine.max_pool(&map, POOL)?;
            engine.release(map);
            map = pooled;
        }
        for block in self.layers.get(index - 1).into_iter().flatten() {
            map = block.run(engine, map)?;
        }
        Ok(map)
    }
}
