use serde::{Deserialize, Serialize};

use crate::decide::{ClinicalRecord, Error};

/// What a reason does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Said, without effect.
    Note,
    /// The model is used with caution.
    Caution,
    /// The model does not apply.
    Refusal,
}

/// Whom a model was made for: a file of `data-schemas/populations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationRules {
    /// Name (`ispy2`).
    pub name: String,
    /// Version.
    pub version: u32,
    /// The patients in words.
    pub population: String,
    /// Where the rules come from.
    pub source: String,
    /// Patients of her subgroup in validation below which the verdict is caution.
    pub caution_below: usize,
    /// Patients of her subgroup in validation below which the model does not apply.
    pub refuse_below: usize,
    /// Rules, all of them checked.
    #[serde(rename = "rule")]
    pub rules: Vec<PopulationRule>,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationRule {
    /// Who is outside the population.
    pub criterion: Criterion,
    /// What being outside does.
    #[serde(default = "refusal")]
    pub when_met: Severity,
    /// What it does when the record does not say.
    #[serde(default = "note")]
    pub when_unknown: Severity,
}

fn refusal() -> Severity {
    Severity::Refusal
}

fn note() -> Severity {
    Severity::Note
}

/// A property that puts a patient outside a population.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Criterion {
    /// A man.
    Male,
    /// Cancer in both breasts.
    Bilateral,
    /// Distant metastasis.
    Metastatic,
    /// Pregnant.
    Pregnant,
    /// A recurrence of an earlier breast cancer.
    Recurrent,
    /// Treated, or to be treated, before surgery.
    Neoadjuvant,
    /// Surgery comes, or came, before any drug treatment.
    SurgeryFirst,
    /// Hormone receptor or HER2 unclear; never met, only unknown.
    ReceptorSubtype,
    /// HR-positive, HER2-negative and MammaPrint low.
    LowRiskHormoneReceptorPositive,
    /// Age outside these years, both included.
    AgeOutside {
        /// Youngest inside.
        min_years: f64,
        /// Oldest inside.
        max_years: f64,
    },
    /// Tumour smaller than this; from the size, else from a T category that decides it.
    TumourBelow {
        /// Smallest inside, millimetres.
        min_mm: f64,
    },
    /// Stage group outside these, both included.
    StageOutside {
        /// Lowest inside, 0 to 4.
        min: u8,
        /// Highest inside.
        max: u8,
    },
}

impl Criterion {
    /// Whether the record meets it; `None` when it does not say.
    #[must_use]
    pub fn met(&self, record: &ClinicalRecord) -> Option<bool> {
        match *self {
            Self::Male => record.male,
            Self::Bilateral => record.bilateral,
            Self::Metastatic => record.distant_metastasis(),
            Self::Pregnant => record.pregnant,
            Self::Recurrent => record.recurrent,
            Self::Neoadjuvant => record.treated_before_surgery(),
            Self::SurgeryFirst => record.treated_before_surgery().map(|before| !before),
            Self::ReceptorSubtype => record.subtype().map(|_| false),
            Self::LowRiskHormoneReceptorPositive => low_risk(record),
            Self::AgeOutside { min_years, max_years } => {
                record.age_years.map(|age| !(min_years..=max_years).contains(&age))
            }
            Self::TumourBelow { min_mm } => tumour_below(record, min_mm),
            Self::StageOutside { min, max } => record.stage_group.map(|stage| !(min..=max).contains(&stage)),
        }
    }

    /// The value in the record that it looks at, where it is a number: years, millimetres or stage.
    #[must_use]
    pub fn found(&self, record: &ClinicalRecord) -> Option<f64> {
        match self {
            Self::AgeOutside { .. } => record.age_years,
            Self::TumourBelow { .. } => record.tumour_size_mm,
            Self::StageOutside { .. } => record.stage_group.map(f64::from),
            _ => None,
        }
    }
}

/// Known to be false as soon as the subtype or MammaPrint excludes it; a subtype that is unclear excludes nothing.
fn low_risk(record: &ClinicalRecord) -> Option<bool> {
    let luminal = match (record.hormone_receptor(), record.her2_positive()) {
        (Some(false), _) | (_, Some(true)) => Some(false),
        (Some(true), Some(false)) => Some(true),
        _ => None,
    };
    match (luminal, record.mammaprint_low) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// From the size; else T1 is at most 20 mm, T2 over 20 to 50, T3 over 50; T4 is of any size (AJCC 8).
fn tumour_below(record: &ClinicalRecord, min_mm: f64) -> Option<bool> {
    if let Some(size) = record.tumour_size_mm {
        return Some(size < min_mm);
    }
    let (over, upto) = match record.t_category? {
        0 => (0.0, 0.0),
        1 => (0.0, 20.0),
        2 => (20.0, 50.0),
        3 => (50.0, f64::INFINITY),
        _ => return None,
    };
    if upto < min_mm {
        Some(true)
    } else if over >= min_mm {
        Some(false)
    } else {
        None
    }
}

impl PopulationRules {
    /// Reads a compiled-in file by name (`ispy2`, `metabric-adjuvant`).
    ///
    /// # Errors
    /// [`Error::UnknownPopulation`] or [`Error::Population`].
    pub fn load(name: &str) -> Result<Self, Error> {
        let text = crate::schema::embedded(&format!("populations/{name}.toml"))
            .ok_or_else(|| Error::UnknownPopulation { name: name.to_owned() })?;
        toml::from_str(text).map_err(|error| Error::Population { name: name.to_owned(), message: error.to_string() })
    }
}
