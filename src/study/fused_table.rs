use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::{Error, sha256_hex, sha256_of_file};
use crate::fusion::{Fused, FusionReport};
use crate::schema::{CohortDefinition, Dictionary};
use crate::tables::{read_table, with_metadata};
use crate::terms::{PatientId, Subtype};

/// Key of the schema metadata in which a fused file keeps where it came from.
pub(super) const METADATA_KEY: &str = "regimen.fusion";

/// A fused table with its origin.
#[derive(Debug, Clone)]
pub struct FusedTable {
    /// The frame.
    pub frame: DataFrame,
    /// Where it came from.
    pub origin: Origin,
    /// SHA-256 of the file's bytes, or of the bytes that would be written.
    pub sha256: String,
}

/// Where a fused table came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Cohort name; empty for a table that regimen did not fuse.
    pub cohort: String,
    /// Cohort label for people.
    pub label: String,
    /// Version of the cohort definition.
    pub definition_version: u32,
    /// True for simulated patients.
    pub synthetic: bool,
    /// Citations.
    pub sources: Vec<String>,
    /// SHA-256 of each input file, by relative path.
    pub inputs: BTreeMap<String, String>,
    /// Version of each table schema.
    pub schemas: BTreeMap<String, u32>,
    /// Encoder of each embedding column, as `name@version sha256`, by modality.
    pub encoders: BTreeMap<String, String>,
    /// What `event_time` and `event` mean; empty where the cohort has no such endpoint.
    #[serde(default)]
    pub endpoint: String,
    /// What was joined, dropped and left missing, with counts; absent in models' manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<FusionReport>,
}

impl Origin {
    /// The origin of a cohort fused from `data`.
    #[must_use]
    pub fn of(cohort: &CohortDefinition, data: &Path, fused: &Fused) -> Self {
        let mut origin = Self::new(cohort, Self::inputs(cohort, data), fused.report.encoders.clone());
        origin.report = Some(fused.report.clone());
        origin
    }

    /// The origin of a cohort whose inputs have those hashes.
    pub(super) fn new(
        cohort: &CohortDefinition,
        inputs: BTreeMap<String, String>,
        encoders: BTreeMap<String, String>,
    ) -> Self {
        Self {
            cohort: cohort.name.clone(),
            label: cohort.label.clone(),
            definition_version: cohort.version,
            synthetic: cohort.synthetic,
            sources: cohort.sources.clone(),
            inputs,
            schemas: Dictionary::compiled().tables().iter().map(|table| (table.name.clone(), table.version)).collect(),
            encoders,
            endpoint: cohort.endpoint.clone().unwrap_or_default(),
            report: None,
        }
    }

    /// SHA-256 of every file of the cohort that is there, by relative path.
    pub(super) fn inputs(cohort: &CohortDefinition, data: &Path) -> BTreeMap<String, String> {
        cohort.paths().filter_map(|path| Some((path.to_owned(), sha256_of_file(&data.join(path)).ok()?))).collect()
    }
}

impl FusedTable {
    /// A fused cohort with its origin.
    ///
    /// # Errors
    /// [`Error::Table`] when the frame cannot be encoded.
    pub fn new(cohort: &CohortDefinition, data: &Path, fused: Fused) -> Result<Self, Error> {
        let origin = Origin::of(cohort, data, &fused);
        let mut table = Self { frame: fused.frame, origin, sha256: String::new() };
        table.sha256 = sha256_hex(&table.to_arrow()?);
        Ok(table)
    }

    /// The Arrow IPC file bytes, origin included.
    ///
    /// # Errors
    /// [`Error::Table`] when the frame cannot be encoded.
    pub fn to_arrow(&self) -> Result<Vec<u8>, Error> {
        Ok(with_metadata(&mut self.frame.clone(), &self.metadata()?)?)
    }

