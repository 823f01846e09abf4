//! Rows of a fused table as clinical records: what eligibility, PREDICT, the gate and the survival baseline read.

use std::cell::RefCell;
use std::sync::LazyLock;

use super::{Error, FusedTable};
use crate::decide::{ClinicalRecord, Her2, Menopause, Received, Receptor};

/// The clinical record of every row; a column that the table lacks is "not recorded" everywhere.
///
/// # Errors
/// [`Error::Column`] for a column of the wrong type.
pub fn clinical_records(table: &FusedTable) -> Result<Vec<ClinicalRecord>, Error> {
    let columns = Columns::read(table)?;
    Ok((0..table.frame.height()).map(|row| columns.record(row)).collect())
}

type Flags = Vec<Option<bool>>;
type Numbers = Vec<Option<f64>>;
type Words = Vec<Option<String>>;

struct Columns {
    sex: Words,
    menopause: Words,
    er: Words,
    pr: Words,
    her2_status: Words,
    t_stage: Words,
    n_stage: Words,
    m_stage: Words,
    stage_group: Words,
    mammaprint: Words,
    germline: Words,
    histology: Words,
    yp_t: Words,
    yp_n: Words,
    surgery: Words,
    hr: Flags,
    her2: Flags,
    her2_amplified: Flags,
    pregnant: Flags,
    bilateral: Flags,
    metastatic: Flags,
    recurrent: Flags,
    node_status: Flags,
    screen_detected: Flags,
    current_smoker: Flags,
    neoadjuvant: Flags,
    pcr: Flags,
    chemotherapy: Flags,
    endocrine: Flags,
    anti_her2: Flags,
    radiotherapy: Flags,
    age: Numbers,
    size: Numbers,
    grade: Numbers,
    nodes: Numbers,
    ki67: Numbers,
    oncotype: Numbers,
    er_pct: Numbers,
    her2_ihc: Numbers,
    heart_dose: Numbers,
}

/// Every column of the fused table that a clinical record is made from.
pub(super) fn record_columns() -> &'static [&'static str] {
    static COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let names = RefCell::new(Vec::new());
        let note = |name| names.borrow_mut().push(name);
        let noted = Columns::from_columns(
            |name| {
                note(name);
                Ok(Words::new())
            },
            |name| {
                note(name);
                Ok(Numbers::new())
            },
            |name| {
                note(name);
                Ok(Flags::new())
            },
        );
        debug_assert!(noted.is_ok(), "nothing is read");
        names.into_inner()
    });
    &COLUMNS
}

impl Columns {
    fn read(table: &FusedTable) -> Result<Self, Error> {
        Self::from_columns(
            |name| table.texts(name),
            |name| table.numbers(name),
            |name| Ok(table.booleans(name)?.unwrap_or_else(|| vec![None; table.frame.height()])),
        )
    }

