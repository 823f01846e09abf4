use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::terms::{Modality, PatientId};

use super::Error;
use super::fine_tuning_spec::Task;
use super::samples::{InputFile, hex};
use super::spec::EncoderSpec;
use super::typicality::Typicality;

/// The name of the weights file in a model folder.
pub(super) const WEIGHTS_FILE: &str = "weights.safetensors";

/// What `manifest.json` of an encoder says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderManifest {
    /// The model's name.
    pub name: String,
    /// Zero-padded version.
    pub version: String,
    /// `encoder`, or `localiser` for a segmentation.
    pub kind: String,
    /// What it embeds.
    pub modality: Modality,
    /// The network, by name.
    pub architecture: String,
    /// Length of an embedding.
    pub embedding_dim: usize,
    /// Shape of a prepared image.
    pub input: InputShape,
    /// Seed of the training.
    pub seed: u64,
    /// Version of the crate that trained it.
    pub crate_version: String,
    /// The specification it was trained from.
    pub spec: EncoderSpec,
    /// The data it was trained on.
    pub data: ManifestData,
    /// How the training went.
    pub training: ManifestTraining,
    /// Who was used for fitting or early stopping, salted and hashed.
    pub training_row_hash: TrainingRowHash,
    /// Where the pooled embeddings of the training patients lie; an encoder's, absent in older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typicality: Option<Typicality>,
    /// File name to SHA-256, hex.
    pub files: BTreeMap<String, String>,
    /// Figures on patients never used, with intervals; their form is the caller's.
    pub held_out: Value,
}

/// The shape of a prepared image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputShape {
    /// 1 or 3.
    pub channels: usize,
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
}

/// The data behind an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestData {
    /// Label tables and their hashes.
    pub files: Vec<InputFile>,
    /// Images used for fitting or early stopping.
    pub n_images: usize,
    /// Patients used for fitting or early stopping.
    pub n_patients: usize,
    /// Terms of use.
    pub licence: String,
    /// Citation.
    pub source: String,
}

/// The course of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestTraining {
    /// Epochs run.
    pub epochs_run: usize,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// Area under the ROC curve on the inner validation patients at that epoch, averaged over the specification's
    /// `smoothed_epochs`; it chose the epoch, so it flatters. Absent when no patient was kept aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_auc: Option<f64>,
    /// The same for a segmentation: mean Dice coefficient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_dice: Option<f64>,
}

/// Salted hashes of patients: enough to recognise a training patient, though not to hide one, because the ids of a public
/// cohort can be enumerated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingRowHash {
    /// 16 bytes, hex.
    pub salt: String,
    /// SHA-256 of the salt's bytes followed by the patient id, hex, sorted.
    pub hashes: Vec<String>,
}

impl TrainingRowHash {
    /// The hashes of `patients` under a salt derived from the model's name, version and seed.
    #[must_use]
    pub fn new(name: &str, version: &str, seed: u64, patients: &BTreeSet<PatientId>) -> Self {
        let digest = Sha256::digest(format!("{name}@{version} seed {seed}").as_bytes());
        let salt: Vec<u8> = digest.iter().take(16).copied().collect();
        let hashes: BTreeSet<String> = patients.iter().map(|patient| row_hash(&salt, patient)).collect();
        Self { salt: hex(&salt), hashes: hashes.into_iter().collect() }
    }

    /// True when `patient` was used for fitting or early stopping.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the salt is not hexadecimal.
    pub fn contains(&self, patient: &PatientId) -> Result<bool, Error> {
        let byte = |i: usize| self.salt.get(i..i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let salt: Option<Vec<u8>> = (0..self.salt.len()).step_by(2).map(byte).collect();
        let salt = salt.ok_or_else(|| Error::Manifest {
            model: "encoder".to_owned(),
            key: "training_row_hash.salt",
            expected: "hexadecimal bytes".to_owned(),
            found: self.salt.clone(),
        })?;
        Ok(self.hashes.binary_search(&row_hash(&salt, patient)).is_ok())
    }
}

fn row_hash(salt: &[u8], patient: &PatientId) -> String {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(patient.expose().as_bytes());
    hex(&hasher.finalize())
}

/// The kind of model that a task makes, as manifests say it.
pub(super) fn kind_of(task: Task) -> &'static str {
    match task {
        Task::Classification => "encoder",
        Task::Segmentation => "localiser",
    }
}

impl EncoderManifest {
    /// Reads and checks a manifest; `model` is named in errors.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Manifest`] for another kind, architecture or embedding length than this crate's.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|source| Error::Json { path: std::path::PathBuf::from("manifest.json"), source })?;
        let wrong = |key: &'static str, expected: &str, found: &str| manifest.wrong(key, expected, found);
        let kind = kind_of(manifest.spec.kind);
        if manifest.kind != kind {
            return Err(wrong("kind", kind, &manifest.kind));
        }
        let architecture = manifest.spec.architecture.as_str();
        if manifest.architecture != architecture {
            return Err(wrong("architecture", architecture, &manifest.architecture));
        }
        let dim = manifest.spec.embedding_dim();
        if manifest.embedding_dim != dim {
            return Err(wrong("embedding_dim", &dim.to_string(), &manifest.embedding_dim.to_string()));
        }
        if !manifest.files.contains_key(WEIGHTS_FILE) {
            return Err(wrong("files", WEIGHTS_FILE, "absent"));
        }
        Ok(manifest)
    }

    /// The error of a key that says something else than expected.
    pub(super) fn wrong(&self, key: &'static str, expected: &str, found: &str) -> Error {
        Error::Manifest { model: self.model(), key, expected: expected.to_owned(), found: found.to_owned() }
    }

    /// `name@version`.
    #[must_use]
    pub fn model(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_patient_is_recognised_and_another_is_not() {
        let id = |n: u32| PatientId::new("blobs", &n.to_string()).unwrap();
        let hash = TrainingRowHash::new("blobs", "0001", 7, &(0..5).map(id).collect());
        assert!(hash.contains(&id(3)).unwrap());
        assert!(!hash.contains(&id(5)).unwrap());
        assert!(hash.hashes.is_sorted() && hash.hashes.iter().all(|h| h.len() == 64));
    }
}
