use serde_json::Value;

use crate::learn::Error;
use crate::learn::hierarchical::{HierarchicalLogistic, Posterior, SparseRows, VarianceSearch};
use crate::stats::expit;
use crate::stats::logistic::log1p_exp;

struct Reference {
    json: Value,
    x: SparseRows,
    y: Vec<bool>,
    group_of: Vec<Option<usize>>,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn reference() -> Reference {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/hierarchical_logistic.json");
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let x = SparseRows::from_dense(&numbers(&json["x"]), 8).unwrap();
    let y = numbers(&json["y"]).iter().map(|&event| event == 1.0).collect();
    let group_of = json["group"].as_array().unwrap().iter().map(|g| g.as_u64().map(|g| g as usize)).collect();
    Reference { json, x, y, group_of }
}

impl Reference {
    fn posterior(&self) -> Posterior<'_> {
        Posterior { x: &self.x, y: &self.y, group_of: &self.group_of }
    }
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{found} for {expected}");
    }
}

/// tests/reference/hierarchical_logistic.py: scipy's optimum polished by three Newton steps, so 1e-9.
#[test]
fn mode_covariance_and_evidence_are_those_of_scipy() {
    let reference = reference();
    let found = reference.posterior().laplace(&numbers(&reference.json["variances"]), None).unwrap();
    assert_close(&found.coef, &numbers(&reference.json["mode"]), 1e-9);
    assert_close(&found.covariance, &numbers(&reference.json["covariance"]), 1e-9);
    assert_close(&[found.log_evidence], &[reference.json["log_evidence"].as_f64().unwrap()], 1e-9);
}

/// The search ends at a slope below 1e-3 in ln τ², where the curvature is of the order of 1: 0.5 % of τ².
#[test]
fn variances_maximise_the_evidence_as_nelder_and_mead_do() {
    let reference = reference();
    for (half_normal_scale, key) in [(None, "by_evidence"), (Some(1.0), "penalised")] {
        let search = VarianceSearch { half_normal_scale, averaged: false };
        let found = HierarchicalLogistic::fit(&reference.x, &reference.y, &reference.group_of, &search).unwrap();
        for (found, expected) in found.variances.iter().zip(numbers(&reference.json[key])) {
            assert!((found / expected - 1.0).abs() < 5e-3, "{key}: {found} for {expected}");
        }
    }
}

/// Five points stand for a grid of 4225, an approximation whose error is measured here rather than bounded: means were off
/// by at most 0.092 posterior standard deviations, standard deviations by 2.9 %.
#[test]
fn averaging_over_variances_at_five_points_is_near_a_fine_grid() {
    let reference = reference();
    let search = VarianceSearch { half_normal_scale: Some(1.0), averaged: true };
    let found = HierarchicalLogistic::fit(&reference.x, &reference.y, &reference.group_of, &search).unwrap();
    let (mean, variance) = (numbers(&reference.json["averaged_mean"]), numbers(&reference.json["averaged_variance"]));
    for at in 0..8 {
        let deviation = variance[at].sqrt();
        let off = (found.coef[at] - mean[at]).abs() / deviation;
        let wide = found.covariance_of(at, at).sqrt() / deviation;
        assert!(off < 0.1 && (wide - 1.0).abs() < 0.03, "coefficient {at}: {off} {wide}");
    }
}

#[test]
fn the_slope_of_the_evidence_is_that_of_finite_differences() {
    let reference = reference();
    let posterior = reference.posterior();
    for log_variance in [[-2.0, -1.0], [0.5, -4.0], [-6.0, 1.0]] {
        let at = |shift: [f64; 2]| -> f64 {
            let variances = [(log_variance[0] + shift[0]).exp(), (log_variance[1] + shift[1]).exp()];
            posterior.laplace(&variances, None).unwrap().log_evidence
        };
        let exact = posterior.laplace(&log_variance.map(f64::exp), None).unwrap().gradient;
        let step = 1e-4;
        let differences = [at([step, 0.0]) - at([-step, 0.0]), at([0.0, step]) - at([0.0, -step])];
        // A central difference is off by step² times the third derivative, and by rounding over the step.
        assert_close(&exact, &differences.map(|difference| difference / (2.0 * step)), 1e-7);
    }
}

