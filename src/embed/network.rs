use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};

use super::convolution::{Grid, TAPS, patches};

/// The name of the architecture in manifests.
pub(super) const ARCHITECTURE: &str = "residual-64";

/// Channels after the stem.
const STEM: usize = 16;

/// The residual blocks: channels in, channels out, stride of the first convolution.
const BLOCKS: [(usize, usize, usize); 5] = [(16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)];

/// Channels of the last block, averaged over the map.
pub(super) const FEATURES: usize = 64;

/// One linear map with a bias, and whether batch normalisation follows it in training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub normalised: bool,
}

/// Every layer of the network, in the order of the forward pass.
pub(super) fn layers(in_channels: usize, embedding_dim: usize, classes: usize) -> Vec<Layer> {
    let layer =
        |name: String, inputs: usize, outputs: usize, normalised: bool| Layer { name, inputs, outputs, normalised };
    let mut all = vec![layer("stem".to_owned(), TAPS * in_channels, STEM, true)];
    for (i, (from, to, _)) in BLOCKS.into_iter().enumerate() {
        all.push(layer(format!("block{i}.a"), TAPS * from, to, true));
        all.push(layer(format!("block{i}.b"), TAPS * to, to, true));
        if from != to {
            all.push(layer(format!("block{i}.skip"), from, to, true));
        }
    }
    all.push(layer("embedding".to_owned(), FEATURES, embedding_dim, false));
    all.push(layer("head".to_owned(), embedding_dim, classes, false));
    all
}

/// The features `[images, 64]` of a batch of maps: stem, residual blocks, mean over the map.
///
/// `apply(name, matrix)` is the linear map (and normalisation) of one layer, so training and inference share this walk.
///
/// # Source
/// He et al., Deep residual learning for image recognition, CVPR 2016 (basic block).
pub(super) fn features<F>(images: &Tensor, grid: Grid, mut apply: F) -> Result<Tensor>
where
    F: FnMut(&str, &Tensor) -> Result<Tensor>,
{
    let mut map = apply("stem", &patches(images, grid, 2)?)?.relu()?;
    let mut grid = grid.convolved(2, STEM);
    for (i, (from, to, stride)) in BLOCKS.into_iter().enumerate() {
        let around = patches(&map, grid, stride)?;
        // The middle tap of every patch is the strided map itself: the input of a 1 × 1 convolution.
        let skip =
            if from == to { map } else { apply(&format!("block{i}.skip"), &around.narrow(1, TAPS / 2 * from, from)?)? };
        let first = apply(&format!("block{i}.a"), &around)?.relu()?;
        grid = grid.convolved(stride, to);
        let second = apply(&format!("block{i}.b"), &patches(&first, grid, 1)?)?;
        map = (second + skip)?.relu()?;
    }
    map.reshape((grid.images, grid.rows * grid.columns, grid.channels))?.mean(1)
}

/// A linear map without its training-time companions.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub weight: Tensor,
    pub bias: Tensor,
}

/// The network as used after training: normalisation folded into weights and biases.
#[derive(Debug, Clone)]
pub(super) struct FoldedNetwork {
    pub layers: BTreeMap<String, Linear>,
}

impl FoldedNetwork {
    fn apply(&self, name: &str, matrix: &Tensor) -> Result<Tensor> {
        let layer = self.layers.get(name).ok_or_else(|| candle_core::Error::Msg(format!("no layer {name}")))?;
        matrix.matmul(&layer.weight)?.broadcast_add(&layer.bias)
    }

    /// The embeddings `[images, embedding_dim]` of channel-last pixels.
    pub fn embed(&self, pixels: Vec<f32>, grid: Grid) -> Result<Tensor> {
        let images = Tensor::from_vec(pixels, (grid.pixels(), grid.channels), &Device::Cpu)?;
        let features = features(&images, grid, |name, matrix| self.apply(name, matrix))?;
        self.apply("embedding", &features)
    }

    /// The class logits `[images, classes]` of embeddings.
    pub fn logits(&self, embeddings: &Tensor) -> Result<Tensor> {
        self.apply("head", &embeddings.relu()?)
    }
}
