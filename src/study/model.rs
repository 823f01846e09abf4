use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fused_table::Origin;
use super::registry::{ModelFiles, Models};
use super::{BinaryEvaluation, Error, Estimator, ResponseSpec, RowHashes};
use crate::decide::{Evidence, OptionSet, PopulationRules, Reference, TestPrior};
use crate::fusion::Design;
use crate::learn::BoostedParams;
use crate::terms::PatientId;

/// The manifest of a response model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseManifest {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Always `response`.
    pub kind: String,
    /// The specification that it was trained from.
    pub spec: ResponseSpec,
    /// Settings chosen for boosted trees.
    #[serde(default)]
    pub params: Option<BoostedParams>,
    /// Version of the regimen crate that trained it.
    pub crate_version: String,
    /// Where the training table came from.
    pub origin: Origin,
    /// SHA-256 of the training table.
    pub data_sha256: String,
    /// Training patients.
    pub n_training: usize,
    /// Training patients with the outcome.
    pub n_events: usize,
    /// How intervals are made.
    pub interval_method: String,
    /// Encoders that its features depend on, with the patients that those were trained on.
    pub encoders: Vec<EncoderUse>,
    /// Training patients.
    pub training_row_hash: RowHashes,
    /// SHA-256 of every other file of the version.
    pub files: BTreeMap<String, String>,
}

/// An encoder that a model's features depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderUse {
    /// Embedding column of the fused table.
    pub column: String,
    /// `name@version sha256` as recorded by fusion.
    pub encoder: String,
    /// The patients it was trained on.
    pub training_row_hash: RowHashes,
}

/// A response model, ready to predict.
#[derive(Debug, Clone)]
pub struct ResponseModel {
    /// Manifest.
    pub manifest: ResponseManifest,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// Input encoding.
    pub design: Design,
    /// Estimator.
    pub estimator: Estimator,
    /// The training population in aggregate.
    pub reference: Reference,
    /// Joint distribution of the inputs, from which the result of a missing test is drawn; absent in older models.
    pub test_prior: Option<TestPrior>,
    /// Whom the model is for.
    pub population: PopulationRules,
    /// Outcome counts by subtype and option.
    pub evidence: Evidence,
    /// Cross-validated performance.
    pub metrics: BinaryEvaluation,
    /// Options, where the model has any.
    pub options: Option<OptionSet>,
}

impl ResponseModel {
    /// Opens a response model of a registry.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::Hash`], [`Error::Model`] when a file cannot be understood or the model is of
    /// another kind.
    pub fn open(models: &Models, wanted: &str) -> Result<Self, Error> {
        Self::from_files(&models.open(wanted)?)
    }

    fn from_files(files: &ModelFiles) -> Result<Self, Error> {
        let model = format!("{}@{}", files.name, files.version);
        let broken =
            |file: &str, message: String| Error::Model { model: model.clone(), file: file.to_owned(), message };
        if files.kind != "response" {
            let message = format!("expected a model of kind `response`, found `{}`", files.kind);
            return Err(broken("manifest.json", message));
        }
        let bytes = |file: &str| {
            files.files.get(file).map(Vec::as_slice).ok_or_else(|| broken(file, "not listed in the manifest".into()))
        };
        fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
            serde_json::from_slice(bytes).map_err(|error| error.to_string())
        }
        let manifest: ResponseManifest = read(&files.manifest).map_err(|error| broken("manifest.json", error))?;
        let options = manifest.spec.options.as_deref().map(OptionSet::load).transpose()?;
        let design: Design = read(bytes("design.json")?).map_err(|error| broken("design.json", error))?;
        Ok(Self {
            estimator: Estimator::decode(manifest.spec.family, bytes("weights.json")?)?,
            reference: read(bytes("reference.json")?).map_err(|error| broken("reference.json", error))?,
            test_prior: match files.files.get("test_prior.json") {
                Some(bytes) => Some(read(bytes).map_err(|error| broken("test_prior.json", error))?),
                None => None,
            },
            population: super::applies::population(manifest.spec.applies_to.as_deref())?,
            evidence: read(bytes("evidence.json")?).map_err(|error| broken("evidence.json", error))?,
            metrics: read(bytes("metrics.json")?).map_err(|error| broken("metrics.json", error))?,
            manifest_sha256: files.manifest_sha256.clone(),
            design,
            manifest,
            options,
        })
    }

    /// True when the model, or an encoder that it depends on, was trained on the patient.
    #[must_use]
    pub fn has_seen(&self, patient: &PatientId) -> bool {
        self.manifest.training_row_hash.contains(patient)
            || self.manifest.encoders.iter().any(|encoder| encoder.training_row_hash.contains(patient))
    }

    /// `name@version`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.manifest.name, self.manifest.version)
    }
}
