use std::collections::HashMap;

use super::super::{Error, Models};
use super::PretrainedWeights;
use crate::embed::{Encoder, Localiser};
use crate::terms::Modality;

/// What reads the studies of one modality.
#[derive(Debug)]
pub(super) struct Reader {
    pub encoder: Encoder,
    /// Finds the lesion on a whole sonogram.
    pub localiser: Option<Localiser>,
}

impl Reader {
    /// The localiser's weights hash, empty without one.
    pub fn localiser_sha256(&self) -> &str {
        self.localiser.as_ref().map_or("", Localiser::weights_sha256)
    }
}

/// The reader of each modality: of the encoder named, or of every promoted one, with the promoted localiser.
pub(super) fn readers(models: &Models, named: Option<&str>) -> Result<HashMap<Modality, Reader>, Error> {
    let promoted = |kind: &str| -> Vec<String> {
        let listed = models.list().into_iter().filter(|model| model.kind == kind && model.promoted);
        listed.map(|model| format!("{}@{}", model.name, model.version)).collect()
    };
    let names = named.map_or_else(|| promoted("encoder"), |name| vec![name.to_owned()]);
    let mut readers = HashMap::new();
    for name in names {
        let (manifest, weights) = opened(models, &name)?;
        let encoder = Encoder::load(&manifest, &weights)?;
        readers.insert(encoder.modality(), Reader { encoder, localiser: None });
    }
    for name in promoted("localiser") {
        let (manifest, weights) = opened(models, &name)?;
        let localiser = Localiser::load(&manifest, &weights)?;
        if let Some(reader) = readers.get_mut(&localiser.modality()) {
            reader.localiser = Some(localiser);
        }
    }
    let dims: Vec<usize> = readers.values().map(|reader| reader.encoder.dim()).collect();
    match dims.first() {
        None => Err(Error::NoModel { name: "encoder".into(), reason: "no encoder is promoted in the registry".into() }),
        Some(first) if dims.iter().any(|dim| dim != first) => {
            Err(Error::Unsupported("encoders of different widths in one table: name one with --encoder".to_owned()))
        }
        Some(_) => Ok(readers),
    }
}

/// A reader of published weights; its lesion localiser would be somebody else's, so it has none.
pub(super) fn pretrained_reader(weights: &PretrainedWeights<'_>) -> Result<HashMap<Modality, Reader>, Error> {
    let path = weights.file.to_owned();
    let bytes = std::fs::read(&path).map_err(|source| Error::Read { path, source })?;
    let encoder = Encoder::pretrained(weights.architecture, weights.modality, &bytes)?;
    Ok(HashMap::from([(weights.modality, Reader { encoder, localiser: None })]))
}

fn opened(models: &Models, name: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut files = models.open(name)?;
    let weights = files.files.remove("weights.safetensors").ok_or_else(|| Error::Model {
        model: name.to_owned(),
        file: "weights.safetensors".into(),
        message: "expected an encoder's weights, found no such file in the manifest".into(),
    })?;
    Ok((files.manifest, weights))
}
