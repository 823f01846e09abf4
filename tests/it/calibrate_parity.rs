//! `regimen::learn`'s calibration, recalibration, stacking and competing-risk model against scikit-learn, SciPy,
//! statsmodels and R's survival, from `tests/reference/calibrators.json` and `competing_risks.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use regimen::learn::DesignMatrix;
use regimen::learn::calibrate::{Calibrator, CalibratorKind, Interpolation, PlattScale};
use regimen::learn::competing_risks::{CauseSpecificCox, HazardSteps};
use regimen::learn::recalibrate::{
    BinaryRecalibration, LevelAndSlope, RecalibrationLevel, SitePredictions, SurvivalRecalibration,
};
use regimen::learn::stack::{StackObjective, stack_probabilities};
use regimen::stats::cox::{CoxOptions, Ties};
use regimen::stats::{CompetingRisks, Survival, expit};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Both sides do the same sums in another order.
const ROUNDING: f64 = 1e-12;
/// Two iterations stop at the same maximum by different rules.
const ITERATED: f64 = 1e-9;
/// scikit-learn's sigmoid stops its optimiser at a gradient of 1e-6; so near, P differs by no more than this.
const EARLY_STOP: f64 = 1e-4;
/// SLSQP finds a loss near the least to the 12th digit, the weights of a flat minimum only to their square root.
const FLAT: f64 = 1e-5;

#[derive(Deserialize)]
struct Reference {
    versions: BTreeMap<String, String>,
    calibrators: Vec<Maps>,
    recalibration: Recalibration,
    stacking: Stacking,
}

#[derive(Deserialize)]
struct Maps {
    p: Vec<f64>,
    y: Vec<u8>,
    grid: Vec<f64>,
    isotonic: Vec<f64>,
    isotonic_knots: usize,
    platt: [f64; 2],
    platt_smoothed: [f64; 2],
    sklearn_sigmoid: Vec<f64>,
    inverse_temperature: f64,
    beta: [f64; 3],
}

#[derive(Deserialize)]
struct Recalibration {
    binary: BinarySite,
    survival: SurvivalSite,
}

#[derive(Deserialize)]
struct BinarySite {
    p: Vec<f64>,
    y: Vec<u8>,
    level: Fit,
    both: Fit,
    lr_any: f64,
    lr_slope: f64,
}

#[derive(Deserialize)]
struct SurvivalSite {
    time: Vec<f64>,
    event: Vec<u8>,
    cum_hazard: Vec<f64>,
    linear_predictor: Vec<f64>,
    level: Fit,
    both: Fit,
    lr_any: f64,
    lr_slope: f64,
}

/// Coefficients and row-major covariance.
#[derive(Deserialize)]
struct Fit {
    params: Vec<f64>,
    covariance: Vec<f64>,
}

#[derive(Deserialize)]
struct Stacking {
    y: Vec<u8>,
    models: Vec<Vec<f64>>,
    objectives: BTreeMap<String, Optimum>,
}

#[derive(Deserialize)]
struct Optimum {
    weights: Vec<f64>,
    loss: f64,
}

#[derive(Deserialize)]
struct Causes {
    versions: BTreeMap<String, String>,
    rows: CauseRows,
    new: NewRows,
    grid: Vec<f64>,
    efron: CauseFit,
    breslow: CauseFit,
    plain: Plain,
}

#[derive(Deserialize)]
struct CauseRows {
    time: Vec<f64>,
    cause: Vec<u32>,
    x1: Vec<f32>,
    x2: Vec<f32>,
}

#[derive(Deserialize)]
struct NewRows {
    x1: Vec<f32>,
    x2: Vec<f32>,
}

