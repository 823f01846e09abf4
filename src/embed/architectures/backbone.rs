use candle_core::Device;

use super::architecture::{Architecture, InputSpec};
use super::convnext::ConvNext;
use super::cpu::Cpu;
use super::device::OnDevice;
use super::efficientnet::EfficientNet;
use super::engine::{Engine, Network, Stage};
use super::mobilenet::{MobileNetV2, Origin};
use super::resnet::{BlockKind, ResNet};
use super::vit::Vit;
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::FeatureMap;

/// Prefixes that training frameworks put before every name.
const PREFIXES: [&str; 6] = ["module.", "backbone.", "encoder.", "model.", "image_encoder.", "_orig_mod."];
/// Heads that an encoder leaves out, and the token that DINOv2 masks patches with in training.
const HEADS: [&str; 4] = ["fc.", "classifier.", "head.", "mask_token"];
/// Pixels that run through the network together: bounds the memory of a large batch.
const PIXELS_TOGETHER: usize = 8 * 224 * 224;

/// A pretrained image encoder: images to maps and pooled embeddings.
///
/// An image's embedding has the same bytes on any number of threads and beside any other images.
pub struct Backbone {
    architecture: Architecture,
    stages: Vec<Stage>,
    channels: usize,
    dim: usize,
    network: Box<dyn Runs>,
}

impl std::fmt::Debug for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backbone").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}

impl Backbone {
    /// Builds an architecture from safetensors bytes under torchvision's or timm's names; the number of input channels
    /// is that of the first convolution. On the CPU it runs on [`crate::embed::kernels`], elsewhere on candle.
    ///
    /// # Errors
    /// [`Error::Candle`] for bytes that are not safetensors, [`Error::Weights`] naming every tensor that is absent, of
    /// another shape, not finite or unknown.
    pub fn load(architecture: Architecture, bytes: &[u8], device: &Device) -> Result<Self, Error> {
        if device.is_cpu() {
            Self::build(architecture, bytes, Cpu::default())
        } else {
            Self::build(architecture, bytes, OnDevice { device: device.clone() })
        }
    }

    /// The same on candle's own layers even where the kernels of this crate could run.
    ///
    /// # Errors
    /// As [`Backbone::load`].
    pub fn load_in_candle(architecture: Architecture, bytes: &[u8], device: &Device) -> Result<Self, Error> {
        Self::build(architecture, bytes, OnDevice { device: device.clone() })
    }

    fn build<E: Engine + 'static>(architecture: Architecture, bytes: &[u8], engine: E) -> Result<Self, Error> {
        let mut weights = Weights::read(bytes)?.strip_prefixes(&PREFIXES).name_children();
        let channels = weights.input_channels();
        let network: Box<dyn Network<E>> = match architecture {
            Architecture::ResNet18 => Box::new(ResNet::build(&engine, &mut weights, BlockKind::Basic, [2, 2, 2, 2])?),
            Architecture::ResNet50 => {
                Box::new(ResNet::build(&engine, &mut weights, BlockKind::Bottleneck, [3, 4, 6, 3])?)
            }
            Architecture::MobileNetV2 => Box::new(MobileNetV2::build(&engine, &mut weights, Origin::PyTorch)?),
            Architecture::MobileNetV2Tf => Box::new(MobileNetV2::build(&engine, &mut weights, Origin::TensorFlow)?),
            Architecture::EfficientNetB0 => Box::new(EfficientNet::build(&engine, &mut weights)?),
            Architecture::ConvNextTiny => Box::new(ConvNext::build(&engine, &mut weights)?),
            Architecture::VitSmall16 => Box::new(Vit::build(&engine, &mut weights, 16)?),
            Architecture::VitSmall14 => Box::new(Vit::build(&engine, &mut weights, 14)?),
        };
        weights.finish(&HEADS)?;
        let stages = network.stages();
        let dim = stages.last().map_or(0, |stage| stage.channels);
        Ok(Self { architecture, stages, channels, dim, network: Box::new(Loaded { engine, network }) })
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The images that the published weights were trained on.
    #[must_use]
    pub fn input(&self) -> InputSpec {
        self.architecture.input()
    }

    /// Channels of the images.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Length of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Where maps can be taken, in order; the last is [`Backbone::features`].
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The last map before pooling, `[images, height, width, channels]`; a transformer's tokens `[images, tokens, 1,
    /// channels]`, class token first.
    ///
    /// # Errors
    /// [`Error::BackboneInput`] for images of other channels or too small.
    pub fn features(&self, images: &FeatureMap) -> Result<FeatureMap, Error> {
        let mut maps = self.features_at(images, &[self.stages.len().saturating_sub(1)])?;
        Ok(maps.pop().expect("one stage gives one map"))
    }

