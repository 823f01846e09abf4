//! The gate that says when a model does not apply, and every reason.
//!
//! Lives here: the training population in aggregate ([`Reference`]), what it measures on one row ([`Gate`]), whom a model
//! was made for ([`PopulationRules`], data), and the verdict of all of it ([`Facts::applicability`]). Deliberately absent:
//! rows of training patients, and the estimate itself.

mod distance;
mod fit;
mod gate;
mod population;
mod position;
mod reason;
mod reference;
mod shift;
mod stored;
mod verdict;

pub use gate::{Contradiction, Gate, GroupGate, ImageFinding};
pub use population::{Criterion, PopulationRule, PopulationRules, Severity};
pub use position::Position;
pub use reason::Reason;
pub use reference::Reference;
pub use shift::ColumnShift;
pub use verdict::{Applicability, Facts, Subgroup, Verdict};

#[cfg(test)]
mod tests;
