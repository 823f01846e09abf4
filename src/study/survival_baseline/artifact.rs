use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::card::card;
use super::{KIND, SurvivalEvaluation, SurvivalRows, SurvivalSpec, evaluate_survival};
use crate::decide::baseline::{Exclusion, SurvivalBaseline};
use crate::study::fused_table::Origin;
use crate::study::registry::Models;
use crate::study::train::json;
use crate::study::{Error, FusedTable, RowHashes};

/// The manifest of a survival baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurvivalManifest {
    /// Model name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Always `survival-baseline`.
    pub kind: String,
    /// The specification.
    pub spec: SurvivalSpec,
    /// Version of the regimen crate that fitted it.
    pub crate_version: String,
    /// Where the training table came from.
    pub origin: Origin,
    /// SHA-256 of the training table.
    pub data_sha256: String,
    /// Training women.
    pub n_training: usize,
    /// Deaths from breast cancer and from other causes within 15 years.
    pub n_events: [usize; 2],
    /// Rows left out, by reason.
    pub left_out: Vec<(Exclusion, usize)>,
    /// Training patients.
    pub training_row_hash: RowHashes,
    /// SHA-256 of every other file of the version.
    pub files: BTreeMap<String, String>,
}

/// Evaluates, fits on all eligible women and writes a new candidate version; returns it with the evaluation.
///
/// # Errors
/// As [`SurvivalRows::select`] and [`evaluate_survival`]; [`Error::Write`]. Nothing is half-written.
pub fn train_survival(
    spec: &SurvivalSpec,
    table: &FusedTable,
    out: &Path,
) -> Result<(String, SurvivalEvaluation), Error> {
    let rows = SurvivalRows::select(table)?;
    let evaluation = evaluate_survival(spec, &rows)?;
    let model = SurvivalBaseline::fit(&rows.rows, &spec.options())?;
    let files = BTreeMap::from([
        ("baseline.json".to_owned(), json(&model)?),
        ("metrics.json".to_owned(), json(&evaluation)?),
        ("card.md".to_owned(), card(spec, &model, &rows, &evaluation).into_bytes()),
    ]);
    let version = Models::write(out, &spec.name, &files, |version, hashes| {
        json(&SurvivalManifest {
            name: spec.name.clone(),
            version: version.to_owned(),
            kind: KIND.to_owned(),
            spec: spec.clone(),
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            origin: Origin { report: None, ..table.origin.clone() },
            data_sha256: table.sha256.clone(),
            n_training: model.n_samples,
            n_events: model.n_events,
            left_out: rows.left_out.clone(),
            training_row_hash: RowHashes::new(&format!("{} {}", spec.seed, table.sha256), &rows.patients),
            files: hashes,
        })
    })?;
    Ok((version, evaluation))
}

/// A survival baseline read from a registry.
#[derive(Debug, Clone)]
pub struct OpenedSurvival {
    /// Its manifest.
    pub manifest: SurvivalManifest,
    /// The model.
    pub model: SurvivalBaseline,
    /// Its stored evaluation.
    pub evaluation: SurvivalEvaluation,
}

/// Opens a survival baseline of a registry.
///
/// # Errors
/// [`Error::NoModel`], [`Error::Hash`], [`Error::Model`] when a file cannot be understood or the model is of another kind.
pub fn open_survival(models: &Models, wanted: &str) -> Result<OpenedSurvival, Error> {
    let files = models.open(wanted)?;
    let broken = |file: &str, message: String| Error::Model {
        model: format!("{}@{}", files.name, files.version),
        file: file.to_owned(),
        message,
    };
    if files.kind != KIND {
        return Err(broken("manifest.json", format!("expected a model of kind `{KIND}`, found `{}`", files.kind)));
    }
    let bytes = |file: &str| files.files.get(file).ok_or_else(|| broken(file, "not listed in the manifest".into()));
    let manifest =
        serde_json::from_slice(&files.manifest).map_err(|error| broken("manifest.json", error.to_string()))?;
    Ok(OpenedSurvival {
        manifest,
        model: serde_json::from_slice(bytes("baseline.json")?)
            .map_err(|error| broken("baseline.json", error.to_string()))?,
        evaluation: serde_json::from_slice(bytes("metrics.json")?)
            .map_err(|error| broken("metrics.json", error.to_string()))?,
    })
}
