use std::fmt;
use std::str::FromStr;

use crate::embed::Error;
use crate::embed::kernels::FeatureMap;

/// A published encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// ResNet-18 (He et al. 2016).
    ResNet18,
    /// ResNet-50, the stride in the 3 × 3 convolution (torchvision's and timm's v1.5).
    ResNet50,
    /// ConvNeXt-T (Liu et al. 2022).
    ConvNextTiny,
    /// ViT-S with patches of 16 × 16 (timm's `vit_small_patch16_224`).
    VitSmall16,
    /// ViT-S with patches of 14 × 14 and layer scale (DINOv2), with or without register tokens.
    VitSmall14,
    /// MobileNetV2 (Sandler et al. 2018).
    MobileNetV2,
    /// MobileNetV2 as TensorFlow computes it: SAME margins, biases in place of batch normalisation.
    MobileNetV2Tf,
    /// EfficientNet-B0 (Tan and Le 2019).
    EfficientNetB0,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 8] = [
        Self::ResNet18,
        Self::ResNet50,
        Self::ConvNextTiny,
        Self::VitSmall16,
        Self::VitSmall14,
        Self::MobileNetV2,
        Self::MobileNetV2Tf,
        Self::EfficientNetB0,
    ];

    /// The name in manifests and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet50 => "resnet50",
            Self::ConvNextTiny => "convnext_tiny",
            Self::VitSmall16 => "vit_small_patch16",
            Self::VitSmall14 => "vit_small_patch14_dinov2",
            Self::MobileNetV2 => "mobilenet_v2",
            Self::MobileNetV2Tf => "mobilenet_v2_tf",
            Self::EfficientNetB0 => "efficientnet_b0",
        }
    }

    /// Rows and columns of the smallest image whose last map is not empty.
    pub(super) fn smallest_image(self) -> usize {
        self.patch().max(if self.patch() > 1 { 1 } else { 32 })
    }

    /// The sides of an image are multiples of this: the patch of a transformer.
    pub(super) fn patch(self) -> usize {
        match self {
            Self::VitSmall16 => 16,
            Self::VitSmall14 => 14,
            _ => 1,
        }
    }

    /// The images that the published weights were trained on.
    #[must_use]
    pub fn input(self) -> InputSpec {
        let imagenet = InputSpec { size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
        match self {
            Self::VitSmall16 | Self::MobileNetV2Tf => InputSpec { mean: [0.5; 3], std: [0.5; 3], ..imagenet },
            Self::VitSmall14 => InputSpec { size: 518, ..imagenet },
            _ => imagenet,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name).ok_or_else(|| {
            Error::UnknownArchitecture { expected: Self::ALL.map(Self::name).join(", "), found: name.to_owned() }
        })
    }
}

/// How the images of an encoder are scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSpec {
    /// Rows and columns of the training images; other sizes work too.
    pub size: usize,
    /// Mean of each colour in [0, 1], subtracted.
    pub mean: [f32; 3],
    /// Standard deviation of each colour, divided by.
    pub std: [f32; 3],
}

impl InputSpec {
    /// Normalises grey or colour images `[n, h, w, 1 or 3]` of values in [0, 1]; a grey image uses the colours' means.
    ///
    /// # Errors
    /// [`Error::MapLength`] for another number of channels.
    pub fn normalise(&self, images: FeatureMap) -> Result<FeatureMap, Error> {
        let shape = images.shape();
        let average = |values: [f32; 3]| vec![values.iter().sum::<f32>() / 3.0];
        let (mean, std) = match images.channels() {
            1 => (average(self.mean), average(self.std)),
            3 => (self.mean.to_vec(), self.std.to_vec()),
            _ => return Err(Error::MapLength { shape, found: images.len() }),
        };
        let channels = mean.iter().zip(&std).cycle();
        let values = images.values().iter().zip(channels).map(|(value, (mean, std))| (value - mean) / std);
        FeatureMap::new(shape, values.collect())
    }
}
