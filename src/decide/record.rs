use serde::{Deserialize, Serialize};

use crate::terms::Subtype;

/// What the record of one patient says, as far as a decision depends on it; `None` is "not recorded", never "no".
///
/// Made from a checked row of the fused table; ranges of single values were checked there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClinicalRecord {
    /// True for a man.
    pub male: Option<bool>,
    /// Age at diagnosis, years.
    pub age_years: Option<f64>,
    /// Menopausal status.
    pub menopause: Option<Menopause>,
    /// Pregnant at diagnosis.
    pub pregnant: Option<bool>,
    /// Cancer in both breasts.
    pub bilateral: Option<bool>,
    /// Distant metastasis at diagnosis (M1, stage IV).
    pub metastatic: Option<bool>,
    /// Recurrence of an earlier breast cancer.
    pub recurrent: Option<bool>,
    /// Invasive tumour size, millimetres.
    pub tumour_size_mm: Option<f64>,
    /// Histological grade, 1 to 3.
    pub grade: Option<u8>,
    /// Positive lymph nodes; 0.5 stands for a micrometastasis, as in PREDICT.
    pub nodes_positive: Option<f64>,
    /// Lymph nodes involved at all, where they were not counted.
    pub node_positive: Option<bool>,
    /// T category, 0 to 4 (Tis is 0).
    pub t_category: Option<u8>,
    /// N category, 0 to 3.
    pub n_category: Option<u8>,
    /// Stage group, 0 to 4.
    pub stage_group: Option<u8>,
    /// Oestrogen receptor.
    pub er: Option<Receptor>,
    /// ER-positive nuclei, %.
    pub er_pct: Option<f64>,
    /// Progesterone receptor.
    pub pr: Option<Receptor>,
    /// Hormone receptor (ER or PR), where a cohort records only that.
    pub hr_positive: Option<bool>,
    /// HER2 state.
    pub her2: Option<Her2>,
    /// HER2 immunohistochemistry score, 0 to 3.
    pub her2_ihc: Option<u8>,
    /// HER2 amplified by in-situ hybridisation.
    pub her2_ish_amplified: Option<bool>,
    /// Ki-67 positive nuclei, %.
    pub ki67_pct: Option<f64>,
    /// MammaPrint low risk.
    pub mammaprint_low: Option<bool>,
    /// Oncotype DX recurrence score, 0 to 100.
    pub oncotype_rs: Option<f64>,
    /// Pathogenic germline BRCA1 or BRCA2 variant.
    pub germline_brca: Option<bool>,
    /// Found by screening.
    pub screen_detected: Option<bool>,
    /// Smokes now.
    pub current_smoker: Option<bool>,
    /// Expected mean heart dose of radiotherapy, Gy.
    pub heart_dose_gy: Option<f64>,
    /// Histological type, a level of the schema (`ductal`, `lobular`, …).
    pub histology: Option<String>,
    /// Treatment before surgery is planned or was given.
    pub neoadjuvant: Option<bool>,
    /// Pathological complete response, known after surgery.
    pub pcr: Option<bool>,
    /// ypT, 0 to 4 (ypTis is 0), known after surgery.
    pub yp_t: Option<u8>,
    /// ypN, 0 to 3, known after surgery.
    pub yp_n: Option<u8>,
    /// Treatments received, where the cohort records them.
    pub received: Received,
}

/// Treatments received; `None` is "not recorded".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Received {
    /// Chemotherapy, of an unknown generation.
    pub chemotherapy: Option<bool>,
    /// Endocrine therapy.
    pub endocrine: Option<bool>,
    /// Anti-HER2 therapy.
    pub anti_her2: Option<bool>,
    /// Radiotherapy.
    pub radiotherapy: Option<bool>,
    /// Breast-conserving surgery (`true`) or mastectomy (`false`).
    pub breast_conserving: Option<bool>,
}

/// Menopausal status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Menopause {
    /// Before.
    Pre,
    /// Between 6 and 12 months since the last period.
    Peri,
    /// After, or ovaries removed.
    Post,
}

/// State of a hormone receptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receptor {
    /// Over 10 % of nuclei.
    Positive,
    /// 1 to 10 % of nuclei.
    LowPositive,
    /// Under 1 % of nuclei.
    Negative,
    /// Tested without a clear result.
    Equivocal,
}

