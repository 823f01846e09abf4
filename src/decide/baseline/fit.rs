use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::candidates::{Candidate, candidates, choose};
use super::cause_model::{CauseModel, TrainingRows};
use super::effects::{TreatmentEffect, published_effects, received_log_hr};
use super::era::EraRecalibration;
use super::hazard::LogHazard;
use super::impute::GaussianImputer;
use super::inputs::{Column, Input, input_row};
use super::rows::{BaselineRows, YEAR_DAYS};
use super::typical::reference;
use crate::decide::{Error, Reference};
use crate::stats::bootstrap::resample;
use crate::stats::normal;
use crate::stats::spline::four_knots;

/// Smallest share of bootstrap refits that must succeed.
const SMALLEST_SHARE: f64 = 0.9;

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineOptions {
    /// Offsets.
    pub effects: Vec<TreatmentEffect>,
    /// Forms of the breast cancer hazard; with one there is nothing to choose.
    pub candidates: Vec<Candidate>,
    /// Inner folds of the choice.
    pub n_folds: usize,
    /// Bootstrap refits, each with offsets drawn anew; 0 for a point estimate alone.
    pub n_draws: usize,
    /// Seed of folds, resamples and offsets.
    pub seed: u64,
}

impl Default for BaselineOptions {
    fn default() -> Self {
        Self { effects: published_effects(), candidates: candidates(), n_folds: 5, n_draws: 200, seed: 20_261_125 }
    }
}

/// Cause-specific hazards without adjuvant treatment, with what their uncertainty needs; holds no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalBaseline {
    /// Time zero of the hazards.
    pub time_zero: String,
    /// Women fitted on.
    pub n_samples: usize,
    /// Deaths from breast cancer and from other causes within 15 years.
    pub n_events: [usize; 2],
    /// Form chosen for the breast cancer hazard.
    pub candidate: String,
    /// Penalty.
    pub ridge: f64,
    /// Knots of the age spline.
    pub age_knots: [f64; 4],
    /// Standardisation and imputation of the inputs.
    pub imputer: GaussianImputer,
    /// The women fitted on, in aggregate: how unusual another is among them. Absent in artifacts before it existed.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// Death from breast cancer, by ER.
    pub breast: CauseModel,
    /// Death from other causes.
    pub other: CauseModel,
    /// Offsets used.
    pub effects: Vec<TreatmentEffect>,
    /// Assumption about the years since.
    pub era: EraRecalibration,
    /// Bootstrap refits.
    pub draws: Vec<Draw>,
}

/// Coefficients of one bootstrap refit; columns, imputation and knots are those of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draw {
    /// What was added to the log rate ratio of each effect; use it again where the treatment is given back.
    pub shift: Vec<f64>,
    /// Coefficients of death from breast cancer.
    pub breast_coef: Vec<f64>,
    /// Its baselines, ER-negative and ER-positive.
    pub breast_baselines: Vec<LogHazard>,
    /// Coefficients of death from other causes.
    pub other_coef: Vec<f64>,
    /// Its baseline.
    pub other_baselines: Vec<LogHazard>,
}

impl SurvivalBaseline {
    /// Fits imputation, the chosen breast cancer hazard, the other-cause hazard and the bootstrap draws.
    ///
    /// Each draw resamples the women and draws the offsets from their published uncertainty; knots, imputation and choice
    /// of form are kept, so that their own uncertainty is not in the draws.
    ///
    /// # Errors
    /// [`Error::Unrecorded`] for a row that [`BaselineRows::eligible`] would leave out, [`Error::TooFewEvents`],
    /// [`Error::NotConverged`], [`Error::Width`] when fewer than 90 % of the refits succeed, and [`Error::Stats`].
    pub fn fit(rows: &BaselineRows, options: &BaselineOptions) -> Result<Self, Error> {
        rows.check()?;
        let ages: Vec<f64> = rows.records.iter().filter_map(|record| record.age_years).collect();
        let knots = four_knots(&ages)?;
        let age_knots = knots.ok_or(Error::Unrecorded { input: "age_years", expected: "ages that differ" })?;
        let inputs = rows
            .records
            .iter()
            .zip(&rows.expression)
            .map(|(record, expression)| input_row(record, expression, &age_knots))
            .collect::<Result<Vec<_>, _>>()?;
        let imputer = GaussianImputer::fit(&inputs)?;
        let reference = Some(reference(&inputs, options.seed)?);
        let training = training_rows(rows, &inputs, &imputer, &options.effects, &[])?;
        let chosen = if options.candidates.len() > 1 {
            choose(&training, &options.candidates, options.n_folds, options.seed)?.0
        } else {
            0
        };
        let candidate = options.candidates.get(chosen).ok_or(Error::Width {
            what: "candidates",
            expected: 1,
            found: options.candidates.len(),
        })?;
        let (breast, other) = fit_causes(&training, candidate)?;
        let mut model = Self {
            time_zero: "diagnosis".to_owned(),
            n_samples: rows.n_samples(),
            n_events: [1, 2].map(|cause| deaths(&training, cause)),
            candidate: candidate.name.clone(),
            ridge: candidate.ridge,
            age_knots,
            imputer,
            reference,
            breast,
            other,
            effects: options.effects.clone(),
            era: EraRecalibration::predict(),
            draws: vec![],
        };
        model.draws = model.bootstrap(rows, &training, candidate, options)?;
        Ok(model)
    }

