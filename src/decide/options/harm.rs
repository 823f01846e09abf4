use serde::{Deserialize, Serialize};

/// A harm as a trial published it; without percentages it is only named.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Harm {
    /// What happened to patients.
    pub what: String,
    /// Share of patients with the treatment, %.
    #[serde(default)]
    pub with_pct: Option<f64>,
    /// Share of patients without it, %.
    #[serde(default)]
    pub without_pct: Option<f64>,
    /// Grade in the words of the source (`3 or higher`).
    #[serde(default)]
    pub grade: Option<String>,
    /// Citation.
    pub source: String,
    /// True when the figure was read in the source named, false when it is recalled.
    pub verified: bool,
}

impl Harm {
    /// Patients harmed in addition, in percentage points; `None` unless both shares are published.
    #[must_use]
    pub fn excess_pct(&self) -> Option<f64> {
        Some(self.with_pct? - self.without_pct?)
    }
}
