//! Constants of PREDICT Breast 3.x and the linear predictors that are made of them.

use super::inputs::{Detection, Endocrine, Generation, InputPart, PredictInputs, Treatments, Version};

/// Last year of every curve.
pub(super) const LAST_YEAR: u32 = 15;
/// Years from 2000, the origin of the calendar term, to 2017, at which the tool fixes the year of diagnosis.
const CALENDAR_YEARS: f64 = 17.0;
const SCREENING_UNKNOWN: f64 = 0.204;
const GRADE_UNKNOWN: f64 = 2.13;
/// HER2 by year since diagnosis when ER-positive.
const HER2_POSITIVE: [f64; 9] = [0.608, 0.532, 0.457, 0.382, 0.307, 0.231, 0.156, 0.081, 0.006];
const HER2_NEGATIVE: [f64; 8] = [-0.053, -0.046, -0.040, -0.033, -0.027, -0.020, -0.014, -0.007];

/// Log hazard ratios of treatment, and the standard errors that the tool's technical page states.
pub(super) const ENDOCRINE: (f64, f64) = (-0.3857, 0.08);
pub(super) const ENDOCRINE_EXTENDED: f64 = -0.301;
pub(super) const SECOND_GENERATION: (f64, f64) = (-0.248, 0.12);
pub(super) const THIRD_GENERATION: (f64, f64) = (-0.446, 0.13);
pub(super) const TRASTUZUMAB: (f64, f64) = (-0.3567, 0.08);
pub(super) const BISPHOSPHONATE: (f64, f64) = (-0.198, 0.06);
/// Hazard ratio of radiotherapy; no standard error is stated.
pub(super) const RADIOTHERAPY_RATIO: f64 = 0.82;
const HEART_RATIO_PER_GY: f64 = 1.02;
const CHEMOTHERAPY_OTHER_RATIO: f64 = 1.2;
const SMOKING_RATIO: f64 = 1.25;
const SMOKING_SHARE: f64 = 0.1;
const RADIOTHERAPY_SHARE: f64 = 0.69;

impl PredictInputs {
    /// Each input's exact part of the log hazard of breast cancer death in `year` since diagnosis, from 1.
    #[must_use]
    pub fn breast_parts(&self, version: Version, year: u32) -> Vec<InputPart> {
        let a = (self.age_years - 24.0) / 100.0;
        let grade = self.grade.map_or(GRADE_UNKNOWN, f64::from);
        let screening = match self.detection {
            Detection::Symptoms => 0.0,
            Detection::Screening => 1.0,
            Detection::Unknown => SCREENING_UNKNOWN,
        };
        let of = |value: Option<bool>, positive: f64, negative: f64| match value {
            Some(true) => positive,
            Some(false) => negative,
            None => 0.0,
        };
        let treated_share = -(1.0 - RADIOTHERAPY_SHARE + RADIOTHERAPY_SHARE * RADIOTHERAPY_RATIO).ln();
        let nodes = (self.nodes_positive + 1.0).ln();
        let part = |input, log_hazard| InputPart { input, log_hazard };
        if self.er_positive {
            let at = year.saturating_sub(1) as usize;
            let her2 = |table: &[f64]| table.get(at).copied().unwrap_or(0.0);
            vec![
                part("age", 0.195_898_620_358_812_9 / a.sqrt() + 2.929_125_051_895_787 * a * a),
                part("size", 2.274_174_206_734_98 * -(-self.tumour_size_mm / 20.0).exp_m1()),
                part("nodes", 0.672_482_820_906_120_7 * nodes),
                part("grade", 0.705_033_962_973_938_2 * grade),
                part("detection", -0.320_393_633_530_154_76 * screening),
                part("year of diagnosis", -0.048_251_370_712_776_756 * CALENDAR_YEARS),
                part("HER2", of(self.her2_positive, her2(&HER2_POSITIVE), her2(&HER2_NEGATIVE))),
                part("Ki-67", of(self.ki67_positive, 0.149_04, -0.113_33)),
                part("PR", of(self.pr_positive, -0.0619, 0.2624)),
                part("version constant", if version == Version::V31 { treated_share } else { 0.70 }),
            ]
        } else {
            vec![
                part("age", 1.756_067_938_395_331_7 * a + 4.555_274_634_880_487 * a * a.ln()),
                part("size", 0.744_327_726_521_003_9 * self.tumour_size_mm.ln()),
                part("nodes", 0.630_859_036_431_088_4 * nodes),
                part("grade", 0.346_228_783_900_093_8 * grade),
                part("detection", -0.211_096_932_659_867_2 * screening),
                part("year of diagnosis", -0.045_504_610_416_172_736 * CALENDAR_YEARS),
                part("HER2", of(self.her2_positive, 0.2316, -0.085_89)),
                part("PR", of(self.pr_positive, -0.2231, 0.0296)),
                part("version constant", if version == Version::V31 { treated_share } else { 0.55 }),
            ]
        }
    }

