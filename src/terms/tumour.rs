use std::fmt;

use serde::{Deserialize, Serialize};

/// Receptor subtype from hormone-receptor and HER2 status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subtype {
    /// Hormone-receptor positive, HER2 negative.
    #[serde(rename = "HR+/HER2-")]
    HrPosHer2Neg,
    /// Hormone-receptor positive, HER2 positive.
    #[serde(rename = "HR+/HER2+")]
    HrPosHer2Pos,
    /// Hormone-receptor negative, HER2 positive.
    #[serde(rename = "HR-/HER2+")]
    HrNegHer2Pos,
    /// Hormone-receptor negative, HER2 negative (triple negative).
    #[serde(rename = "HR-/HER2-")]
    TripleNegative,
}

impl Subtype {
    /// All subtypes, in the order in which tables list them.
    pub const ALL: [Self; 4] = [Self::HrPosHer2Neg, Self::HrPosHer2Pos, Self::HrNegHer2Pos, Self::TripleNegative];

    /// The subtype of a tumour whose hormone-receptor and HER2 status are both known.
    #[must_use]
    pub fn from_receptors(hr_positive: bool, her2_positive: bool) -> Self {
        match (hr_positive, her2_positive) {
            (true, false) => Self::HrPosHer2Neg,
            (true, true) => Self::HrPosHer2Pos,
            (false, true) => Self::HrNegHer2Pos,
            (false, false) => Self::TripleNegative,
        }
    }

    /// `HR+/HER2-`, `HR+/HER2+`, `HR-/HER2+` or `HR-/HER2-`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HrPosHer2Neg => "HR+/HER2-",
            Self::HrPosHer2Pos => "HR+/HER2+",
            Self::HrNegHer2Pos => "HR-/HER2+",
            Self::TripleNegative => "HR-/HER2-",
        }
    }

    /// True for the two HER2-positive subtypes.
    #[must_use]
    pub fn is_her2_positive(self) -> bool {
        matches!(self, Self::HrPosHer2Pos | Self::HrNegHer2Pos)
    }
}

impl fmt::Display for Subtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
