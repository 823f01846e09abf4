//! The survival baseline from a fused table: specification and rows, cross-validated comparison with PREDICT, and the
//! artifact in the registry with its card.

mod artifact;
mod card;
mod evaluate;
mod rows;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use artifact::{OpenedSurvival, SurvivalManifest, open_survival, train_survival};
pub use evaluate::{ModelFigures, SurvivalEvaluation, evaluate_survival};
pub use rows::{SurvivalRows, expression_features};

use super::Error;
use crate::decide::baseline::BaselineOptions;

/// Kind of the artifact in the registry.
pub const KIND: &str = "survival-baseline";

/// What to fit and how to judge it: `models/specs/survival-metabric.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalSpec {
    /// Model name.
    pub name: String,
    /// Always `survival_baseline`.
    pub family: String,
    /// Definition of the endpoints.
    pub target_definition: String,
    /// Whom it is fitted on, in words.
    pub population: String,
    /// Seed of folds, resamples and offsets.
    pub seed: u64,
    /// Inner folds of the choice of form.
    pub n_inner_folds: usize,
    /// Bootstrap refits kept in the artifact.
    pub n_draws: usize,
    /// Outer folds, by patient.
    pub n_folds: usize,
    /// Repeats of the outer cross-validation.
    pub n_repeats: usize,
    /// Bootstrap resamples of patients for the intervals of the evaluation.
    pub n_resamples: usize,
}

impl SurvivalSpec {
    /// Reads a specification from its file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Spec`] with position, expected and found.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let wrong = |message: String| Error::Spec { path: path.display().to_string(), message };
        let spec: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if spec.family != "survival_baseline" {
            return Err(wrong(format!("family: expected `survival_baseline`, found `{}`", spec.family)));
        }
        Ok(spec)
    }

    /// True for the text of a specification of this kind.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.parse::<toml::Table>()
            .is_ok_and(|table| table.get("family").and_then(toml::Value::as_str) == Some("survival_baseline"))
    }

    /// The options of the fit.
    #[must_use]
    pub fn options(&self) -> BaselineOptions {
        BaselineOptions {
            n_folds: self.n_inner_folds,
            n_draws: self.n_draws,
            seed: self.seed,
            ..BaselineOptions::default()
        }
    }
}
