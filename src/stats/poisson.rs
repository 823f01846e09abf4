//! Counts of events with their exact interval, for observed against expected.

use super::Error;
use super::chi_squared::upper_tail;
use crate::terms::Estimate;

/// Enough to bisect to the last bit of a number below a million.
const STEPS: usize = 200;

/// Returns `events` / `expected` with its exact 95 % Poisson interval.
///
/// The ends are χ²(0.025; 2·events)/2 and χ²(0.975; 2·events + 2)/2, each over `expected`; the lower end is 0 without
/// any event.
///
/// ```
/// let ratio = regimen::stats::poisson::standardised_ratio(10, 10.0).unwrap();
/// assert!((ratio.lower95 - 0.479_539).abs() < 1e-6 && (ratio.upper95 - 1.839_036).abs() < 1e-6);
/// ```
///
/// # Errors
/// [`Error::OutOfDomain`] unless `expected` is finite and above 0.
///
/// # Source
/// Garwood 1936, *Biometrika* 28:437; R `poisson.test`.
pub fn standardised_ratio(events: usize, expected: f64) -> Result<Estimate, Error> {
    if !(expected.is_finite() && expected > 0.0) {
        return Err(Error::OutOfDomain {
            what: "expected events",
            expected: "a finite number above 0",
            found: expected,
        });
    }
    let n = events as f64;
    let lower = if events == 0 { 0.0 } else { quantile(0.975, 2.0 * n)? / 2.0 };
    let upper = quantile(0.025, 2.0 * n + 2.0)? / 2.0;
    Ok(Estimate { estimate: n / expected, lower95: lower / expected, upper95: upper / expected })
}

/// The value that a chi-squared variable exceeds with probability `tail`.
fn quantile(tail: f64, df: f64) -> Result<f64, Error> {
    let (mut low, mut high) = (0.0, df + 10.0);
    while upper_tail(high, df)? > tail {
        high *= 2.0;
    }
    for _ in 0..STEPS {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if upper_tail(middle, df)? > tail { low = middle } else { high = middle }
    }
    Ok(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_garwoods_table() {
        // Garwood 1936: exact 95 % limits of observed counts; those of 100 from the sum of Poisson probabilities by bisection.
        for (events, lower, upper) in [(0, 0.0, 3.688_879), (1, 0.025_318, 5.571_643), (100, 81.363_991, 121.626_794)] {
            let found = standardised_ratio(events, 1.0).unwrap();
            assert!((found.lower95 - lower).abs() < 1e-5, "{events}: {}", found.lower95);
            assert!((found.upper95 - upper).abs() < 1e-5, "{events}: {}", found.upper95);
        }
    }

    #[test]
    fn nothing_expected_gives_no_ratio() {
        for expected in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(standardised_ratio(1, expected).is_err(), "{expected}");
        }
    }
}
