use serde::{Deserialize, Serialize};

use super::evaluate::{Predicted, RepeatedPrediction};
use super::fit::SurvivalBaseline;
use super::inputs::Input;
use super::rows::{BaselineRows, YEAR_DAYS};
use crate::decide::predict_breast::{
    Endocrine, Generation, PredictInputs, Treatments, Version, surgery_only, survival,
};
use crate::decide::{CauseHazards, ClinicalRecord, Error, Fates};

/// PREDICT Breast on the same women, under the treatments that they received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictComparator {
    /// As published.
    pub as_it_is: Predicted,
    /// After intercept and slope recalibration of both causes in the training folds, one prediction per repeat.
    pub recalibrated: RepeatedPrediction,
    /// Mean slopes over the folds: death from breast cancer when ER-negative, ER-positive, and other death.
    pub slopes: [f64; 3],
}

/// Intercept and slope of ln H on ln H(10), by which a model's hazards are recalibrated.
#[derive(Debug, Clone, Copy)]
struct Recalibration {
    intercept: f64,
    slope_minus_one: f64,
}

/// Returns PREDICT's risks as published, and recalibrated inside the same folds as [`super::cross_validate`]'s.
///
/// Inputs that METABRIC lacks take PREDICT's codes for unknown (screening, Ki-67; grade, HER2 and PR where missing) or its
/// default (no smoker, 0 Gy); chemotherapy counts as second generation; trastuzumab and bisphosphonates as not given. Size
/// and nodes, which PREDICT cannot do without, are filled by `model`'s imputation where missing.
///
/// # Errors
/// [`Error::Unrecorded`] for a row that is not eligible, [`Error::NotConverged`], [`Error::Stats`].
pub fn predict_comparator(
    rows: &BaselineRows,
    model: &SurvivalBaseline,
    version: Version,
    n_folds: usize,
    n_repeats: usize,
    seed: u64,
) -> Result<PredictComparator, Error> {
    rows.check()?;
    let (mut hazards, mut fates) = (vec![], vec![]);
    for (record, expression) in rows.records.iter().zip(&rows.expression) {
        let z = model.filled_inputs(record, expression)?;
        let value = |input: Input| {
            let at = input as usize;
            let parts = z.get(at).zip(model.imputer.std_dev.get(at)).zip(model.imputer.mean.get(at));
            parts.map_or(0.0, |((z, std_dev), mean)| z * std_dev + mean)
        };
        let filled = ClinicalRecord {
            nodes_positive: Some(record.nodes_positive.unwrap_or_else(|| value(Input::LnNodes).exp_m1().max(0.0))),
            tumour_size_mm: Some(record.tumour_size_mm.filter(|&size| size > 0.0).unwrap_or_else(|| {
                let saturation = value(Input::SizeSaturation).clamp(0.01, 0.99);
                -20.0 * (-saturation).ln_1p()
            })),
            // The tool starts at 25 years.
            age_years: record.age_years.map(|age| age.max(25.0)),
            ..record.clone()
        };
        let inputs = PredictInputs::of_record(&filled).inputs;
        let inputs = inputs.ok_or(Error::Unrecorded { input: "age, ER", expected: "what PREDICT needs" })?;
        let treatments = received(record);
        fates.push(survival(&inputs, version, &treatments));
        hazards.push(factual(&inputs, version, &treatments));
    }
    let as_it_is = Predicted::from_fates(fates.iter());
    let mut comparator = PredictComparator { as_it_is, recalibrated: vec![], slopes: [0.0; 3] };
    for repeat in 0..n_repeats {
        let fold = rows.folds(n_folds, seed, repeat)?;
        let mut recalibrated: Vec<Option<Fates>> = vec![None; rows.n_samples()];
        for held in 0..n_folds {
            let train: Vec<usize> = (0..rows.n_samples()).filter(|&row| fold[row] != held).collect();
            let fits = recalibrations(rows, &hazards, &train)?;
            for (slope, fit) in comparator.slopes.iter_mut().zip(&fits) {
                *slope += (1.0 + fit.slope_minus_one) / (n_folds * n_repeats) as f64;
            }
            for row in (0..rows.n_samples()).filter(|&row| fold[row] == held) {
                let own = &hazards[row];
                let breast = fits[usize::from(rows.records[row].er_positive() == Some(true))].log_factor(&own.breast);
                let other = fits[2].log_factor(&own.other);
                recalibrated[row] = Some(own.fates(|_| breast, |_| other));
            }
        }
        comparator.recalibrated.push(Predicted::from_fates(recalibrated.iter().flatten()));
    }
    Ok(comparator)
}

/// What she received, in PREDICT's terms.
fn received(record: &ClinicalRecord) -> Treatments {
    let yes = |flag: Option<bool>| flag == Some(true);
    Treatments {
        radiotherapy: yes(record.received.radiotherapy),
        heart_exposed: yes(record.received.radiotherapy),
        endocrine: yes(record.received.endocrine).then_some(Endocrine::FiveYears),
        chemotherapy: yes(record.received.chemotherapy).then_some(Generation::Second),
        trastuzumab: false,
        bisphosphonate: false,
    }
}

