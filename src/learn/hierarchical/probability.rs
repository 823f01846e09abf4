use crate::learn::Margin;
use crate::stats::expit;

/// Half the number of steps of the trapezoid rule, and their width in standard deviations.
const STEPS: i32 = 14;
const WIDTH: f64 = 0.5;

/// Returns E expit(m) for m ~ N(mean, std_dev²): the probability that an uncertain logit amounts to, in \[0, 1\].
///
/// By the trapezoid rule out to 7 standard deviations, within 2e-8 for standard deviations up to 2 and 1e-4 up to 4.
///
/// ```
/// use regimen::learn::{Margin, hierarchical::averaged_probability};
/// let sure = averaged_probability(&Margin { mean: 2.0, std_dev: 0.0 });
/// assert!((sure - 0.8807970779778823).abs() < 1e-12);
/// assert!(averaged_probability(&Margin { mean: 2.0, std_dev: 1.0 }) < sure);
/// ```
///
/// # Source
/// Trefethen & Weideman 2014, *SIAM Review* 56:385 (the rule converges geometrically on analytic functions).
#[must_use]
pub fn averaged_probability(margin: &Margin) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for step in -STEPS..=STEPS {
        let z = f64::from(step) * WIDTH;
        let density = (-0.5 * z * z).exp();
        sum += density * expit(margin.mean + margin.std_dev * z);
        total += density;
    }
    sum / total
}
