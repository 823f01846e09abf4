use std::path::Path;

use super::fused_table::Origin;
use super::{Error, sha256_hex};
use crate::fusion::{self, Design, FuseOptions, Recipe, RecipeSpec, WrittenMatrix, write_matrix};
use crate::genomics::SignatureScaling;
use crate::schema::CohortDefinition;

/// Reads what `--recipe` or `--replay` names; `None` when neither is given.
///
/// # Errors
/// [`Error::Read`], [`Error::Spec`] with position, expected and found.
pub fn recipe(fit: Option<&Path>, replay: Option<&Path>) -> Result<Option<Recipe>, Error> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source });
    let wrong = |path: &Path, message: String| Error::Spec { path: path.display().to_string(), message };
    match (fit, replay) {
        (Some(path), _) => {
            let spec: RecipeSpec = toml::from_str(&read(path)?).map_err(|error| wrong(path, error.to_string()))?;
            Ok(Some(Recipe::Fit(spec)))
        }
        (None, Some(path)) => {
            let design: Design = serde_json::from_str(&read(path)?).map_err(|error| wrong(path, error.to_string()))?;
            Ok(Some(Recipe::Replay(design)))
        }
        (None, None) => Ok(None),
    }
}

/// Fuses a cohort and writes the matrix of a recipe, with origin, counts and the recipe's hash in the file's metadata.
///
/// Input files are hashed while the matrix is made.
///
/// # Errors
/// [`Error::Fusion`].
pub fn write_design(
    cohort: &CohortDefinition,
    data: &Path,
    options: &FuseOptions,
    recipe: &Recipe,
    out: &Path,
) -> Result<WrittenMatrix, Error> {
    std::thread::scope(|scope| {
        let inputs = scope.spawn(|| Origin::inputs(cohort, data));
        let written = write_matrix(cohort, data, options, recipe, out, |written| {
            let inputs = inputs.join().unwrap_or_default();
            let mut origin = Origin::new(cohort, inputs, written.report.encoders.clone());
            origin.report = Some(written.report.clone());
            let text = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
            let design = text(serde_json::to_string(&written.design));
            vec![
                (super::fused_table::METADATA_KEY.to_owned(), text(serde_json::to_string(&origin))),
                ("regimen.recipe_sha256".to_owned(), sha256_hex(design.as_bytes())),
                ("regimen.imputed".to_owned(), text(serde_json::to_string(&written.imputed))),
            ]
        })?;
        Ok(written)
    })
}

/// Fits the per-gene scalings that signatures need on every sample of a cohort: a training cohort, therefore.
///
/// # Errors
/// [`Error::Fusion`].
pub fn fit_signature_scaling(cohort: &CohortDefinition, data: &Path) -> Result<SignatureScaling, Error> {
    Ok(fusion::fit_signature_scaling(cohort, data)?)
}

/// Reads scalings that were fitted before.
///
/// # Errors
/// [`Error::Read`], [`Error::Spec`] for a file that is none.
pub fn read_signature_scaling(path: &Path) -> Result<SignatureScaling, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::Spec { path: path.display().to_string(), message: error.to_string() })
}
