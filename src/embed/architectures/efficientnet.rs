use super::engine::{Engine, Network, Stage, convolve_once};
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, Padding};

/// Expansion, window, output channels, repeats and first stride of every group of blocks (Tan and Le, table 1).
const GROUPS: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
];
/// Channels of the stem and of the last convolution.
const STEM: usize = 32;
const HEAD: usize = 1280;
/// Channels of a block's input per channel of its squeeze.
const SQUEEZE: usize = 4;

/// EfficientNet-B0; stage `i` is torchvision's `features.i`.
///
/// # Source
/// Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019.
pub(super) struct EfficientNet<E: Engine> {
    stem: E::Convolution,
    groups: Vec<Vec<Block<E>>>,
    head: E::Convolution,
    stages: Vec<Stage>,
}

struct Block<E: Engine> {
    expand: Option<E::Convolution>,
    depthwise: E::Convolution,
    reduce: E::Convolution,
    excite: E::Convolution,
    project: E::Convolution,
    residual: bool,
}

/// A convolution's name, and its normalisation's if it has one instead of a bias.
type Names = (String, Option<String>);

/// Names of expansion (empty when there is none), depthwise, squeeze, excitation and projection.
fn block_names(timm: bool, group: usize, repeat: usize, expands: bool) -> [Names; 5] {
    if timm {
        let names = |conv: &str, norm: usize| {
            let prefix = format!("blocks.{group}.{repeat}");
            (format!("{prefix}.{conv}"), Some(format!("{prefix}.bn{norm}")))
        };
        let biased = |conv: &str| (format!("blocks.{group}.{repeat}.se.{conv}"), None);
        let (reduce, excite) = (biased("conv_reduce"), biased("conv_expand"));
        if expands {
            [names("conv_pw", 1), names("conv_dw", 2), reduce, excite, names("conv_pwl", 3)]
        } else {
            [Names::default(), names("conv_dw", 1), reduce, excite, names("conv_pw", 2)]
        }
    } else {
        let prefix = format!("features.{}.{repeat}.block", group + 1);
        let names = |step: usize| (format!("{prefix}.{step}.0"), Some(format!("{prefix}.{step}.1")));
        let first = usize::from(expands);
        let biased = |conv: &str| (format!("{prefix}.{}.{conv}", first + 1), None);
        let expand = if expands { names(0) } else { Names::default() };
        [expand, names(first), biased("fc1"), biased("fc2"), names(first + 2)]
    }
}

struct Reader<'a, E: Engine> {
    engine: &'a E,
    weights: &'a mut Weights,
}

impl<E: Engine> Reader<'_, E> {
    fn convolution(
        &mut self,
        (name, norm): &Names,
        [inputs, outputs]: [usize; 2],
        (kernel, stride, depthwise): (usize, usize, bool),
        activation: Activation,
    ) -> Result<E::Convolution, Error> {
        let padding = Padding::Even(kernel / 2);
        let shape = ConvolutionShape { inputs, outputs, kernel: [kernel; 2], stride, padding, depthwise };
        let (weight, bias) = self.weights.convolution(name, norm.as_deref(), shape.weight_shape());
        self.engine.convolution(shape, weight, bias, activation)
    }

    fn pointwise(
        &mut self,
        names: &Names,
        channels: [usize; 2],
        activation: Activation,
    ) -> Result<E::Convolution, Error> {
        self.convolution(names, channels, (1, 1, false), activation)
    }
}

impl<E: Engine> EfficientNet<E> {
    /// Builds the network, from as many input channels as the stem's weights say.
    pub fn build(engine: &E, weights: &mut Weights) -> Result<Self, Error> {
        let timm = weights.has("conv_stem.weight");
        let colours = weights.input_channels();
        let names = |conv: &str, norm: &str| (conv.to_owned(), Some(norm.to_owned()));
        let (stem, head) = if timm {
            (names("conv_stem", "bn1"), names("conv_head", "bn2"))
        } else {
            (names("features.0.0", "features.0.1"), names("features.8.0", "features.8.1"))
        };
        let mut reader = Reader { engine, weights };
        let stem = reader.convolution(&stem, [colours, STEM], (3, 2, false), Activation::Silu)?;
        let (mut groups, mut channels, mut scale) = (Vec::new(), STEM, 2);
        let mut stages = vec![Stage { channels: STEM, stride: 2 }];
        for (group, (expansion, kernel, outputs, repeats, first_stride)) in GROUPS.into_iter().enumerate() {
            let mut blocks = Vec::new();
            for repeat in 0..repeats {
                let stride = if repeat == 0 { first_stride } else { 1 };
                let names = block_names(timm, group, repeat, expansion > 1);
                blocks.push(Block::build(&mut reader, &names, [channels, outputs], [expansion, kernel, stride])?);
                channels = outputs;
            }
            groups.push(blocks);
            scale *= first_stride;
            stages.push(Stage { channels, stride: scale });
        }
        let head = reader.pointwise(&head, [channels, HEAD], Activation::Silu)?;
        stages.push(Stage { channels: HEAD, stride: scale });
        Ok(Self { stem, groups, head, stages })
    }
}

impl<E: Engine> Block<E> {
    fn build(
        reader: &mut Reader<'_, E>,
        [expand, depthwise, reduce, excite, project]: &[Names; 5],
        [inputs, outputs]: [usize; 2],
        [expansion, kernel, stride]: [usize; 3],
    ) -> Result<Self, Error> {
        let (inner, squeezed) = (inputs * expansion, inputs / SQUEEZE);
        let expand =
            if expansion == 1 { None } else { Some(reader.pointwise(expand, [inputs, inner], Activation::Silu)?) };
        let depthwise = reader.convolution(depthwise, [inner, inner], (kernel, stride, true), Activation::Silu)?;
        let reduce = reader.pointwise(reduce, [inner, squeezed], Activation::Silu)?;
        let excite = reader.pointwise(excite, [squeezed, inner], Activation::Sigmoid)?;
        let project = reader.pointwise(project, [inner, outputs], Activation::None)?;
        Ok(Self { expand, depthwise, reduce, excite, project, residual: stride == 1 && inputs == outputs })
    }

    fn run(&self, engine: &E, map: E::Map) -> Result<E::Map, Error> {
        let spread = match &self.expand {
            Some(expand) => convolve_once(engine, &self.depthwise, engine.convolve(expand, &map, None)?)?,
            None => engine.convolve(&self.depthwise, &map, None)?,
        };
        let squeezed = convolve_once(engine, &self.reduce, engine.means(&spread)?)?;
        let gates = convolve_once(engine, &self.excite, squeezed)?;
        let gated = engine.scale(spread, &gates)?;
        let out = engine.convolve(&self.project, &gated, self.residual.then_some(&map))?;
        [gates, gated, map].into_iter().for_each(|used| engine.release(used));
        Ok(out)
    }
}

impl<E: Engine> Network<E> for EfficientNet<E> {
    fn stages(&self) -> Vec<Stage> {
        self.stages.clone()
    }

    fn run(&self, engine: &E, index: usize, mut map: E::Map) -> Result<E::Map, Error> {
        match index.checked_sub(1).map(|group| self.groups.get(group)) {
            None => convolve_once(engine, &self.stem, map),
            Some(Some(blocks)) => {
                for block in blocks {
                    map = block.run(engine, map)?;
                }
                Ok(map)
            }
            Some(None) => convolve_once(engine, &self.head, map),
        }
    }
}