/// Cumulative hazards by year under the treatments, whose effects on them are constant over the 15 years.
fn factual(inputs: &PredictInputs, version: Version, treatments: &Treatments) -> CauseHazards {
    let mut hazards = surgery_only(inputs, version);
    let (breast, other) = (inputs.breast_effect(treatments, 1).exp(), inputs.other_effect(treatments).exp());
    hazards.breast.iter_mut().for_each(|hazard| *hazard *= breast);
    hazards.other.iter_mut().for_each(|hazard| *hazard *= other);
    hazards
}

/// Of death from breast cancer when ER-negative and ER-positive, and of other death.
fn recalibrations(rows: &BaselineRows, hazards: &[CauseHazards], train: &[usize]) -> Result<[Recalibration; 3], Error> {
    let of = |cause: u32, er_positive: Option<bool>| {
        let member =
            |&&row: &&usize| er_positive.is_none_or(|er| (rows.records[row].er_positive() == Some(true)) == er);
        let women: Vec<(f64, f64, bool)> = train
            .iter()
            .filter(member)
            .map(|&row| {
                let curve = if cause == 1 { &hazards[row].breast } else { &hazards[row].other };
                let years = rows.outcome.event_time()[row].max(1.0) / YEAR_DAYS;
                let event = rows.outcome.cause()[row] == cause && years <= 15.0;
                (read(curve, years.min(15.0)), log_at_10(curve), event)
            })
            .collect();
        Recalibration::fit(&women)
    };
    Ok([of(1, Some(false))?, of(1, Some(true))?, of(2, None)?])
}

/// A yearly cumulative hazard at `years`, linear between the years.
fn read(curve: &[f64], years: f64) -> f64 {
    let at = |year: usize| year.checked_sub(1).map_or(0.0, |at| curve.get(at).copied().unwrap_or(0.0));
    let whole = (years.floor() as usize).min(curve.len().saturating_sub(1));
    at(whole) + (at(whole + 1) - at(whole)) * (years - whole as f64)
}

fn log_at_10(curve: &[f64]) -> f64 {
    curve.get(9).copied().unwrap_or(1.0).max(1e-12).ln()
}

impl Recalibration {
    fn log_factor(&self, curve: &[f64]) -> f64 {
        self.intercept + self.slope_minus_one * log_at_10(curve)
    }

    /// Poisson likelihood of events given H(T) exp(a + c ln H(10)), from (H(T), ln H(10), event) of each woman.
    fn fit(women: &[(f64, f64, bool)]) -> Result<Self, Error> {
        let (mut a, mut c) = (0.0_f64, 0.0_f64);
        for _ in 0..100 {
            let (mut gradient, mut information) = ([0.0; 2], [0.0; 3]);
            for &(hazard, eta, event) in women {
                let expected = hazard * (a + c * eta).exp();
                let residual = f64::from(u8::from(event)) - expected;
                gradient = [gradient[0] + residual, gradient[1] + residual * eta];
                information[0] += expected;
                information[1] += expected * eta;
                information[2] += expected * eta * eta;
            }
            let determinant = information[0] * information[2] - information[1] * information[1];
            let step = [
                (gradient[0] * information[2] - gradient[1] * information[1]) / determinant,
                (information[0] * gradient[1] - information[1] * gradient[0]) / determinant,
            ];
            if !step.iter().all(|value| value.is_finite()) {
                break;
            }
            // At most 2 on the log scale in one step.
            let share = (2.0 / (step[0].abs() + step[1].abs())).min(1.0);
            (a, c) = (a + share * step[0], c + share * step[1]);
            if step[0].abs() + step[1].abs() < 1e-10 {
                return Ok(Self { intercept: a, slope_minus_one: c });
            }
        }
        Err(Error::NotConverged { what: "recalibration" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hazard_that_is_twice_too_high_gets_half_of_it() {
        // Pencil: each woman's H(T) sums to twice the events at every ln H(10), so a = ln ½ and c = 0.
        let women: Vec<(f64, f64, bool)> = [-2.0, -1.0, 0.0]
            .into_iter()
            .flat_map(|eta| [(0.8, eta, true), (0.8, eta, false), (0.4, eta, false)])
            .collect();
        let found = Recalibration::fit(&women).unwrap();
        assert!((found.intercept - 0.5_f64.ln()).abs() < 1e-9 && found.slope_minus_one.abs() < 1e-9);
        assert!((found.log_factor(&[0.3; 10]) - 0.5_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn a_yearly_curve_is_read_linearly() {
        let curve = [0.1, 0.3, 0.6];
        assert!((read(&curve, 0.5) - 0.05).abs() < 1e-12 && (read(&curve, 2.5) - 0.45).abs() < 1e-12);
        assert!((read(&curve, 3.0) - 0.6).abs() < 1e-12);
    }
}
