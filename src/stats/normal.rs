//! The standard normal distribution.

use std::f64::consts::{FRAC_2_SQRT_PI, PI, SQRT_2};

use super::Error;

/// The 0.975 quantile: half-width of a 95 % interval in standard errors.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Returns Φ(x), the probability that a standard normal variable is at most `x`.
///
/// Accurate to about 1e-15 relative in both tails; NaN only for a NaN argument.
///
/// ```
/// assert_eq!(regimen::stats::normal::cdf(0.0), 0.5);
/// ```
///
/// # Source
/// Abramowitz & Stegun 7.1.6 (series of positive terms) and 7.1.14 (continued fraction).
#[must_use]
pub fn cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// Returns the two-sided p-value 2 Φ(−|z|) of a standard normal statistic.
#[must_use]
pub fn two_sided_p(z: f64) -> f64 {
    erfc(z.abs() / SQRT_2).min(1.0)
}

/// Returns the `x` with Φ(x) = `p`.
///
/// # Errors
/// [`Error::OutOfDomain`] unless 0 < `p` < 1.
///
/// # Source
/// Start from Abramowitz & Stegun 26.2.23, then Halley steps on [`cdf`] to working precision.
pub fn quantile(p: f64) -> Result<f64, Error> {
    if !(p > 0.0 && p < 1.0) {
        return Err(Error::OutOfDomain { what: "probability", expected: "a value in (0, 1)", found: p });
    }
    // Work in the lower tail, where cdf keeps its relative precision.
    let tail = p.min(1.0 - p);
    let t = (-2.0 * tail.ln()).sqrt();
    let start =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let mut x = -start;
    for _ in 0..4 {
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        if density == 0.0 {
            break;
        }
        let newton = (cdf(x) - tail) / density;
        x -= newton / (1.0 + 0.5 * x * newton);
    }
    Ok(if p <= 0.5 { x } else { -x })
}

/// The complementary error function.
fn erfc(x: f64) -> f64 {
    if x < 0.0 { 2.0 - erfc_positive(-x) } else { erfc_positive(x) }
}

/// erfc for x ≥ 0: 1 − series below 2, continued fraction above.
fn erfc_positive(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let scale = (-x * x).exp();
    if x < 1.0 {
        let mut term = x;
        let mut sum = x;
        let mut k = 0.0;
        while term > sum * 1e-17 {
            k += 1.0;
            term *= 2.0 * x * x / (2.0 * k + 1.0);
            sum += term;
        }
        return 1.0 - FRAC_2_SQRT_PI * scale * sum;
    }
    if scale == 0.0 {
        return 0.0;
    }
    // x + (1/2)/(x + 1/(x + (3/2)/(x + …))), evaluated backwards; 150 levels suffice from x = 1 on.
    let fraction = (1..=150).rev().fold(x, |below, level| x + 0.5 * f64::from(level) / below);
    0.5 * FRAC_2_SQRT_PI * scale / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z95_is_the_975th_permille() {
        assert!((quantile(0.975).unwrap() - Z95).abs() < 1e-15);
    }

    #[test]
    fn quantile_inverts_cdf_from_one_tail_to_the_other() {
        for step in -80..=80 {
            let x = f64::from(step) / 10.0;
            let p = cdf(x);
            let back = quantile(p).unwrap();
            // Above 0.5, p itself resolves x only to eps / density.
            let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
            let resolution = if x > 0.0 { 4.0 * f64::EPSILON / density } else { 0.0 };
            assert!((back - x).abs() < 1e-13 + resolution, "{x} {back}");
        }
    }

    #[test]
    fn series_and_continued_fraction_meet() {
        let (below, above) = (erfc_positive(1.0 - 1e-15), erfc_positive(1.0));
        assert!((below / above - 1.0).abs() < 1e-14, "{below} {above}");
    }

    #[test]
    fn far_tails_are_zero_and_one() {
        assert_eq!(cdf(-60.0), 0.0);
        assert_eq!(cdf(60.0), 1.0);
        assert_eq!(two_sided_p(0.0), 1.0);
    }

    #[test]
    fn quantile_refuses_the_ends() {
        for p in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert!(matches!(quantile(p), Err(Error::OutOfDomain { .. })));
        }
    }
}
