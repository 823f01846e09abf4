use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::imaging::{Preparation, Prepared, Raster};
use crate::terms::Modality;

use super::Error;
use super::architectures::{self, Backbone};
use super::augment::channel_last;
use super::convolution::Grid;
use super::fine_tuning::FineTuned;
use super::fine_tuning_spec::{Architecture, Task};
use super::kernels::FeatureMap;
use super::loss::softmax;
use super::manifest::{EncoderManifest, WEIGHTS_FILE};
use super::network::{FoldedNetwork, Linear, layers};
use super::saliency::{activation_strength, class_activation};
use super::samples::hex;
use super::spec::EncoderSpec;
use super::typicality::Typicality;

/// Length of an embedding of the residual network.
pub const EMBEDDING_DIM: usize = 32;

/// A trained encoder: prepared images to embeddings and class probabilities.
#[derive(Debug, Clone)]
pub struct Encoder {
    model: String,
    modality: Modality,
    classes: Vec<String>,
    shape: [usize; 3],
    weights_sha256: String,
    /// How its images are prepared.
    preparation: Preparation,
    /// The class whose score a saliency map explains.
    positive: usize,
    /// Where its training patients lie.
    typicality: Option<Typicality>,
    network: Network,
}

/// The networks behind an encoder.
#[derive(Debug, Clone)]
enum Network {
    Residual(FoldedNetwork),
    FineTuned(Arc<FineTuned>),
    Published(Arc<Backbone>),
}

/// One embedding per study, and the share of every image in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// The embedding.
    pub embedding: Vec<f32>,
    /// Shares in the order of the images; they sum to 1.
    pub weights: Vec<f64>,
}

impl Encoder {
    /// Loads an encoder from the bytes of its `manifest.json` and `weights.safetensors`.
    ///
    /// The weights' SHA-256 is compared with the manifest before a single tensor is read.
    ///
    /// # Errors
    /// [`Error::WeightsHash`] naming model, expected and found; [`Error::Json`], [`Error::Manifest`],
    /// [`Error::Safetensors`] and [`Error::Tensor`] for files that are not an encoder of this crate.
    pub fn load(manifest: &[u8], weights: &[u8]) -> Result<Self, Error> {
        let manifest = EncoderManifest::parse(manifest)?;
        if manifest.spec.kind != Task::Classification {
            return Err(manifest.wrong("kind", "encoder", &manifest.kind));
        }
        let found = hex(&Sha256::digest(weights));
        let expected = manifest.files.get(WEIGHTS_FILE).cloned().unwrap_or_default();
        if expected != found {
            return Err(Error::WeightsHash { model: manifest.model(), expected, found });
        }
        let shape = [manifest.input.channels, manifest.input.height, manifest.input.width];
        let model = manifest.model();
        let network = match manifest.spec.architecture {
            Architecture::Residual64 => {
                Network::Residual(read_network(&model, weights, shape[0], manifest.spec.classes.len())?)
            }
            Architecture::MobileNetV2 => {
                Network::FineTuned(Arc::new(FineTuned::read(&model, &manifest.spec, weights)?))
            }
        };
        Ok(Self {
            model,
            modality: manifest.modality,
            shape,
            weights_sha256: found,
            preparation: manifest.spec.preparation(),
            positive: manifest.spec.positive_class(),
            typicality: manifest.typicality,
            classes: manifest.spec.classes,
            network,
        })
    }

    /// The same encoder that knows where its training patients lie.
    pub(super) fn with_typicality(mut self, typicality: Option<Typicality>) -> Self {
        self.typicality = typicality;
        self
    }

    /// An encoder straight from training.
    pub(super) fn from_network(spec: &EncoderSpec, network: FoldedNetwork) -> Result<Self, Error> {
        let weights_sha256 = hex(&Sha256::digest(network_bytes(&network)?));
        Ok(Self::candidate(spec, weights_sha256, Network::Residual(network)))
    }

