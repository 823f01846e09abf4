use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use super::{DATA_SCHEMAS, DateOrder, Decision, Dictionary, Error, Known, Measured, PatientKey, RowFilter, ValueMap};
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
    /// What `event_time` and `event` mean here, in words.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// What day 0 of every day count is (`diagnosis`, `start of treatment`).
    #[serde(default)]
    pub time_origin: Option<String>,
    /// When the treatment was decided; day 0 without it.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// Expression matrices, scored by `genomics`.
    #[serde(default)]
    pub expression: Vec<ExpressionMap>,
    /// Variant files (MAF).
    #[serde(default)]
    pub variants: Vec<VariantMap>,
    /// Tables of embeddings made elsewhere.
    #[serde(default, rename = "embedding")]
    pub embeddings: Vec<EmbeddingMap>,
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
    /// Field separator of delimited text.
    #[serde(default = "comma")]
    pub separator: char,
    /// Sheet of a workbook.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Name of the FHIR map (`mcode`) that turns a bundle into columns.
    #[serde(default)]
    pub fhir: Option<String>,
    /// Record that holds the column names of delimited text, from 1; records above it are left out.
    #[serde(default = "first")]
    pub header_record: usize,
    /// Records below the header that explain it and hold no patient.
    #[serde(default)]
    pub skip_records: usize,
    /// True: columns may share a name; the second is then called `name#2`.
    #[serde(default)]
    pub repeated_names: bool,
    /// When its rows were measured, for files with several rows per patient or with a time window.
    #[serde(default)]
    pub measured: Option<Measured>,
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

fn first() -> usize {
    1
}

/// An expression matrix of the cohort.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpressionMap {
    /// Path relative to the data folder.
    pub path: String,
    /// False: when absent, its scores are missing and the absence is reported.
    #[serde(default)]
    pub required: bool,
    /// Field separator.
    #[serde(default = "comma")]
    pub separator: char,
    /// True when each row is a sample, false when each row is a gene.
    pub samples_in_rows: bool,
    /// Scale of the values: `log2`, `zscore` or `linear`.
    pub scale: String,
    /// Regular expression on the sample's name; the first group is the id within the namespace.
    #[serde(with = "pattern")]
    pub pattern: Regex,
    /// Folder of the signature tables, relative to the data folder.
    #[serde(default)]
    pub signatures: Option<String>,
}

/// A variant file (MAF) of the cohort.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantMap {
    /// Path relative to the data folder.
    pub path: String,
    /// False: when absent, its flags are missing and the absence is reported.
    #[serde(default)]
    pub required: bool,
    /// Regular expression on the tumour barcode; the first group is the id within the namespace.
    #[serde(with = "pattern")]
    pub pattern: Regex,
    /// Megabases of coding sequence covered, for the mutational burden; without it the burden is not computed.
    #[serde(default)]
    pub megabases: Option<f64>,
}

