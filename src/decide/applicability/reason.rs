use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Criterion, Severity};
use crate::terms::{Estimate, Modality};

/// One thing that weakens or forbids an estimate, with its facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// She is outside the population.
    OutsidePopulation {
        /// The rule.
        criterion: Criterion,
        /// Her value: years, millimetres or stage, where the rule is about a number.
        found: Option<f64>,
        /// What it does.
        severity: Severity,
    },
    /// The record does not say whether she is.
    NotRecorded {
        /// The rule.
        criterion: Criterion,
        /// What that does.
        severity: Severity,
    },
    /// The record holds an impossible combination.
    ImpossibleRecord {
        /// Fields that it compares.
        fields: Vec<String>,
        /// What the rule expects.
        expected: String,
        /// What it found.
        found: String,
    },
    /// The model was fitted on her.
    TrainingPatient,
    /// Beyond every training patient: 1.5 times the score of the five most unusual.
    FarOutside {
        /// Groups that are; empty when only their combination is.
        groups: Vec<String>,
    },
    /// More unusual than 95 % of the training patients.
    Unusual {
        /// Share of training patients who are less unusual, 0 to 1.
        percentile: f64,
        /// Groups that are by themselves; empty when only their combination is.
        groups: Vec<String>,
    },
    /// An input does not go with the others: 95 % of the training patients agree better with themselves.
    Contradiction {
        /// Design column.
        column: String,
        /// Share of training patients whose inputs agree better, 0 to 1.
        percentile: f64,
    },
    /// A group of inputs is absent.
    AbsentGroup {
        /// Group.
        group: String,
        /// Inputs in it.
        n_columns: usize,
        /// Caution when nearly every training patient had it, else a note.
        severity: Severity,
    },
    /// Single inputs are missing that nearly every training patient had.
    AbsentInputs {
        /// Design columns.
        columns: Vec<String>,
    },
    /// Inputs outside the range of 98 % of the training patients.
    OutOfRange {
        /// Design columns.
        columns: Vec<String>,
    },
    /// Her images are doubtful.
    ImageQuality {
        /// Modality.
        modality: Modality,
        /// Stable code of the finding.
        code: String,
        /// The finding in words.
        words: String,
    },
    /// The model has no validation figures of its own for her subgroup.
    SubgroupNotValidated {
        /// Subgroup.
        subgroup: String,
    },
    /// Few patients like her in validation.
    SmallSubgroup {
        /// Subgroup.
        subgroup: String,
        /// Patients.
        n: usize,
        /// Number that would do.
        needed: usize,
        /// What it does.
        severity: Severity,
    },
    /// In her subgroup the model was not shown to tell patients apart: the interval of its AUC reaches 0.5.
    WeakDiscrimination {
        /// Subgroup.
        subgroup: String,
        /// AUC.
        auc: Estimate,
    },
    /// In her subgroup the model was off the mark: the interval of its calibration slope excludes 1.
    Miscalibrated {
        /// Subgroup.
        subgroup: String,
        /// Calibration slope.
        slope: Estimate,
    },
    /// In her subgroup another number of events was observed than expected: the interval of their ratio excludes 1.
    ObservedNotExpected {
        /// Subgroup.
        subgroup: String,
        /// Observed over expected events.
        ratio: Estimate,
    },
}

impl Reason {
    /// What the reason does to the verdict.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::OutsidePopulation { severity, .. }
            | Self::NotRecorded { severity, .. }
            | Self::AbsentGroup { severity, .. }
            | Self::SmallSubgroup { severity, .. } => *severity,
            Self::ImpossibleRecord { .. } | Self::FarOutside { .. } => Severity::Refusal,
            Self::OutOfRange { .. } => Severity::Note,
            Self::TrainingPatient
            | Self::Unusual { .. }
            | Self::Contradiction { .. }
            | Self::AbsentInputs { .. }
            | Self::ImageQuality { .. }
            | Self::SubgroupNotValidated { .. }
            | Self::WeakDiscrimination { .. }
            | Self::Miscalibrated { .. }
            | Self::ObservedNotExpected { .. } => Severity::Caution,
        }
    }
}

