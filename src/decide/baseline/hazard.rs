use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::decide::Error;
use crate::stats::linalg::Cholesky;
use crate::stats::spline::four_knot_basis;

/// Steps of the grid: quarters of a year to year 15.
pub const N_STEPS: usize = 60;
/// Length of a step, years.
pub const STEP_YEARS: f64 = 0.25;
/// Knots of the log hazard in ln(1 + years), set beforehand at 0.5, 2, 6 and 13 years.
const KNOT_YEARS: [f64; 4] = [0.5, 2.0, 6.0, 13.0];
/// Fewest events from which a curve of four parameters is estimated.
const MIN_EVENTS: f64 = 20.0;

/// The grid, years.
#[must_use]
pub fn grid() -> Vec<f64> {
    (1..=N_STEPS).map(|step| step as f64 * STEP_YEARS).collect()
}

/// A smooth baseline hazard: ln h(t) is a restricted cubic spline of ln(1 + t), t in years, constant within each step.
///
/// The hazard is above 0 everywhere, so its cumulative never falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogHazard(pub [f64; 4]);

/// Intercept and spline terms of each step, at its middle.
static BASIS: LazyLock<[[f64; 4]; N_STEPS]> = LazyLock::new(|| {
    let knots = KNOT_YEARS.map(f64::ln_1p);
    std::array::from_fn(|step| {
        let [a, b, c] = four_knot_basis(((step as f64 + 0.5) * STEP_YEARS).ln_1p(), &knots);
        [1.0, a, b, c]
    })
});

fn value(coef: &[f64; 4], terms: &[f64; 4]) -> f64 {
    coef.iter().zip(terms).map(|(a, b)| a * b).sum::<f64>().clamp(-60.0, 60.0).exp()
}

impl LogHazard {
    /// Fits the curve to the events of each step and the risk-weighted years at risk Σ exp(η) in it, by Poisson
    /// likelihood. At the maximum expected and observed events agree in total.
    ///
    /// # Errors
    /// [`Error::TooFewEvents`] below 20 events, [`Error::NotConverged`], [`Error::Stats`] when steps at risk are too few to
    /// tell the terms apart.
    ///
    /// # Source
    /// Holford 1980 and Laird & Olivier 1981: piecewise exponential survival as Poisson regression.
    pub fn fit(events: &[f64; N_STEPS], at_risk: &[f64; N_STEPS]) -> Result<Self, Error> {
        let n_events: f64 = events.iter().sum();
        if n_events < MIN_EVENTS {
            return Err(Error::TooFewEvents {
                what: "baseline hazard",
                expected: MIN_EVENTS as usize,
                found: n_events as usize,
            });
        }
        let basis = &*BASIS;
        let log_likelihood = |coef: &[f64; 4]| -> f64 {
            let steps = basis.iter().zip(events.iter().zip(at_risk));
            steps.map(|(terms, (d, y))| d * value(coef, terms).ln() - y * value(coef, terms)).sum()
        };
        let mut coef = [(n_events / at_risk.iter().sum::<f64>()).ln(), 0.0, 0.0, 0.0];
        let mut current = log_likelihood(&coef);
        for _ in 0..100 {
            let (mut gradient, mut information) = ([0.0; 4], [0.0; 16]);
            for (terms, (d, y)) in basis.iter().zip(events.iter().zip(at_risk)) {
                let expected = y * value(&coef, terms);
                for (i, a) in terms.iter().enumerate() {
                    gradient[i] += a * (d - expected);
                    for (j, b) in terms.iter().enumerate() {
                        information[i * 4 + j] += a * b * expected;
                    }
                }
            }
            let step = Cholesky::new(&information, 4)?.solve(&gradient)?;
            let decrement: f64 = step.iter().zip(&gradient).map(|(a, b)| a * b).sum();
            if decrement < 1e-16 * n_events {
                return Ok(Self(coef));
            }
            let mut share = 1.0;
            loop {
                let mut next = coef;
                next.iter_mut().zip(&step).for_each(|(c, s)| *c += share * s);
                let gained = log_likelihood(&next);
                if gained >= current - 1e-12 * current.abs() {
                    (coef, current) = (next, gained);
                    break;
                }
                share /= 2.0;
                if share < 1e-8 {
                    return Err(Error::NotConverged { what: "baseline hazard" });
                }
            }
        }
        Err(Error::NotConverged { what: "baseline hazard" })
    }

    /// The hazard of each step, per year.
    #[must_use]
    pub fn per_year(&self) -> Vec<f64> {
        BASIS.iter().map(|terms| value(&self.0, terms)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_hazard_is_recovered_exactly() {
        let at_risk: [f64; N_STEPS] = std::array::from_fn(|step| 100.0 - step as f64);
        let events = at_risk.map(|years| 0.04 * years);
        let hazard = LogHazard::fit(&events, &at_risk).unwrap();
        assert!(hazard.per_year().iter().all(|h| (h - 0.04).abs() < 1e-9));
    }

    #[test]
    fn expected_and_observed_events_agree_in_total() {
        let at_risk: [f64; N_STEPS] = std::array::from_fn(|step| 80.0 / (1.0 + step as f64 / 20.0));
        let events: [f64; N_STEPS] = std::array::from_fn(|step| ((step * 5) % 7) as f64);
        let hazard = LogHazard::fit(&events, &at_risk).unwrap();
        let expected: f64 = hazard.per_year().iter().zip(at_risk).map(|(h, y)| h * y).sum();
        assert!((expected - events.iter().sum::<f64>()).abs() < 1e-6);
        let few = std::array::from_fn(|step| if step < 5 { 1.0 } else { 0.0 });
        assert!(matches!(LogHazard::fit(&few, &at_risk), Err(Error::TooFewEvents { found: 5, .. })));
    }
}
