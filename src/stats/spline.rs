//! Restricted cubic splines.

use super::quantile::sorted_quantile;
use super::{Error, inputs::check_finite};

/// Quantiles at which four knots are put.
///
/// # Source
/// Harrell 2015, *Regression Modeling Strategies*, table 2.3.
pub const FOUR_KNOT_QUANTILES: [f64; 4] = [0.05, 0.35, 0.65, 0.95];

/// Returns four knots at the 5th, 35th, 65th and 95th percentile of `x`; `None` when two of them coincide.
///
/// Knots closer than 1e-6 of the span of all four count as coincident.
///
/// # Errors
/// [`Error::TooFew`] when `x` is empty, [`Error::NotFinite`].
pub fn four_knots(x: &[f64]) -> Result<Option<[f64; 4]>, Error> {
    check_finite(x)?;
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut knots = [0.0; 4];
    for (knot, q) in knots.iter_mut().zip(FOUR_KNOT_QUANTILES) {
        *knot = sorted_quantile(&sorted, q)?;
    }
    let smallest_gap = 1e-6 * (knots[3] - knots[0]);
    let apart = knots.windows(2).all(|pair| pair[1] - pair[0] > smallest_gap);
    Ok(apart.then_some(knots))
}

/// Returns the basis of the restricted cubic spline at `x`: `x` itself, then two cubic terms.
///
/// The spline is linear before the first and after the last knot. Cubic terms are divided by the squared
/// distance of the outer knots, so that they have the unit of `x`. Knots must ascend strictly, as those of
/// [`four_knots`] do.
///
/// # Source
/// Harrell 2015, section 2.4.5; R `Hmisc::rcspline.eval(norm = 2, inclx = TRUE)`.
#[must_use]
pub fn four_knot_basis(x: f64, knots: &[f64; 4]) -> [f64; 3] {
    let [first, second, third, fourth] = *knots;
    let cube = |knot: f64| (x - knot).max(0.0).powi(3);
    let term = |knot: f64| {
        let beyond =
            cube(third) * (fourth - knot) / (fourth - third) - cube(fourth) * (third - knot) / (fourth - third);
        (cube(knot) - beyond) / (fourth - first).powi(2)
    };
    [x, term(first), term(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOTS: [f64; 4] = [0.0, 1.0, 2.0, 4.0];

    #[test]
    fn basis_between_the_first_knots_solved_by_hand() {
        // Only (x − 0)³ is positive at ½: 0.125 / 16.
        assert_eq!(four_knot_basis(0.5, &KNOTS), [0.5, 0.125 / 16.0, 0.0]);
        assert_eq!(four_knot_basis(-3.0, &KNOTS), [-3.0, 0.0, 0.0]);
    }

    #[test]
    fn basis_is_linear_beyond_the_last_knot() {
        let at = |x: f64| four_knot_basis(x, &KNOTS);
        for term in 0..3 {
            let bend = at(8.0)[term] - 2.0 * at(6.0)[term] + at(4.0)[term];
            assert!(bend.abs() < 1e-12, "{term} {bend}");
        }
    }

    #[test]
    fn coincident_knots_are_reported_as_none() {
        assert_eq!(four_knots(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).unwrap(), None);
        assert_eq!(four_knots(&[1.0]).unwrap(), None);
        let spread: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(four_knots(&spread).unwrap().map(|knots| knots.map(f64::round)), Some([5.0, 35.0, 65.0, 95.0]));
    }
}
