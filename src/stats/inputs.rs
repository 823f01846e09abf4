//! Checks that several estimates share.

use super::Error;

/// The slice `what` has `expected` elements.
pub(super) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::LengthMismatch { what, expected, found }) }
}

/// Every value is finite.
pub(super) fn check_finite(values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { index }),
        None => Ok(()),
    }
}

/// `p` matches `y` in length, is not empty, and holds probabilities only.
pub(super) fn check_probabilities(y: &[bool], p: &[f64]) -> Result<(), Error> {
    check_length("probabilities", y.len(), p.len())?;
    if y.is_empty() {
        return Err(Error::TooFew { what: "rows", needed: 1, found: 0 });
    }
    check_finite(p)?;
    match p.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
        Some((index, &found)) => Err(Error::NotProbability { index, found }),
        None => Ok(()),
    }
}

/// The number of events, when both classes are present.
pub(super) fn check_two_classes(y: &[bool]) -> Result<usize, Error> {
    let n_events = y.iter().filter(|&&event| event).count();
    if n_events == 0 || n_events == y.len() {
        return Err(Error::OneClass { n_samples: y.len(), n_events });
    }
    Ok(n_events)
}