/// Mean and log evidence of one or two coefficients with normal priors, by summing the posterior over a grid.
fn by_grid(rows: &[[f64; 2]], y: &[bool], variances: [f64; 2]) -> ([f64; 2], [f64; 2], f64) {
    let (steps, reach) = (401, 4.0);
    let width = 2.0 * reach / f64::from(steps - 1);
    let (mut mass, mut first, mut second) = (0.0, [0.0; 2], [0.0; 2]);
    for i in 0..steps {
        for j in 0..steps {
            let beta = [f64::from(i) * width - reach, f64::from(j) * width - reach];
            let fit: f64 = rows
                .iter()
                .zip(y)
                .map(|(x, &event)| {
                    let eta = x[0] * beta[0] + x[1] * beta[1];
                    -log1p_exp(if event { -eta } else { eta })
                })
                .sum();
            let prior: f64 = (0..2)
                .map(|k| -0.5 * beta[k].powi(2) / variances[k] - 0.5 * (std::f64::consts::TAU * variances[k]).ln())
                .sum();
            let density = (fit + prior).exp() * width * width;
            mass += density;
            for k in 0..2 {
                first[k] += density * beta[k];
                second[k] += density * beta[k].powi(2);
            }
        }
    }
    let mean = first.map(|sum| sum / mass);
    (mean, [0, 1].map(|k| second[k] / mass - mean[k].powi(2)), mass.ln())
}

/// Laplace is not exact: with 60 rows the mode is within a tenth of a standard deviation of the mean, the variance
/// within 10 %, the log evidence within 0.03.
#[test]
fn laplace_is_near_the_integral_in_two_dimensions() {
    let rows: Vec<[f64; 2]> = (0..60).map(|k| [1.0, f64::from(k * 37 % 60) / 20.0 - 1.5]).collect();
    let y: Vec<bool> = (0..60).map(|k| f64::from(k * 17 % 60) / 60.0 < expit(0.4 + rows[k as usize][1])).collect();
    let x = SparseRows::from_dense(&rows.concat(), 2).unwrap();
    for variances in [[1.0, 0.3], [0.2, 2.0]] {
        let posterior = Posterior { x: &x, y: &y, group_of: &[Some(0), Some(1)] };
        let found = posterior.laplace(&variances, None).unwrap();
        let (mean, variance, log_evidence) = by_grid(&rows, &y, variances);
        for k in 0..2 {
            assert!((found.coef[k] - mean[k]).abs() < 0.1 * variance[k].sqrt(), "{} {}", found.coef[k], mean[k]);
            assert!((found.covariance[3 * k] / variance[k] - 1.0).abs() < 0.1);
        }
        assert!((found.log_evidence - log_evidence).abs() < 0.03, "{} {log_evidence}", found.log_evidence);
    }
}

#[test]
fn one_flat_coefficient_is_the_logit_of_the_rate() {
    // 3 of 8: β̂ = logit(3/8), variance 1 / (8 · 3/8 · 5/8), by pencil.
    let x = SparseRows::from_dense(&[1.0; 8], 1).unwrap();
    let y = [true, true, true, false, false, false, false, false];
    let found = HierarchicalLogistic::fit(&x, &y, &[None], &VarianceSearch::default()).unwrap();
    assert_close(&found.coef, &[(3.0_f64 / 5.0).ln()], 1e-9);
    assert_close(&found.covariance, &[8.0 / 15.0], 1e-9);
    let margin = found.predict(&x).unwrap()[0];
    assert!((margin.std_dev - (8.0_f64 / 15.0).sqrt()).abs() < 1e-9);
}

#[test]
fn what_has_no_posterior_is_an_error() {
    let x = SparseRows::from_dense(&[1.0, 1.0, 1.0, 1.0], 1).unwrap();
    let y = [true, true, false, false];
    let search = VarianceSearch::default();
    let fit = |x: &SparseRows, y: &[bool], groups: &[Option<usize>]| HierarchicalLogistic::fit(x, y, groups, &search);
    assert!(matches!(fit(&x, &y[..3], &[None]), Err(Error::OneClass { .. })));
    assert!(matches!(fit(&x, &[true, true, false, false, false], &[None]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(fit(&x, &y, &[None, None]), Err(Error::Width { .. })));
    let twice = SparseRows::from_dense(&[1.0; 8], 2).unwrap();
    assert!(matches!(fit(&twice, &y, &[None, None]), Err(Error::Stats(_))));
    let separating = SparseRows::from_dense(&[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0], 2).unwrap();
    assert!(matches!(fit(&separating, &y, &[None, None]), Err(Error::Stats(_))));
    let scale = VarianceSearch { half_normal_scale: Some(0.0), averaged: false };
    assert!(matches!(HierarchicalLogistic::fit(&x, &y, &[None], &scale), Err(Error::Parameter { .. })));
}

#[test]
fn separated_classes_are_held_by_the_prior() {
    let separating = SparseRows::from_dense(&[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0], 2).unwrap();
    let y = [true, true, false, false];
    let found = HierarchicalLogistic::fit(&separating, &y, &[None, Some(0)], &VarianceSearch::default()).unwrap();
    assert!(found.coef[1] > 0.0 && found.coef.iter().chain(&found.covariance).all(|value| value.is_finite()));
}
