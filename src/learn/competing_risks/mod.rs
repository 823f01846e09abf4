//! Competing risks given features: one hazard model per cause, put together to cumulative incidences.
//!
//! A patient's chance to die of breast cancer by time t depends on her hazard of it *and* on how likely it is that
//! another cause comes first; one minus a Kaplan-Meier curve that censors other causes overstates it. Each cause gets
//! its own model of the hazard (any [`CauseModel`]: Cox, elastic net, boosted trees with a Breslow baseline), fitted
//! with the other causes as censorings, and [`CauseSpecific`] integrates them together.
//!
//! Deliberately absent: the subdistribution hazard of Fine & Gray, whose coefficients do not separate the two.

mod cox_cause;
mod incidence;
mod intervals;

use serde::{Deserialize, Serialize};

pub use self::cox_cause::CoxCause;
pub use self::incidence::{CumulativeIncidence, HazardSteps};
pub use self::intervals::{IncidenceIntervals, bootstrap_incidence};

use super::calibrate::checks::{check_at_least, check_finite, check_length};
use super::{DesignMatrix, Error};
use crate::stats::{self, CompetingRisks, StepFunction, Survival};

/// A model of the hazard of one cause: λₖ(t | x) = λ₀ₖ(t) exp(ηₖ(x)).
pub trait CauseModel {
    /// The cumulative hazard of a patient with η = 0: 0 before the first step, never falling.
    fn baseline(&self) -> &StepFunction;

    /// η of every row of `x`; higher = earlier event of this cause.
    ///
    /// # Errors
    /// When the rows do not suit the model.
    fn log_relative_hazard(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error>;
}

/// Hazard models of all causes of one set of patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseSpecific<M> {
    /// Model of cause 1, 2, ….
    causes: Vec<M>,
    /// Last observed time of the training rows, in their unit.
    last_follow_up: f64,
}

/// A Cox regression for every cause.
pub type CauseSpecificCox = CauseSpecific<CoxCause>;

impl<M: CauseModel> CauseSpecific<M> {
    /// Keeps one model per cause, in the order of the causes, and the last observed time of their training rows.
    ///
    /// # Errors
    /// [`stats::Error::TooFew`] without causes; [`stats::Error::LengthMismatch`], [`stats::Error::NotFinite`],
    /// [`stats::Error::TimesNotAscending`] or [`Error::Parameter`] for a baseline that is no cumulative hazard.
    pub fn new(causes: Vec<M>, last_follow_up: f64) -> Result<Self, Error> {
        check_at_least("causes", 1, causes.len())?;
        check_finite(&[last_follow_up])?;
        for cause in &causes {
            check_cumulative_hazard(cause.baseline())?;
        }
        Ok(Self { causes, last_follow_up })
    }

    /// Fits one model per cause by `fit`, which gets the cause (from 1) and the rows with the other causes censored.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], whatever `fit` returns, and as [`CauseSpecific::new`].
    pub fn fit<F>(data: &CompetingRisks, x: &DesignMatrix, fit: F) -> Result<Self, Error>
    where
        F: Fn(u32, &Survival, &DesignMatrix) -> Result<M, Error>,
    {
        if data.n_samples() != x.n_rows {
            return Err(Error::LengthMismatch { expected: x.n_rows, found: data.n_samples() });
        }
        let causes =
            (1..=data.n_causes()).map(|cause| fit(cause, &data.cause_specific(cause)?, x)).collect::<Result<_, _>>()?;
        Self::new(causes, data.event_time().iter().copied().fold(0.0, f64::max))
    }

    /// The model of every cause, cause 1 first.
    #[must_use]
    pub fn causes(&self) -> &[M] {
        &self.causes
    }

    /// Returns the cumulative incidence of every cause for every row of `x` at ascending `times`.
    ///
    /// At each jump of any baseline the hazards of all causes act together, as `steps` says; incidences never fall and
    /// sum with the event-free survival to 1. With product-integral steps and no features this is the Aalen-Johansen
    /// estimate. O(n_rows · n_jumps · n_causes).
    ///
    /// # Errors
    /// [`stats::Error::TimesNotAscending`], [`stats::Error::NotFinite`], [`stats::Error::BeyondFollowUp`] for a time
    /// past the training rows', and what the models return for `x`.
    ///
    /// # Source
    /// Andersen et al. 1993, section VII.2.3; Putter, Fiocco & Geskus 2007; R `survfit` of a multi-state `coxph`.
    pub fn predict(&self, x: &DesignMatrix, times: &[f64], steps: HazardSteps) -> Result<CumulativeIncidence, Error> {
        check_times(times)?;
        match times.last() {
            Some(&time) if time > self.last_follow_up => {
                Err(stats::Error::BeyondFollowUp { time, last: self.last_follow_up }.into())
            }
            _ => self.integrate(x, times, steps),
        }
    }

    /// [`CauseSpecific::predict`] without the end of follow-up, which ends earlier in some bootstrap samples.
    fn integrate(&self, x: &DesignMatrix, times: &[f64], steps: HazardSteps) -> Result<CumulativeIncidence, Error> {
        let baselines: Vec<&StepFunction> = self.causes.iter().map(CauseModel::baseline).collect();
        let mut predictors = Vec::with_capacity(self.causes.len());
        for cause in &self.causes {
            let predictor = cause.log_relative_hazard(x)?;
            check_length("log relative hazards", x.n_rows, predictor.len())?;
            check_finite(&predictor)?;
            predictors.push(predictor);
        }
        incidence::integrate(&baselines, &predictors, x.n_rows, times, steps)
    }
}

fn check_times(times: &[f64]) -> Result<(), Error> {
    check_finite(times)?;
    match times.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(index) => Err(stats::Error::TimesNotAscending { index: index + 1 }.into()),
        None => Ok(()),
    }
}

fn check_cumulative_hazard(baseline: &StepFunction) -> Result<(), Error> {
    check_length("baseline hazard", baseline.times.len(), baseline.values.len())?;
    check_times(&baseline.times)?;
    check_finite(&baseline.values)?;
    let falls = |pair: &[f64]| pair[1] < pair[0];
    let expected = "0 before its first step, then never falling";
    if baseline.before != 0.0 || baseline.values.first().is_some_and(|&first| first < 0.0) {
        return Err(Error::Parameter { what: "baseline cumulative hazard", expected, found: baseline.before });
    }
    match baseline.values.windows(2).find(|pair| falls(pair)) {
        Some(pair) => Err(Error::Parameter { what: "baseline cumulative hazard", expected, found: pair[1] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
