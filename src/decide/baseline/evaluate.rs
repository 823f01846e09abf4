use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fit::{BaselineOptions, SurvivalBaseline};
use super::rows::{BaselineRows, YEAR_DAYS};
use crate::decide::{Error, Fates};
use crate::stats::Survival;
use crate::stats::concordance::c_index_value;
use crate::stats::cox::{CoxData, CoxOptions, cox_fit};
use crate::stats::dynamic_auc::auc_t;
use crate::stats::folds::{repeat_seed, stratified_folds};
use crate::stats::ipcw::CensorSurvival;
use crate::stats::paired::{bootstrap_estimates, pick};
use crate::terms::Estimate;

/// Years at which risks are compared with what was observed.
pub const HORIZONS: [f64; 3] = [5.0, 10.0, 15.0];

/// Predicted risks of every woman at the [`HORIZONS`], under the treatments that she received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// Probability to have died of breast cancer, death from another cause competing.
    pub breast_death: Vec<[f64; 3]>,
    /// Probability to have died.
    pub death: Vec<[f64; 3]>,
}

/// One prediction per repeat of a cross-validation; one alone for a model that was fitted elsewhere.
pub type RepeatedPrediction = Vec<Predicted>;

/// Held-out predictions, and how often each form of the hazard was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidated {
    /// Predictions by repeat, each woman's by the model of the folds without her.
    pub predictions: RepeatedPrediction,
    /// Form chosen in each repeat and fold.
    pub chosen: Vec<String>,
}

/// Endpoint-wise figures over the repeats, with percentile intervals from resampled women.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discrimination {
    /// Harrell's c of death from breast cancer, other deaths censored, within 15 years, by predicted risk at 10.
    pub c_breast: Estimate,
    /// Cumulative/dynamic area at each horizon, same endpoint.
    pub auc_breast: [Estimate; 3],
    /// Slope of the Cox regression on ln(−ln(1 − risk at 10)): 1 is right, below 1 too extreme.
    pub slope_breast: Estimate,
    /// Harrell's c of death from any cause.
    pub c_death: Estimate,
    /// Area at each horizon, same endpoint.
    pub auc_death: [Estimate; 3],
    /// Slope, same endpoint.
    pub slope_death: Estimate,
}

impl Predicted {
    /// Reads the risks at the horizons from each woman's fates.
    #[must_use]
    pub fn from_fates<'a>(fates: impl Iterator<Item = &'a Fates>) -> Self {
        let mut predicted = Self::default();
        for fates in fates {
            predicted.breast_death.push(HORIZONS.map(|year| fates.at(&fates.breast_death, 0.0, year)));
            predicted.death.push(HORIZONS.map(|year| 1.0 - fates.alive_at(year)));
        }
        predicted
    }
}

impl BaselineRows {
    /// Folds by patient for repeat number `repeat`, even in deaths from breast cancer.
    ///
    /// # Errors
    /// [`Error::Stats`] with fewer events than folds.
    pub fn folds(&self, n_folds: usize, seed: u64, repeat: usize) -> Result<Vec<usize>, Error> {
        let events: Vec<bool> = self.outcome.cause().iter().map(|&cause| cause == 1).collect();
        Ok(stratified_folds(&events, None, n_folds, repeat_seed(seed, repeat))?)
    }
}

/// Returns every woman's risks under her factual treatment, from models that were fitted without her: knots, imputation
/// and the choice of the form are refitted in each training fold.
///
/// # Errors
/// As [`SurvivalBaseline::fit`].
pub fn cross_validate(
    rows: &BaselineRows,
    options: &BaselineOptions,
    n_folds: usize,
    n_repeats: usize,
) -> Result<CrossValidated, Error> {
    rows.check()?;
    let options = BaselineOptions { n_draws: 0, ..options.clone() };
    let mut found = CrossValidated { predictions: vec![], chosen: vec![] };
    for repeat in 0..n_repeats {
        let fold = rows.folds(n_folds, options.seed, repeat)?;
        let held_out = |held: usize| -> Result<(String, Vec<(usize, Fates)>), Error> {
            let (test, train): (Vec<usize>, Vec<usize>) = (0..rows.n_samples()).partition(|&row| fold[row] == held);
            let model = SurvivalBaseline::fit(&rows.select(&train)?, &options)?;
            let fates = test
                .into_iter()
                .map(|row| Ok((row, model.factual_fates(&rows.records[row], &rows.expression[row])?)))
                .collect::<Result<Vec<_>, Error>>()?;
            Ok((model.candidate, fates))
        };
        let folds: Vec<_> = (0..n_folds).into_par_iter().map(held_out).collect::<Result<_, _>>()?;
        let (chosen, fates): (Vec<String>, Vec<Vec<(usize, Fates)>>) = folds.into_iter().unzip();
        found.chosen.extend(chosen);
        let mut fates: Vec<(usize, Fates)> = fates.into_iter().flatten().collect();
        fates.sort_by_key(|(row, _)| *row);
        found.predictions.push(Predicted::from_fates(fates.iter().map(|(_, fates)| fates)));
    }
    Ok(found)
}

