use super::engine::Engine;
use crate::embed::Error;
use crate::embed::kernels::{
    Activation, Convolution, ConvolutionShape, FeatureMap, MaxPool, Workspace, channel_means, max_pool,
};

/// The kernels of this crate, with the buffers they reuse.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    workspace: Workspace,
}

impl Engine for Cpu {
    type Map = FeatureMap;
    type Convolution = Convolution;
    type LayerNorm = ();

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
