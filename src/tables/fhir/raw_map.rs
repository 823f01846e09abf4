use std::collections::BTreeMap;

use serde::Deserialize;

/// The map as its file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMap {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) version: u32,
    pub(super) sources: BTreeMap<String, String>,
    pub(super) patient: RawPatient,
    pub(super) systems: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) extensions: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) dates: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) status: Vec<RawStatus>,
    #[serde(default)]
    pub(super) codes: BTreeMap<String, Vec<RawCode>>,
    #[serde(default)]
    pub(super) words: BTreeMap<String, Vec<RawCode>>,
    #[serde(rename = "column")]
    pub(super) columns: Vec<RawColumn>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPatient {
    pub(super) column: String,
    #[serde(default)]
    pub(super) identifier_system: Option<String>,
    #[serde(default)]
    pub(super) only_with: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatus {
    pub(super) resource: String,
    pub(super) path: String,
    pub(super) accepted: Vec<String>,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCode {
    pub(super) system: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) word: String,
    #[serde(default)]
    #[allow(dead_code, reason = "for people")]
    pub(super) display: String,
    pub(super) verified: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawColumn {
    pub(super) name: String,
    #[serde(default)]
    pub(super) date: Option<String>,
    #[serde(default)]
    pub(super) several: Several,
    #[serde(default)]
    pub(super) disagreement: Unknown,
    #[serde(default)]
    pub(super) until: Option<String>,
    #[serde(default)]
    pub(super) before: Option<String>,
    #[serde(default)]
    pub(super) after: Option<String>,
    #[serde(default)]
    pub(super) otherwise: Vec<String>,
    #[serde(default)]
    pub(super) age: Option<RawAge>,
    #[serde(default)]
    pub(super) from: Vec<RawSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAge {
    pub(super) born: String,
    pub(super) at: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    pub(super) resource: String,
    #[serde(default)]
    pub(super) codes: Vec<String>,
    #[serde(default, rename = "where")]
    pub(super) only: Vec<RawCondition>,
    pub(super) value: RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCondition {
    pub(super) component: String,
    pub(super) holds: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum RawValue {
    Concept {
        #[serde(default)]
        path: Option<String>,
        words: String,
        #[serde(default)]
        unknown: Unknown,
    },
    Code {
        path: String,
        words: String,
    },
    Quantity {
        units: BTreeMap<String, f64>,
        #[serde(default)]
        comparator: Unknown,
        #[serde(default)]
        bands: Vec<Band>,
    },
    Integer,
    Text,
    Boolean,
    Date {
        #[serde(default)]
        path: Option<String>,
    },
    Flag,
}

/// What becomes of several values of one patient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Several {
    /// They must agree.
    #[default]
    Only,
    /// The first by date; those whose order is not sure must agree.
    Earliest,
    /// The last by date, likewise.
    Latest,
}

/// A band of numbers and its word.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Band {
    /// Numbers below this.
    #[serde(default)]
    pub(super) below: Option<f64>,
    /// Numbers up to this, itself included.
    #[serde(default)]
    pub(super) up_to: Option<f64>,
    pub(super) word: String,
}

impl Band {
    pub(super) fn holds(&self, number: f64) -> bool {
        self.below.is_none_or(|limit| number < limit) && self.up_to.is_none_or(|limit| number <= limit)
    }
}

/// What becomes of a code outside the words, of a quantity with a comparator, of values that disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unknown {
    /// A violation.
    #[default]
    Refuse,
    /// No value, and counted.
    Missing,
}
