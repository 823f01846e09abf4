use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::spec::SplitSpec;
use super::super::{Error, sha256_hex};
use crate::learn::Direction;

/// Which models to compare on which rows: the SPEC.toml of `regimen evaluate --cv` that has an `[endpoint]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonSpec {
    /// Name of the comparison.
    pub name: String,
    /// Whose rows, in words.
    pub population: String,
    /// Seed of everything drawn at random.
    pub seed: u64,
    /// What is predicted.
    pub endpoint: Endpoint,
    /// Column that tells patients apart.
    #[serde(default = "patient_id")]
    pub id: String,
    /// Feature groups: name to columns of the table.
    pub features: BTreeMap<String, Vec<String>>,
    /// Direction of the risk, or of the probability, with a column, where medicine knows it: 1 never falls, −1 never rises.
    /// Boosted trees keep to it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub monotone: BTreeMap<String, Direction>,
    /// Rows are used only where these boolean columns are true.
    #[serde(default)]
    pub require: Vec<String>,
    /// Models, the one of interest first. The simple baseline (Cox, logistic) is added where it is not among them.
    pub models: Vec<ModelSpec>,
    /// Choice of settings, inside every training fold.
    #[serde(default)]
    pub search: Budget,
    /// Outer evaluation.
    #[serde(default)]
    pub evaluation: ComparisonEvaluation,
}

fn patient_id() -> String {
    "patient_id".to_owned()
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Endpoint {
    /// A right-censored time.
    Survival {
        /// Column of times from the origin, at least 0.
        time: String,
        /// Column of events: boolean, or 1 and 0.
        event: String,
        /// Origin, event and unit in words, shown wherever a number is.
        definition: String,
    },
    /// A yes or no.
    Binary {
        /// Column of outcomes: boolean, or 1 and 0.
        outcome: String,
        /// The outcome in words, shown wherever a number is.
        definition: String,
    },
}

/// One model of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name in the table.
    pub name: String,
    /// Estimator family.
    pub family: ModelFamily,
    /// Feature groups; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Families that an average or a stack is made of; those of its endpoint when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ModelFamily>,
}

impl ModelSpec {
    /// The families whose predictions are averaged: one, unless the model is an average or a stack.
    #[must_use]
    pub fn averaged(&self, endpoint: &Endpoint) -> &[ModelFamily] {
        match (self.family.is_pool(), self.members.is_empty()) {
            (false, _) => std::slice::from_ref(&self.family),
            (true, true) => ModelFamily::members(endpoint),
            (true, false) => &self.members,
        }
    }
}

/// Estimator families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelFamily {
    /// Cox regression, Efron ties: the baseline of survival.
    Cox,
    /// Logistic regression: the baseline of binary outcomes.
    Logistic,
    /// Elastic net (Cox or logistic), penalty chosen by cross-validated deviance.
    Net,
    /// The elastic net on smooth terms of every numeric column.
    SplineNet,
    /// Boosted trees: Cox or logistic loss.
    Boosted,
    /// Boosted trees, accelerated failure time.
    BoostedAft,
    /// Random survival forest, or random forest.
    Forest,
    /// Support vector machine, calibrated by Platt's method out of fold.
    Svm,
    /// Equal average of several families' predictions: with few events, fitted weights are noise.
    Average,
    /// Weighted average of several families' predictions, weights fitted on predictions out of the inner folds.
    Stack,
}

impl ModelFamily {
    /// True for averages of other families.
    #[must_use]
    pub fn is_pool(self) -> bool {
        matches!(self, Self::Average | Self::Stack)
    }

    /// Families that are averaged by default.
    #[must_use]
    pub fn members(endpoint: &Endpoint) -> &'static [Self] {
        match endpoint {
            Endpoint::Survival { .. } => &[Self::SplineNet, Self::Boosted, Self::BoostedAft, Self::Forest],
            Endpoint::Binary { .. } => &[Self::Net, Self::SplineNet, Self::Boosted, Self::Forest],
        }
    }

    /// The simple baseline of an endpoint.
    #[must_use]
    pub fn baseline(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Survival { .. } => Self::Cox,
            Endpoint::Binary { .. } => Self::Logistic,
        }
    }

    fn suits(self, endpoint: &Endpoint) -> bool {
        match endpoint {
            Endpoint::Survival { .. } => !matches!(self, Self::Logistic | Self::Svm),
            Endpoint::Binary { .. } => !matches!(self, Self::Cox | Self::BoostedAft),
        }
    }

    /// Name as written in specifications.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cox => "cox",
            Self::Logistic => "logistic",
            Self::Net => "net",
            Self::SplineNet => "spline-net",
            Self::Boosted => "boosted",
            Self::BoostedAft => "boosted-aft",
            Self::Forest => "forest",
            Self::Svm => "svm",
            Self::Average => "average",
            Self::Stack => "stack",
        }
    }
}

/// How many settings of a family are tried, and on how many inner folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Settings per family: its default and others drawn at random.
    pub candidates: usize,
    /// Inner folds.
    pub n_folds: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { candidates: 6, n_folds: 5 }
    }
}

/// Outer evaluation of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComparisonEvaluation {
    /// Folds, split by patient and stratified by event.
    pub n_folds: usize,
    /// Repeats with other folds.
    pub n_repeats: usize,
    /// File of given folds: a column `id` and a column of test-fold numbers per repeat. Relative to the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<PathBuf>,
    /// Bootstrap resamples of patients for intervals.
    pub n_resamples: usize,
    /// Time at which calibration is judged; the median time of the events when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<f64>,
    /// Who is held out.
    pub split: SplitSpec,
}

