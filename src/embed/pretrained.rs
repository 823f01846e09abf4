use std::path::Path;

use candle_core::Device;
use sha2::{Digest, Sha256};

use super::Error;
use super::architectures::{Architecture, Backbone};
use super::samples::hex;

/// A backbone from a user's weights file, and which file that was.
#[derive(Debug)]
pub struct Pretrained {
    /// The encoder.
    pub backbone: Backbone,
    /// SHA-256 of the weights file, hex.
    pub weights_sha256: String,
}

/// Loads a weights file (safetensors) as RadImageNet, DINOv2 or an ImageNet model is usually converted: names of
/// torchvision or timm, perhaps behind `module.`, `backbone.`, `encoder.`, `model.` or `image_encoder.`, with or without
/// the classifier.
///
/// The file is read into memory, not mapped: what was hashed is what is used.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, else as [`Backbone::load`].
pub fn load_pretrained(architecture: Architecture, path: &Path, device: &Device) -> Result<Pretrained, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let weights_sha256 = hex(&Sha256::digest(&bytes));
    Ok(Pretrained { backbone: Backbone::load(architecture, &bytes, device)?, weights_sha256 })
}
