use serde::{Deserialize, Serialize};

use super::effects::{TreatmentEffect, received_log_hr};
use super::inputs::ExpressionFeatures;
use crate::decide::{ClinicalRecord, Error};
use crate::stats::CompetingRisks;

/// Days in a year.
pub(super) const YEAR_DAYS: f64 = 365.25;

/// Why a row is left out of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// Stage 0: no invasive cancer.
    StageZero,
    /// Stage IV or distant metastasis.
    Metastatic,
    /// A man.
    Male,
    /// Age is not recorded.
    NoAge,
    /// ER is not recorded or not clear.
    UnclearEr,
    /// A treatment that would have an effect in her is not recorded: she would be taken for untreated.
    UnrecordedTreatment,
}

/// Women of one cohort with what became of them; row `i` of every list is the same woman.
#[derive(Debug, Clone)]
pub struct BaselineRows {
    /// Clinical records with the treatments received.
    pub records: Vec<ClinicalRecord>,
    /// Expression features.
    pub expression: Vec<ExpressionFeatures>,
    /// Days from diagnosis; cause 1 is death from breast cancer, 2 from another cause, 0 censored.
    pub outcome: CompetingRisks,
}

impl BaselineRows {
    /// Keeps the eligible of given women, and counts the others by reason.
    ///
    /// # Errors
    /// [`Error::Width`] when the lists differ in length, [`Error::Stats`] for bad times or when nobody is eligible.
    pub fn eligible(
        records: Vec<ClinicalRecord>,
        expression: Vec<ExpressionFeatures>,
        outcome: &CompetingRisks,
        effects: &[TreatmentEffect],
    ) -> Result<(Self, Vec<(Exclusion, usize)>), Error> {
        let all = Self { records, expression, outcome: outcome.clone() };
        all.check()?;
        let reasons: Vec<Option<Exclusion>> =
            all.records.iter().map(|record| Self::exclusion(record, effects)).collect();
        let kept: Vec<usize> = (0..all.n_samples()).filter(|&row| reasons[row].is_none()).collect();
        let mut found: Vec<Exclusion> = reasons.into_iter().flatten().collect();
        found.sort_unstable();
        let counts = found.chunk_by(|a, b| a == b).filter_map(|same| Some((*same.first()?, same.len()))).collect();
        Ok((all.select(&kept)?, counts))
    }

    /// Checks that every list has a row per woman.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (what, found) in [("expression rows", self.expression.len()), ("outcomes", self.outcome.n_samples())] {
            if found != self.records.len() {
                return Err(Error::Width { what, expected: self.records.len(), found });
            }
        }
        Ok(())
    }

    /// The rows at those positions; a row may repeat.
    ///
    /// # Errors
    /// [`Error::Stats`] when nothing is left.
    pub fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        Ok(Self {
            records: rows.iter().filter_map(|&row| self.records.get(row).cloned()).collect(),
            expression: rows.iter().filter_map(|&row| self.expression.get(row).copied()).collect(),
            outcome: self.outcome.select(rows)?,
        })
    }

    /// Number of women.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.records.len()
    }

    /// Why a woman with an outcome is left out of the fit; `None` when she is not.
    #[must_use]
    pub fn exclusion(record: &ClinicalRecord, effects: &[TreatmentEffect]) -> Option<Exclusion> {
        if record.stage_group == Some(0) {
            Some(Exclusion::StageZero)
        } else if record.distant_metastasis() == Some(true) {
            Some(Exclusion::Metastatic)
        } else if record.male == Some(true) {
            Some(Exclusion::Male)
        } else if !record.age_years.is_some_and(f64::is_finite) {
            Some(Exclusion::NoAge)
        } else if record.er_positive().is_none() {
            Some(Exclusion::UnclearEr)
        } else if received_log_hr(effects, &[], record).is_none() {
            Some(Exclusion::UnrecordedTreatment)
        } else {
            None
        }
    }
}