    fn candidate(spec: &EncoderSpec, weights_sha256: String, network: Network) -> Self {
        Self {
            model: format!("{}@candidate", spec.name),
            modality: spec.modality,
            classes: spec.classes.clone(),
            shape: spec.input_shape(),
            weights_sha256,
            preparation: spec.preparation(),
            positive: spec.positive_class(),
            typicality: None,
            network,
        }
    }

    /// An encoder of published weights: no classes, mean pooling, no training patients of ours to compare with.
    ///
    /// Images are prepared at the size that the architecture was trained with; a grey image goes to all colours. Pixels are
    /// scaled by the mean and spread of its training, as published.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`], or as [`Backbone::load`].
    pub fn pretrained(architecture: &str, modality: Modality, weights: &[u8]) -> Result<Self, Error> {
        let known: architectures::Architecture = architecture.parse()?;
        let backbone = Backbone::load(known, weights, &Device::Cpu)?;
        let side = backbone.input().size;
        let channels = if modality == Modality::Mri { 3 } else { 1 };
        let weights_sha256 = hex(&Sha256::digest(weights));
        Ok(Self {
            model: format!("{}:{}", known.name(), weights_sha256.get(..12).unwrap_or_default()),
            modality,
            classes: Vec::new(),
            shape: [channels, side, side],
            weights_sha256,
            preparation: Preparation { side, ..Preparation::of(modality) },
            positive: 0,
            typicality: None,
            network: Network::Published(Arc::new(backbone)),
        })
    }

    /// An encoder straight from fine-tuning.
    pub(super) fn fine_tuned(spec: &EncoderSpec, network: FineTuned) -> Result<Self, Error> {
        let weights_sha256 = hex(&Sha256::digest(network.bytes()?));
        Ok(Self::candidate(spec, weights_sha256, Network::FineTuned(Arc::new(network))))
    }

    /// The weights file.
    pub(super) fn weights(&self) -> Result<Vec<u8>, Error> {
        match &self.network {
            Network::Residual(network) => network_bytes(network),
            Network::FineTuned(network) => network.bytes(),
            Network::Published(_) => Err(Error::NoClasses { model: self.model.clone() }),
        }
    }

    /// `name@version`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How its images are prepared.
    #[must_use]
    pub fn preparation(&self) -> Preparation {
        self.preparation
    }