impl Default for ComparisonEvaluation {
    fn default() -> Self {
        Self { n_folds: 5, n_repeats: 5, folds: None, n_resamples: 1000, horizon: None, split: SplitSpec::Patient }
    }
}

impl ComparisonSpec {
    /// True when the text of a specification is one of a comparison.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("endpoint"))
    }

    /// Reads a specification from its text; `path` is for messages and as the folder of relative paths.
    ///
    /// # Errors
    /// [`Error::Spec`] with key, expected and found; an unknown key is an error.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let wrong = |message: String| Error::Spec { path: path.display().to_string(), message };
        let mut spec: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if spec.features.values().all(Vec::is_empty) {
            return Err(wrong("features: expected at least one column, found none".to_owned()));
        }
        let known = |column: &String| spec.features.values().any(|columns| columns.contains(column));
        if let Some(column) = spec.monotone.keys().find(|column| !known(column)) {
            return Err(wrong(format!("monotone: expected columns of the features, found `{column}`")));
        }
        let mut names = BTreeSet::new();
        for model in &spec.models {
            if !names.insert(model.name.as_str()) {
                return Err(wrong(format!("models: expected distinct names, found `{}` twice", model.name)));
            }
            for family in model.members.iter().chain([&model.family]) {
                if !family.suits(&spec.endpoint) {
                    return Err(wrong(format!(
                        "models: `{}`: the family `{}` does not suit this endpoint",
                        model.name,
                        family.as_str()
                    )));
                }
            }
            if model.members.iter().any(|member| member.is_pool()) {
                return Err(wrong(format!("models: `{}`: an average cannot be a member of another", model.name)));
            }
            if !model.members.is_empty() && !model.family.is_pool() {
                return Err(wrong(format!("models: `{}`: members: only an average or a stack has some", model.name)));
            }
            if let Some(group) = model.features.iter().find(|group| !spec.features.contains_key(*group)) {
                return Err(wrong(format!("models: `{}`: expected feature groups, found `{group}`", model.name)));
            }
        }
        if spec.models.is_empty() {
            return Err(wrong("models: expected at least one, found none".to_owned()));
        }
        for (what, found, least) in [
            ("evaluation.n_folds", spec.evaluation.n_folds, 2),
            ("evaluation.n_repeats", spec.evaluation.n_repeats, 1),
            ("search.n_folds", spec.search.n_folds, 2),
            ("search.candidates", spec.search.candidates, 1),
        ] {
            if found < least {
                return Err(wrong(format!("{what}: expected at least {least}, found {found}")));
            }
        }
        let baseline = ModelFamily::baseline(&spec.endpoint);
        if !spec.models.iter().any(|model| model.family == baseline) {
            let name = baseline.as_str().to_owned();
            spec.models.push(ModelSpec { name, family: baseline, features: Vec::new(), members: Vec::new() });
        }
        if let Some(folds) = &spec.evaluation.folds {
            spec.evaluation.folds = Some(path.parent().unwrap_or(Path::new(".")).join(folds));
        }
        Ok(spec)
    }

    /// SHA-256 of the specification's content, whatever its layout and comments and wherever the file of folds lies.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut content = self.clone();
        content.evaluation.folds = None;
        sha256_hex(&serde_json::to_vec(&content).unwrap_or_default())
    }

    /// The endpoint in words.
    #[must_use]
    pub fn definition(&self) -> &str {
        match &self.endpoint {
            Endpoint::Survival { definition, .. } | Endpoint::Binary { definition, .. } => definition,
        }
    }

    /// Feature groups of a model with their columns.
    #[must_use]
    pub fn groups(&self, features: &[String]) -> Vec<(String, Vec<String>)> {
        let used = |group: &&String| features.is_empty() || features.contains(*group);
        self.features.iter().filter(|(group, _)| used(group)).map(|(g, columns)| (g.clone(), columns.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name='x'\npopulation='p'\nseed=1\n[endpoint]\nkind='survival'\ntime='t'\nevent='e'\n\
                         definition='death'\n[features]\nall=['a']\n";

    fn parse(more: &str) -> Result<ComparisonSpec, Error> {
        ComparisonSpec::parse(&format!("{SMALL}{more}"), Path::new("specs/s.toml"))
    }

    #[test]
    fn the_baseline_is_always_there() {
        let spec = parse("[[models]]\nname='all'\nfamily='stack'\n").unwrap();
        assert_eq!(spec.models[1].family, ModelFamily::Cox);
        assert_eq!(parse("[[models]]\nname='c'\nfamily='cox'\n").unwrap().models.len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (more, said) in [
            ("[[models]]\nname='a'\nfamily='svm'\n", "`svm` does not suit"),
            ("[[models]]\nname='a'\nfamily='net'\nfeatures=['rna']\n", "found `rna`"),
            ("[[models]]\nname='a'\nfamily='net'\nmembers=['cox']\n", "only an average"),
            ("[[models]]\nname='a'\nfamily='net'\nsed=1\n", "sed"),
            ("models=[]\n", "models"),
            ("[[models]]\nname='a'\nfamily='net'\n[monotone]\nb=1\n", "found `b`"),
            ("[[models]]\nname='a'\nfamily='net'\n[monotone]\na=2\n", "expected -1, 0 or 1, found 2"),
            ("[[models]]\nname='a'\nfamily='net'\n[search]\ncandidates=0\n", "search.candidates"),
        ] {
            let error = parse(more).unwrap_err().to_string();
            assert!(error.contains(said), "{more}: {error}");
        }
    }

    #[test]
    fn folds_are_relative_to_the_specification() {
        let spec = parse("[[models]]\nname='a'\nfamily='cox'\n[evaluation]\nfolds='f.csv'\n").unwrap();
        assert_eq!(spec.evaluation.folds.as_deref(), Some(Path::new("specs/f.csv")));
    }
}
