use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use super::{DATA_SCHEMAS, Dictionary, Error};
use crate::terms::Modality;

/// How a cohort's own files map onto the table schemas: one TOML file, no code per cohort.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortDefinition {
    /// Short name (`ispy2`).
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Namespace of the canonical patient ids.
    pub namespace: String,
    /// Version of the definition.
    pub version: u32,
    /// True when the patients are made by the simulator.
    #[serde(default)]
    pub synthetic: bool,
    /// Name of the options file that `arm` refers to.
    #[serde(default)]
    pub options: Option<String>,
    /// Citations of the data.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Files in order of precedence; the first holds the cohort's rows.
    #[serde(rename = "file")]
    pub files: Vec<FileMap>,
    /// How image paths without headers map to patients.
    #[serde(default)]
    pub images: Vec<ImageMap>,
}

/// One file of a cohort.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMap {
    /// Name of the file inside the definition.
    pub id: String,
    /// Path relative to the data folder.
    pub path: String,
    /// False: when absent, its columns are masked and the absence is reported.
    #[serde(default = "required")]
    pub required: bool,
    /// Field separator.
    #[serde(default = "comma")]
    pub separator: char,
    /// Texts that mean "not recorded".
    #[serde(default)]
    pub missing: Vec<String>,
    /// Where the patient's id is.
    pub patient: PatientKey,
    /// Column that names the visit; every row is `baseline` without it.
    #[serde(default)]
    pub visit: Option<Visit>,
    /// Rows of this cohort in a file that several cohorts share.
    #[serde(default, rename = "where")]
    pub only: Option<RowFilter>,
    /// Canonical column name to source column.
    pub columns: BTreeMap<String, ValueMap>,
}

/// A visit column, by its name in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Visit(pub String);

/// Where the patient's id is, and which part of the text it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientKey {
    /// Column in the file.
    pub column: String,
    /// Regular expression whose first group is the id within the namespace.
    #[serde(with = "pattern")]
    pub pattern: Regex,
}

/// Keeps the rows whose column holds one of the texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowFilter {
    /// Column in the file.
    pub column: String,
    /// Accepted texts.
    pub equals: Vec<String>,
}

/// One source column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueMap {
    /// Column in the file.
    pub from: String,
    /// Raw text to canonical text; a text outside the map is a violation.
    #[serde(default)]
    pub levels: Option<BTreeMap<String, String>>,
}

/// How image paths without headers (PNG) map to patients.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMap {
    /// Modality of the matching images.
    pub modality: Modality,
    /// Regular expression on the relative path; the first group is the id within the namespace.
    #[serde(with = "pattern")]
    pub pattern: Regex,
}

fn required() -> bool {
    true
}

fn comma() -> char {
    ','
}

mod pattern {
    use regex::Regex;
    use serde::{Deserialize, Deserializer, de::Error};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Regex::new(&text) {
            Ok(regex) if regex.captures_len() >= 2 => Ok(regex),
            Ok(_) => Err(D::Error::custom(format!("`{text}` has no capture group for the patient's id"))),
            Err(error) => Err(D::Error::custom(error)),
        }
    }
}

impl CohortDefinition {
    /// Reads a compiled-in cohort by name, or the file at that path.
    ///
    /// # Errors
    /// [`Error::UnknownCohort`], [`Error::Read`], [`Error::Parse`] with the position, or
    /// [`Error::UnknownColumn`] for a mapping onto a column that no schema has.
    pub fn load(name_or_path: &str) -> Result<Self, Error> {
        if let Some(text) = super::embedded(&format!("cohorts/{name_or_path}.toml")) {
            return Self::parse(text, &format!("data-schemas/cohorts/{name_or_path}.toml"));
        }
        let path = Path::new(name_or_path);
        if !path.is_file() {
            return Err(Error::UnknownCohort { name: name_or_path.to_owned(), known: Self::known().join(", ") });
        }
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Self::parse(&text, name_or_path)
    }

    /// Names of the compiled-in cohorts.
    #[must_use]
    pub fn known() -> Vec<String> {
        let mut names: Vec<String> = DATA_SCHEMAS
            .get_dir("cohorts")
            .into_iter()
            .flat_map(include_dir::Dir::files)
            .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names
    }

    /// Reads a definition from its text.
    ///
    /// # Errors
    /// As [`CohortDefinition::load`].
    pub fn parse(text: &str, path: &str) -> Result<Self, Error> {
        let definition: Self =
            toml::from_str(text).map_err(|error| Error::Parse { path: path.to_owned(), message: error.to_string() })?;
        for file in &definition.files {
            if let Some(column) = file.columns.keys().find(|column| Dictionary::compiled().column(column).is_none()) {
                return Err(Error::UnknownColumn {
                    path: path.to_owned(),
                    file: file.id.clone(),
                    column: column.clone(),
                });
            }
        }
        Ok(definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compiled_cohort_reads() {
        assert!(CohortDefinition::known().contains(&"ispy2".to_owned()));
        for name in CohortDefinition::known() {
            assert_eq!(CohortDefinition::load(&name).unwrap().name, name);
        }
    }

    #[test]
    fn a_mapping_onto_an_unknown_column_is_named() {
        let text = "name='x'\nlabel='x'\nnamespace='x'\nversion=1\n[[file]]\nid='a'\npath='a.csv'\n\
                    patient={column='id',pattern='(.+)'}\n[file.columns]\nnope={from='n'}\n";
        let error = CohortDefinition::parse(text, "x.toml").unwrap_err().to_string();
        assert_eq!(error, "x.toml: file `a` maps onto column `nope`, which is in no table schema");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(CohortDefinition::parse("name='x'\nnmae='y'", "x.toml").is_err());
    }
}