/// State of HER2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Her2 {
    /// IHC 3+, or IHC 2+ and ISH amplified.
    Positive,
    /// IHC 2+ without an ISH result.
    Equivocal,
    /// IHC 1+, or 2+ and ISH not amplified: HER2-negative in early disease.
    Low,
    /// IHC 0.
    Zero,
    /// Negative, not further stated.
    Negative,
}

impl ClinicalRecord {
    /// State of the oestrogen receptor: 1 to 10 % of nuclei is low positive whatever the word says; without a word the
    /// percentage decides.
    ///
    /// # Source
    /// ASCO/CAP 2020: below 1 % negative, 1 to 10 % low positive.
    #[must_use]
    pub fn er_state(&self) -> Option<Receptor> {
        match (self.er, self.er_pct) {
            (_, Some(pct)) if (1.0..=10.0).contains(&pct) => Some(Receptor::LowPositive),
            (Some(state), _) => Some(state),
            (None, Some(pct)) => Some(if pct < 1.0 { Receptor::Negative } else { Receptor::Positive }),
            (None, None) => None,
        }
    }

    /// State of HER2: the word, else what immunohistochemistry and in-situ hybridisation say.
    ///
    /// # Source
    /// ASCO/CAP 2018: 3+, or 2+ and amplified, is positive; 2+ without a result of hybridisation is equivocal.
    #[must_use]
    pub fn her2_state(&self) -> Option<Her2> {
        self.her2.or_else(|| match (self.her2_ihc?, self.her2_ish_amplified) {
            (3, _) | (2, Some(true)) => Some(Her2::Positive),
            (2, None) => Some(Her2::Equivocal),
            (2, Some(false)) | (1, _) => Some(Her2::Low),
            (0, _) => Some(Her2::Zero),
            _ => None,
        })
    }

    /// Distant metastasis, from the M category or the stage group.
    #[must_use]
    pub fn distant_metastasis(&self) -> Option<bool> {
        self.metastatic.or_else(|| self.stage_group.map(|stage| stage == 4))
    }

    /// Treatment before surgery (`true`) or surgery first (`false`); `None` when the record does not tell.
    ///
    /// As recorded, else a known response at surgery means treatment before it, and counted nodes or a type of surgery
    /// without such a response mean that surgery came first.
    #[must_use]
    pub fn treated_before_surgery(&self) -> Option<bool> {
        let after_treatment = self.residual_disease().is_some().then_some(true);
        let operated = self.nodes_positive.is_some() || self.received.breast_conserving.is_some();
        self.neoadjuvant.or(after_treatment).or(operated.then_some(false))
    }

    /// Oestrogen receptor positive; `None` when unknown, equivocal or low (1 to 10 %), where both branches hold.
    ///
    /// A tumour recorded only as hormone receptor negative is ER-negative by definition.
    #[must_use]
    pub fn er_positive(&self) -> Option<bool> {
        match self.er_state() {
            Some(Receptor::Positive) => Some(true),
            Some(Receptor::Negative) => Some(false),
            Some(Receptor::LowPositive | Receptor::Equivocal) => None,
            None => self.hr_positive.filter(|positive| !positive),
        }
    }

    /// Hormone receptor positive (ER or PR); `None` when neither is clearly positive and one is unclear.
    #[must_use]
    pub fn hormone_receptor(&self) -> Option<bool> {
        match (self.er_state(), self.pr) {
            (Some(Receptor::Positive), _) | (_, Some(Receptor::Positive)) => Some(true),
            (Some(Receptor::Negative), Some(Receptor::Negative)) => Some(false),
            (Some(Receptor::LowPositive | Receptor::Equivocal), _)
            | (_, Some(Receptor::LowPositive | Receptor::Equivocal)) => None,
            _ => self.hr_positive,
        }
    }

    /// HER2 positive; `None` when unknown or equivocal.
    #[must_use]
    pub fn her2_positive(&self) -> Option<bool> {
        match self.her2_state()? {
            Her2::Positive => Some(true),
            Her2::Low | Her2::Zero | Her2::Negative => Some(false),
            Her2::Equivocal => None,
        }
    }

