//! A Cox regression as the hazard model of one cause.

use serde::{Deserialize, Serialize};

use super::{CauseModel, CauseSpecific, CauseSpecificCox, check_cumulative_hazard};
use crate::learn::calibrate::checks::{check_finite, check_length};
use crate::learn::{DesignMatrix, Error};
use crate::stats::cox::{CoxData, CoxOptions, breslow_baseline, cox_fit};
use crate::stats::{CompetingRisks, StepFunction, Survival};

/// Coefficients, centre and baseline of one cause's hazard; without columns the hazard of Nelson and Aalen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoxCause {
    coef: Vec<f64>,
    /// Feature values at which the log relative hazard is 0.
    centre: Vec<f64>,
    /// Cumulative hazard at `centre`.
    baseline: StepFunction,
}

impl CoxCause {
    /// Keeps coefficients (log hazard ratios per unit), the feature values `centre` of the baseline, and the baseline.
    ///
    /// # Errors
    /// [`crate::stats::Error::LengthMismatch`], [`crate::stats::Error::NotFinite`], and as [`CauseSpecific::new`] for
    /// the baseline.
    pub fn new(coef: Vec<f64>, centre: Vec<f64>, baseline: StepFunction) -> Result<Self, Error> {
        check_length("centre", coef.len(), centre.len())?;
        check_finite(&coef)?;
        check_finite(&centre)?;
        check_cumulative_hazard(&baseline)?;
        Ok(Self { coef, centre, baseline })
    }

    /// Fits one cause, `survival` having the other causes censored.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a missing value, and as [`cox_fit`].
    pub fn fit(survival: &Survival, x: &DesignMatrix, options: &CoxOptions) -> Result<Self, Error> {
        let n_features = x.n_features();
        if n_features == 0 {
            let baseline = breslow_baseline(survival, &vec![0.0; survival.n_samples()])?;
            return Self::new(Vec::new(), Vec::new(), baseline);
        }
        let features = finite_features(x)?;
        let fit = cox_fit(&CoxData::new(&features, n_features, survival), options)?;
        let baseline = fit.baseline_hazard(0, true)?;
        Self::new(fit.coef, fit.means, baseline)
    }

    /// Log hazard ratio per unit of each feature.
    #[must_use]
    pub fn coef(&self) -> &[f64] {
        &self.coef
    }
}

impl CauseModel for CoxCause {
    fn baseline(&self) -> &StepFunction {
        &self.baseline
    }

    fn log_relative_hazard(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        let width = self.coef.len();
        if x.n_features() != width {
            return Err(Error::Width { expected: width, found: x.n_features() });
        }
        let features = finite_features(x)?;
        let row = |row: usize| -> f64 {
            let values = &features[row * width..(row + 1) * width];
            values.iter().zip(&self.centre).zip(&self.coef).map(|((value, centre), coef)| (value - centre) * coef).sum()
        };
        Ok((0..x.n_rows).map(row).collect())
    }
}

impl CauseSpecificCox {
    /// Fits a Cox regression for every cause on the same columns.
    ///
    /// ```
    /// use regimen::learn::{DesignMatrix, competing_risks::{CauseSpecificCox, HazardSteps}};
    /// use regimen::stats::{CompetingRisks, cox::CoxOptions};
    /// let data = CompetingRisks::new(vec![1.0, 2.0, 3.0, 4.0], vec![1, 2, 0, 1], 2).unwrap();
    /// let none = DesignMatrix { names: vec![], n_rows: 4, values: vec![] };
    /// let model = CauseSpecificCox::fit_cox(&data, &none, &CoxOptions::default()).unwrap();
    /// let found = model.predict(&none, &[2.0], HazardSteps::ProductIntegral).unwrap();
    /// assert_eq!((found.incidence(0, 1)[0], found.incidence(0, 2)[0]), (0.25, 0.25));
    /// ```
    ///
    /// # Errors
    /// As [`CoxCause::fit`] for any cause.
    pub fn fit_cox(data: &CompetingRisks, x: &DesignMatrix, options: &CoxOptions) -> Result<Self, Error> {
        CauseSpecific::fit(data, x, |_, survival, x| CoxCause::fit(survival, x, options))
    }
}

/// The values of `x`, none of them missing.
fn finite_features(x: &DesignMatrix) -> Result<Vec<f64>, Error> {
    check_length("design values", x.n_rows * x.n_features(), x.values.len())?;
    if let Some(at) = x.values.iter().position(|value| !value.is_finite()) {
        let column = x.names[at % x.n_features()].clone();
        return Err(Error::NotFinite { row: at / x.n_features(), column, found: x.values[at] });
    }
    Ok(x.values.iter().map(|&value| f64::from(value)).collect())
}
