use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::applies::{Gates, sentences};
use super::evaluation::Scored;
use super::fit::pick;
use super::{BinaryEvaluation, Error, FusedTable, ResponseModel, ResponseRows, Verdict};
use crate::decide::MIN_COMPARABLE;
use crate::learn::DesignMatrix;
use crate::terms::{Estimate, Subtype};

/// One option for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Row of the input table, from 1.
    pub row: usize,
    /// Option id; empty for a model without options.
    pub option: String,
    /// Probability with its 95 % interval; `None` when not supported.
    pub estimate: Option<Estimate>,
    /// True when at least 15 comparable patients received the option.
    pub supported: bool,
    /// `applies`, `caution` or `does_not_apply`.
    pub applicability: &'static str,
    /// Why there is no number, or what weakens it.
    pub reason: String,
}

/// Predictions with the patients of their rows.
#[derive(Debug, Clone)]
pub struct PredictionTable {
    /// Canonical patient id of each prediction.
    pub patient_ids: Vec<String>,
    /// Predictions, by row and then by option.
    pub predictions: Vec<Prediction>,
}

impl PredictionTable {
    /// The table as a frame with the columns of the command's contract.
    ///
    /// # Errors
    /// [`Error::Table`] never in practice: all columns have one length.
    pub fn to_frame(&self) -> Result<DataFrame, Error> {
        let all = &self.predictions;
        let estimates =
            |part: fn(&Estimate) -> f64| all.iter().map(|p| p.estimate.as_ref().map(part)).collect::<Vec<_>>();
        let columns: Vec<Column> = vec![
            Series::new("row".into(), all.iter().map(|p| p.row as u64).collect::<Vec<_>>()).into(),
            Series::new("patient_id".into(), &self.patient_ids).into(),
            Series::new("option".into(), all.iter().map(|p| p.option.as_str()).collect::<Vec<_>>()).into(),
            Series::new("estimate".into(), estimates(|e| e.estimate)).into(),
            Series::new("lower".into(), estimates(|e| e.lower95)).into(),
            Series::new("upper".into(), estimates(|e| e.upper95)).into(),
            Series::new("supported".into(), all.iter().map(|p| p.supported).collect::<Vec<_>>()).into(),
            Series::new("applicability".into(), all.iter().map(|p| p.applicability).collect::<Vec<_>>()).into(),
            Series::new("reason".into(), all.iter().map(|p| p.reason.as_str()).collect::<Vec<_>>()).into(),
        ];
        Ok(DataFrame::new(all.len(), columns).map_err(crate::tables::Error::from)?)
    }
}

/// Probabilities for every row and option, or under the option received when `received` is true.
///
/// # Errors
/// [`Error::Fusion`] for a column of the wrong type or a level that training never saw.
pub fn predict(model: &ResponseModel, table: &FusedTable, received: bool) -> Result<PredictionTable, Error> {
    let patients = table.patients()?;
    let subtypes = table.subtypes()?;
    let x = model.design.apply(&table.frame)?;
    let gates = Gates::of(model, table, &x)?;
    let options: Vec<Option<&crate::decide::TreatmentOption>> = match &model.options {
        Some(set) if !received => set.options.iter().map(Some).collect(),
        _ => vec![None],
    };
    let arms = table.texts("arm")?;
    let mut by_option = Vec::new();
    for option in &options {
        let x = match option {
            Some(option) => with_arm(&x, &option.id),
            None => x.clone(),
        };
        by_option.push(model.estimator.estimates(&x)?);
    }
    let mut result = PredictionTable { patient_ids: Vec::new(), predictions: Vec::new() };
    for (row, patient) in patients.iter().enumerate() {
        let subtype = subtypes.get(row).copied().flatten();
        let applicability = gates.applicability(model, row, (subtype, patient), &[]);
        let verdict = applicability.verdict;
        let remark = sentences(&applicability).0.join(" ");
        for (option, estimates) in options.iter().zip(&by_option) {
            let arm = arms.get(row).and_then(Option::as_deref);
            let id = option.map_or(arm.unwrap_or(""), |option| option.id.as_str()).to_owned();
            let support = support_of(model, subtype, if model.options.is_some() { Some(&id) } else { None });
            let shown = support.is_ok() && verdict != Verdict::DoesNotApply;
            result.patient_ids.push(patient.expose().to_owned());
            result.predictions.push(Prediction {
                row: row + 1,
                option: id,
                estimate: estimates.get(row).copied().filter(|_| shown),
                supported: support.is_ok(),
                applicability: word(verdict),
                reason: support.err().unwrap_or_else(|| remark.clone()),
            });
        }
    }
    Ok(result)
}

