use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The images, their labels and whose they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Folder of the data set, relative to the data folder.
    pub root: String,
    /// Table with one row per image, relative to `root`.
    pub table: String,
    /// Field separator of the tables, one character.
    #[serde(default = "comma")]
    pub separator: char,
    /// A second table joined on a key, for labels kept per patient.
    #[serde(default)]
    pub join: Option<JoinSpec>,
    /// Image path relative to `root`; `{column}` is replaced by the row's value.
    pub image: String,
    /// Lesion mask path in the same form; its bounding box is what an ultrasound image is cropped to.
    #[serde(default)]
    pub mask: Option<String>,
    /// Column with the side of the body, for mammograms.
    #[serde(default)]
    pub laterality: Option<LateralitySpec>,
    /// Whose image it is.
    pub patient: PatientSpec,
    /// What it shows.
    pub label: LabelSpec,
    /// Which rows are held out.
    pub folds: FoldSpec,
    /// Column to allowed values; other rows are left out.
    #[serde(default)]
    pub rows: BTreeMap<String, Vec<String>>,
    /// Licence of the data, for the card.
    pub licence: String,
    /// Citation of the data, for the card.
    pub source: String,
}

/// A second table with one row per key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinSpec {
    /// The table, relative to the root of the data set.
    pub table: String,
    /// The column that both tables share.
    pub key: String,
}

/// The side of the body of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateralitySpec {
    /// The column.
    pub column: String,
    /// Its value for the left breast.
    pub left: String,
    /// Its value for the right breast.
    pub right: String,
}

/// How a cohort's own id becomes a canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatientRule {
    /// The value as it stands.
    Whole,
    /// The digits at the end of the value (`ACRIN-6698-131961` to `131961`).
    TrailingDigits,
}

/// The patient id of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientSpec {
    /// The column.
    pub column: String,
    /// How its value becomes the id.
    pub rule: PatientRule,
    /// The namespace of every row; or `namespaces`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Column and value-to-namespace map, where one table mixes cohorts.
    #[serde(default)]
    pub namespaces: Option<LevelsSpec<String>>,
}

/// A column and what each of its values means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelsSpec<T> {
    /// The column.
    pub column: String,
    /// Value to meaning; a value outside is an error.
    pub levels: BTreeMap<String, T>,
}

/// The class of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// The column.
    pub column: String,
    /// Value to class.
    pub levels: BTreeMap<String, String>,
    /// Values that mean unknown; such rows are left out.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// How rows are split; every image of a patient lies in one fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldSpec {
    /// A column of the table with the fold, when the data set comes with one.
    #[serde(default)]
    pub column: Option<String>,
    /// Fold column value to number; absent when the values are numbers.
    #[serde(default)]
    pub levels: Option<BTreeMap<String, u32>>,
    /// The number of folds (numbered from 1) that patients are dealt to, by class and from the seed, when there is no column.
    #[serde(default)]
    pub count: Option<u32>,
    /// Folds never used for fitting or early stopping.
    pub held_out: Vec<u32>,
}

fn comma() -> char {
    ','
}