/// A table of embeddings that another program made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingMap {
    /// Path relative to the data folder: Parquet, Arrow IPC file or stream.
    pub path: String,
    /// Modality of the images.
    pub modality: Modality,
    /// Who made them: name and version of the encoder, as recorded in the fused file.
    pub encoder: String,
    /// False: when absent, the modality is masked and the absence is reported.
    #[serde(default)]
    pub required: bool,
    /// Where the patient's id is.
    pub patient: PatientKey,
    /// One list column, or the prefix of numbered columns (`e` for `e0`, `e1`, …).
    pub column: String,
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
    /// Paths of every file of the cohort, relative to the data folder, each once.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let tables = self.files.iter().map(|file| file.path.as_str());
        let matrices = self.expression.iter().map(|matrix| matrix.path.as_str());
        let variants = self.variants.iter().map(|variants| variants.path.as_str());
        let embeddings = self.embeddings.iter().map(|embeddings| embeddings.path.as_str());
        let all: std::collections::BTreeSet<&str> = tables.chain(matrices).chain(variants).chain(embeddings).collect();
        all.into_iter()
    }

    /// Column of `file` that holds the day of the decision, and how it is written, when that file holds it.
    #[must_use]
    pub fn decision_key(&self, file: &FileMap) -> Option<(&str, Option<DateOrder>)> {
        let decision = self.decision.as_ref().filter(|decision| decision.file == file.id)?;
        Some((&decision.column, decision.date))
    }

    /// Reads a compiled-in cohort by name, or the file at that path.
    ///
    /// # Errors
    /// [`Error::UnknownCohort`], [`Error::Read`], [`Error::Parse`] with the position, or
    /// [`Error::Definition`] with everything that does not fit the schemas.
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
        let mut wrong = Vec::new();
        for file in &definition.files {
            for (name, map) in &file.columns {
                match Dictionary::compiled().column(name) {
                    None => {
                        wrong.push(format!("file `{}` maps onto column `{name}`, which is in no table schema", file.id))
                    }
                    Some(column) => {
                        if let Err(message) = map.factor(column) {
                            wrong.push(format!("file `{}`, column `{name}` {message}", file.id));
                        }
                        let words = map.levels.iter().flatten().map(|(_, word)| word).filter(|word| !word.is_empty());
                        for word in words.chain(map.cases.iter().filter_map(|case| case.value.as_ref())) {
                            if let Err(rule) = column.parse(word) {
                                wrong.push(format!(
                                    "file `{}`, column `{name}`: expected {rule}, found `{word}`",
                                    file.id
                                ));
                            }
                        }
                    }
                }
            }
            if let Some(measured) = &file.measured {
                let known = |name: &String| Dictionary::compiled().known(name);
                if measured.window.1 > 0.0 && !measured.after_decision {
                    wrong.push(format!(
                        "file `{}`: the window ends {} days after the decision: expected 0 or earlier, or after_decision = true",
                        file.id, measured.window.1
                    ));
                }
                if measured.after_decision
                    && let Some(name) = file.columns.keys().find(|name| known(name) == Known::Before)
                {
                    wrong.push(format!(
                        "file `{}` is measured after the decision and maps onto the input column `{name}`",
                        file.id
                    ));
                }
            }
        }
        if let Some(decision) = &definition.decision
            && !definition.files.iter().any(|file| file.id == decision.file)
        {
            wrong.push(format!("decision: expected the id of a file, found `{}`", decision.file));
        }
        if wrong.is_empty() { Ok(definition) } else { Err(Error::Definition { path: path.to_owned(), wrong }) }
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
    fn a_canonical_word_that_no_schema_has_is_named_before_any_data() {
        let text = "name='x'\nlabel='x'\nnamespace='x'\nversion=1\n[[file]]\nid='a'\npath='a.csv'\n\
                    patient={column='id',pattern='(.+)'}\n[file.columns]\n\
                    er={from='e', levels={'1'='positiv', '9'=''}}\nhr={cases=[{value='yes'}]}\n";
        let error = CohortDefinition::parse(text, "x.toml").unwrap_err().to_string();
        for said in [
            "column `er`: expected one of positive",
            "found `positiv`",
            "column `hr`: expected true or false, found `yes`",
        ] {
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn windows_past_the_decision_are_for_outcomes_only() {
        let definition = |window: &str, column: &str| {
            CohortDefinition::parse(
                &format!(
                    "name='x'\nlabel='x'\nnamespace='x'\nversion=1\n[[file]]\nid='a'\npath='a.csv'\n\
                     patient={{column='id',pattern='(.+)'}}\nmeasured={{column='day', {window}}}\n[file.columns]\n{column}\n"
                ),
                "x.toml",
            )
        };
        assert!(definition("window=[-90.0, 0.0]", "grade={from='g'}").is_ok());
        assert!(
            definition("window=[-90.0, 30.0]", "grade={from='g'}").unwrap_err().to_string().contains("30 days after")
        );
        assert!(definition("window=[0.0, 30.0], after_decision=true", "grade={from='g'}").is_err());
        assert!(definition("window=[0.0, 30.0], after_decision=true", "rcb_score={from='g'}").is_ok());
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(CohortDefinition::parse("name='x'\nnmae='y'", "x.toml").is_err());
    }
}
