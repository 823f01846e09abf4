//! `regimen::stats` against scikit-learn, SciPy, statsmodels and R's pROC, from the numbers in
//! `tests/reference/stats_binary.json` and `stats_delong.json`.

use std::path::PathBuf;

use regimen::stats::logistic::LogisticFit;
use regimen::stats::{
    auprc, beta, beta_interval, brier, calibration, delong_paired, log_loss, logistic_fit, normal, roc_auc,
    roc_auc_value,
};
use regimen::terms::Estimate;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Both sides compute in f64 by different summation orders.
const ROUNDING: f64 = 1e-12;
/// Newton's iteration here and IRLS there stop at the same maximum by different rules; statsmodels takes its
/// covariance from the weights of the last step but one.
const ITERATED: f64 = 1e-10;

#[derive(Deserialize)]
struct Binary {
    versions: std::collections::BTreeMap<String, String>,
    cases: Vec<Case>,
    jeffreys: Vec<Jeffreys>,
    beta_cdf: Vec<BetaCdf>,
    normal: Vec<Normal>,
    normal_quantile: Vec<NormalQuantile>,
    regression: Regression,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    y: Vec<u8>,
    p: Vec<f64>,
    auc: f64,
    average_precision: f64,
    brier: f64,
    log_loss: f64,
    intercept: [f64; 3],
    slope: [f64; 3],
    ici: f64,
}

#[derive(Deserialize)]
struct Jeffreys {
    events: usize,
    n: usize,
    lower: f64,
    upper: f64,
}

#[derive(Deserialize)]
struct BetaCdf {
    x: f64,
    a: f64,
    b: f64,
    cdf: f64,
}

#[derive(Deserialize)]
struct Normal {
    x: f64,
    cdf: f64,
}

#[derive(Deserialize)]
struct NormalQuantile {
    p: f64,
    quantile: f64,
}

#[derive(Deserialize)]
struct Regression {
    x: Vec<f64>,
    y: Vec<u8>,
    n_features: usize,
    coef: Vec<f64>,
    covariance: Vec<f64>,
    log_likelihood: f64,
    ridge: f64,
    coef_ridge: Vec<f64>,
}

#[derive(Deserialize)]
struct Delong {
    cases: Vec<DelongCase>,
}

#[derive(Deserialize)]
struct DelongCase {
    name: String,
    y: Vec<u8>,
    a: Vec<f64>,
    b: Vec<f64>,
    /// Area, lower, upper.
    auc_a: [f64; 3],
    auc_b: [f64; 3],
    z: f64,
    p: f64,
}

fn reference<T: DeserializeOwned>(file: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn outcomes(y: &[u8]) -> Vec<bool> {
    y.iter().map(|&value| value == 1).collect()
}

/// Relative to the expected value, absolute below 1e-3 so that a true zero can be met.
#[track_caller]
fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(1e-3);
    assert!((found - expected).abs() <= tolerance * scale, "{what}: expected {expected:?}, found {found:?}");
}

/// Relative to the largest of the three numbers: an end near zero is no more exact than its half-width.
#[track_caller]
fn near_estimate(what: &str, found: Estimate, expected: [f64; 3], tolerance: f64) {
    let scale = expected.iter().map(|value| value.abs()).fold(0.0, f64::max);
    for (found, expected) in [found.estimate, found.lower95, found.upper95].into_iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * scale, "{what}: expected {expected:?}, found {found:?}");
    }
}

#[test]
fn discrimination_and_error_agree_with_scikit_learn() {
    let reference: Binary = reference("stats_binary.json");
    assert!(reference.versions.contains_key("scikit-learn") && reference.cases.len() >= 7);
    for case in &reference.cases {
        let y = outcomes(&case.y);
        near(&case.name, roc_auc_value(&y, &case.p).unwrap(), case.auc, ROUNDING);
        near(&case.name, auprc(&y, &case.p).unwrap(), case.average_precision, ROUNDING);
        near(&case.name, brier(&y, &case.p).unwrap(), case.brier, ROUNDING);
        near(&case.name, log_loss(&y, &case.p).unwrap(), case.log_loss, ROUNDING);
    }
}

#[test]
fn recalibration_agrees_with_statsmodels() {
    let reference: Binary = reference("stats_binary.json");
    for case in &reference.cases {
        let found = calibration(&outcomes(&case.y), &case.p).unwrap();
        near_estimate(&case.name, found.intercept, case.intercept, ITERATED);
        near_estimate(&case.name, found.slope, case.slope, ITERATED);
        near(&case.name, found.ici, case.ici, ITERATED);
    }
}

#[test]
fn logistic_regression_agrees_with_statsmodels_and_with_scikit_learn_under_a_ridge() {
    let Regression { x, y, n_features, coef, covariance, log_likelihood, ridge, coef_ridge } =
        reference::<Binary>("stats_binary.json").regression;
    let y = outcomes(&y);
    let fit: LogisticFit = logistic_fit(&x, y.len(), n_features, &y, 0.0).unwrap();
    for (found, expected) in fit.coef.iter().zip(&coef).chain(fit.covariance.iter().zip(&covariance)) {
        near("plain", *found, *expected, ITERATED);
    }
    near("log-likelihood", fit.log_likelihood, log_likelihood, ROUNDING);
    let shrunk = logistic_fit(&x, y.len(), n_features, &y, ridge).unwrap();
    for (found, expected) in shrunk.coef.iter().zip(&coef_ridge) {
        near("ridge", *found, *expected, ITERATED);
    }
}

#[test]
fn jeffreys_intervals_agree_with_scipy() {
    for row in reference::<Binary>("stats_binary.json").jeffreys {
        let found = beta_interval(row.events, row.n).unwrap();
        let what = format!("{} of {}", row.events, row.n);
        // Absolute: the promise is 1e-12 on the rate.
        assert!((found.lower95 - row.lower).abs() < 1e-12, "{what}: {} {}", found.lower95, row.lower);
        assert!((found.upper95 - row.upper).abs() < 1e-12, "{what}: {} {}", found.upper95, row.upper);
    }
}

#[test]
fn beta_and_normal_distributions_agree_with_scipy() {
    let reference: Binary = reference("stats_binary.json");
    for row in reference.beta_cdf {
        near("beta cdf", beta::cdf(row.x, row.a, row.b).unwrap(), row.cdf, ROUNDING);
    }
    for row in reference.normal {
        // Relative even at 1e-300; exp(−x²/2) alone loses x² roundings there.
        assert!((normal::cdf(row.x) / row.cdf - 1.0).abs() < 1e-12, "{} {}", normal::cdf(row.x), row.cdf);
    }
    for row in reference.normal_quantile {
        near("normal quantile", normal::quantile(row.p).unwrap(), row.quantile, ROUNDING);
    }
}

#[test]
fn delong_agrees_with_proc() {
    for case in reference::<Delong>("stats_delong.json").cases {
        let y = outcomes(&case.y);
        near_estimate(&case.name, roc_auc(&y, &case.a).unwrap(), case.auc_a, ROUNDING);
        near_estimate(&case.name, roc_auc(&y, &case.b).unwrap(), case.auc_b, ROUNDING);
        let paired = delong_paired(&y, &case.a, &case.b).unwrap();
        // pROC subtracts the covariance from the variances; where they nearly cancel it loses digits.
        near(&case.name, paired.z, case.z, 1e-10);
        near(&case.name, paired.p, case.p, 1e-10);
    }
}
