//! What to assume where the record is unclear: both states of a receptor, or a response at surgery.

use serde::{Deserialize, Serialize};

use super::record::{ClinicalRecord, Her2, Receptor};

/// A response at surgery that is assumed for a part of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// Nothing assumed.
    #[default]
    AsRecorded,
    /// Pathological complete response.
    IfPcr,
    /// Residual invasive disease.
    IfResidualDisease,
}

/// Why a receptor is not clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    /// Not recorded.
    NotRecorded,
    /// Tested without a clear result (HER2 2+ without in-situ hybridisation).
    Equivocal,
    /// 1 to 10 % of nuclei.
    LowPositive,
}

/// A receptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// Oestrogen receptor; its negative state takes an unrecorded progesterone receptor as negative too.
    Er,
    /// HER2.
    Her2,
}

/// A state assumed for an unclear receptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// Which receptor.
    pub marker: Marker,
    /// The state assumed.
    pub positive: bool,
    /// Why it had to be assumed.
    pub because: Unclear,
}

/// A record with the states assumed for its unclear receptors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssumedRecord {
    /// What was assumed; empty when ER and HER2 are clear.
    pub assumptions: Vec<Assumption>,
    /// The record with it.
    pub record: ClinicalRecord,
}

/// Whether a report may open with one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OneLineAnswer {
    /// ER and HER2 are clear.
    Allowed,
    /// They are not: the receptors to be settled first.
    Withheld(Vec<(Marker, Unclear)>),
}

impl Branch {
    /// The record with the branch's response in place of what it says of surgery.
    #[must_use]
    pub fn assume(self, record: &ClinicalRecord) -> ClinicalRecord {
        let pcr = match self {
            Self::AsRecorded => return record.clone(),
            Self::IfPcr => true,
            Self::IfResidualDisease => false,
        };
        ClinicalRecord { pcr: Some(pcr), yp_t: None, yp_n: None, neoadjuvant: Some(true), ..record.clone() }
    }
}

/// The receptors among ER and HER2 that a record leaves unclear.
#[must_use]
pub fn unclear_receptors(record: &ClinicalRecord) -> Vec<(Marker, Unclear)> {
    let er = match record.er_state() {
        Some(Receptor::Positive | Receptor::Negative) => None,
        Some(Receptor::LowPositive) => Some(Unclear::LowPositive),
        Some(Receptor::Equivocal) => Some(Unclear::Equivocal),
        // Cohorts that record only the hormone receptor, or a positive PR, leave ER open but not the subtype.
        None => record.hormone_receptor().is_none().then_some(Unclear::NotRecorded),
    };
    let her2 = match record.her2_state() {
        Some(Her2::Equivocal) => Some(Unclear::Equivocal),
        Some(_) => None,
        None => Some(Unclear::NotRecorded),
    };
    let listed = [er.map(|why| (Marker::Er, why)), her2.map(|why| (Marker::Her2, why))];
    listed.into_iter().flatten().collect()
}

/// Both states of every unclear receptor: 1, 2 or 4 labelled records, positive first; never silently negative.
#[must_use]
pub fn receptor_branches(record: &ClinicalRecord) -> Vec<AssumedRecord> {
    let start = AssumedRecord { assumptions: vec![], record: record.clone() };
    unclear_receptors(record).into_iter().fold(vec![start], |branches, (marker, because)| {
        let both = |branch: AssumedRecord| {
            [true, false].map(|positive| {
                let mut assumed = branch.clone();
                match marker {
                    Marker::Er => {
                        assumed.record.er = Some(if positive { Receptor::Positive } else { Receptor::Negative });
                        assumed.record.er_pct = None;
                        if !positive {
                            assumed.record.pr = assumed.record.pr.or(Some(Receptor::Negative));
                        }
                    }
                    Marker::Her2 => {
                        assumed.record.her2 = Some(if positive { Her2::Positive } else { Her2::Negative });
                    }
                }
                assumed.assumptions.push(Assumption { marker, positive, because });
                assumed
            })
        };
        branches.into_iter().flat_map(both).collect()
    })
}

/// Whether the report of a record may open with one line.
#[must_use]
pub fn one_line_answer(record: &ClinicalRecord) -> OneLineAnswer {
    let unclear = unclear_receptors(record);
    if unclear.is_empty() { OneLineAnswer::Allowed } else { OneLineAnswer::Withheld(unclear) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_unclear_receptors_make_four_labelled_branches() {
        let record = ClinicalRecord {
            er: Some(Receptor::LowPositive),
            her2: Some(Her2::Equivocal),
            ..ClinicalRecord::default()
        };
        let branches = receptor_branches(&record);
        let states: Vec<(Option<bool>, Option<bool>)> =
            branches.iter().map(|branch| (branch.record.er_positive(), branch.record.her2_positive())).collect();
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(states, [(yes, yes), (yes, no), (no, yes), (no, no)]);
        assert!(branches.iter().all(|branch| branch.record.subtype().is_some()));
        assert_eq!(branches[1].assumptions[0].because, Unclear::LowPositive);
        assert_eq!(branches[1].assumptions[1].because, Unclear::Equivocal);
    }

    #[test]
    fn a_report_without_er_and_her2_has_no_one_line_answer() {
        let empty = ClinicalRecord::default();
        let expected = vec![(Marker::Er, Unclear::NotRecorded), (Marker::Her2, Unclear::NotRecorded)];
        assert_eq!(one_line_answer(&empty), OneLineAnswer::Withheld(expected));
        let clear = ClinicalRecord { er: Some(Receptor::Negative), her2: Some(Her2::Low), ..ClinicalRecord::default() };
        assert_eq!(one_line_answer(&clear), OneLineAnswer::Allowed);
        assert_eq!(receptor_branches(&clear).len(), 1);
    }
}
