//! Tail of the chi-squared distribution, for the tests of this folder.

use super::Error;
use super::beta::stirling_rest;

/// Returns P(X ≥ `x`) for a chi-squared variable X with `df` degrees of freedom.
///
/// The regularised upper incomplete gamma function Q(df/2, x/2): its series below a + 1, its continued fraction
/// above; relative error below 1e-12 except where the tail underflows to 0.
///
/// ```
/// let p = regimen::stats::chi_squared::upper_tail(3.841458820694124, 1.0).unwrap();
/// assert!((p - 0.05).abs() < 1e-14);
/// ```
///
/// # Errors
/// [`Error::OutOfDomain`] for a negative or non-finite `x`, or `df` not above 0.
///
/// # Source
/// Press et al. 2007, *Numerical Recipes*, section 6.2 (modified Lentz); R `pchisq(lower.tail = FALSE)`.
pub fn upper_tail(x: f64, df: f64) -> Result<f64, Error> {
    if !x.is_finite() || x < 0.0 {
        return Err(Error::OutOfDomain {
            what: "chi-squared statistic",
            expected: "a finite number of at least 0",
            found: x,
        });
    }
    if !df.is_finite() || df <= 0.0 {
        return Err(Error::OutOfDomain { what: "degrees of freedom", expected: "a finite number above 0", found: df });
    }
    let (a, x) = (df / 2.0, x / 2.0);
    if x == 0.0 {
        return Ok(1.0);
    }
    let ln_gamma = stirling_rest(a) + (a - 0.5) * a.ln() - a + 0.5 * std::f64::consts::TAU.ln();
    let scale = (a * x.ln() - x - ln_gamma).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return Ok((1.0 - sum * scale).clamp(0.0, 1.0));
    }
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for step in 1..10_000 {
        let i = f64::from(step);
        let numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        if d.abs() < tiny {
            d = tiny;
        }
        c = b + numerator / c;
        if c.abs() < tiny {
            c = tiny;
        }
        d = 1.0 / d;
        let delta = d * c;
        fraction *= delta;
        if (delta - 1.0).abs() < 1e-16 {
            break;
        }
    }
    Ok((scale * fraction).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_equal_pchisq() {
        // R 4.2.2: pchisq(q, df, lower.tail = FALSE), printed with %.16g.
        for (x, df, expected) in [
            (0.5, 1.0, 0.479_500_122_186_953_5),
            (10.0, 1.0, 0.001_565_402_258_002_552),
            (24.42, 9.0, 0.003_684_430_090_436_916),
            (3.0, 5.0, 0.699_985_835_878_627_5),
            (200.0, 3.0, 4.218_541_107_192_042e-43),
        ] {
            let found = upper_tail(x, df).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-10, "{x} {df}: {found} {expected}");
        }
    }
}
