use super::engine::Engine;
use crate::embed::Error;
use crate::embed::kernels::{
    Activation, Convolution, ConvolutionShape, FeatureMap, LayerNorm, MaxPool, Workspace, attention, channel_means,
    first_token, inverted_residual, max_pool, scale_channels, tokens,
};

/// The kernels of this crate, with the buffers they reuse.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    workspace: Workspace,
}

impl Engine for Cpu {
    type Map = FeatureMap;
    type Convolution = Convolution;
    type LayerNorm = LayerNorm;

    fn images(&self, images: &FeatureMap, first: usize, count: usize) -> Result<FeatureMap, Error> {
        Ok(self.workspace.copy_of(images, first, count))
    }

    fn values(&self, map: &FeatureMap) -> Result<FeatureMap, Error> {
        FeatureMap::new(map.shape(), map.values().to_vec())
    }

    fn convolution(
        &self,
        shape: ConvolutionShape,
        weight: Vec<f32>,
        bias: Vec<f32>,
        activation: Activation,
    ) -> Result<Convolution, Error> {
        Ok(Convolution::new(shape, weight, bias, activation))
    }

    fn convolve(
        &self,
        layer: &Convolution,
        map: &FeatureMap,
        residual: Option<&FeatureMap>,
    ) -> Result<FeatureMap, Error> {
        Ok(layer.apply(map, residual, &self.workspace))
    }

    fn inverted_residual(
        &self,
        expand: Option<&Convolution>,
        [depthwise, project]: [&Convolution; 2],
        map: &FeatureMap,
        residual: bool,
    ) -> Result<FeatureMap, Error> {
        Ok(inverted_residual(expand, depthwise, project, map, residual, &self.workspace))
    }

    fn layer_norm(&self, scale: Vec<f32>, shift: Vec<f32>) -> Result<LayerNorm, Error> {
        Ok(LayerNorm::new(scale, shift))
    }

    fn normalise(&self, layer: &LayerNorm, map: &FeatureMap) -> Result<FeatureMap, Error> {
        Ok(layer.apply(map, &self.workspace))
    }

    fn scale(&self, mut map: FeatureMap, gates: &FeatureMap) -> Result<FeatureMap, Error> {
        scale_channels(&mut map, gates);
        Ok(map)
    }

    fn attention(&self, qkv: &FeatureMap, heads: usize) -> Result<FeatureMap, Error> {
        Ok(attention(qkv, heads, &self.workspace))
    }

    fn tokens(&self, map: &FeatureMap, prefix: &[f32], positions: &[f32]) -> Result<FeatureMap, Error> {
        Ok(tokens(map, prefix, positions, &self.workspace))
    }

    fn first_token(&self, map: &FeatureMap) -> Result<FeatureMap, Error> {
        Ok(first_token(map, &self.workspace))
    }

    fn size(&self, map: &FeatureMap) -> Result<[usize; 2], Error> {
        Ok([map.height(), map.width()])
    }

    fn max_pool(&self, map: &FeatureMap, pool: MaxPool) -> Result<FeatureMap, Error> {
        Ok(max_pool(map, pool, &self.workspace))
    }

    fn means(&self, map: &FeatureMap) -> Result<FeatureMap, Error> {
        Ok(channel_means(map, &self.workspace))
    }

    fn release(&self, map: FeatureMap) {
        self.workspace.recycle(map);
    }
}
