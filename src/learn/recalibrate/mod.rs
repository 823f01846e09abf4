//! Recalibration of a finished model to a site, from the site's own outcomes.
//!
//! A model that ranks patients well elsewhere can be off in level (another case mix, another treatment) or in spread
//! (it was overfitted). Re-estimating one or two numbers mends that with far fewer events than a new model needs: the
//! level alone ([`RecalibrationLevel::InTheLarge`]) or level and slope ([`RecalibrationLevel::LevelAndSlope`]), the
//! choice by a [closed test](ClosedTest), the number of patients by [`sample_size`]. For binary outcomes see
//! [`BinaryRecalibration`], for survival [`SurvivalRecalibration`].

mod binary;
pub mod sample_size;
mod survival;

use serde::{Deserialize, Serialize};

pub use self::binary::BinaryRecalibration;
pub use self::survival::{SitePredictions, SurvivalRecalibration};

use super::Error;
use crate::stats::{chi_squared, normal};
use crate::terms::Estimate;

/// How much of a model a site changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecalibrationLevel {
    /// Nothing.
    None,
    /// The level: one number.
    InTheLarge,
    /// Level and slope: two numbers.
    LevelAndSlope,
}

/// Level a and slope b of a recalibrated linear predictor, with their covariance; a = 0 and b = 1 change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelAndSlope {
    /// What was estimated.
    pub level: RecalibrationLevel,
    /// a, on the scale of the linear predictor.
    pub intercept: f64,
    /// b.
    pub slope: f64,
    /// Variance of a, covariance, variance of b; 0 for what was not estimated.
    pub covariance: [f64; 3],
}

impl LevelAndSlope {
    const UNCHANGED: Self = Self { level: RecalibrationLevel::None, intercept: 0.0, slope: 1.0, covariance: [0.0; 3] };

    /// a with its Wald 95 % interval.
    #[must_use]
    pub fn intercept_interval(&self) -> Estimate {
        wald(self.intercept, self.covariance[0])
    }

    /// b with its Wald 95 % interval.
    #[must_use]
    pub fn slope_interval(&self) -> Estimate {
        wald(self.slope, self.covariance[2])
    }

    /// a + b z with the 95 % interval that comes from estimating a and b.
    fn at(&self, z: f64) -> Estimate {
        let [level, between, slope] = self.covariance;
        wald(self.intercept + self.slope * z, level + 2.0 * between * z + slope * z * z)
    }
}

fn wald(estimate: f64, variance: f64) -> Estimate {
    let half_width = normal::Z95 * variance.max(0.0).sqrt();
    Estimate { estimate, lower95: estimate - half_width, upper95: estimate + half_width }
}

/// A likelihood-ratio test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodRatio {
    /// Twice the gain in log-likelihood, at least 0.
    pub statistic: f64,
    /// Numbers estimated on top.
    pub df: usize,
    /// Upper-tail probability.
    pub p: f64,
}

impl LikelihoodRatio {
    fn new(smaller: f64, larger: f64, df: usize) -> Result<Self, Error> {
        let statistic = (2.0 * (larger - smaller)).max(0.0);
        Ok(Self { statistic, df, p: chi_squared::upper_tail(statistic, df as f64)? })
    }
}

/// A closed test of how much recalibration a site's outcomes ask for.
///
/// First level and slope against the unchanged model (2 df): without significance nothing changes. Else level and slope
/// against level alone (1 df): without significance the level changes. Else both. The chance to change a model that
/// fits stays at the test's level, and small sites change little.
///
/// # Source
/// Vergouwe et al. 2017, *Statistics in Medicine* 36:4529, with level and slope as the largest update.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClosedTest {
    /// Level and slope against the unchanged model.
    pub any_change: LikelihoodRatio,
    /// Level and slope against level alone.
    pub slope: LikelihoodRatio,
    /// The update to make.
    pub chosen: RecalibrationLevel,
}

impl ClosedTest {
    /// Decides at significance level `alpha` from the log-likelihoods unchanged, with a level, with level and slope.
    fn new([unchanged, level, both]: [f64; 3], alpha: f64) -> Result<Self, Error> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(Error::Parameter { what: "alpha", expected: "a value in (0, 1)", found: alpha });
        }
        let any_change = LikelihoodRatio::new(unchanged, both, 2)?;
        let slope = LikelihoodRatio::new(level, both, 1)?;
        let chosen = if any_change.p >= alpha {
            RecalibrationLevel::None
        } else if slope.p >= alpha {
            RecalibrationLevel::InTheLarge
        } else {
            RecalibrationLevel::LevelAndSlope
        };
        Ok(Self { any_change, slope, chosen })
    }
}
