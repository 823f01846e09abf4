use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cause_model::CauseModel;
use super::effects::{period_of, received_log_hr};
use super::era::EraShift;
use super::fit::{Draw, SurvivalBaseline, standard_normals};
use super::hazard::grid;
use super::inputs::{ExpressionFeatures, Input, input_row};
use crate::decide::{CauseHazards, ClinicalRecord, Error, Fates};

/// Seed of the draws of missing inputs, the same for every woman.
const SEED: u64 = 20_261_126;

/// The hazards of one woman without adjuvant treatment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselinePrediction {
    /// As in METABRIC's years of diagnosis: never to be shown as today's prognosis.
    pub raw: CauseHazards,
    /// Carried to the target year of the era recalibration.
    pub recalibrated: CauseHazards,
    /// Log factors between the two.
    pub era: EraShift,
    /// Inputs that were not recorded and were filled.
    pub imputed: Vec<Input>,
    /// Draws of all that is uncertain.
    pub draws: Vec<BaselineDraw>,
    /// By id of the published effect among the options: in each draw, by how many standard errors its log ratio stood off
    /// its estimate when the treatment received was taken out of the hazards.
    pub effect_draws: BTreeMap<String, Vec<f64>>,
}

/// The hazards under one draw of coefficients, baselines, offsets, missing inputs and strength of the era's trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineDraw {
    /// Raw hazards.
    pub raw: CauseHazards,
    /// Log factors that carry them to the target year, to be added to the log hazard ratios of an option.
    pub era: EraShift,
}

impl SurvivalBaseline {
    /// Returns the standardised inputs (order of [`Input::ALL`], then ER), missing ones at their conditional mean.
    ///
    /// # Errors
    /// As [`SurvivalBaseline::raw_hazards`].
    pub fn filled_inputs(&self, record: &ClinicalRecord, expression: &ExpressionFeatures) -> Result<Vec<f64>, Error> {
        Ok(self.imputer.fill(&input_row(record, expression, &self.age_knots)?)?.z)
    }

    /// Returns the raw hazards without adjuvant treatment: the cheap part of [`SurvivalBaseline::hazards`].
    ///
    /// # Errors
    /// [`Error::Unrecorded`] without an age or a clear ER state: show both branches where ER is unclear.
    pub fn raw_hazards(&self, record: &ClinicalRecord, expression: &ExpressionFeatures) -> Result<CauseHazards, Error> {
        let z = self.filled_inputs(record, expression)?;
        Ok(of(&self.breast, &self.other, &z, record.er_positive() == Some(true)))
    }

    /// Returns the hazards without adjuvant treatment, raw and carried to the target year, with draws.
    ///
    /// Treatments received do not enter. A missing input is at its conditional mean in the estimate and drawn from its
    /// conditional distribution in the draws.
    ///
    /// # Errors
    /// As [`SurvivalBaseline::raw_hazards`]; [`Error::Width`] for an artifact whose draws do not fit its columns.
    pub fn hazards(
        &self,
        record: &ClinicalRecord,
        expression: &ExpressionFeatures,
    ) -> Result<BaselinePrediction, Error> {
        let filled = self.imputer.fill(&input_row(record, expression, &self.age_knots)?)?;
        let er_positive = record.er_positive() == Some(true);
        let raw = of(&self.breast, &self.other, &filled.z, er_positive);
        let era = self.era.shift(er_positive);
        let mut causes = (self.breast.clone(), self.other.clone());
        let draws = self
            .draws
            .iter()
            .enumerate()
            .map(|(index, draw)| {
                take_coefficients(&mut causes.0, &draw.breast_coef, draw)?;
                take_coefficients(&mut causes.1, &draw.other_coef, draw)?;
                causes.0.baselines.clone_from(&draw.breast_baselines);
                causes.1.baselines.clone_from(&draw.other_baselines);
                let z = self.imputer.draw(&filled, standard_normals(SEED, index));
                Ok(BaselineDraw {
                    raw: of(&causes.0, &causes.1, &z, er_positive),
                    era: self.era.shift_of_draw(index, er_positive),
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let imputed = filled.missing().iter().filter_map(|&at| Input::ALL.get(at).copied()).collect();
        let effect_draws = self.effects.iter().enumerate().filter_map(|(at, effect)| {
            let of = |draw: &Draw| draw.shift.get(at).copied().unwrap_or(0.0) / effect.standard_error;
            Some((effect.option_effect()?.to_owned(), self.draws.iter().map(of).collect()))
        });
        let effect_draws = effect_draws.collect();
        Ok(BaselinePrediction { recalibrated: shifted(&raw, era), raw, era, imputed, draws, effect_draws })
    }

    /// Returns what became of women like her under the treatments that she received, in METABRIC's years: for the check
    /// against observed deaths, not for a decision.
    ///
    /// # Errors
    /// As [`SurvivalBaseline::raw_hazards`]; [`Error::Unrecorded`] when a treatment is not recorded.
    pub fn factual_fates(&self, record: &ClinicalRecord, expression: &ExpressionFeatures) -> Result<Fates, Error> {
        let expected = "whether each treatment was received";
        let received = received_log_hr(&self.effects, &[], record);
        let received = received.ok_or(Error::Unrecorded { input: "received", expected })?;
        let raw = self.raw_hazards(record, expression)?;
        Ok(raw.fates(|year| received.get(period_of(year)).copied().unwrap_or(0.0), |_| 0.0))
    }
}

impl BaselineDraw {
    /// The hazards of this draw carried to the target year.
    #[must_use]
    pub fn recalibrated(&self) -> CauseHazards {
        shifted(&self.raw, self.era)
    }
}

fn of(breast: &CauseModel, other: &CauseModel, z: &[f64], er_positive: bool) -> CauseHazards {
    CauseHazards { years: grid(), breast: breast.cumulative(z, er_positive), other: other.cumulative(z, er_positive) }
}

fn shifted(hazards: &CauseHazards, era: EraShift) -> CauseHazards {
    let times = |curve: &[f64], log_factor: f64| curve.iter().map(|value| value * log_factor.exp()).collect();
    CauseHazards {
        years: hazards.years.clone(),
        breast: times(&hazards.breast, era.breast),
        other: times(&hazards.other, era.other),
    }
}

fn take_coefficients(model: &mut CauseModel, coef: &[f64], draw: &Draw) -> Result<(), Error> {
    if coef.len() != model.columns.len() || draw.breast_baselines.is_empty() || draw.other_baselines.is_empty() {
        return Err(Error::Width { what: "coefficients of a draw", expected: model.columns.len(), found: coef.len() });
    }
    model.coef = coef.to_vec();
    Ok(())
}