    fn bootstrap(
        &self,
        rows: &BaselineRows,
        training: &TrainingRows,
        candidate: &Candidate,
        options: &BaselineOptions,
    ) -> Result<Vec<Draw>, Error> {
        let refit = |index: usize| -> Result<Draw, Error> {
            let shift = drawn_shift(&self.effects, options.seed, index)?;
            let mut moved = training.clone();
            moved.offset = offsets(rows, &self.effects, &shift)?;
            let drawn = moved.select(&resample(rows.n_samples(), options.seed, index));
            let (breast, other) = fit_causes(&drawn, candidate)?;
            Ok(Draw {
                shift,
                breast_coef: breast.coef,
                breast_baselines: breast.baselines,
                other_coef: other.coef,
                other_baselines: other.baselines,
            })
        };
        let draws: Vec<Draw> = (0..options.n_draws).into_par_iter().filter_map(|index| refit(index).ok()).collect();
        let needed = (SMALLEST_SHARE * options.n_draws as f64).ceil() as usize;
        if draws.len() < needed {
            return Err(Error::Width { what: "bootstrap refits", expected: needed, found: draws.len() });
        }
        Ok(draws)
    }
}

/// Both causes; death from other causes depends on age, under no more than a trace of a penalty.
fn fit_causes(training: &TrainingRows, candidate: &Candidate) -> Result<(CauseModel, CauseModel), Error> {
    let breast = CauseModel::fit(training, 1, &candidate.columns, candidate.ridge, true)?;
    let other = CauseModel::fit(training, 2, &Input::AGE.map(Column::Main), 0.01, false)?;
    Ok((breast, other))
}

fn deaths(training: &TrainingRows, cause: u32) -> usize {
    training.cause.iter().zip(&training.years).filter(|&(&c, &years)| c == cause && years <= 15.0).count()
}

/// Rows after imputation, with offsets moved by `shift`.
fn training_rows(
    rows: &BaselineRows,
    inputs: &[Vec<f64>],
    imputer: &GaussianImputer,
    effects: &[TreatmentEffect],
    shift: &[f64],
) -> Result<TrainingRows, Error> {
    let z = inputs.iter().map(|row| Ok(imputer.fill(row)?.z)).collect::<Result<Vec<_>, Error>>()?;
    Ok(TrainingRows {
        z,
        er_positive: rows.records.iter().map(|record| record.er_positive() == Some(true)).collect(),
        // A death on the day of diagnosis counts as one on the next day.
        years: rows.outcome.event_time().iter().map(|days| days.max(1.0) / YEAR_DAYS).collect(),
        cause: rows.outcome.cause().to_vec(),
        offset: offsets(rows, effects, shift)?,
    })
}

fn offsets(rows: &BaselineRows, effects: &[TreatmentEffect], shift: &[f64]) -> Result<Vec<[f64; 3]>, Error> {
    let of = |record| {
        let expected = "whether each treatment was received";
        received_log_hr(effects, shift, record).ok_or(Error::Unrecorded { input: "received", expected })
    };
    rows.records.iter().map(of).collect()
}

/// Standard errors times standard normal numbers; depends on seed and index alone.
fn drawn_shift(effects: &[TreatmentEffect], seed: u64, index: usize) -> Result<Vec<f64>, Error> {
    let mut normals = standard_normals(seed.wrapping_add(1), index);
    effects.iter().map(|effect| Ok(effect.standard_error * normals.next().unwrap_or(0.0))).collect()
}

/// An endless sequence of standard normal numbers, from ChaCha8 keyed by the seed, stream `index`.
pub(super) fn standard_normals(seed: u64, index: usize) -> impl Iterator<Item = f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index as u64);
    // 53 random bits moved off 0 and 1, where the quantile is infinite.
    std::iter::repeat_with(move || (rng.random::<f64>() + 2.0_f64.powi(-54)).min(1.0 - 2.0_f64.powi(-53)))
        .map(|uniform| normal::quantile(uniform).unwrap_or(0.0))
}
