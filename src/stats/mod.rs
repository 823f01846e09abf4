//! Pure estimates on slices: discrimination, overall error, calibration and their uncertainty.
//!
//! Lives here, for binary outcomes: the ROC area with DeLong's variance ([`auc`]), average precision,
//! Brier score and log loss ([`scores`]), logistic recalibration and the integrated calibration index
//! ([`calibration`](mod@calibration)), the patient bootstrap ([`bootstrap`](mod@bootstrap)), rates with Jeffreys
//! intervals ([`beta`]), cross-validation folds by patient ([`folds`]), splits
//! by patient, centre and period ([`split`](mod@split)), sums that no order can change
//! ([`exact_moments`]), and the small numerics under them
//! ([`linalg`], [`logistic`], [`normal`], [`quantile`](mod@quantile), [`spline`]).
//!
//! May import `terms`. Outcomes are `&[bool]` with `true` = the event (pCR), probabilities are `&[f64]`
//! in \[0, 1\], and row `i` of every slice is the same patient. Deliberately absent: data frames, files,
//! fitted models that a user would save, and any number that could come back as NaN.

pub mod auc;
pub mod beta;
pub mod bootstrap;
pub mod calibration;
mod error;
pub mod exact_moments;
pub mod folds;
mod inputs;
pub mod linalg;
pub mod logistic;
pub mod normal;
pub mod quantile;
pub mod scores;
pub mod spline;
pub mod split;

pub use auc::{PairedAuc, delong_paired, roc_auc, roc_auc_value};
pub use beta::beta_interval;
pub use bootstrap::bootstrap;
pub use calibration::{Calibration, calibration, ici};
pub use error::Error;
pub use exact_moments::ExactMoments;
pub use logistic::{LogisticFit, expit, logistic_fit, logit};
pub use quantile::quantile;
pub use scores::{auprc, brier, log_loss};