    /// The schema metadata to write with the frame.
    ///
    /// # Errors
    /// [`Error::Model`] never in practice: the origin is plain text.
    pub fn metadata(&self) -> Result<HashMap<String, String>, Error> {
        let text = serde_json::to_string(&self.origin).map_err(|error| Error::Model {
            model: "fused table".into(),
            file: METADATA_KEY.into(),
            message: error.to_string(),
        })?;
        Ok(HashMap::from([(METADATA_KEY.to_owned(), text)]))
    }

    /// Reads a fused table from a file.
    ///
    /// # Errors
    /// [`Error::Table`] for an unreadable file; [`Error::Column`] when `patient_id` is absent.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (frame, metadata) = read_table(path)?;
        if frame.column("patient_id").is_err() {
            return Err(Error::Column {
                table: path.display().to_string(),
                column: "patient_id".into(),
                expected: "text",
                found: "no such column".into(),
            });
        }
        let origin = metadata.get(METADATA_KEY).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let sha256 = std::fs::read(path).map(|bytes| sha256_hex(&bytes)).unwrap_or_default();
        Ok(Self { frame, origin, sha256 })
    }

    /// Patient id of every row.
    ///
    /// # Errors
    /// [`Error::Column`] with the row of the first id that is not `cohort:id`.
    pub fn patients(&self) -> Result<Vec<PatientId>, Error> {
        let wrong = |found: String| Error::Column {
            table: "the fused table".into(),
            column: "patient_id".into(),
            expected: "text written cohort:id",
            found,
        };
        let column = self.frame.column("patient_id").map_err(|_| wrong("no such column".into()))?;
        let text = column.str().map_err(|_| wrong(column.dtype().to_string()))?;
        text.iter()
            .enumerate()
            .map(|(row, id)| {
                PatientId::parse(id.unwrap_or("")).map_err(|_| wrong(format!("another text in row {}", row + 1)))
            })
            .collect()
    }

    /// A boolean column; absent when the table has none of that name.
    ///
    /// # Errors
    /// [`Error::Column`] when the column is not boolean.
    pub fn booleans(&self, name: &str) -> Result<Option<Vec<Option<bool>>>, Error> {
        let Ok(column) = self.frame.column(name) else { return Ok(None) };
        let flags = column.bool().map_err(|_| Error::Column {
            table: "the fused table".into(),
            column: name.to_owned(),
            expected: "boolean",
            found: column.dtype().to_string(),
        })?;
        Ok(Some(flags.iter().collect()))
    }

    /// A text column; null everywhere when the table has none of that name.
    ///
    /// # Errors
    /// [`Error::Column`] when the column is not text.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        let Ok(column) = self.frame.column(name) else { return Ok(vec![None; self.frame.height()]) };
        let text = column.str().map_err(|_| Error::Column {
            table: "the fused table".into(),
            column: name.to_owned(),
            expected: "text",
            found: column.dtype().to_string(),
        })?;
        Ok(text.iter().map(|cell| cell.map(str::to_owned)).collect())
    }

    /// A number column; null everywhere when the table has none of that name.
    ///
    /// # Errors
    /// [`Error::Column`] when the column is not a number.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, Error> {
        let Ok(column) = self.frame.column(name) else { return Ok(vec![None; self.frame.height()]) };
        let numbers = column.f64().map_err(|_| Error::Column {
            table: "the fused table".into(),
            column: name.to_owned(),
            expected: "number",
            found: column.dtype().to_string(),
        })?;
        Ok(numbers.iter().collect())
    }

    /// Receptor subtype of every row, where HR and HER2 are both known.
    ///
    /// # Errors
    /// [`Error::Column`] when a receptor column is not boolean.
    pub fn subtypes(&self) -> Result<Vec<Option<Subtype>>, Error> {
        let none = || vec![None; self.frame.height()];
        let hr = self.booleans("hr")?.unwrap_or_else(none);
        let her2 = self.booleans("her2")?.unwrap_or_else(none);
        Ok(hr.into_iter().zip(her2).map(|(hr, her2)| Some(Subtype::from_receptors(hr?, her2?))).collect())
    }
}
