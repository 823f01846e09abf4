use serde::{Deserialize, Serialize};

use crate::terms::Modality;

/// Share of patients like the training patients that the gate accepts.
pub(super) const ACCEPTED: f64 = 0.95;

/// What the gate measured for one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Mahalanobis distance to the centre of the training data, on the columns known.
    pub distance: f64,
    /// Columns that the distance rests on.
    pub n_known: usize,
    /// The gate's score: share of training patients (left out of the fit, with the same groups present) who are less
    /// unusual, jointly, in every group, and in the agreement of binary inputs with the rest, all taken together; 0 to 1.
    pub percentile: f64,
    /// The same for the joint distance alone.
    pub joint_percentile: f64,
    /// True when a score exceeds 1.5 times that of the five most unusual training patients.
    pub far_outside: bool,
    /// Group by group.
    pub groups: Vec<GroupGate>,
    /// The binary input (a receptor, a menopausal state) that her other inputs contradict most.
    pub contradiction: Option<Contradiction>,
    /// Described columns outside the 1st to 99th percentile of the training data.
    pub out_of_range: Vec<String>,
    /// Described columns that are missing here and were missing in under 1 % of the training data.
    pub unseen_missing: Vec<String>,
    /// Those of them whose group is not absent altogether.
    pub unseen_missing_alone: Vec<String>,
}

impl Gate {
    /// True when the row is no more unusual than 95 % of the training patients.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.percentile <= ACCEPTED && !self.far_outside
    }
}

/// A binary input that does not go with the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contradiction {
    /// Design column.
    pub column: String,
    /// Distance from what the other inputs foretell, in standard deviations of it given them.
    pub residual: f64,
    /// Share of left-out training patients with the same value of it whose inputs agree better, 0 to 1.
    pub percentile: f64,
}

/// One group of columns of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupGate {
    /// Group.
    pub name: String,
    /// Columns of the group that the reference describes.
    pub n_columns: usize,
    /// Columns known here; 0 when the group is absent.
    pub n_known: usize,
    /// Share of left-out training patients who are less unusual in this group; `None` when the group is absent.
    pub percentile: Option<f64>,
    /// True when the group's score exceeds 1.5 times that of the five most unusual training patients.
    pub far_outside: bool,
    /// True when a column of the group is missing here that under 1 % of the training patients lacked.
    pub seldom_absent: bool,
}

/// Something about her images that makes an answer drawn from them doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFinding {
    /// Modality of the image.
    pub modality: Modality,
    /// Stable code (`blurred`).
    pub code: String,
    /// The finding in words.
    pub words: String,
}
