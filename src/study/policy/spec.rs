use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::study::{Error, EvaluationSpec, ResponseSpec, sha256_hex};

/// Which policies to value and how: the SPEC.toml of `regimen policy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// Name.
    pub name: String,
    /// File of the response specification, relative to this one: the outcome model, fitted inside every fold.
    pub model: String,
    /// Columns that, beside the receptor subtype, the allocation depended on.
    #[serde(default)]
    pub strata: Vec<String>,
    /// Number column with the day of enrolment; without it, or where the table lacks it, nothing is concurrent.
    #[serde(default)]
    pub day: Option<String>,
    /// Fewest patients of a period of the trial; smaller ones are merged.
    #[serde(default = "min_period")]
    pub min_period: usize,
    /// Patients' worth by which the frequencies of a stratum are drawn towards those of its HER2 group.
    #[serde(default = "pseudo_patients")]
    pub pseudo_patients: f64,
    /// Chance of having received an option below which positivity fails.
    #[serde(default = "floor")]
    pub floor: f64,
    /// The same for the overlap-trimmed values.
    #[serde(default = "trim")]
    pub trim: f64,
    /// Smallest cells of the plain arithmetic, each reported.
    #[serde(default)]
    pub arithmetic_min_cells: Vec<usize>,
    /// Name of the policy from which every other one is subtracted.
    pub against: String,
    /// Policies, in the order in which they are shown.
    #[serde(rename = "policy")]
    pub policies: Vec<PolicyRule>,
    /// Who is held out; the first gives the main result.
    #[serde(rename = "evaluation")]
    pub evaluations: Vec<EvaluationSpec>,
}

/// A rule that names an option for a patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum PolicyRule {
    /// The option with the highest observed rate of the training patients in her cell.
    Cells {
        /// Name.
        name: String,
        /// Boolean, level or text columns that make the cells.
        columns: Vec<String>,
        /// Fewest training patients of an option in a cell.
        min_cell: usize,
        /// What a reader must know about it.
        #[serde(default)]
        note: String,
    },
    /// The option that the response model, fitted on the training patients, ranks first among those given to her
    /// receptor subtype.
    Model {
        /// Name.
        name: String,
        /// Standings of the options from which it chooses.
        standing: Vec<String>,
        /// What a reader must know about it.
        #[serde(default)]
        note: String,
    },
    /// One option for everyone to whom it was given.
    Option {
        /// Name.
        name: String,
        /// Option id.
        option: String,
        /// What a reader must know about it.
        #[serde(default)]
        note: String,
    },
}

fn min_period() -> usize {
    30
}

fn pseudo_patients() -> f64 {
    5.0
}

fn floor() -> f64 {
    0.01
}

fn trim() -> f64 {
    0.05
}

impl PolicyRule {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cells { name, .. } | Self::Model { name, .. } | Self::Option { name, .. } => name,
        }
    }

    /// What a reader must know about it; empty when nothing.
    #[must_use]
    pub fn note(&self) -> &str {
        match self {
            Self::Cells { note, .. } | Self::Model { note, .. } | Self::Option { note, .. } => note,
        }
    }
}

impl PolicySpec {
    /// Reads a specification and the response specification that it names.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Spec`] with position, expected and found; an unknown key is an error.
    pub fn load(path: &Path) -> Result<(Self, ResponseSpec), Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let spec = Self::parse(&text, &path.display().to_string())?;
        let model = ResponseSpec::load(&path.parent().unwrap_or(Path::new(".")).join(&spec.model))?;
        Ok((spec, model))
    }

    /// Reads a specification from its text; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Spec`].
    pub fn parse(text: &str, path: &str) -> Result<Self, Error> {
        let wrong = |message: String| Error::Spec { path: path.to_owned(), message };
        let spec: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut names: Vec<&str> = spec.policies.iter().map(PolicyRule::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(wrong(format!("policy: expected distinct names, found `{}` twice", twice[0])));
        }
        if !names.contains(&spec.against.as_str()) {
            return Err(wrong(format!("against: expected one of {}, found `{}`", names.join(", "), spec.against)));
        }
        if spec.evaluations.is_empty() {
            return Err(wrong("evaluation: expected at least one, found none".to_owned()));
        }
        for evaluation in &spec.evaluations {
            if evaluation.n_folds < 2 || evaluation.n_repeats == 0 {
                return Err(wrong(format!(
                    "evaluation: expected at least 2 folds and 1 repeat, found {} and {}",
                    evaluation.n_folds, evaluation.n_repeats
                )));
            }
        }
        for (what, found) in [("floor", spec.floor), ("trim", spec.trim)] {
            if !(found > 0.0 && found < 1.0) {
                return Err(wrong(format!("{what}: expected a chance between 0 and 1, found {found}")));
            }
        }
        for rule in &spec.policies {
            let empty = match rule {
                PolicyRule::Cells { columns, .. } => columns.is_empty(),
                PolicyRule::Model { standing, .. } => standing.is_empty(),
                PolicyRule::Option { .. } => false,
            };
            if empty {
                return Err(wrong(format!("policy `{}`: expected columns or standings, found none", rule.name())));
            }
        }
        Ok(spec)
    }

    /// SHA-256 of the specification's content, whatever its layout and comments.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name='x'\nmodel='m.toml'\nagainst='a'\n[[evaluation]]\nn_folds=3\n\
                         [[policy]]\nname='a'\nkind='option'\noption='Ctr'\n";

    #[test]
    fn defaults_fill_what_is_not_said() {
        let spec = PolicySpec::parse(SMALL, "s.toml").unwrap();
        assert_eq!((spec.min_period, spec.floor, spec.trim), (30, 0.01, 0.05));
        assert_eq!(spec.policies[0].name(), "a");
    }

    #[test]
    fn unknown_keys_kinds_and_names_are_errors_that_name_them() {
        for (text, said) in [
            (SMALL.replace("name='x'", "name='x'\nsed=1"), "sed"),
            (SMALL.replace("option='Ctr'", "option='Ctr'\nmin=1"), "min"),
            (SMALL.replace("kind='option'", "kind='oracle'"), "oracle"),
            (SMALL.replace("against='a'", "against='b'"), "`b`"),
            (format!("{SMALL}[[policy]]\nname='a'\nkind='model'\nstanding=['control']\n"), "`a` twice"),
            (SMALL.replace("n_folds=3", "n_folds=1"), "found 1"),
            (format!("trim=1.5\n{SMALL}"), "1.5"),
        ] {
            let error = PolicySpec::parse(&text, "s.toml").unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }

    #[test]
    fn the_specification_of_ispy2_reads_with_its_model() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/specs/policy-ispy2.toml");
        let (spec, model) = PolicySpec::load(Path::new(path)).unwrap();
        assert_eq!((spec.name.as_str(), model.options.as_deref()), ("policy-ispy2", Some("ispy2-arms")));
    }
}
