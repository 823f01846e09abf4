//! PREDICT Breast 3.1 and 3.2, with the variant for women who have had five years of endocrine therapy.
//!
//! Lives here: the published formulae and constants ([`PredictInputs`], [`Version`]), each input's exact part of the linear
//! predictor ([`PredictInputs::breast_parts`]), survival under a set of treatments ([`survival`]), the gain of each treatment
//! with the ranges that the tool itself states ([`gains`]), and for whom it was not made ([`PredictInputs::of_record`]).
//! Deliberately absent: versions 1, 2 and 3.0, and any uncertainty of coefficients and baseline, which were never published.
//!
//! # Source
//! R package `predictv30r` 0.3.2 (Winton Centre, MIT): constants as facts, formulae in our own words.

mod applies;
mod coefficients;
mod gains;
mod inputs;
mod options;
mod survival;
#[cfg(test)]
mod tests;

pub use applies::{Assumed, FromRecord};
pub use gains::{Gain, gain_over, gains};
pub use inputs::{Detection, Endocrine, Generation, InputPart, PredictInputs, Treatments, Version};
pub use options::{Chosen, OPTION_COLUMNS};
pub use survival::{surgery_only, survival};
