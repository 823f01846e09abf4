use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::SafeTensors;
use sha2::{Digest, Sha256};

use super::super::Error;
use super::super::samples::{Sample, hex};
use super::super::spec::EncoderSpec;
use super::super::train::{Chooser, EpochReport};
use super::optimiser::Optimiser;
use super::parameters::Layout;
use super::tensors::{read_tensors, tensor_bytes};

/// The state of a training after an epoch, in one file: parameters, moments, moving average, the best weights so far and
/// the curves.
///
/// No generator is stored: every draw of an epoch comes from the seed and the epoch's number.
pub(super) struct Checkpoint {
    path: PathBuf,
    spec_sha256: String,
    data_sha256: String,
}

impl Checkpoint {
    /// A checkpoint at `path` of this specification and these samples.
    pub fn new(path: &Path, spec: &EncoderSpec, samples: &[&Sample]) -> Result<Self, Error> {
        let text = serde_json::to_vec(spec).map_err(|source| Error::Json { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), spec_sha256: hex(&Sha256::digest(&text)), data_sha256: data_sha256(samples) })
    }

    /// Writes the state to a temporary file beside the checkpoint and renames it over the earlier one.
    pub fn write(&self, layout: &Layout, optimiser: &Optimiser, chooser: &Chooser<'_, Vec<f32>>) -> Result<(), Error> {
        let io = |source| Error::Io { path: self.path.clone(), source };
        let curves =
            serde_json::to_string(&chooser.curves).map_err(|source| Error::Json { path: self.path.clone(), source })?;
        let mut vectors: Vec<(&str, &[f32])> = vec![
            ("parameters.", &optimiser.parameters),
            ("average.", &optimiser.average),
            ("first.", &optimiser.first),
            ("second.", &optimiser.second),
        ];
        let mut metadata: HashMap<String, String> = [
            ("spec_sha256", self.spec_sha256.clone()),
            ("data_sha256", self.data_sha256.clone()),
            ("crate_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("steps", optimiser.steps.to_string()),
            ("curves", curves),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some((report, best)) = &chooser.best {
            vectors.push(("best.", best));
            metadata.insert("best_epoch".to_owned(), report.epoch.to_string());
        }
        let bytes = tensor_bytes(layout, &vectors, Some(metadata))?;
        let draft = self.path.with_extension(format!("draft-{}", std::process::id()));
        let mut file = File::create(&draft).map_err(io)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io)?;
        std::fs::rename(&draft, &self.path).map_err(io)
    }

    /// Continues from the file, if there is one.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for one of another specification, other data or another version of this crate.
    pub fn resume(
        &self,
        layout: &Layout,
        optimiser: &mut Optimiser,
        chooser: &mut Chooser<'_, Vec<f32>>,
    ) -> Result<(), Error> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::Io { path: self.path.clone(), source }),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let stored = SafeTensors::deserialize(&bytes)?;
        let empty = HashMap::new();
        let metadata = header.metadata().as_ref().unwrap_or(&empty);
        let value = |key: &str| metadata.get(key).cloned().unwrap_or_else(|| "absent".to_owned());
        let wrong = |key: &'static str, expected: &str| Error::Checkpoint {
            path: self.path.clone(),
            key,
            expected: expected.to_owned(),
            found: value(key),
        };
        for (key, own) in [
            ("spec_sha256", self.spec_sha256.as_str()),
            ("data_sha256", self.data_sha256.as_str()),
            ("crate_version", env!("CARGO_PKG_VERSION")),
        ] {
            if value(key) != own {
                return Err(wrong(key, own));
            }
        }
        let model = self.path.display().to_string();
        let read = |prefix: &str| read_tensors(&model, layout, prefix, &stored);
        let steps = value("steps").parse().map_err(|_| wrong("steps", "a count"))?;
        let curves: Vec<EpochReport> =
            serde_json::from_str(&value("curves")).map_err(|source| Error::Json { path: self.path.clone(), source })?;
        *optimiser = Optimiser {
            parameters: read("parameters.")?,
            average: read("average.")?,
            first: read("first.")?,
            second: read("second.")?,
            steps,
        };
        let best = curves.iter().rev().find(|report| report.best).copied();
        chooser.best = best.map(|report| Ok::<_, Error>((report, read("best.")?))).transpose()?;
        chooser.curves = curves;
        Ok(())
    }
}

/// One hash over everything of the samples that a training can see.
fn data_sha256(samples: &[&Sample]) -> String {
    let mut hasher = Sha256::new();
    let numbers = |values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Sha256::digest(&bytes)
    };
    for sample in samples {
        let facts = format!(
            "{} {} {:?} {:?} {:?}",
            sample.patient.expose(),
            sample.label,
            sample.fold,
            sample.auxiliary,
            sample.whole.as_ref().map(|(_, lesion)| lesion)
        );
        hasher.update(Sha256::digest(facts.as_bytes()));
        hasher.update(numbers(&sample.prepared.pixels));
        if let Some((image, _)) = &sample.whole {
            hasher.update(numbers(&image.pixels));
        }
        if let Some(mask) = &sample.mask {
            let bytes: Vec<u8> = mask.inside.iter().map(|inside| u8::from(*inside)).collect();
            hasher.update(Sha256::digest(format!("{} {}", mask.rows, mask.columns).as_bytes()));
            hasher.update(Sha256::digest(&bytes));
        }
    }
    hex(&hasher.finalize())
}
