//! Checks that calibrators, stacks and conformal rules share.

use crate::learn::Error;
use crate::stats;

/// The slice `what` has `expected` elements.
pub(in crate::learn) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(stats::Error::LengthMismatch { what, expected, found }.into()) }
}

/// Every value is finite.
pub(in crate::learn) fn check_finite(values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(stats::Error::NotFinite { index }.into()),
        None => Ok(()),
    }
}

/// At least `needed` things called `what`.
pub(in crate::learn) fn check_at_least(what: &'static str, needed: usize, found: usize) -> Result<(), Error> {
    if found >= needed { Ok(()) } else { Err(stats::Error::TooFew { what, needed, found }.into()) }
}

/// Every value is a probability.
pub(in crate::learn) fn check_probabilities(values: &[f64]) -> Result<(), Error> {
    check_finite(values)?;
    match values.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
        Some((index, &found)) => Err(stats::Error::NotProbability { index, found }.into()),
        None => Ok(()),
    }
}

/// The number of events, when both outcomes are present.
pub(in crate::learn) fn check_two_classes(y: &[bool]) -> Result<usize, Error> {
    let n_events = y.iter().filter(|&&event| event).count();
    if n_events == 0 || n_events == y.len() {
        return Err(stats::Error::OneClass { n_samples: y.len(), n_events }.into());
    }
    Ok(n_events)
}

/// Every weight is finite and at least 0.
pub(in crate::learn) fn check_weights(weights: &[f64]) -> Result<(), Error> {
    match weights.iter().enumerate().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0)) {
        Some((index, &found)) => Err(stats::Error::BadWeight { index, found }.into()),
        None => Ok(()),
    }
}
