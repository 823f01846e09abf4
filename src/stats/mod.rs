//! Pure estimates on slices: survival, competing risks, discrimination, overall error, calibration, their uncertainty.
//!
//! For right-censored times ([`Survival`]): Kaplan–Meier and restricted mean ([`kaplan_meier`], [`rmst`](mod@rmst)),
//! Nelson–Aalen ([`nelson_aalen`]), Aalen–Johansen ([`aalen_johansen`]), log-rank tests ([`logrank`](mod@logrank)) and Cox
//! regression ([`cox`]); concordance ([`concordance`]), cumulative/dynamic AUC ([`dynamic_auc`]), the Brier score under
//! censoring weights ([`survival_brier`], [`ipcw`]) and calibration at a horizon ([`survival_calibration`]).
//!
//! For binary outcomes: the ROC area with DeLong's variance ([`auc`]), average precision, Brier score and log loss
//! ([`scores`]), logistic recalibration and the integrated calibration index ([`calibration`](mod@calibration)). For both:
//! net benefit ([`decision_curve`]), the patient bootstrap ([`bootstrap`](mod@bootstrap)) and paired differences
//! ([`paired`]), rates with Jeffreys intervals ([`beta`]), counts with exact ones ([`poisson`]), folds and splits by patient, centre and period ([`folds`],
//! [`split`](mod@split)), sums that no order can change ([`exact_moments`]), the normal distribution of rows with missing
//! values ([`conditional_normal`]), and the small numerics under them
//! ([`linalg`], [`logistic`], [`normal`], [`chi_squared`], [`quantile`](mod@quantile), [`spline`]).
//!
//! May import `terms`. Events are `&[bool]` with `true` = observed, probabilities are `&[f64]` in \[0, 1\], a higher risk
//! score means an earlier event, and row `i` of every slice is the same patient. Deliberately absent: data frames, files,
//! fitted models that a user would save, and any number that could come back as NaN.

pub mod aalen_johansen;
pub mod auc;
pub mod beta;
pub mod bootstrap;
pub mod calibration;
pub mod chi_squared;
pub mod concordance;
pub mod conditional_normal;
pub mod cox;
pub mod curve_options;
pub mod decision_curve;
pub mod dynamic_auc;
mod error;
pub mod exact_moments;
pub mod folds;
pub mod follow_up;
mod influence;
mod inputs;
pub mod ipcw;
pub mod kaplan_meier;
pub mod linalg;
pub mod logistic;
pub mod logrank;
pub mod nelson_aalen;
pub mod normal;
pub mod paired;
pub mod poisson;
pub mod quantile;
mod risk_table;
pub mod rmst;
pub mod scores;
pub mod spline;
pub mod split;
pub mod survival;
pub mod survival_brier;
pub mod survival_calibration;

pub use aalen_johansen::{AalenJohansen, CompetingRisks, StateCurve};
pub use auc::{PairedAuc, delong_paired, roc_auc, roc_auc_value};
pub use beta::beta_interval;
pub use bootstrap::bootstrap;
pub use calibration::{Calibration, calibration, ici};
pub use curve_options::{ConfType, CurveOptions, Variance};
pub use error::Error;
pub use exact_moments::ExactMoments;
pub use follow_up::{censoring_survival, numbers_at_risk};
pub use kaplan_meier::{CurvePoint, EventTimeQuantile, KaplanMeier};
pub use logistic::{LogisticFit, expit, logistic_fit, logit};
pub use logrank::{Logrank, LogrankGroup, LogrankOptions, LogrankTrend, logrank};
pub use nelson_aalen::{CumulativeHazard, HazardTies};
pub use quantile::quantile;
pub use rmst::{Rmst, RmstDifference, rmst, rmst_difference};
pub use scores::{auprc, brier, log_loss};
pub use survival::{StepFunction, Survival, SurvivalCurves};