    /// The maps of the given stages, in the given order; nothing is computed past the last of them.
    ///
    /// # Errors
    /// [`Error::BackboneInput`] for images of other channels or too small, or a stage past the last.
    pub fn features_at(&self, images: &FeatureMap, stages: &[usize]) -> Result<Vec<FeatureMap>, Error> {
        if let Some(stage) = stages.iter().find(|&&stage| stage >= self.stages.len()) {
            return Err(self.wrong_input(format!("a stage below {}", self.stages.len()), format!("stage {stage}")));
        }
        let groups = self.groups(images)?;
        let mut maps: Vec<Vec<FeatureMap>> = vec![Vec::new(); stages.len()];
        for group in groups {
            for (maps, map) in maps.iter_mut().zip(self.network.features_at(images, group, stages)?) {
                maps.push(map);
            }
        }
        maps.into_iter().map(joined).collect()
    }

    /// The pooled embedding of every image, [`Backbone::dim`] values each (timm's with `num_classes=0`).
    ///
    /// # Errors
    /// [`Error::BackboneInput`] for images of other channels or too small.
    pub fn embed(&self, images: &FeatureMap) -> Result<Vec<Vec<f32>>, Error> {
        let mut embeddings = Vec::with_capacity(images.images());
        for group in self.groups(images)? {
            let pooled = self.network.embed(images, group)?;
            embeddings.extend(pooled.values().chunks_exact(self.dim).map(<[f32]>::to_vec));
        }
        Ok(embeddings)
    }

    /// The images in groups that bound the memory: the first of each and their number.
    fn groups(&self, images: &FeatureMap) -> Result<Vec<Group>, Error> {
        let [count, height, width, channels] = images.shape();
        let least = self.architecture.smallest_image();
        if !images.values().iter().all(|value| value.is_finite()) {
            return Err(self.wrong_input("finite values".to_owned(), "a value that is not finite".to_owned()));
        }
        if channels != self.channels || height < least || width < least {
            let expected = format!("at least {least} x {least}, {} channels", self.channels);
            return Err(self.wrong_input(expected, format!("{height} x {width}, {channels} channels")));
        }
        let step = self.architecture.patch();
        if !height.is_multiple_of(step) || !width.is_multiple_of(step) {
            return Err(self.wrong_input(format!("sides that are multiples of {step}"), format!("{height} x {width}")));
        }
        let together = (PIXELS_TOGETHER / (height * width)).max(1);
        let starts = (0..count).step_by(together);
        Ok(starts.map(|first| Group { first, count: together.min(count - first) }).collect())
    }

    fn wrong_input(&self, expected: String, found: String) -> Error {
        Error::BackboneInput { architecture: self.architecture.name(), expected, found }
    }
}

/// The maps of consecutive groups of images as one.
fn joined(maps: Vec<FeatureMap>) -> Result<FeatureMap, Error> {
    let [_, height, width, channels] = maps.first().map(FeatureMap::shape).unwrap_or_default();
    let images = maps.iter().map(FeatureMap::images).sum();
    let values = maps.into_iter().map(FeatureMap::into_values).reduce(|mut all, values| {
        all.extend(values);
        all
    });
    FeatureMap::new([images, height, width, channels], values.unwrap_or_default())
}

/// Consecutive images that run through the network together.
#[derive(Debug, Clone, Copy)]
struct Group {
    first: usize,
    count: usize,
}

/// A network with its engine, whichever that is.
trait Runs: Send + Sync {
    fn features_at(&self, images: &FeatureMap, group: Group, stages: &[usize]) -> Result<Vec<FeatureMap>, Error>;
    fn embed(&self, images: &FeatureMap, group: Group) -> Result<FeatureMap, Error>;
}

struct Loaded<E: Engine> {
    engine: E,
    network: Box<dyn Network<E>>,
}

impl<E: Engine> Runs for Loaded<E> {
    fn features_at(&self, images: &FeatureMap, group: Group, stages: &[usize]) -> Result<Vec<FeatureMap>, Error> {
        let mut taken = vec![None; stages.len()];
        let mut map = self.engine.images(images, group.first, group.count)?;
        for stage in 0..=stages.iter().copied().max().unwrap_or(0) {
            map = self.network.run(&self.engine, stage, map)?;
            for (place, _) in taken.iter_mut().zip(stages).filter(|(_, wanted)| **wanted == stage) {
                *place = Some(self.engine.values(&map)?);
            }
        }
        self.engine.release(map);
        Ok(taken.into_iter().flatten().collect())
    }

    fn embed(&self, images: &FeatureMap, group: Group) -> Result<FeatureMap, Error> {
        let mut map = self.engine.images(images, group.first, group.count)?;
        for stage in 0..self.network.stages().len() {
            map = self.network.run(&self.engine, stage, map)?;
        }
        let pooled = self.network.pool(&self.engine, map)?;
        let values = self.engine.values(&pooled);
        self.engine.release(pooled);
        values
    }
}
