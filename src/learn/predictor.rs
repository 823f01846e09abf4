use super::{DesignMatrix, Error, SurvivalForest};
use crate::stats::SurvivalCurves;

/// A fitted model of right-censored times.
pub trait SurvivalModel: Send + Sync {
    /// One risk score per row of `x`; higher means an earlier event.
    ///
    /// # Errors
    /// [`Error::Width`] and what the estimator cannot take.
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error>;

    /// S(t | x) of every row on the ascending grid `times`.
    ///
    /// # Errors
    /// As [`SurvivalModel::risk_scores`]; [`Error::Stats`] for a grid that does not ascend.
    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error>;
}

/// A fitted model of a binary outcome.
pub trait BinaryModel: Send + Sync {
    /// P(outcome) of every row of `x`, in \[0, 1\].
    ///
    /// # Errors
    /// [`Error::Width`] and what the estimator cannot take.
    fn probabilities(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error>;
}

impl SurvivalModel for SurvivalForest {
    fn risk_scores(&self, x: &DesignMatrix) -> Result<Vec<f64>, Error> {
        self.risk_score(x)
    }

    fn survival_curves(&self, x: &DesignMatrix, times: &[f64]) -> Result<SurvivalCurves, Error> {
        Self::survival_curves(self, x, times)
    }
}