/// Curves: one per new patient, on the grid.
#[derive(Deserialize)]
struct CauseFit {
    coef: Vec<f64>,
    event_free: Vec<Vec<f64>>,
    first: Vec<Vec<f64>>,
    second: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Plain {
    event_free: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn outcomes(y: &[u8]) -> Vec<bool> {
    y.iter().map(|&y| y == 1).collect()
}

/// The largest |found − expected|.
fn worst(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let worst = worst(found, expected);
    println!("{what}: worst difference {worst:.1e}");
    assert!(worst <= tolerance, "{what}: {worst:e} above {tolerance:e}");
}

#[test]
fn calibration_maps_agree_with_scikit_learn_and_scipy() {
    let reference: Reference = read("calibrators.json");
    assert!(reference.versions.contains_key("scikit-learn"));
    for maps in &reference.calibrators {
        let y = outcomes(&maps.y);
        let fit = |kind| Calibrator::fit(kind, &y, &maps.p).unwrap();
        let isotonic = fit(CalibratorKind::Isotonic { interpolation: Interpolation::Linear });
        assert_near("isotonic", &isotonic.apply(&maps.grid).unwrap(), &maps.isotonic, ROUNDING);
        let Calibrator::Isotonic(curve) = &isotonic else { panic!("{isotonic:?}") };
        assert_eq!(curve.n_knots(), maps.isotonic_knots);

        for (smoothed, expected) in [(false, maps.platt), (true, maps.platt_smoothed)] {
            let map = fit(CalibratorKind::Platt { scale: PlattScale::Logit, smoothed });
            let Calibrator::Platt(line) = &map else { panic!("{map:?}") };
            assert_near("platt", &[line.intercept, line.slope], &expected, ITERATED);
            if smoothed {
                assert_near("sigmoid", &map.apply(&maps.grid).unwrap(), &maps.sklearn_sigmoid, EARLY_STOP);
            }
        }
        let Calibrator::Temperature { inverse_temperature } = fit(CalibratorKind::Temperature) else { panic!() };
        assert_near("temperature", &[inverse_temperature], &[maps.inverse_temperature], ITERATED);
        let Calibrator::Beta(beta) = fit(CalibratorKind::Beta) else { panic!() };
        assert_near("beta", &[beta.c, beta.a, beta.b], &maps.beta, ITERATED);
    }
}

fn assert_update(what: &str, found: &LevelAndSlope, expected: &Fit) {
    let covariance = &expected.covariance;
    let both = found.level == RecalibrationLevel::LevelAndSlope;
    // The Poisson reference takes the linear predictor out of its offset, so its coefficient is the slope itself.
    let params = if both { vec![found.intercept, found.slope] } else { vec![found.intercept] };
    assert_near(what, &params, &expected.params, ITERATED);
    let variances =
        if both { vec![covariance[0], covariance[1], covariance[3]] } else { vec![covariance[0], 0.0, 0.0] };
    assert_near(what, &found.covariance, &variances, ITERATED);
}

#[test]
fn recalibration_agrees_with_statsmodels() {
    let Recalibration { binary, survival } = read::<Reference>("calibrators.json").recalibration;
    let (level, both) = (RecalibrationLevel::InTheLarge, RecalibrationLevel::LevelAndSlope);
    let y = outcomes(&binary.y);
    for (level, expected) in [(level, &binary.level), (both, &binary.both)] {
        let found = BinaryRecalibration::fit(level, &y, &binary.p).unwrap();
        assert_update("binary recalibration", &found.update, expected);
    }
    let test = BinaryRecalibration::closed_test(&y, &binary.p, 0.05).unwrap().0;
    let statistics = [test.any_change.statistic, test.slope.statistic];
    assert_near("binary tests", &statistics, &[binary.lr_any, binary.lr_slope], ITERATED);

    let data = Survival::new(survival.time.clone(), outcomes(&survival.event)).unwrap();
    let predictions =
        SitePredictions { cum_hazard: &survival.cum_hazard, linear_predictor: &survival.linear_predictor };
    for (level, expected) in [(level, &survival.level), (both, &survival.both)] {
        let found = SurvivalRecalibration::fit(level, &data, &predictions).unwrap();
        assert_update("survival recalibration", &found.update, expected);
    }
    let test = SurvivalRecalibration::closed_test(&data, &predictions, 0.05).unwrap().0;
    let statistics = [test.any_change.statistic, test.slope.statistic];
    assert_near("survival tests", &statistics, &[survival.lr_any, survival.lr_slope], ITERATED);
}

#[test]
fn stacking_weights_agree_with_slsqp() {
    let stacking = read::<Reference>("calibrators.json").stacking;
    let y = outcomes(&stacking.y);
    let objectives = [
        ("probability_log_loss", StackObjective::ProbabilityLogLoss),
        ("probability_brier", StackObjective::ProbabilityBrier),
        ("logit_log_loss", StackObjective::LogitLogLoss),
    ];
    for (name, objective) in objectives {
        let expected = &stacking.objectives[name];
        let found = stack_probabilities(&y, &stacking.models, objective).unwrap();
        assert!(found.loss <= expected.loss + ROUNDING, "{name}");
        assert_near(name, &[found.loss], &[expected.loss], 1e-9);
        assert_near(name, &found.weights, &expected.weights, FLAT);
    }
}

fn design(x1: &[f32], x2: &[f32]) -> DesignMatrix {
    let values = x1.iter().zip(x2).flat_map(|(&a, &b)| [a, b]).collect();
    DesignMatrix { names: vec!["x1".into(), "x2".into()], n_rows: x1.len(), values }
}

#[test]
fn cause_specific_incidences_agree_with_multi_state_coxph() {
    let causes: Causes = read("competing_risks.json");
    assert!(causes.versions.contains_key("survival"));
    let data = CompetingRisks::new(causes.rows.time.clone(), causes.rows.cause.clone(), 2).unwrap();
    let (x, new) = (design(&causes.rows.x1, &causes.rows.x2), design(&causes.new.x1, &causes.new.x2));
    for (ties, expected) in [(Ties::Efron, &causes.efron), (Ties::Breslow, &causes.breslow)] {
        let model = CauseSpecificCox::fit_cox(&data, &x, &CoxOptions { ties, ..CoxOptions::default() }).unwrap();
        let coef: Vec<f64> = model.causes().iter().flat_map(|cause| cause.coef()).copied().collect();
        assert_near("cause-specific coefficients", &coef, &expected.coef, ITERATED);
        let found = model.predict(&new, &causes.grid, HazardSteps::Exponential).unwrap();
        for row in 0..new.n_rows {
            assert_near("event-free", &found.event_free(row), &expected.event_free[row], ITERATED);
            assert_near("first cause", found.incidence(row, 1), &expected.first[row], ITERATED);
            assert_near("second cause", found.incidence(row, 2), &expected.second[row], ITERATED);
        }
    }
    let no_columns = |n_rows| DesignMatrix { names: Vec::new(), n_rows, values: Vec::new() };
    let model = CauseSpecificCox::fit_cox(&data, &no_columns(x.n_rows), &CoxOptions::default()).unwrap();
    let found = model.predict(&no_columns(1), &causes.grid, HazardSteps::ProductIntegral).unwrap();
    assert_near("Aalen-Johansen", found.incidence(0, 1), &causes.plain.first, ROUNDING);
    assert_near("Aalen-Johansen", found.incidence(0, 2), &causes.plain.second, ROUNDING);
    assert_near("Aalen-Johansen", &found.event_free(0), &causes.plain.event_free, ROUNDING);
}

#[test]
fn a_platt_map_is_its_formula() {
    let maps = &read::<Reference>("calibrators.json").calibrators[0];
    let kind = CalibratorKind::Platt { scale: PlattScale::Score, smoothed: true };
    let map = Calibrator::fit(kind, &outcomes(&maps.y), &maps.p).unwrap();
    let Calibrator::Platt(line) = &map else { panic!("{map:?}") };
    assert_eq!(map.apply(&[-3.0]).unwrap(), [expit(line.intercept - 3.0 * line.slope)]);
}
