//! What published effects would change for one patient: absolute benefit, its interval, and what is refused.
//!
//! An [`Engine`] takes the surgery-only hazards of a patient ([`Baseline`]) and the options of a file, and returns for a
//! plan (a set of options) the gain in survival and in deaths from breast cancer at 5, 10 and 15 years, the number needed
//! to treat where the interval excludes zero, and the gain in restricted mean survival. An effect multiplies nothing but
//! the hazard of its own endpoint, on its own clock, in its own population, on top of its own background, within its
//! follow-up + 2 years; everything else is a typed [`Refusal`]. Ratios multiply, in the order of
//! [`Class`](crate::decide::options::Class). Deliberately absent: ratios estimated here, ranking, wording.

mod assumptions;
mod baseline;
mod engine;
mod gain;
mod outcomes;
mod plan;
mod refusal;
#[cfg(test)]
mod tests;

pub use assumptions::{Assumptions, Waning};
pub use baseline::Baseline;
pub use engine::Engine;
pub use gain::{AliveAt, Benefit, Caveat, Gain, Horizon, Increment, NumberNeeded, RmstGain, UsedEffect};
pub use refusal::{Refusal, RefusalReason, Withheld};

/// Years at which benefits are stated.
pub const HORIZONS: [f64; 3] = [5.0, 10.0, 15.0];
/// Years within which mean survival is compared.
pub const RMST_HORIZONS: [f64; 2] = [10.0, 15.0];
/// Years beyond a trial's follow-up for which its ratio is still used when no waning assumption is chosen.
pub const FOLLOW_UP_GRACE_YEARS: f64 = 2.0;
