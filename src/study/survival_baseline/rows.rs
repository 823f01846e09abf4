use crate::decide::baseline::{BaselineRows, Exclusion, ExpressionFeatures, Intrinsic, published_effects};
use crate::stats::CompetingRisks;
use crate::study::record::clinical_records;
use crate::study::{Error, FusedTable};
use crate::terms::PatientId;

/// The women of a fused table who have an outcome and may be used.
#[derive(Debug, Clone)]
pub struct SurvivalRows {
    /// Eligible rows.
    pub rows: BaselineRows,
    /// Their patients.
    pub patients: Vec<PatientId>,
    /// Rows without time or cause of death.
    pub n_without_outcome: usize,
    /// Rows left out, by reason.
    pub left_out: Vec<(Exclusion, usize)>,
}

/// The columns of [`expression_features`].
pub(in crate::study) const EXPRESSION_COLUMNS: [&str; 2] = ["pam50_subtype", "expr_erbb2"];

/// Expression features of every row: `pam50_subtype` and `expr_erbb2`.
///
/// # Errors
/// [`Error::Column`] for a column of the wrong type.
pub fn expression_features(table: &FusedTable) -> Result<Vec<ExpressionFeatures>, Error> {
    let [subtypes, erbb2] = EXPRESSION_COLUMNS;
    let (subtypes, erbb2) = (table.texts(subtypes)?, table.numbers(erbb2)?);
    Ok(subtypes
        .iter()
        .zip(erbb2)
        .map(|(subtype, erbb2)| ExpressionFeatures { intrinsic: subtype.as_deref().and_then(intrinsic), erbb2 })
        .collect())
}

/// A level of the schema's `pam50_subtype`; the schema has checked that there is no other.
fn intrinsic(level: &str) -> Option<Intrinsic> {
    match level {
        "luminal_a" => Some(Intrinsic::LuminalA),
        "luminal_b" => Some(Intrinsic::LuminalB),
        "her2_enriched" => Some(Intrinsic::Her2Enriched),
        "basal" => Some(Intrinsic::Basal),
        "claudin_low" => Some(Intrinsic::ClaudinLow),
        "normal_like" => Some(Intrinsic::NormalLike),
        _ => None,
    }
}

impl SurvivalRows {
    /// Reads records, expression, `event_time` and `event_cause`, and keeps who may be used.
    ///
    /// # Errors
    /// [`Error::Column`], and [`Error::Decide`] when nobody is eligible.
    pub fn select(table: &FusedTable) -> Result<Self, Error> {
        let records = clinical_records(table)?;
        let expression = expression_features(table)?;
        let patients = table.patients()?;
        let times = table.numbers("event_time")?;
        let causes = table.texts("event_cause")?;
        let code = |cause: &str| match cause {
            "none" => Some(0),
            "breast_cancer" => Some(1),
            "other_cause" => Some(2),
            _ => None,
        };
        let outcomes: Vec<Option<(f64, u32)>> =
            times.iter().zip(&causes).map(|(time, cause)| Some(((*time)?, code(cause.as_deref()?)?))).collect();
        let known: Vec<usize> =
            (0..records.len()).filter(|&row| outcomes.get(row).is_some_and(Option::is_some)).collect();
        let (days, cause): (Vec<f64>, Vec<u32>) = outcomes.iter().flatten().copied().unzip();
        let outcome = CompetingRisks::new(days, cause, 2)?;
        let of_known =
            |row: &usize| Some((records.get(*row)?.clone(), *expression.get(*row)?, patients.get(*row)?.clone()));
        let mut kept_patients = Vec::new();
        let (mut kept_records, mut kept_expression) = (Vec::new(), Vec::new());
        for (record, features, patient) in known.iter().filter_map(of_known) {
            kept_records.push(record);
            kept_expression.push(features);
            kept_patients.push(patient);
        }
        let effects = published_effects();
        let eligible: Vec<bool> =
            kept_records.iter().map(|record| BaselineRows::exclusion(record, &effects).is_none()).collect();
        let n_without_outcome = records.len() - kept_records.len();
        let (rows, left_out) = BaselineRows::eligible(kept_records, kept_expression, &outcome, &effects)?;
        let patients = kept_patients
            .into_iter()
            .zip(eligible)
            .filter_map(|(patient, eligible)| eligible.then_some(patient))
            .collect();
        Ok(Self { rows, patients, n_without_outcome, left_out })
    }
}
