use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, sha256_hex};
use crate::fusion::{Impute, Preprocessing};
use crate::learn::BoostedParams;
use crate::learn::hierarchical::HierarchicalSpec;

/// What to train and how to judge it: the SPEC.toml of `regimen train` and `regimen evaluate --cv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseSpec {
    /// Model name; versions are numbered under it.
    pub name: String,
    /// Boolean outcome column of the fused table.
    pub target: String,
    /// Definition of the outcome, shown wherever a number is.
    pub target_definition: String,
    /// Whom the model is trained on, in words, for the report.
    pub population: String,
    /// Estimator family.
    pub family: Family,
    /// Options file whose ids the column `arm` holds; without it the model has no options.
    #[serde(default)]
    pub options: Option<String>,
    /// Population file (`data-schemas/populations`) whose rules say to whom the model applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<String>,
    /// Seed of everything drawn at random.
    pub seed: u64,
    /// Feature groups: name to columns of the fused table.
    pub features: BTreeMap<String, Vec<String>>,
    /// Imputation, scaling and reduction, fitted on the training rows of every fold; none by default.
    #[serde(default, skip_serializing_if = "Preprocessing::is_none")]
    pub recipe: Preprocessing,
    /// Rows are used only where these boolean columns are true (`has_mri`).
    #[serde(default)]
    pub require: Vec<String>,
    /// Feature groups that may be missing when the model is used.
    #[serde(default)]
    pub missing: MissingSpec,
    /// Choice of settings, inside every training fold.
    #[serde(default)]
    pub search: SearchSpec,
    /// What the hierarchical family does with the columns.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hierarchical: HierarchicalSpec,
    /// The bag of refits that gives estimate and interval of boosted trees.
    #[serde(default)]
    pub bootstrap: BootstrapSpec,
    /// Outer cross-validation.
    #[serde(default)]
    pub evaluation: EvaluationSpec,
    /// Encoder specification, refitted inside each outer fold, for features that are embeddings.
    #[serde(default)]
    pub refit_encoder: Option<String>,
}

/// Estimator families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Bagged boosted trees.
    Boosted,
    /// Logistic regression whose arm effects are shrunk in groups towards each other.
    Hierarchical,
}

/// Groups that may be missing, and how often training blanks them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MissingSpec {
    /// Names of feature groups.
    pub groups: Vec<String>,
    /// Blanked copies per group, as a share of the rows.
    pub share: f64,
}

impl Default for MissingSpec {
    fn default() -> Self {
        Self { groups: Vec::new(), share: 0.2 }
    }
}

/// Choice of settings by cross-validated log loss inside the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSpec {
    /// Settings to choose from; with one there is nothing to search.
    pub candidates: Vec<BoostedParams>,
    /// Inner folds.
    pub n_folds: usize,
    /// Refits per inner fold.
    pub n_refits: NonZeroUsize,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self { candidates: vec![BoostedParams::default()], n_folds: 4, n_refits: refits(6) }
    }
}

/// Bootstrap refits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BootstrapSpec {
    /// Refits of the final model, which give its intervals.
    pub n_refits: NonZeroUsize,
}

impl Default for BootstrapSpec {
    fn default() -> Self {
        Self { n_refits: refits(50) }
    }
}

/// Outer cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSpec {
    /// Folds, split by patient and stratified by outcome.
    pub n_folds: usize,
    /// Repeats with other folds.
    pub n_repeats: usize,
    /// Refits of each outer model.
    pub n_refits: NonZeroUsize,
    /// Bootstrap resamples of patients for intervals.
    pub n_resamples: usize,
    /// Who is held out; whichever it is, a patient is never on both sides.
    #[serde(skip_serializing_if = "SplitSpec::is_patient")]
    pub split: SplitSpec,
}

