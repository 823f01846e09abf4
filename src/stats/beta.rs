//! The beta distribution, and rates with their Jeffreys interval.

use std::f64::consts::PI;

use super::Error;
use crate::terms::Estimate;

const MAX_TERMS: usize = 100_000;
/// Enough to bisect down to the smallest positive number; a rate with its interval takes about ten.
const MAX_STEPS: usize = 1200;

/// Returns the rate `events` / `n` with its 95 % Jeffreys interval.
///
/// The 2.5 % and 97.5 % quantiles of Beta(events + ½, n − events + ½); the lower end is 0 without any event
/// and the upper end 1 when every trial is an event.
///
/// ```
/// let rate = regimen::stats::beta_interval(0, 10).unwrap();
/// assert_eq!((rate.estimate, rate.lower95), (0.0, 0.0));
/// ```
///
/// # Errors
/// [`Error::TooFew`] for `n` = 0, [`Error::EventsExceedTrials`].
///
/// # Source
/// Brown, Cai & DasGupta 2001, *Statistical Science* 16:101, section 4.1.2 (the ends as modified there).
pub fn beta_interval(events: usize, n: usize) -> Result<Estimate, Error> {
    if n == 0 {
        return Err(Error::TooFew { what: "trials", needed: 1, found: 0 });
    }
    if events > n {
        return Err(Error::EventsExceedTrials { n_events: events, n_samples: n });
    }
    let (a, b) = (events as f64 + 0.5, (n - events) as f64 + 0.5);
    let lower95 = if events == 0 { 0.0 } else { quantile(0.025, a, b)? };
    let upper95 = if events == n { 1.0 } else { quantile(0.975, a, b)? };
    Ok(Estimate { estimate: events as f64 / n as f64, lower95, upper95 })
}

/// Returns I_x(a, b), the probability that a Beta(`a`, `b`) variable is at most `x`.
///
/// # Errors
/// [`Error::OutOfDomain`] unless 0 ≤ `x` ≤ 1 and both shapes are positive and finite,
/// [`Error::NotConverged`] when the continued fraction does not settle.
///
/// # Source
/// Continued fraction DLMF 8.17.22 by the modified Lentz method; leading factor after Loader 2000.
pub fn cdf(x: f64, a: f64, b: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&x) {
        return Err(Error::OutOfDomain { what: "x", expected: "a value in [0, 1]", found: x });
    }
    for shape in [a, b] {
        if !(shape > 0.0 && shape.is_finite()) {
            return Err(Error::OutOfDomain { what: "shape", expected: "a positive finite value", found: shape });
        }
    }
    if x == 0.0 || x == 1.0 {
        return Ok(x);
    }
    let front = kernel(x, a, b);
    // The fraction converges fast below the mean; above it, mirror.
    if x <= (a + 1.0) / (a + b + 2.0) {
        Ok((front * continued_fraction(x, a, b)? / a).min(1.0))
    } else {
        Ok((1.0 - front * continued_fraction(1.0 - x, b, a)? / b).max(0.0))
    }
}

/// Returns the `x` with I_x(a, b) = `q`.
///
/// Accurate to 1e-12 absolute up to `q` = 0.975; nearer 1, `q` itself resolves its tail less and less.
///
/// # Errors
/// As [`cdf`], and [`Error::OutOfDomain`] for `q` outside \[0, 1\].
pub fn quantile(q: f64, a: f64, b: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::OutOfDomain { what: "quantile level", expected: "a value in [0, 1]", found: q });
    }
    if q == 0.0 || q == 1.0 {
        return cdf(q, a, b);
    }
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = a / (a + b);
    for _ in 0..MAX_STEPS {
        let excess = cdf(x, a, b)? - q;
        if excess > 0.0 {
            high = x;
        } else {
            low = x;
        }
        // Newton inside the bracket, bisection when it would leave it.
        let density = kernel(x, a, b) / (x * (1.0 - x));
        let newton = x - excess / density;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 8.0 * f64::EPSILON * x || high - low <= f64::EPSILON * high {
            return Ok(next);
        }
        x = next;
    }
    Err(Error::NotConverged { n_iterations: MAX_STEPS })
}

/// x^a (1 − x)^b / B(a, b), arranged so that the large logarithms never meet.
fn kernel(x: f64, a: f64, b: f64) -> f64 {
    // With u = x(a + b) − a: a ln(x(a+b)/a) + b ln((1−x)(a+b)/b), whose linear terms cancel exactly.
    let u = x.mul_add(a + b, -a);
    let (sum, y) = (a + b, 1.0 - x);
    let deviance = a * ln_rest(x * sum / a, u / a) + b * ln_rest(y * sum / b, -u / b);
    let correction = stirling_rest(a + b) - stirling_rest(a) - stirling_rest(b);
    (a / (a + b) * b / (2.0 * PI)).sqrt() * (deviance + correction).exp()
}