impl fmt::Display for Reason {
    /// One sentence for people; columns and groups by their names in the design.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsidePopulation { criterion, found, .. } => outside(f, criterion, *found),
            Self::NotRecorded { criterion, .. } => write!(f, "Not recorded: {}.", subject(criterion)),
            Self::ImpossibleRecord { fields, expected, found } => {
                write!(f, "The record cannot be true ({}): expected {expected}, found {found}.", fields.join(", "))
            }
            Self::TrainingPatient => f.write_str(
                "The patient is one of the model's training patients: the estimate has seen the outcome and is no evidence of \
                 what the model can do.",
            ),
            Self::FarOutside { groups } => write!(
                f,
                "Unlike the training data{}: more than 1.5 times as unusual as its most unusual patients.",
                within(groups)
            ),
            Self::Unusual { percentile, groups } => write!(
                f,
                "More unusual{} than {:.0} of 100 training patients.",
                within(groups),
                (100.0 * percentile).floor().min(99.0)
            ),
            Self::Contradiction { column, percentile } => write!(
                f,
                "{column} does not go with the other inputs: those of {:.0} of 100 training patients agree better; was it \
                 entered right?",
                (100.0 * percentile).floor().min(99.0)
            ),
            Self::AbsentGroup { group, n_columns, severity } => {
                let inputs = if *n_columns == 1 { "1 input".to_owned() } else { format!("{n_columns} inputs") };
                let rest = if *severity >= Severity::Caution {
                    "nearly every training patient had them; the estimate rests on the other inputs"
                } else {
                    "the estimate rests on the other inputs"
                };
                write!(f, "Absent: {group} ({inputs}); {rest}.")
            }
            Self::AbsentInputs { columns } => {
                write!(f, "Missing, though nearly every training patient had them: {}.", columns.join(", "))
            }
            Self::OutOfRange { columns } => {
                write!(f, "Outside the range of 98 % of the training patients: {}.", columns.join(", "))
            }
            Self::ImageQuality { modality, words, .. } => write!(f, "Image quality, {modality}: {words}."),
            Self::SubgroupNotValidated { subgroup } => {
                write!(f, "The model has no validation figures of its own for {subgroup}.")
            }
            Self::SmallSubgroup { subgroup, n, needed, .. } => {
                write!(f, "Only {n} patients of {subgroup} were in validation; {needed} are needed.")
            }
            Self::WeakDiscrimination { subgroup, auc } => write!(
                f,
                "In {subgroup} the model was not shown to tell patients apart: AUC {:.2} ({:.2} to {:.2}).",
                auc.estimate, auc.lower95, auc.upper95
            ),
            Self::Miscalibrated { subgroup, slope } => write!(
                f,
                "In {subgroup} the estimates were {}: calibration slope {:.2} ({:.2} to {:.2}).",
                if slope.estimate < 1.0 { "too extreme" } else { "too timid" },
                slope.estimate,
                slope.lower95,
                slope.upper95
            ),
            Self::ObservedNotExpected { subgroup, ratio } => write!(
                f,
                "In {subgroup} {} events were observed than expected: ratio {:.2} ({:.2} to {:.2}).",
                if ratio.estimate < 1.0 { "fewer" } else { "more" },
                ratio.estimate,
                ratio.lower95,
                ratio.upper95
            ),
        }
    }
}

fn within(groups: &[String]) -> String {
    if groups.is_empty() { String::new() } else { format!(" in {}", groups.join(" and ")) }
}

fn outside(f: &mut fmt::Formatter<'_>, criterion: &Criterion, found: Option<f64>) -> fmt::Result {
    let found = found.map_or_else(String::new, |found| format!(", here it is {found}"));
    match criterion {
        Criterion::Male => f.write_str("Not made for men."),
        Criterion::Bilateral => f.write_str("Not made for cancer in both breasts."),
        Criterion::Metastatic => f.write_str("Not made for metastatic cancer."),
        Criterion::Pregnant => f.write_str("Not made for pregnant patients."),
        Criterion::Recurrent => f.write_str("Not made for a recurrence of an earlier cancer."),
        Criterion::Neoadjuvant => f.write_str("Not made for treatment before surgery."),
        Criterion::SurgeryFirst => f.write_str("Made for treatment before surgery; here surgery comes first."),
        Criterion::ReceptorSubtype => f.write_str("Hormone receptor or HER2 status is unclear; the model needs both."),
        Criterion::LowRiskHormoneReceptorPositive => {
            f.write_str("HR-positive, HER2-negative tumours of low MammaPrint risk were not enrolled.")
        }
        Criterion::AgeOutside { min_years, max_years } => {
            write!(f, "Made for ages {min_years} to {max_years} years{found}.")
        }
        Criterion::TumourBelow { min_mm } => write!(f, "Tumours under {min_mm} mm were not enrolled{found}."),
        Criterion::StageOutside { min, max } => write!(f, "Made for stages {min} to {max}{found}."),
    }
}

fn subject(criterion: &Criterion) -> &'static str {
    match criterion {
        Criterion::Male => "sex",
        Criterion::Bilateral => "cancer in the other breast",
        Criterion::Metastatic => "distant metastasis",
        Criterion::Pregnant => "pregnancy",
        Criterion::Recurrent => "earlier breast cancer",
        Criterion::Neoadjuvant | Criterion::SurgeryFirst => "treatment before surgery",
        Criterion::ReceptorSubtype => "a clear hormone receptor and HER2 status, both of which the model needs",
        Criterion::LowRiskHormoneReceptorPositive => {
            "MammaPrint, without which low risk, not enrolled in training, cannot be excluded"
        }
        Criterion::AgeOutside { .. } => "age",
        Criterion::TumourBelow { .. } => "tumour size",
        Criterion::StageOutside { .. } => "stage",
    }
}