/// Who is held out in the outer evaluation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SplitSpec {
    /// Random folds of patients, stratified by outcome, repeated.
    #[default]
    Patient,
    /// Each centre in turn, once.
    Centre {
        /// Text column of the fused table.
        column: String,
    },
    /// The rows from a period onwards, once; the model is fitted on the earlier ones.
    Period {
        /// Number column of the fused table, such as `diagnosis_year`.
        column: String,
        /// First value of the test rows.
        from: f64,
    },
}

impl SplitSpec {
    fn is_patient(&self) -> bool {
        *self == Self::Patient
    }
}

impl Default for EvaluationSpec {
    fn default() -> Self {
        Self { n_folds: 5, n_repeats: 5, n_refits: refits(25), n_resamples: 2000, split: SplitSpec::Patient }
    }
}

fn is_default(spec: &HierarchicalSpec) -> bool {
    *spec == HierarchicalSpec::default()
}

fn refits(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN)
}

impl ResponseSpec {
    /// Reads a specification from its file.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Spec`] with position, expected and found; an unknown key is an error.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a specification from its text; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Spec`].
    pub fn parse(text: &str, path: &str) -> Result<Self, Error> {
        let wrong = |message: String| Error::Spec { path: path.to_owned(), message };
        let spec: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if spec.name.is_empty() || !spec.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return Err(wrong(format!("name: expected lower-case letters, digits and hyphens, found `{}`", spec.name)));
        }
        if spec.features.values().all(Vec::is_empty) {
            return Err(wrong("features: expected at least one column, found none".to_owned()));
        }
        if spec.search.candidates.is_empty() {
            return Err(wrong("search.candidates: expected at least one, found none".to_owned()));
        }
        if !(0.0..=1.0).contains(&spec.missing.share) {
            return Err(wrong(format!("missing.share: expected 0 to 1, found {}", spec.missing.share)));
        }
        if let Some(group) = spec.missing.groups.iter().find(|group| !spec.features.contains_key(*group)) {
            return Err(wrong(format!("missing.groups: expected names of feature groups, found `{group}`")));
        }
        if spec.recipe.impute != Impute::None && !spec.missing.groups.is_empty() {
            return Err(wrong(
                "recipe.impute: fills the values whose absence missing.groups teaches: expected one of them".to_owned(),
            ));
        }
        if !spec.recipe.is_none() && spec.refit_encoder.is_some() {
            return Err(wrong(
                "recipe: expected none beside refit_encoder, whose embeddings differ from fold to fold".to_owned(),
            ));
        }
        for (what, found) in [("evaluation.n_folds", spec.evaluation.n_folds), ("search.n_folds", spec.search.n_folds)]
        {
            if found < 2 {
                return Err(wrong(format!("{what}: expected at least 2, found {found}")));
            }
        }
        if spec.evaluation.n_repeats == 0 {
            return Err(wrong("evaluation.n_repeats: expected at least 1, found 0".to_owned()));
        }
        Ok(spec)
    }

    /// SHA-256 of the specification's content, whatever its layout and comments.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Feature groups with their columns, in order.
    #[must_use]
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        self.features.iter().map(|(group, columns)| (group.clone(), columns.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name='x'\ntarget='pcr'\ntarget_definition='d'\npopulation='p'\nfamily='boosted'\nseed=1\n";

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let text = format!("{SMALL}sed=2\n[features]\nclinical=['age_years']\n");
        assert!(ResponseSpec::parse(&text, "s.toml").unwrap_err().to_string().contains("sed"));
    }

    #[test]
    fn defaults_fill_what_is_not_said() {
        let spec = ResponseSpec::parse(&format!("{SMALL}[features]\nclinical=['age_years']\n"), "s.toml").unwrap();
        assert_eq!((spec.evaluation.n_folds, spec.evaluation.n_repeats), (5, 5));
        assert_eq!(spec.search.candidates, [BoostedParams::default()]);
    }

    #[test]
    fn a_missing_group_must_be_a_feature_group() {
        let text = format!("{SMALL}[features]\nclinical=['age_years']\n[missing]\ngroups=['rna']\n");
        assert!(ResponseSpec::parse(&text, "s.toml").unwrap_err().to_string().contains("`rna`"));
    }
}
