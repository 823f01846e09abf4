use std::fmt;

use serde::{Deserialize, Serialize};

/// Which PREDICT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Version {
    /// Refit on 35,474 women diagnosed 2000 to 2017 in one English region; externally validated.
    #[serde(rename = "3.1")]
    V31,
    /// As deployed since April 2025: 3.1 with two other baseline constants. No published validation was found.
    #[serde(rename = "3.2")]
    V32,
    /// 3.2 for a woman alive after five years of endocrine therapy: the curves start at year 5.
    #[serde(rename = "3.2-landmark")]
    V32Landmark,
}

impl Version {
    /// All versions.
    pub const ALL: [Self; 3] = [Self::V31, Self::V32, Self::V32Landmark];

    /// `3.1`, `3.2` or `3.2-landmark`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V31 => "3.1",
            Self::V32 => "3.2",
            Self::V32Landmark => "3.2-landmark",
        }
    }

    /// The version's code in PREDICT's own tables: 31, 32 or 3210.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::V31 => 31,
            Self::V32 => 32,
            Self::V32Landmark => 3210,
        }
    }

    /// First year of the curves: 1, or 6 for the landmark variant.
    #[must_use]
    pub fn first_year(self) -> u32 {
        if self == Self::V32Landmark { 6 } else { 1 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the tumour was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detection {
    /// By its symptoms.
    Symptoms,
    /// By screening.
    Screening,
    /// Not recorded: 0.204, the share of screening in the training data.
    Unknown,
}

/// What PREDICT asks about a woman and her tumour; `None` is its code for unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictInputs {
    /// Age at diagnosis, years, above 24.
    pub age_years: f64,
    /// How the tumour was found.
    pub detection: Detection,
    /// Invasive size, mm, above 0.
    pub tumour_size_mm: f64,
    /// Grade 1 to 3; unknown counts as 2.13.
    pub grade: Option<u8>,
    /// Positive nodes; 0.5 stands for a micrometastasis.
    pub nodes_positive: f64,
    /// Oestrogen receptor.
    pub er_positive: bool,
    /// HER2; unknown contributes 0.
    pub her2_positive: Option<bool>,
    /// Ki-67 above the laboratory's limit (10 % in the tool); unknown contributes 0.
    pub ki67_positive: Option<bool>,
    /// Progesterone receptor; unknown contributes 0.
    pub pr_positive: Option<bool>,
    /// Smokes now; never and former smokers count alike.
    pub current_smoker: bool,
    /// Mean heart dose of radiotherapy, Gy.
    pub heart_dose_gy: f64,
}

/// Generation of a chemotherapy regimen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// Anthracycline without taxane.
    Second,
    /// Anthracycline and taxane.
    Third,
}

/// Length of an endocrine therapy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endocrine {
    /// Five years.
    FiveYears,
    /// Ten years.
    TenYears,
}

/// A set of treatments after surgery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Treatments {
    /// Radiotherapy lowers the hazard of breast cancer death.
    pub radiotherapy: bool,
    /// The heart dose raises the hazard of other deaths. PREDICT's own code adds it to every option that is named after
    /// radiotherapy, even where radiotherapy was not chosen; elsewhere it goes with `radiotherapy`.
    pub heart_exposed: bool,
    /// Endocrine therapy; no effect when ER-negative.
    pub endocrine: Option<Endocrine>,
    /// Chemotherapy.
    pub chemotherapy: Option<Generation>,
    /// Trastuzumab; no effect unless HER2-positive.
    pub trastuzumab: bool,
    /// Bisphosphonate; meant after menopause.
    pub bisphosphonate: bool,
}

/// What one input adds to the logarithm of the hazard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InputPart {
    /// The input (`age`, `size`, `nodes`, …).
    pub input: &'static str,
    /// Its part of the linear predictor; the parts sum to it.
    pub log_hazard: f64,
}
