//! Sample quantiles.

use super::inputs::check_finite;
use super::{Error, Error::TooFew};

/// Returns the sample quantile of `values` at level `q` in \[0, 1\], interpolated linearly.
///
/// The value at position (n − 1)·q of the sorted sample, R's type 7 and NumPy's default.
///
/// ```
/// assert_eq!(regimen::stats::quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), Ok(2.5));
/// ```
///
/// # Errors
/// [`Error::TooFew`] when empty, [`Error::NotFinite`], [`Error::OutOfDomain`] for `q` outside \[0, 1\].
///
/// # Source
/// Hyndman & Fan 1996, definition 7.
pub fn quantile(values: &[f64], q: f64) -> Result<f64, Error> {
    check_finite(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted_quantile(&sorted, q)
}

/// The type 7 quantile of a sample already in ascending order.
pub(super) fn sorted_quantile(sorted: &[f64], q: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::OutOfDomain { what: "quantile level", expected: "a value in [0, 1]", found: q });
    }
    let last = sorted.len().checked_sub(1).ok_or(TooFew { what: "values", needed: 1, found: 0 })?;
    let position = last as f64 * q;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let share = position - below as f64;
    Ok(sorted[below] + share * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_five_values_solved_by_hand() {
        let values = [5.0, 1.0, 4.0, 2.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 2.0), (0.5, 4.0), (0.6, 4.4), (1.0, 8.0)] {
            assert!((quantile(&values, q).unwrap() - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn empty_nan_and_levels_outside_are_refused() {
        assert!(matches!(quantile(&[], 0.5), Err(TooFew { .. })));
        assert_eq!(quantile(&[1.0, f64::NAN], 0.5), Err(Error::NotFinite { index: 1 }));
        assert!(matches!(quantile(&[1.0], 1.5), Err(Error::OutOfDomain { .. })));
    }
}
