use super::super::convolution::Grid;

/// Channels of the last map, averaged into the features of an image.
pub(in crate::embed) const FEATURES: usize = 1280;

/// The inverted residual stages: expansion, channels out, blocks, stride of the first block.
///
/// # Source
/// Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018, table 2 (width 1.0).
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// Which pixels and channels a convolution mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::embed) enum Kind {
    /// 3 × 3 over all channels.
    Full,
    /// 3 × 3 within each channel.
    Depthwise,
    /// 1 × 1 over all channels.
    Pointwise,
}

/// One convolution with its bias; batch normalisation is already folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embed) struct Convolution {
    /// The name before `.weight` and `.bias`, torchvision's.
    pub name: String,
    pub kind: Kind,
    pub inputs: usize,
    pub outputs: usize,
    pub stride: usize,
    /// Followed by a clip to [0, 6].
    pub clipped: bool,
}

impl Convolution {
    /// The shape of the weight: `[outputs, inputs per group, height, width]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        match self.kind {
            Kind::Full => [self.outputs, self.inputs, 3, 3],
            Kind::Depthwise => [self.outputs, 1, 3, 3],
            Kind::Pointwise => [self.outputs, self.inputs, 1, 1],
        }
    }

    /// The map it makes of one: TensorFlow's SAME padding, so a side is divided by the stride and rounded up.
    pub fn output(&self, map: Grid) -> Grid {
        let side = |n: usize| n.div_ceil(self.stride);
        Grid { images: map.images, rows: side(map.rows), columns: side(map.columns), channels: self.outputs }
    }
}

/// Zero rows (or columns) that TensorFlow's SAME padding of a 3-wide kernel puts before a side of `length`.
///
/// In all `max(0, (⌈length / stride⌉ − 1) stride + 3 − length)` are added, the smaller half before: a stride of 2 over an
/// even side puts none before and one after, unlike PyTorch's symmetric padding.
pub(in crate::embed) fn padding_before(length: usize, stride: usize) -> usize {
    let spanned = (length.div_ceil(stride).max(1) - 1) * stride + 3;
    spanned.saturating_sub(length) / 2
}

/// Convolutions that follow each other, and whether the input is added to what they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embed) struct Block {
    pub layers: Vec<Convolution>,
    pub residual: bool,
}

/// The nineteen blocks of MobileNetV2 1.0 without its classifier, `features.0` to `features.18`.
pub(in crate::embed) fn mobilenet_v2(channels: usize) -> Vec<Block> {
    let layer = |name: String, kind, inputs, outputs, stride, clipped| Convolution {
        name,
        kind,
        inputs,
        outputs,
        stride,
        clipped,
    };
    let stem = layer("features.0.0".to_owned(), Kind::Full, channels, 32, 2, true);
    let mut blocks = vec![Block { layers: vec![stem], residual: false }];
    let mut inputs = 32;
    for (expansion, outputs, repeats, first_stride) in STAGES {
        for repeat in 0..repeats {
            let stride = if repeat == 0 { first_stride } else { 1 };
            let (hidden, at) = (inputs * expansion, blocks.len());
            let mut layers = Vec::with_capacity(3);
            if expansion != 1 {
                layers.push(layer(format!("features.{at}.conv.0.0"), Kind::Pointwise, inputs, hidden, 1, true));
            }
            let name = |step: usize, part: &str| format!("features.{at}.conv.{}{part}", layers.len() + step);
            let (depthwise, project) = (name(0, ".0"), name(1, ""));
            layers.push(layer(depthwise, Kind::Depthwise, hidden, hidden, stride, true));
            layers.push(layer(project, Kind::Pointwise, hidden, outputs, 1, false));
            blocks.push(Block { layers, residual: stride == 1 && inputs == outputs });
            inputs = outputs;
        }
    }
    let top = layer(format!("features.{}.0", blocks.len()), Kind::Pointwise, inputs, FEATURES, 1, true);
    blocks.push(Block { layers: vec![top], residual: false });
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_are_those_of_torchvision() {
        let blocks = mobilenet_v2(3);
        // torchvision 0.2x: 2 223 872 parameters without the classifier and with 2 per normalised channel; folding leaves
        // one bias per channel, 17 056 fewer.
        let channels: usize = blocks.iter().flat_map(|b| &b.layers).map(|l| l.outputs).sum();
        let kernels: usize =
            blocks.iter().flat_map(|b| &b.layers).map(|l| l.weight_shape().iter().product::<usize>()).sum();
        assert_eq!((blocks.len(), channels, kernels + 2 * channels), (19, 17_056, 2_223_872));
        assert_eq!(blocks.iter().filter(|b| b.residual).count(), 10);
        assert_eq!(blocks[1].layers[1].name, "features.1.conv.1");
        assert_eq!(blocks[2].layers[2].name, "features.2.conv.2");
    }

    #[test]
    fn padding_is_that_of_tensorflow() {
        // Worked by hand from the formula: (side, stride) to zeros before.
        for (side, stride, before) in [(8, 1, 1), (7, 1, 1), (8, 2, 0), (7, 2, 1), (1, 1, 1), (1, 2, 1), (2, 2, 0)] {
            assert_eq!(padding_before(side, stride), before, "{side} {stride}");
        }
    }
}
