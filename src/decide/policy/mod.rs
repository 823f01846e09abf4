//! What a rule for choosing treatment would have achieved in patients who were treated otherwise.
//!
//! Lives here: the chance of having received each option ([`Propensity`]) within the [`periods`] of a platform trial,
//! the doubly robust [`Score`] of each patient, values and paired differences of policies, effects against control
//! with the count of concurrent controls, and the plain [`best_per_cell`] arithmetic of published tables. Pure, on
//! slices: patients are rows, options and groups are numbers from 0. Deliberately absent: fitting of the outcome
//! model and of policies inside folds (`study`), and any choice of what to recommend.

mod best_per_cell;
mod concurrent;
mod periods;
mod propensity;
mod scores;
#[cfg(test)]
mod simulation;
mod value;

pub use best_per_cell::{BestPerCell, best_per_cell};
pub use concurrent::{MIN_CONCURRENT, OptionWindow, windows};
pub use periods::periods;
pub use propensity::Propensity;
pub use scores::{PolicyScores, Score, Treated};
pub use value::{PolicyDifference, PolicyValue, difference, value};
