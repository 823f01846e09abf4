use serde::{Deserialize, Serialize};

use crate::decide::{ClinicalRecord, Error, Receptor};
use crate::stats::spline::four_knot_basis;

/// Intrinsic subtype with the claudin-low class apart, as METABRIC publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intrinsic {
    /// Luminal A: the reference.
    LuminalA,
    /// Luminal B.
    LuminalB,
    /// HER2-enriched.
    Her2Enriched,
    /// Basal-like.
    Basal,
    /// Claudin-low.
    ClaudinLow,
    /// Normal-like.
    NormalLike,
}

/// What expression profiling adds to a record; `None` is "not measured".
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpressionFeatures {
    /// Fused column `pam50_subtype`.
    pub intrinsic: Option<Intrinsic>,
    /// Fused column `expr_erbb2`, z-score within the cohort.
    pub erbb2: Option<f64>,
}

/// A transformed input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// ln(positive nodes + 1).
    LnNodes,
    /// 1 − exp(−size / 20 mm), PREDICT's saturation.
    SizeSaturation,
    /// Age, years.
    Age,
    /// First cubic term of the age spline.
    AgeCubic1,
    /// Second cubic term of the age spline.
    AgeCubic2,
    /// Grade, 1 to 3.
    Grade,
    /// Progesterone receptor, 0 or 1.
    Pr,
    /// HER2, 0 or 1.
    Her2,
    /// ERBB2 expression.
    Erbb2,
    /// Luminal B, 0 or 1.
    LuminalB,
    /// HER2-enriched, 0 or 1.
    Her2Enriched,
    /// Basal-like, 0 or 1.
    Basal,
    /// Claudin-low, 0 or 1.
    ClaudinLow,
    /// Normal-like, 0 or 1.
    NormalLike,
}

impl Input {
    /// All inputs, in the order of a row.
    pub const ALL: [Self; 14] = [
        Self::LnNodes,
        Self::SizeSaturation,
        Self::Age,
        Self::AgeCubic1,
        Self::AgeCubic2,
        Self::Grade,
        Self::Pr,
        Self::Her2,
        Self::Erbb2,
        Self::LuminalB,
        Self::Her2Enriched,
        Self::Basal,
        Self::ClaudinLow,
        Self::NormalLike,
    ];

    /// The terms of age.
    pub const AGE: [Self; 3] = [Self::Age, Self::AgeCubic1, Self::AgeCubic2];
    /// The intrinsic subtypes, against luminal A.
    pub const INTRINSIC: [Self; 5] =
        [Self::LuminalB, Self::Her2Enriched, Self::Basal, Self::ClaudinLow, Self::NormalLike];

    /// Its name in a matrix: the fused column it is made of, or the level of the intrinsic subtype.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::LnNodes => "nodes_positive",
            Self::SizeSaturation => "tumour_size_mm",
            Self::Age => "age_years",
            Self::AgeCubic1 => "age_cubic_1",
            Self::AgeCubic2 => "age_cubic_2",
            Self::Grade => "grade",
            Self::Pr => "pr",
            Self::Her2 => "her2",
            Self::Erbb2 => "expr_erbb2",
            Self::LuminalB => "pam50_subtype=luminal_b",
            Self::Her2Enriched => "pam50_subtype=her2_enriched",
            Self::Basal => "pam50_subtype=basal",
            Self::ClaudinLow => "pam50_subtype=claudin_low",
            Self::NormalLike => "pam50_subtype=normal_like",
        }
    }

    fn value(self, record: &ClinicalRecord, expression: &ExpressionFeatures, age: [f64; 3]) -> Option<f64> {
        let intrinsic = |class| expression.intrinsic.map(|found| f64::from(u8::from(found == class)));
        match self {
            Self::LnNodes => {
                let none_involved = (record.nodes_involved() == Some(false)).then_some(0.0);
                record.nodes_positive.or(none_involved).map(f64::ln_1p)
            }
            Self::SizeSaturation => record.tumour_size_mm.map(|size| -(-size / 20.0).exp_m1()),
            Self::Age => Some(age[0]),
            Self::AgeCubic1 => Some(age[1]),
            Self::AgeCubic2 => Some(age[2]),
            Self::Grade => record.grade.map(f64::from),
            Self::Pr => match record.pr? {
                Receptor::Positive => Some(1.0),
                Receptor::Negative => Some(0.0),
                Receptor::LowPositive | Receptor::Equivocal => None,
            },
            Self::Her2 => record.her2_positive().map(|positive| f64::from(u8::from(positive))),
            Self::Erbb2 => expression.erbb2,
            Self::LuminalB => intrinsic(Intrinsic::LuminalB),
            Self::Her2Enriched => intrinsic(Intrinsic::Her2Enriched),
            Self::Basal => intrinsic(Intrinsic::Basal),
            Self::ClaudinLow => intrinsic(Intrinsic::ClaudinLow),
            Self::NormalLike => intrinsic(Intrinsic::NormalLike),
        }
    }
}