    fn from_columns(
        words: impl Fn(&'static str) -> Result<Words, Error>,
        numbers: impl Fn(&'static str) -> Result<Numbers, Error>,
        flags: impl Fn(&'static str) -> Result<Flags, Error>,
    ) -> Result<Self, Error> {
        Ok(Self {
            sex: words("sex")?,
            menopause: words("menopause")?,
            er: words("er")?,
            pr: words("pr")?,
            her2_status: words("her2_status")?,
            t_stage: words("t_stage")?,
            n_stage: words("n_stage")?,
            m_stage: words("m_stage")?,
            stage_group: words("stage_group")?,
            mammaprint: words("mammaprint_risk")?,
            germline: words("germline_brca")?,
            histology: words("histology")?,
            yp_t: words("yp_t_stage")?,
            yp_n: words("yp_n_stage")?,
            surgery: words("surgery_type")?,
            hr: flags("hr")?,
            her2: flags("her2")?,
            her2_amplified: flags("her2_ish_amplified")?,
            pregnant: flags("pregnant")?,
            bilateral: flags("bilateral_cancer")?,
            metastatic: flags("metastatic")?,
            recurrent: flags("recurrent")?,
            node_status: flags("node_status")?,
            screen_detected: flags("screen_detected")?,
            current_smoker: flags("current_smoker")?,
            neoadjuvant: flags("neoadjuvant_chemotherapy")?,
            pcr: flags("pcr")?,
            chemotherapy: flags("chemotherapy")?,
            endocrine: flags("endocrine_therapy")?,
            anti_her2: flags("anti_her2_therapy")?,
            radiotherapy: flags("radiotherapy")?,
            age: numbers("age_years")?,
            size: numbers("tumour_size_mm")?,
            grade: numbers("grade")?,
            nodes: numbers("nodes_positive")?,
            ki67: numbers("ki67_pct")?,
            oncotype: numbers("oncotype_rs")?,
            er_pct: numbers("er_pct")?,
            her2_ihc: numbers("her2_ihc")?,
            heart_dose: numbers("heart_dose_gy")?,
        })
    }

    fn record(&self, row: usize) -> ClinicalRecord {
        let word = |column: &Words| column.get(row).and_then(Option::as_deref).map(str::to_owned);
        let flag = |column: &Flags| column.get(row).copied().flatten();
        let number = |column: &Numbers| column.get(row).copied().flatten();
        let is = |column: &Words, level: &str| word(column).map(|found| found == level);
        let category = |column: &Words| word(column).and_then(|text| last_digit(&text));
        ClinicalRecord {
            male: is(&self.sex, "male"),
            age_years: number(&self.age),
            menopause: word(&self.menopause).and_then(|level| match level.as_str() {
                "pre" => Some(Menopause::Pre),
                "peri" => Some(Menopause::Peri),
                "post" => Some(Menopause::Post),
                _ => None,
            }),
            pregnant: flag(&self.pregnant),
            bilateral: flag(&self.bilateral),
            metastatic: flag(&self.metastatic).or(is(&self.m_stage, "M1")),
            recurrent: flag(&self.recurrent),
            tumour_size_mm: number(&self.size),
            grade: number(&self.grade).map(|grade| grade as u8),
            nodes_positive: number(&self.nodes),
            node_positive: flag(&self.node_status),
            t_category: category(&self.t_stage),
            n_category: category(&self.n_stage),
            stage_group: word(&self.stage_group).and_then(|level| match level.as_str() {
                "0" => Some(0),
                "I" => Some(1),
                "II" => Some(2),
                "III" => Some(3),
                "IV" => Some(4),
                _ => None,
            }),
            er: word(&self.er).and_then(|level| receptor(&level)),
            er_pct: number(&self.er_pct),
            her2_ihc: number(&self.her2_ihc).map(|score| score as u8),
            her2_ish_amplified: flag(&self.her2_amplified),
            pr: word(&self.pr).and_then(|level| receptor(&level)),
            hr_positive: flag(&self.hr),
            her2: word(&self.her2_status)
                .and_then(|level| her2_of(&level))
                .or_else(|| flag(&self.her2).map(|positive| if positive { Her2::Positive } else { Her2::Negative })),
            ki67_pct: number(&self.ki67),
            mammaprint_low: is(&self.mammaprint, "low"),
            oncotype_rs: number(&self.oncotype),
            germline_brca: word(&self.germline).map(|level| level != "none"),
            screen_detected: flag(&self.screen_detected),
            current_smoker: flag(&self.current_smoker),
            heart_dose_gy: number(&self.heart_dose),
            histology: word(&self.histology),
            neoadjuvant: flag(&self.neoadjuvant),
            pcr: flag(&self.pcr),
            yp_t: category(&self.yp_t),
            yp_n: category(&self.yp_n),
            received: Received {
                chemotherapy: flag(&self.chemotherapy),
                endocrine: flag(&self.endocrine),
                anti_her2: flag(&self.anti_her2),
                radiotherapy: flag(&self.radiotherapy),
                breast_conserving: is(&self.surgery, "conserving"),
            },
        }
    }
}

/// The digit at the end of a category (`T2`, `ypN1`); a carcinoma in situ (`Tis`, `ypTis`) is 0.
fn last_digit(text: &str) -> Option<u8> {
    if text.ends_with("is") {
        return Some(0);
    }
    text.chars().last().and_then(|c| c.to_digit(10)).and_then(|digit| u8::try_from(digit).ok())
}

/// The state that a level of `er` or `pr` names.
pub(super) fn receptor(level: &str) -> Option<Receptor> {
    match level {
        "positive" => Some(Receptor::Positive),
        "low_positive" => Some(Receptor::LowPositive),
        "negative" => Some(Receptor::Negative),
        "equivocal" => Some(Receptor::Equivocal),
        _ => None,
    }
}

/// The state that a level of `her2_status` names.
pub(super) fn her2_of(level: &str) -> Option<Her2> {
    match level {
        "positive" => Some(Her2::Positive),
        "equivocal" => Some(Her2::Equivocal),
        "low" => Some(Her2::Low),
        "zero" => Some(Her2::Zero),
        "negative" => Some(Her2::Negative),
        _ => None,
    }
}