    /// Length of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        match &self.network {
            Network::Residual(_) => EMBEDDING_DIM,
            Network::FineTuned(network) => network.dim(),
            Network::Published(backbone) => backbone.dim(),
        }
    }

    /// Where its training patients lie, when it knows.
    pub(super) fn typicality(&self) -> Option<&Typicality> {
        self.typicality.as_ref()
    }

    /// A sentence when a pooled embedding lies far from those of the training patients.
    #[must_use]
    pub fn unusual(&self, embedding: &[f32]) -> Option<String> {
        self.typicality.as_ref().and_then(|typicality| typicality.finding(embedding))
    }

    /// Which places of a prepared image raised its score: Grad-CAM of the positive class, in [0, 1], of the prepared image's
    /// size. Without classes it is how strongly each place answers; flat for the residual network, which keeps no map.
    ///
    /// # Errors
    /// [`Error::Input`] for an image of another shape.
    pub fn saliency(&self, image: &Prepared) -> Result<Raster, Error> {
        self.check_shape(0, image)?;
        let side = self.preparation.side;
        match &self.network {
            Network::Residual(_) => Ok(Raster::filled(side, side, 1, 0.0)),
            Network::FineTuned(network) => {
                let found = network.activation(image, self.positive)?;
                Ok(class_activation(&found.map, found.size, &found.slopes, side))
            }
            Network::Published(backbone) => {
                let map = backbone.features(&published_input(backbone, image)?)?;
                let [_, height, width, channels] = map.shape();
                if width == 1 {
                    // The tokens of a transformer: the class token, then the patches row by row.
                    let patches = ((height - 1) as f64).sqrt() as usize;
                    let values = map.values().get(channels..).unwrap_or_default();
                    return Ok(activation_strength(values, [patches, patches], channels, side));
                }
                Ok(activation_strength(map.values(), [height, width], channels, side))
            }
        }
    }

    /// What it embeds.
    #[must_use]
    pub fn modality(&self) -> Modality {
        self.modality
    }

    /// The classes of its training task, in the order of [`Encoder::class_probabilities`].
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// SHA-256 of the weights file, hex.
    #[must_use]
    pub fn weights_sha256(&self) -> &str {
        &self.weights_sha256
    }

    /// The embedding of every image, in order. An image's embedding does not depend on the images beside it or on the
    /// number of threads.
    ///
    /// # Errors
    /// [`Error::Input`] for an image of another shape.
    pub fn embed(&self, images: &[Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        let images: Vec<(usize, &Prepared)> = images.iter().enumerate().collect();
        images.into_par_iter().map(|(index, image)| self.embedding(index, image)).collect()
    }

    /// The class probabilities of every image, in the order of [`Encoder::classes`], each row summing to 1.
    ///
    /// # Errors
    /// [`Error::Input`] for an image of another shape.
    pub fn class_probabilities(&self, images: &[&Prepared]) -> Result<Vec<Vec<f32>>, Error> {
        images.par_iter().enumerate().map(|(index, image)| self.classify(&self.embedding(index, image)?)).collect()
    }

    /// The class probabilities of one embedding, of an image or pooled.
    ///
    /// # Errors
    /// [`Error::Candle`] for an embedding of another length.
    pub fn classify(&self, embedding: &[f32]) -> Result<Vec<f32>, Error> {
        let logits = match &self.network {
            Network::Residual(network) => {
                let embedding = Tensor::from_slice(embedding, (1, embedding.len()), &Device::Cpu)?;
                network.logits(&embedding)?.flatten_all()?.to_vec1::<f32>()?
            }
            Network::FineTuned(network) => network.logits(embedding)?,
            Network::Published(_) => return Err(Error::NoClasses { model: self.model.clone() }),
        };
        Ok(softmax(&logits))
    }

    /// The embedding of a patient from those of her images, and each image's share in it: by attention where the encoder
    /// learned it, by equal shares otherwise.
    ///
    /// # Errors
    /// [`Error::NoViews`] without an image.
    pub fn pool(&self, embeddings: &[Vec<f32>]) -> Result<Pooled, Error> {
        match &self.network {
            Network::FineTuned(network) if network.has_attention() => {
                let (embedding, shares) = network.pool(embeddings)?;
                Ok(Pooled { embedding, weights: shares.into_iter().map(f64::from).collect() })
            }
            _ => {
                let share = 1.0 / embeddings.len() as f64;
                Ok(Pooled { embedding: pool_mean(embeddings)?, weights: vec![share; embeddings.len()] })
            }
        }
    }

    /// What the auxiliary heads say about one embedding, in the order of the specification: class probabilities, or one
    /// number on the scale of its (transformed) column.
    ///
    /// # Errors
    /// [`Error::Candle`] for an embedding of another length.
    pub fn auxiliary(&self, embedding: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        match &self.network {
            Network::Residual(_) | Network::Published(_) => Ok(Vec::new()),
            Network::FineTuned(network) => network.auxiliary(embedding),
        }
    }

    /// One image at a time, so that the order of every sum is fixed by the image alone.
    fn embedding(&self, index: usize, image: &Prepared) -> Result<Vec<f32>, Error> {
        self.check_shape(index, image)?;
        let [channels, height, width] = self.shape;
        match &self.network {
            Network::Residual(network) => {
                let grid = Grid { images: 1, rows: height, columns: width, channels };
                Ok(network.embed(channel_last(image), grid)?.flatten_all()?.to_vec1::<f32>()?)
            }
            Network::FineTuned(network) => network.embed(image),
            Network::Published(backbone) => {
                let mut embeddings = backbone.embed(&published_input(backbone, image)?)?;
                embeddings.pop().ok_or(Error::NoViews)
            }
        }
    }

    fn check_shape(&self, index: usize, image: &Prepared) -> Result<(), Error> {
        let [channels, height, width] = self.shape;
        let count = channels * height * width;
        if [image.channels, image.height, image.width] != self.shape || image.pixels.len() != count {
            return Err(Error::Input {
                index,
                expected: format!("{channels} x {height} x {width}"),
                found: format!("{} x {} x {}", image.channels, image.height, image.width),
            });
        }
        Ok(())
    }
}