/// Returns discrimination and calibration slope of both endpoints, averaged over the repeats.
///
/// # Errors
/// [`Error::Stats`]: too few events, or too many resamples without them.
pub fn discrimination(
    rows: &BaselineRows,
    predictions: &[Predicted],
    n_resamples: usize,
    seed: u64,
) -> Result<Discrimination, Error> {
    check_lengths(rows, predictions)?;
    let figures = bootstrap_estimates(rows.n_samples(), n_resamples, seed, |drawn| figures(rows, predictions, drawn))?;
    named(&figures)
}

/// Returns the same figures of `first` minus those of `second`, from the same resamples of women.
///
/// # Errors
/// As [`discrimination`].
pub fn paired_discrimination(
    rows: &BaselineRows,
    first: &[Predicted],
    second: &[Predicted],
    n_resamples: usize,
    seed: u64,
) -> Result<Discrimination, Error> {
    check_lengths(rows, first)?;
    check_lengths(rows, second)?;
    let differences = bootstrap_estimates(rows.n_samples(), n_resamples, seed, |drawn| {
        let (first, second) = (figures(rows, first, drawn)?, figures(rows, second, drawn)?);
        Ok(first.iter().zip(&second).map(|(a, b)| a - b).collect())
    })?;
    named(&differences)
}

fn named(figures: &[Estimate]) -> Result<Discrimination, Error> {
    let &[c_breast, b5, b10, b15, slope_breast, c_death, d5, d10, d15, slope_death] = figures else {
        return Err(Error::Width { what: "figures", expected: 10, found: figures.len() });
    };
    Ok(Discrimination {
        c_breast,
        auc_breast: [b5, b10, b15],
        slope_breast,
        c_death,
        auc_death: [d5, d10, d15],
        slope_death,
    })
}

/// Checks that every prediction has a row per woman.
fn check_lengths(rows: &BaselineRows, predictions: &[Predicted]) -> Result<(), Error> {
    let lengths = predictions.iter().flat_map(|found| [found.breast_death.len(), found.death.len()]);
    match lengths.chain([rows.outcome.n_samples()]).find(|&found| found != rows.n_samples()) {
        Some(found) => Err(Error::Width { what: "predictions", expected: rows.n_samples(), found }),
        None => Ok(()),
    }
}

/// The ten figures of the resampled rows, each the mean over the repeats.
fn figures(rows: &BaselineRows, predictions: &[Predicted], drawn: &[usize]) -> Result<Vec<f64>, crate::stats::Error> {
    let outcome = rows.outcome.select(drawn)?;
    let mut mean = vec![0.0; 10];
    for predicted in predictions {
        let of_breast = endpoint_figures(&outcome.cause_specific(1)?, &pick(&predicted.breast_death, drawn))?;
        let of_death = endpoint_figures(&outcome.any_event()?, &pick(&predicted.death, drawn))?;
        let all = of_breast.into_iter().chain(of_death);
        mean.iter_mut().zip(all).for_each(|(sum, value)| *sum += value / predictions.len() as f64);
    }
    Ok(mean)
}

fn endpoint_figures(survival: &Survival, risk: &[[f64; 3]]) -> Result<[f64; 5], crate::stats::Error> {
    let last = HORIZONS[2] * YEAR_DAYS;
    let within = Survival::new(
        survival.event_time().iter().map(|&time| time.min(last)).collect(),
        survival.event().iter().zip(survival.event_time()).map(|(&event, &time)| event && time <= last).collect(),
    )?;
    let at = |horizon: usize| risk.iter().map(|risk| risk[horizon]).collect::<Vec<f64>>();
    let censoring = CensorSurvival::fit(survival);
    let auc = |horizon: usize| auc_t(&censoring, survival, &at(horizon), HORIZONS[horizon] * YEAR_DAYS);
    let predictor: Vec<f64> = at(1).into_iter().map(log_cum_hazard).collect();
    let slope = cox_fit(&CoxData::new(&predictor, 1, &within), &CoxOptions::default())?.coef;
    Ok([c_index_value(&within, &at(1))?, auc(0)?, auc(1)?, auc(2)?, slope.first().copied().unwrap_or(0.0)])
}

/// ln(−ln(1 − risk)), risks of 0 and 1 moved inside.
fn log_cum_hazard(risk: f64) -> f64 {
    (-(-risk.clamp(1e-9, 1.0 - 1e-9)).ln_1p()).ln()
}