/// ln(ratio) − d for d = ratio − 1, both given because each is exact where the other is rounded.
fn ln_rest(ratio: f64, d: f64) -> f64 {
    if d.abs() > 0.05 {
        return ratio.ln() - d;
    }
    // −d²/2 + d³/3 − …, where the difference would cancel.
    let mut power = -d * d;
    let mut sum = 0.0;
    for k in 2..=16 {
        sum += power / f64::from(k);
        power *= -d;
    }
    sum
}

/// ln Γ(a) − [(a − ½) ln a − a + ½ ln 2π], by the Stirling series from 10 upwards.
pub(super) fn stirling_rest(a: f64) -> f64 {
    let mut below = 0.0;
    let mut z = a;
    while z < 10.0 {
        // From Γ(z + 1) = z Γ(z).
        below += (z + 0.5) * (1.0 / z).ln_1p() - 1.0;
        z += 1.0;
    }
    let w = 1.0 / (z * z);
    let series = 1.0 / 12.0
        - w * (1.0 / 360.0
            - w * (1.0 / 1260.0 - w * (1.0 / 1680.0 - w * (1.0 / 1188.0 - w * (691.0 / 360_360.0 - w / 156.0)))));
    below + series / z
}

/// The continued fraction of the incomplete beta function.
fn continued_fraction(x: f64, a: f64, b: f64) -> Result<f64, Error> {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for term in 1..=MAX_TERMS {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away(1.0 + coefficient * d);
            c = away(1.0 + coefficient / c);
            factor = c * d;
            product *= factor;
        }
        if (factor - 1.0).abs() <= f64::EPSILON {
            return Ok(product);
        }
    }
    Err(Error::NotConverged { n_iterations: MAX_TERMS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_are_met() {
        for step in 1..100 {
            let x = f64::from(step) / 100.0;
            // Beta(½, ½) is the arcsine law; Beta(1, b) and Beta(a, 1) are powers.
            assert!((cdf(x, 0.5, 0.5).unwrap() - 2.0 / PI * x.sqrt().asin()).abs() < 1e-14);
            assert!((cdf(x, 1.0, 3.5).unwrap() - (1.0 - (1.0 - x).powf(3.5))).abs() < 1e-14);
            assert!((cdf(x, 7.0, 1.0).unwrap() - x.powi(7)).abs() < 1e-14);
        }
    }

    #[test]
    fn cdf_equals_the_binomial_tail() {
        // I_x(k, n − k + 1) = P(Bin(n, x) ≥ k), for n = 12, k = 5, x = 0.3.
        let choose = |k: u32| (0..k).fold(1.0, |c, j| c * f64::from(12 - j) / f64::from(j + 1));
        let tail: f64 = (5..=12).map(|k| choose(k) * 0.3_f64.powi(k as i32) * 0.7_f64.powi(12 - k as i32)).sum();
        assert!((cdf(0.3, 5.0, 8.0).unwrap() - tail).abs() < 1e-14);
    }

    #[test]
    fn quantile_inverts_cdf_from_small_shapes_to_large() {
        for (a, b) in [(0.5, 10.5), (3.5, 0.5), (20.5, 60.5), (1000.5, 40.5), (0.5, 1e6), (2e5, 3e5)] {
            for q in [1e-6, 0.025, 0.5, 0.975] {
                let x = quantile(q, a, b).unwrap();
                assert!((cdf(x, a, b).unwrap() / q - 1.0).abs() < 1e-10, "{a} {b} {q}");
            }
        }
    }

    #[test]
    fn mirrored_rates_have_mirrored_intervals() {
        for n in [1, 2, 7, 40, 333] {
            for events in 0..=n {
                let (rate, mirror) = (beta_interval(events, n).unwrap(), beta_interval(n - events, n).unwrap());
                assert!((rate.lower95 - (1.0 - mirror.upper95)).abs() < 1e-13);
                assert!(rate.lower95 <= rate.estimate && rate.estimate <= rate.upper95);
            }
        }
    }

    #[test]
    fn the_ends_are_zero_and_one() {
        assert_eq!(beta_interval(0, 5).unwrap().lower95, 0.0);
        assert_eq!(beta_interval(5, 5).unwrap().upper95, 1.0);
    }

    #[test]
    fn impossible_counts_and_domains_are_errors() {
        assert!(matches!(beta_interval(0, 0), Err(Error::TooFew { .. })));
        assert_eq!(beta_interval(3, 2), Err(Error::EventsExceedTrials { n_events: 3, n_samples: 2 }));
        assert!(matches!(cdf(1.1, 1.0, 1.0), Err(Error::OutOfDomain { .. })));
        assert!(matches!(cdf(0.5, 0.0, 1.0), Err(Error::OutOfDomain { .. })));
        assert!(matches!(quantile(f64::NAN, 1.0, 1.0), Err(Error::OutOfDomain { .. })));
    }
}