/// A prepared image as the published network wants it: its channel count, its mean and spread.
fn published_input(backbone: &Backbone, image: &Prepared) -> Result<FeatureMap, Error> {
    let channels = backbone.channels();
    let plane = image.height * image.width;
    let mut values = Vec::with_capacity(plane * channels);
    for pixel in 0..plane {
        for channel in 0..channels {
            let source = channel.min(image.channels.saturating_sub(1));
            values.push(image.pixels.get(source * plane + pixel).copied().unwrap_or(0.0));
        }
    }
    backbone.input().normalise(FeatureMap::new([1, image.height, image.width, channels], values)?)
}

/// The mean of a study's embeddings over its views or slices.
///
/// # Errors
/// [`Error::NoViews`] when there is none.
pub fn pool_mean(embeddings: &[Vec<f32>]) -> Result<Vec<f32>, Error> {
    let dim = embeddings.first().ok_or(Error::NoViews)?.len();
    let mut sums = vec![0f64; dim];
    for embedding in embeddings {
        sums.iter_mut().zip(embedding).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    Ok(sums.into_iter().map(|sum| (sum / embeddings.len() as f64) as f32).collect())
}

/// The weights file of a network: little-endian f32 tensors `<layer>.weight` `[inputs, outputs]` and `<layer>.bias`.
pub(super) fn network_bytes(network: &FoldedNetwork) -> Result<Vec<u8>, Error> {
    let mut stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, layer) in &network.layers {
        for (part, tensor) in [("weight", &layer.weight), ("bias", &layer.bias)] {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            stored.insert(format!("{name}.{part}"), (tensor.dims().to_vec(), bytes));
        }
    }
    let mut views = Vec::with_capacity(stored.len());
    for (name, (shape, bytes)) in &stored {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    Ok(safetensors::serialize(views, None)?)
}

fn read_network(model: &str, weights: &[u8], in_channels: usize, classes: usize) -> Result<FoldedNetwork, Error> {
    let stored = SafeTensors::deserialize(weights)?;
    let read = |name: String, shape: Vec<usize>| -> Result<Tensor, Error> {
        let wrong = |found: String| Error::Tensor {
            model: model.to_owned(),
            tensor: name.clone(),
            expected: format!("{shape:?} F32, finite"),
            found,
        };
        let view = stored.tensor(&name).map_err(|_| wrong("absent".to_owned()))?;
        if view.shape() != shape || view.dtype() != Dtype::F32 {
            return Err(wrong(format!("{:?} {:?}", view.shape(), view.dtype())));
        }
        let four = |chunk: &[u8]| chunk.try_into().map_or(f32::NAN, f32::from_le_bytes);
        let values: Vec<f32> = view.data().chunks_exact(4).map(four).collect();
        if !values.iter().all(|value| value.is_finite()) {
            return Err(wrong("a value that is not finite".to_owned()));
        }
        Ok(Tensor::from_vec(values, shape.clone(), &Device::Cpu)?)
    };
    let mut found = BTreeMap::new();
    for layer in layers(in_channels, EMBEDDING_DIM, classes) {
        let weight = read(format!("{}.weight", layer.name), vec![layer.inputs, layer.outputs])?;
        let bias = read(format!("{}.bias", layer.name), vec![layer.outputs])?;
        found.insert(layer.name, Linear { weight, bias });
    }
    Ok(FoldedNetwork { layers: found })
}