    /// Receptor subtype; `None` when hormone receptor or HER2 is unclear.
    #[must_use]
    pub fn subtype(&self) -> Option<Subtype> {
        Some(Subtype::from_receptors(self.hormone_receptor()?, self.her2_positive()?))
    }

    /// Lymph nodes involved; from the count, else from the flag, else from the N category.
    #[must_use]
    pub fn nodes_involved(&self) -> Option<bool> {
        let counted = self.nodes_positive.map(|n| n > 0.0);
        counted.or(self.node_positive).or_else(|| self.n_category.map(|n| n > 0))
    }

    /// Residual invasive disease after neoadjuvant treatment; `None` before surgery.
    #[must_use]
    pub fn residual_disease(&self) -> Option<bool> {
        match (self.yp_t, self.yp_n) {
            (Some(t), _) if t > 0 => Some(true),
            (_, Some(n)) if n > 0 => Some(true),
            (Some(_), Some(_)) => Some(false),
            _ => self.pcr.map(|pcr| !pcr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unclear_receptor_is_never_silently_negative() {
        let record = |er, pr, her2| ClinicalRecord { er: Some(er), pr, her2: Some(her2), ..ClinicalRecord::default() };
        let low = record(Receptor::LowPositive, Some(Receptor::Negative), Her2::Negative);
        assert_eq!((low.er_positive(), low.hormone_receptor(), low.subtype()), (None, None, None));
        let pr_only = record(Receptor::Negative, Some(Receptor::Positive), Her2::Equivocal);
        assert_eq!((pr_only.er_positive(), pr_only.hormone_receptor()), (Some(false), Some(true)));
        assert_eq!((pr_only.her2_positive(), pr_only.subtype()), (None, None));
        let clear = record(Receptor::Positive, None, Her2::Low);
        assert_eq!(clear.subtype(), Some(Subtype::HrPosHer2Neg));
    }

    #[test]
    fn a_percentage_of_1_to_10_is_low_positive_and_2_plus_without_hybridisation_is_equivocal() {
        let er = |er, er_pct| ClinicalRecord { er, er_pct, ..ClinicalRecord::default() }.er_state();
        assert_eq!(er(Some(Receptor::Positive), Some(5.0)), Some(Receptor::LowPositive));
        assert_eq!(er(None, Some(0.5)), Some(Receptor::Negative));
        assert_eq!(er(None, Some(80.0)), Some(Receptor::Positive));
        let her2 = |her2_ihc, her2_ish_amplified| {
            ClinicalRecord { her2_ihc: Some(her2_ihc), her2_ish_amplified, ..ClinicalRecord::default() }.her2_positive()
        };
        assert_eq!(
            [her2(3, None), her2(2, Some(true)), her2(2, Some(false)), her2(1, None)],
            [Some(true), Some(true), Some(false), Some(false)]
        );
        assert_eq!(her2(2, None), None);
    }

    #[test]
    fn what_comes_first_is_read_from_the_record_or_left_open() {
        let record = ClinicalRecord::default();
        assert_eq!(record.treated_before_surgery(), None);
        let counted = ClinicalRecord { nodes_positive: Some(2.0), ..ClinicalRecord::default() };
        assert_eq!(counted.treated_before_surgery(), Some(false));
        let residual = ClinicalRecord { yp_t: Some(1), ..counted.clone() };
        assert_eq!(residual.treated_before_surgery(), Some(true));
        let planned = ClinicalRecord { neoadjuvant: Some(true), ..counted };
        assert_eq!(planned.treated_before_surgery(), Some(true));
    }

    #[test]
    fn residual_disease_needs_both_categories_to_be_excluded() {
        let record = |yp_t, yp_n, pcr| ClinicalRecord { yp_t, yp_n, pcr, ..ClinicalRecord::default() };
        assert_eq!(record(Some(0), None, None).residual_disease(), None);
        assert_eq!(record(Some(0), Some(0), None).residual_disease(), Some(false));
        assert_eq!(record(Some(0), Some(1), None).residual_disease(), Some(true));
        assert_eq!(record(None, None, Some(false)).residual_disease(), Some(true));
    }
}
