use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, FeatureMap, MaxPool};

/// What computes an architecture: the arithmetic of its layers on one device.
pub(super) trait Engine: Send + Sync {
    /// Maps `[images, height, width, channels]`, in whatever order the device likes.
    type Map: Send;
    /// A convolution, or a linear layer as a convolution of 1 × 1.
    type Convolution: Send + Sync;
    /// A normalisation over the channels of every position.
    type LayerNorm: Send + Sync;

    /// The images `first..first + count`.
    fn images(&self, images: &FeatureMap, first: usize, count: usize) -> Result<Self::Map, Error>;
    /// The values of a map.
    fn values(&self, map: &Self::Map) -> Result<FeatureMap, Error>;
    /// Prepares a convolution: weights in PyTorch's order, one bias per output.
    fn convolution(
        &self,
        shape: ConvolutionShape,
        weight: Vec<f32>,
        bias: Vec<f32>,
        activation: Activation,
    ) -> Result<Self::Convolution, Error>;
    /// activation(convolution(map) + residual).
    fn convolve(
        &self,
        layer: &Self::Convolution,
        map: &Self::Map,
        residual: Option<&Self::Map>,
    ) -> Result<Self::Map, Error>;
    /// project(depthwise(expand(map))), plus the map where `residual`; `expand` may be left out.
    fn inverted_residual(
        &self,
        expand: Option<&Self::Convolution>,
        [depthwise, project]: [&Self::Convolution; 2],
        map: &Self::Map,
        residual: bool,
    ) -> Result<Self::Map, Error> {
        let spread = match expand {
            Some(expand) => convolve_once(self, depthwise, self.convolve(expand, map, None)?)?,
            None => self.convolve(depthwise, map, None)?,
        };
        let out = self.convolve(project, &spread, residual.then_some(map))?;
        self.release(spread);
        Ok(out)
    }
    /// Prepares a normalisation: γ and β.
    fn layer_norm(&self, scale: Vec<f32>, shift: Vec<f32>) -> Result<Self::LayerNorm, Error>;
    /// The map normalised over the channels of every position.
    fn normalise(&self, layer: &Self::LayerNorm, map: &Self::Map) -> Result<Self::Map, Error>;
    /// Multiplies every channel by its gate `[images, 1, 1, channels]`.
    fn scale(&self, map: Self::Map, gates: &Self::Map) -> Result<Self::Map, Error>;
    /// Softmax attention over the tokens of each image.
    fn attention(&self, qkv: &Self::Map, heads: usize) -> Result<Self::Map, Error>;
    /// Tokens: the prefix, then the map's positions plus their embeddings.
    fn tokens(&self, map: &Self::Map, prefix: &[f32], positions: &[f32]) -> Result<Self::Map, Error>;
    /// The first token of each image.
    fn first_token(&self, map: &Self::Map) -> Result<Self::Map, Error>;
    /// Rows and columns of a map.
    fn size(&self, map: &Self::Map) -> Result<[usize; 2], Error>;
    /// The largest value under every window.
    fn max_pool(&self, map: &Self::Map, pool: MaxPool) -> Result<Self::Map, Error>;
    /// The mean of every channel.
    fn means(&self, map: &Self::Map) -> Result<Self::Map, Error>;
    /// Takes back a map that is no longer needed.
    fn release(&self, map: Self::Map);
}

/// A point of an architecture where its map can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Channels of the map.
    pub channels: usize,
    /// Pixels of the image per row of the map.
    pub stride: usize,
}

/// An architecture with its weights, cut into stages that run one after the other.
pub(super) trait Network<E: Engine>: Send + Sync {
    /// The stages, in order; the last makes the features.
    fn stages(&self) -> Vec<Stage>;
    /// Runs stage `index` on the map that the stage before made (the images for the first).
    fn run(&self, engine: &E, index: usize, map: E::Map) -> Result<E::Map, Error>;
    /// The pooled embedding of the last map, `[images, 1, 1, dim]`.
    fn pool(&self, engine: &E, features: E::Map) -> Result<E::Map, Error> {
        let means = engine.means(&features)?;
        engine.release(features);
        Ok(means)
    }
}

/// Normalises a map and releases it.
pub(super) fn normalise_once<E: Engine>(engine: &E, layer: &E::LayerNorm, map: E::Map) -> Result<E::Map, Error> {
    let out = engine.normalise(layer, &map)?;
    engine.release(map);
    Ok(out)
}

/// Runs one layer and releases its input.
pub(super) fn convolve_once<E: Engine + ?Sized>(
    engine: &E,
    layer: &E::Convolution,
    map: E::Map,
) -> Result<E::Map, Error> {
    let out = engine.convolve(layer, &map, None)?;
    engine.release(map);
    Ok(out)
}