    /// Each input's exact part of the log hazard of death from other causes, without treatment.
    #[must_use]
    pub fn other_parts(&self, version: Version) -> Vec<InputPart> {
        let a = (self.age_years - 24.0) / 100.0;
        let heart = 1.0 - RADIOTHERAPY_SHARE + RADIOTHERAPY_SHARE * HEART_RATIO_PER_GY.powi(2);
        let smokers = 1.0 - SMOKING_SHARE + SMOKING_SHARE * SMOKING_RATIO;
        let part = |input, log_hazard| InputPart { input, log_hazard };
        vec![
            part("age", 4.211_443_507_724_736 * a.powi(3) - 31.412_028_153_652_77 * a.powi(3) * a.ln()),
            part("year of diagnosis", -0.021_186_462_111_818_898 * CALENDAR_YEARS),
            part("smoking", (if self.current_smoker { SMOKING_RATIO } else { 1.0 } / smokers).ln()),
            part("version constant", if version == Version::V31 { -heart.ln() } else { -0.062 }),
        ]
    }

    /// Log hazard ratio of the treatments on breast cancer death in `year` since diagnosis.
    #[must_use]
    pub fn breast_effect(&self, treatments: &Treatments, year: u32) -> f64 {
        let when = |given: bool, log_ratio: f64| if given { log_ratio } else { 0.0 };
        let endocrine = treatments.endocrine.filter(|_| self.er_positive);
        when(treatments.radiotherapy, RADIOTHERAPY_RATIO.ln())
            + when(endocrine.is_some(), ENDOCRINE.0)
            + when(endocrine == Some(Endocrine::TenYears) && year > 10, ENDOCRINE_EXTENDED)
            + treatments.chemotherapy.map_or(0.0, |generation| chemotherapy(generation).0)
            + when(treatments.trastuzumab && self.her2_positive == Some(true), TRASTUZUMAB.0)
            + when(treatments.bisphosphonate, BISPHOSPHONATE.0)
    }

    /// Log hazard ratio of the treatments on death from other causes: the harms of heart dose and chemotherapy.
    #[must_use]
    pub fn other_effect(&self, treatments: &Treatments) -> f64 {
        let heart = if treatments.heart_exposed { HEART_RATIO_PER_GY.ln() * self.heart_dose_gy } else { 0.0 };
        heart + if treatments.chemotherapy.is_some() { CHEMOTHERAPY_OTHER_RATIO.ln() } else { 0.0 }
    }
}

/// Log hazard ratio and standard error of a generation of chemotherapy.
pub(super) fn chemotherapy(generation: Generation) -> (f64, f64) {
    match generation {
        Generation::Second => SECOND_GENERATION,
        Generation::Third => THIRD_GENERATION,
    }
}

/// Cumulative baseline hazard of breast cancer death by `year`.
pub(super) fn breast_baseline(er_positive: bool, year: u32) -> f64 {
    let u = f64::from(year) / 10.0;
    match (year, er_positive) {
        (0, _) => 0.0,
        (_, true) => {
            let root = 1.0 / u.sqrt();
            (-2.319_351_003_928_163_7 - 3.622_538_332_641_392 * root - 0.542_240_944_493_945 * root * u.ln()).exp()
        }
        (_, false) => {
            (-3.015_313_976_516_583_5 - 0.575_538_052_404_425_1 / u - 0.102_843_931_717_805_8 * u.ln() / u).exp()
        }
    }
}

/// Cumulative baseline hazard of death from other causes by `year`.
pub(super) fn other_baseline(year: u32) -> f64 {
    let u = f64::from(year) / 10.0;
    match year {
        0 => 0.0,
        _ => (-4.845_654_758_283_992 + 1.341_348_310_005_262 * u.ln() + 0.495_393_943_530_460_57 * u).exp(),
    }
}
