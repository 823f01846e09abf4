use super::engine::{Engine, Network, Stage, convolve_once};
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, Padding};

/// Expansion, output channels, repeats and first stride of every group of blocks (Sandler et al., table 2).
const GROUPS: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
/// Channels of the stem and of the last convolution.
const STEM: usize = 32;
const HEAD: usize = 1280;

/// Whose arithmetic: PyTorch's even margins and batch normalisation, or TensorFlow's SAME margins and biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    PyTorch,
    TensorFlow,
}

/// MobileNetV2 of width 1; stage `i` is torchvision's `features.i`.
///
/// # Source
/// Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018.
pub(super) struct MobileNetV2<E: Engine> {
    stem: E::Convolution,
    blocks: Vec<InvertedResidual<E>>,
    head: E::Convolution,
    stages: Vec<Stage>,
}

struct InvertedResidual<E: Engine> {
    expand: Option<E::Convolution>,
    depthwise: E::Convolution,
    project: E::Convolution,
    residual: bool,
}

/// Reads convolutions by torchvision's or timm's names.
struct Reader<'a, E: Engine> {
    engine: &'a E,
    weights: &'a mut Weights,
    origin: Origin,
}

/// A convolution's name, its normalisation's name.
type Names = (String, String);

impl<E: Engine> Reader<'_, E> {
    fn convolution(
        &mut self,
        (name, norm): Names,
        shape: [usize; 2],
        window: (usize, usize, bool),
        activation: Activation,
    ) -> Result<E::Convolution, Error> {
        let (kernel, stride, depthwise) = window;
        let padding = match self.origin {
            Origin::PyTorch => Padding::Even(kernel / 2),
            Origin::TensorFlow => Padding::Same,
        };
        let [inputs, outputs] = shape;
        let shape = ConvolutionShape { inputs, outputs, kernel: [kernel; 2], stride, padding, depthwise };
        let norm = (self.origin == Origin::PyTorch).then_some(norm.as_str());
        let (weight, bias) = self.weights.convolution(&name, norm, shape.weight_shape());
        self.engine.convolution(shape, weight, bias, activation)
    }

    /// TensorFlow's projection is called `conv.2.0` or `conv.2`.
    fn present(&self, name: String) -> String {
        if self.weights.has(&format!("{name}.0.weight")) { format!("{name}.0") } else { name }
    }
}

impl<E: Engine> MobileNetV2<E> {
    /// Builds the network, from one or three input channels as the stem's weights say.
    pub fn build(engine: &E, weights: &mut Weights, origin: Origin) -> Result<Self, Error> {
        let timm = weights.has("conv_stem.weight");
        let colours = weights.input_channels();
        let mut reader = Reader { engine, weights, origin };
        let names = |conv: &str, norm: &str| (conv.to_owned(), norm.to_owned());
        let (stem, head) = if timm {
            (names("conv_stem", "bn1"), names("conv_head", "bn2"))
        } else {
            (names("features.0.0", "features.0.1"), names("features.18.0", "features.18.1"))
        };
        let stem = reader.convolution(stem, [colours, STEM], (3, 2, false), Activation::Relu6)?;
        let (mut blocks, mut channels, mut scale) = (Vec::new(), STEM, 2);
        let mut stages = vec![Stage { channels: STEM, stride: 2 }];
        for (group, (expansion, outputs, repeats, first_stride)) in GROUPS.into_iter().enumerate() {
            for repeat in 0..repeats {
                let prefix = if timm {
                    format!("blocks.{group}.{repeat}")
                } else {
                    format!("features.{}.conv", blocks.len() + 1)
                };
                let stride = if repeat == 0 { first_stride } else { 1 };
                let names =
                    if timm { timm_names(&prefix, expansion) } else { torchvision_names(&prefix, expansion, &reader) };
                blocks.push(InvertedResidual::build(&mut reader, names, [channels, outputs], expansion, stride)?);
                (channels, scale) = (outputs, scale * stride);
                stages.push(Stage { channels, stride: scale });
            }
        }
        let head = reader.convolution(head, [channels, HEAD], (1, 1, false), Activation::Relu6)?;
        stages.push(Stage { channels: HEAD, stride: scale });
        Ok(Self { stem, blocks, head, stages })
    }
}

/// Names of expansion (empty when there is none), depthwise and projection.
fn timm_names(prefix: &str, expansion: usize) -> [Names; 3] {
    let names = |conv: &str, norm: &str| (format!("{prefix}.{conv}"), format!("{prefix}.{norm}"));
    if expansion == 1 {
        [Names::default(), names("conv_dw", "bn1"), names("conv_pw", "bn2")]
    } else {
        [names("conv_pw", "bn1"), names("conv_dw", "bn2"), names("conv_pwl", "bn3")]
    }
}

fn torchvision_names<E: Engine>(prefix: &str, expansion: usize, reader: &Reader<'_, E>) -> [Names; 3] {
    let step = |step: usize| (format!("{prefix}.{step}.0"), format!("{prefix}.{step}.1"));
    let last = usize::from(expansion != 1) + 1;
    let project = (reader.present(format!("{prefix}.{last}")), format!("{prefix}.{}", last + 1));
    if expansion == 1 { [Names::default(), step(0), project] } else { [step(0), step(1), project] }
}

impl<E: Engine> InvertedResidual<E> {
    fn build(
        reader: &mut Reader<'_, E>,
        [expand, depthwise, project]: [Names; 3],
        [inputs, outputs]: [usize; 2],
        expansion: usize,
        stride: usize,
    ) -> Result<Self, Error> {
        let inner = inputs * expansion;
        let expand = if expansion == 1 {
            None
        } else {
            Some(reader.convolution(expand, [inputs, inner], (1, 1, false), Activation::Relu6)?)
        };
        let depthwise = reader.convolution(depthwise, [inner, inner], (3, stride, true), Activation::Relu6)?;
        let project = reader.convolution(project, [inner, outputs], (1, 1, false), Activation::None)?;
        Ok(Self { expand, depthwise, project, residual: stride == 1 && inputs == outputs })
    }

    fn run(&self, engine: &E, map: E::Map) -> Result<E::Map, Error> {
        let layers = [&self.depthwise, &self.project];
        let out = engine.inverted_residual(self.expand.as_ref(), layers, &map, self.residual)?;
        engine.release(map);
        Ok(out)
    }
}

impl<E: Engine> Network<E> for MobileNetV2<E> {
    fn stages(&self) -> Vec<Stage> {
        self.stages.clone()
    }

    fn run(&self, engine: &E, index: usize, map: E::Map) -> Result<E::Map, Error> {
        match index.checked_sub(1).map(|block| self.blocks.get(block)) {
            None => convolve_once(engine, &self.stem, map),
            Some(Some(block)) => block.run(engine, map),
            Some(None) => convolve_once(engine, &self.head, map),
        }
    }
}