/// Returns the transformed inputs of one woman in the order of [`Input::ALL`], NaN where not recorded, then ER (1 or 0).
///
/// ER is an auxiliary of the imputation: in the hazards it is a stratum.
///
/// # Errors
/// [`Error::Unrecorded`] without an age or a clear ER state.
pub fn input_row(
    record: &ClinicalRecord,
    expression: &ExpressionFeatures,
    age_knots: &[f64; 4],
) -> Result<Vec<f64>, Error> {
    let age = record.age_years.filter(|age| age.is_finite());
    let age = age.ok_or(Error::Unrecorded { input: "age_years", expected: "the age at diagnosis in years" })?;
    let er = record.er_positive().ok_or(Error::Unrecorded { input: "er", expected: "positive or negative" })?;
    let age = four_knot_basis(age, age_knots);
    let value = |input: Input| input.value(record, expression, age).filter(|value| value.is_finite());
    let inputs = Input::ALL.into_iter().map(|input| value(input).unwrap_or(f64::NAN));
    Ok(inputs.chain([f64::from(u8::from(er))]).collect())
}

/// A column of a cause's linear predictor, made of a standardised input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The same effect in everyone at all times.
    Main(Input),
    /// What is added in ER-negative disease.
    ErNegative(Input),
    /// What is added in the first five years.
    Early(Input),
}

impl Column {
    /// The value for standardised inputs `z` (order of [`Input::ALL`]) in a period.
    #[must_use]
    pub fn value(self, z: &[f64], er_positive: bool, period: usize) -> f64 {
        let (input, counts) = match self {
            Self::Main(input) => (input, true),
            Self::ErNegative(input) => (input, !er_positive),
            Self::Early(input) => (input, period == 0),
        };
        if counts { z.get(input as usize).copied().unwrap_or(0.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_transformed_and_absent_ones_are_not_numbers() {
        let record = ClinicalRecord {
            age_years: Some(60.0),
            er: Some(Receptor::Positive),
            nodes_positive: Some(3.0),
            tumour_size_mm: Some(20.0),
            pr: Some(Receptor::LowPositive),
            ..ClinicalRecord::default()
        };
        let expression = ExpressionFeatures { intrinsic: Some(Intrinsic::Basal), erbb2: None };
        let row = input_row(&record, &expression, &[40.0, 55.0, 65.0, 80.0]).unwrap();
        assert_eq!((row.len(), row[14]), (15, 1.0));
        assert!((row[0] - 4.0_f64.ln()).abs() < 1e-12 && (row[1] - (1.0 - (-1.0_f64).exp())).abs() < 1e-12);
        assert!(row[Input::Grade as usize].is_nan() && row[Input::Pr as usize].is_nan());
        assert_eq!((row[Input::Basal as usize], row[Input::LuminalB as usize]), (1.0, 0.0));
        let unclear = ClinicalRecord { er: Some(Receptor::LowPositive), ..record };
        assert!(matches!(
            input_row(&unclear, &expression, &[40.0, 55.0, 65.0, 80.0]),
            Err(Error::Unrecorded { input: "er", .. })
        ));
    }

    #[test]
    fn the_order_of_all_inputs_is_that_of_their_numbers() {
        assert!(Input::ALL.iter().enumerate().all(|(at, &input)| input as usize == at));
    }
}