/// `x` as if every row had received the arm.
pub(super) fn with_arm(x: &DesignMatrix, arm: &str) -> DesignMatrix {
    let mut x = x.clone();
    let width = x.n_features();
    let arms: Vec<(usize, bool)> = x
        .names
        .iter()
        .enumerate()
        .filter_map(|(at, name)| name.strip_prefix("arm=").map(|level| (at, level == arm)))
        .collect();
    for row in 0..x.n_rows {
        for (at, chosen) in &arms {
            if let Some(value) = x.values.get_mut(row * width + at) {
                *value = f32::from(u8::from(*chosen));
            }
        }
    }
    x
}

/// Whether enough comparable patients received the option; the reason when not.
pub(super) fn support_of(model: &ResponseModel, subtype: Option<Subtype>, option: Option<&str>) -> Result<(), String> {
    let Some(subtype) = subtype else {
        return Err("hormone receptor or HER2 status is unknown".to_owned());
    };
    let Some(option) = option else { return Ok(()) };
    if option.is_empty() {
        return Err("no option is recorded for this row".to_owned());
    }
    let listed = model.options.as_ref().and_then(|set| set.options.iter().find(|known| known.id == option));
    if let Some(reason) = listed.and_then(|known| known.excluded(subtype)) {
        return Err(reason);
    }
    match model.evidence.cell(subtype, option).0 {
        n if n >= MIN_COMPARABLE => Ok(()),
        n => Err(format!(
            "only {n} training patients of subtype {subtype} received it; at least {MIN_COMPARABLE} are needed"
        )),
    }
}

/// The word of a verdict in the predictions table.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Applies => "applies",
        Verdict::Caution => "caution",
        Verdict::DoesNotApply => "does_not_apply",
    }
}

/// Evaluates a model on the rows it has not seen, under the option that each patient received.
///
/// # Errors
/// [`Error::Unsupported`] when no unseen row with a known outcome is left; [`Error::Column`] without an outcome.
pub fn evaluate_model(
    model: &ResponseModel,
    table: &FusedTable,
    n_resamples: usize,
) -> Result<BinaryEvaluation, Error> {
    let spec = &model.manifest.spec;
    let patients = table.patients()?;
    let excluded = patients.iter().filter(|patient| model.has_seen(patient)).count();
    let rows = ResponseRows::select(table, spec)?;
    let unseen: Vec<usize> = (0..rows.y.len())
        .filter(|&row| rows.patients.get(row).is_some_and(|patient| !model.has_seen(patient)))
        .collect();
    if unseen.is_empty() {
        return Err(Error::Unsupported(format!(
            "no unseen rows: {} was trained on {excluded} of the {} rows, and the others lack `{}`{}",
            model.label(),
            patients.len(),
            spec.target,
            spec.require.iter().map(|flag| format!(" or `{flag}`")).collect::<String>()
        )));
    }
    let x = model.design.apply(&rows.table.frame)?.select(&unseen);
    let p = model.estimator.estimates(&x)?.iter().map(|estimate| estimate.estimate).collect();
    let scored = Scored {
        y: pick(&rows.y, &unseen),
        repeats: vec![p],
        subtypes: pick(&rows.subtypes, &unseen),
        patient_ids: pick(&rows.patients, &unseen).iter().map(|patient| patient.expose().to_owned()).collect(),
    };
    let mut result = scored.evaluate(
        &model.label(),
        "unseen rows, one model, under the option received",
        (excluded, rows.n_before - rows.y.len()),
        n_resamples,
        spec.seed,
    )?;
    result.data_sha256.clone_from(&table.sha256);
    Ok(result)
}
