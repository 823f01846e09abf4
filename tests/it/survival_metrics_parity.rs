//! `regimen::stats` survival metrics against R `survival`, scikit-survival and lifelines, from the numbers in
//! `tests/reference/survival_metrics.json` and `survival_concordance.json`.
//!
//! The public cohorts are read in place from `$REGIMEN_PEERS` or `../shared/peers`; without them those parts are skipped.
#![expect(clippy::unwrap_used, reason = "the comparisons are plain functions, and a failed unwrap is their report")]

use std::path::{Path, PathBuf};

use regimen::stats::concordance::{c_index, c_index_ipcw, c_index_ipcw_value, c_index_value};
use regimen::stats::decision_curve::{NetBenefit, decision_curve, decision_curve_t};
use regimen::stats::dynamic_auc::dynamic_auc;
use regimen::stats::ipcw::{CensorSurvival, EventLimit};
use regimen::stats::paired::{bootstrap_estimate, paired_difference, pick};
use regimen::stats::survival_brier::{brier_curve, brier_t_competing, ibs, scaled_brier};
use regimen::stats::survival_calibration::{d_calibration, grouped_calibration, survival_calibration};
use regimen::stats::{Survival, SurvivalCurves};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Both sides compute in f64 by different summation orders; exp and ln may differ in the last bit.
const ROUNDING: f64 = 1e-11;
/// Newton here and in R stop near the same maximum by different rules, and the JSON has 15 digits.
const ITERATED: f64 = 1e-10;

#[derive(Deserialize)]
struct Metrics {
    versions: std::collections::BTreeMap<String, String>,
    cohorts: Vec<CohortMeasures>,
    simulated: SimulatedMeasures,
    competing: Competing,
    binary: Binary,
}

/// A public cohort with its fixed risk: factors · columns, and the exponential rate exp(slope (risk − centre)) / scale.
#[derive(Deserialize)]
struct Spec {
    name: String,
    columns: [String; 2],
    factors: [f64; 2],
    scale: f64,
    slope: f64,
    centre: f64,
}

#[derive(Deserialize)]
struct CohortMeasures {
    #[serde(flatten)]
    spec: Spec,
    times: Vec<f64>,
    tau: f64,
    #[serde(flatten)]
    measures: Measures,
}

#[derive(Deserialize)]
struct SimulatedMeasures {
    time: Vec<f64>,
    cause: Vec<u8>,
    risk: Vec<f64>,
    rate: Vec<f64>,
    times: Vec<f64>,
    tau: f64,
    #[serde(flatten)]
    measures: Measures,
}

#[derive(Deserialize)]
struct Measures {
    n_test: usize,
    c_index: f64,
    c_index_lifelines: f64,
    c_index_ipcw: f64,
    c_index_ipcw_no_tau: f64,
    censor_survival: Vec<f64>,
    auc: Vec<f64>,
    mean_auc: f64,
    brier: Vec<f64>,
    brier_null: Vec<f64>,
    ibs: f64,
    d_calibration: DTest,
    horizon: f64,
    thresholds: Vec<f64>,
    decision: Vec<Point>,
    observed_over_expected: f64,
}

#[derive(Deserialize)]
struct DTest {
    mass: Vec<f64>,
    statistic: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Point {
    threshold: f64,
    model: f64,
    treat_all: f64,
    avoided: f64,
}

#[derive(Deserialize)]
struct Competing {
    horizon: f64,
    incidence: Vec<f64>,
    brier: [f64; 2],
}

#[derive(Deserialize)]
struct Binary {
    y: Vec<u8>,
    p: Vec<f64>,
    thresholds: Vec<f64>,
    decision: Vec<Point>,
    prevalence: f64,
    decision_at_prevalence: Vec<Point>,
}

#[derive(Deserialize)]
struct ByR {
    cohorts: Vec<CohortByR>,
    simulated: Vec<SimulatedByR>,
}

#[derive(Deserialize)]
struct CohortByR {
    #[serde(flatten)]
    spec: Spec,
    harrell: Harrell,
    harrell_first: Harrell,
    uno: Uno,
    calibration: Calibration,
}

#[derive(Deserialize)]
struct SimulatedByR {
    name: String,
    time: Vec<f64>,
    event: Vec<u8>,
    risk: Vec<f64>,
    harrell: Harrell,
    uno: Uno,
}

#[derive(Deserialize)]
struct Harrell {
    c_index: f64,
    std_err: f64,
    counts: [u64; 5],
}

#[derive(Deserialize)]
struct Uno {
    c_index: f64,
    std_err: f64,
    tau: f64,
}

#[derive(Deserialize)]
struct Calibration {
    horizon: f64,
    n: usize,
    observed_expected: f64,
    observed_expected_log_se: f64,
    slope: f64,
    slope_se: f64,
    ici: f64,
    e50: f64,
    e90: f64,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    n: usize,
    predicted: f64,
    observed: f64,
    lower: f64,
    upper: f64,
}

/// A cohort as read: survival, risk, exponential rate, and the first column alone.
struct Cohort {
    data: Survival,
    risk: Vec<f64>,
    rate: Vec<f64>,
    first: Vec<f64>,
}

fn reference<T: DeserializeOwned>(file: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cohort(test: &str, spec: &Spec) -> Option<Cohort> {
    let folder = std::env::var_os("REGIMEN_PEERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/peers"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("data").join(format!("{}.csv", spec.name))) else {
        println!("skipped: {test}: no {} at $REGIMEN_PEERS or ../shared/peers", spec.name);
        return None;
    };
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|field| *field == name).unwrap();
    let [time, event, first, second] = ["time", "event", &spec.columns[0], &spec.columns[1]].map(column);
    let (mut times, mut events, mut risk, mut firsts) = (vec![], vec![], vec![], vec![]);
    for line in lines {
        let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        times.push(fields[time]);
        events.push(fields[event] == 1.0);
        risk.push(spec.factors[0] * fields[first] + spec.factors[1] * fields[second]);
        firsts.push(fields[first]);
    }
    let rate = risk.iter().map(|risk| (spec.slope * (risk - spec.centre)).exp() / spec.scale).collect();
    Some(Cohort { data: Survival::new(times, events).unwrap(), risk, rate, first: firsts })
}

/// Relative to the expected value, absolute below 1e-3 so that a true zero can be met.
#[track_caller]
fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(1e-3);
    assert!((found - expected).abs() <= tolerance * scale, "{what}: expected {expected:?}, found {found:?}");
}

fn near_all(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        near(what, *found, *expected, ROUNDING);
    }
}

fn near_points(what: &str, found: &[NetBenefit], expected: &[Point]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.threshold, expected.threshold);
        near(what, found.model, expected.model, ROUNDING);
        near(what, found.treat_all, expected.treat_all, ROUNDING);
        near(what, found.avoided, expected.avoided, ROUNDING);
    }
}

/// Everything that `measures` of the Python script computes.
fn compare(what: &str, data: &Survival, risk: &[f64], rate: &[f64], times: &[f64], tau: f64, expected: &Measures) {
    let n_samples = data.n_samples();
    near(what, c_index_value(data, risk).unwrap(), expected.c_index, ROUNDING);
    near(what, c_index_value(data, risk).unwrap(), expected.c_index_lifelines, ROUNDING);
    // Even rows train, odd rows within their follow-up test.
    let train = data.select(&(0..n_samples).step_by(2).collect::<Vec<_>>()).unwrap();
    let last = train.event_time().iter().copied().fold(0.0, f64::max);
    let rows: Vec<usize> = (1..n_samples).step_by(2).filter(|&row| data.event_time()[row] < last).collect();
    assert_eq!(rows.len(), expected.n_test);
    let (test, test_risk) = (data.select(&rows).unwrap(), pick(risk, &rows));
    let g = CensorSurvival::fit(&train);
    let all = CensorSurvival::fit(data);
    near_all(what, &times.iter().map(|&t| g.at(t).unwrap()).collect::<Vec<_>>(), &expected.censor_survival);
    near(what, c_index_ipcw(&g, &test, &test_risk, tau).unwrap().c_index_ipcw, expected.c_index_ipcw, ROUNDING);
    let end = times[times.len() - 1];
    near(what, c_index_ipcw_value(&all, data, risk, end).unwrap(), expected.c_index_ipcw_no_tau, ROUNDING);
    let area = dynamic_auc(&g, &test, &test_risk, times).unwrap();
    near_all(what, &area.auc_t, &expected.auc);
    near(what, area.mean_auc, expected.mean_auc, ROUNDING);
    let values = rows.iter().flat_map(|&row| times.iter().map(move |t| (-rate[row] * t).exp())).collect();
    let curves = SurvivalCurves::new(times.to_vec(), rows.len(), values).unwrap();
    near_all(what, &brier_curve(&g, &test, &curves).unwrap(), &expected.brier);
    near(what, ibs(&g, &test, &curves).unwrap(), expected.ibs, ROUNDING);
    for (at, &time) in times.iter().enumerate() {
        let scaled = scaled_brier(&g, &test, &curves.at(time), &train, time).unwrap();
        near(what, scaled, 1.0 - expected.brier[at] / expected.brier_null[at], ROUNDING);
    }
    let own: Vec<f64> = rate.iter().zip(data.event_time()).map(|(rate, time)| (-rate * time).exp()).collect();
    let found = d_calibration(data, &own, 10).unwrap();
    near_all(what, &found.observed, &expected.d_calibration.mass);
    near(what, found.chi_squared, expected.d_calibration.statistic, ROUNDING);
    assert!((found.p - expected.d_calibration.p).abs() <= 1e-9 * expected.d_calibration.p, "{what}: {}", found.p);
    let p: Vec<f64> = rate.iter().map(|rate| -(-rate * expected.horizon).exp_m1()).collect();
    let decision = decision_curve_t(data, &p, expected.horizon, &expected.thresholds).unwrap();
    near_points(what, &decision, &expected.decision);
    let s: Vec<f64> = p.iter().map(|p| 1.0 - p).collect();
    let ratio = regimen::stats::survival_calibration::observed_expected(data, &s, expected.horizon).unwrap();
    near(what, ratio.estimate, expected.observed_over_expected, ROUNDING);
}

fn compare_harrell(what: &str, data: &Survival, risk: &[f64], expected: &Harrell) {
    let found = c_index(data, risk).unwrap();
    near(what, found.c_index, expected.c_index, ROUNDING);
    near(what, found.std_err, expected.std_err, ROUNDING);
    let counts = [found.concordant, found.discordant, found.tied_risk, found.tied_time, found.tied_both];
    assert_eq!(counts, expected.counts, "{what}");
}

fn compare_uno(what: &str, data: &Survival, risk: &[f64], expected: &Uno) {
    let g = CensorSurvival::fit(data).with_limit(EventLimit::JustBefore);
    let found = c_index_ipcw(&g, data, risk, expected.tau).unwrap();
    near(what, found.c_index_ipcw, expected.c_index, ROUNDING);
    near(what, found.std_err, expected.std_err, ROUNDING);
}

#[test]
fn survival_metrics_agree_with_scikit_survival_on_public_cohorts() {
    let reference: Metrics = reference("survival_metrics.json");
    assert!(reference.versions.contains_key("scikit-survival") && reference.cohorts.len() == 3);
    for expected in &reference.cohorts {
        let Some(Cohort { data, risk, rate, .. }) = cohort("survival metrics", &expected.spec) else { continue };
        compare(&expected.spec.name, &data, &risk, &rate, &expected.times, expected.tau, &expected.measures);
    }
}

#[test]
fn survival_metrics_agree_with_scikit_survival_under_heavy_ties() {
    let reference: Metrics = reference("survival_metrics.json");
    let SimulatedMeasures { time, cause, risk, rate, times, tau, measures } = reference.simulated;
    let data = Survival::new(time, cause.iter().map(|&cause| cause > 0).collect()).unwrap();
    compare("simulated", &data, &risk, &rate, &times, tau, &measures);
    let g = CensorSurvival::fit(&data);
    for (k, expected) in (1..).zip(reference.competing.brier) {
        let interest: Vec<bool> = cause.iter().map(|&cause| cause == k).collect();
        let Competing { horizon, incidence, .. } = &reference.competing;
        near("competing", brier_t_competing(&g, &data, &interest, incidence, *horizon).unwrap(), expected, ROUNDING);
    }
}

#[test]
fn concordance_and_its_standard_error_agree_with_r() {
    let reference: ByR = reference("survival_concordance.json");
    for expected in &reference.simulated {
        let event = expected.event.iter().map(|&event| event == 1).collect();
        let data = Survival::new(expected.time.clone(), event).unwrap();
        compare_harrell(&expected.name, &data, &expected.risk, &expected.harrell);
        compare_uno(&expected.name, &data, &expected.risk, &expected.uno);
    }
    for expected in &reference.cohorts {
        let name = &expected.spec.name;
        let Some(Cohort { data, risk, first, .. }) = cohort("concordance", &expected.spec) else { continue };
        compare_harrell(name, &data, &risk, &expected.harrell);
        compare_harrell(name, &data, &first, &expected.harrell_first);
        compare_uno(name, &data, &risk, &expected.uno);
    }
}

#[test]
fn calibration_at_a_horizon_agrees_with_r() {
    for CohortByR { spec, calibration: expected, .. } in reference::<ByR>("survival_concordance.json").cohorts {
        let Some(Cohort { data, rate, .. }) = cohort("calibration", &spec) else { continue };
        assert_eq!(data.n_samples(), expected.n);
        let s: Vec<f64> = rate.iter().map(|rate| (-rate * expected.horizon).exp()).collect();
        let found = survival_calibration(&data, &s, expected.horizon).unwrap();
        let name = &spec.name;
        near(name, found.observed_expected.estimate, expected.observed_expected, ITERATED);
        let half_width = regimen::stats::normal::Z95 * expected.observed_expected_log_se;
        near(name, found.observed_expected.upper95, expected.observed_expected * half_width.exp(), ITERATED);
        near(name, found.slope.estimate, expected.slope, ITERATED);
        let half_width = regimen::stats::normal::Z95 * expected.slope_se;
        near(name, found.slope.upper95, expected.slope + half_width, ITERATED);
        near(name, found.ici, expected.ici, ITERATED);
        near(name, found.e50, expected.e50, ITERATED);
        near(name, found.e90, expected.e90, ITERATED);
        let groups = grouped_calibration(&data, &s, expected.horizon, 10).unwrap();
        assert_eq!(groups.len(), expected.groups.len());
        for (found, expected) in groups.iter().zip(&expected.groups) {
            assert_eq!(found.n_samples, expected.n);
            near(name, found.predicted, expected.predicted, ITERATED);
            near(name, found.observed.estimate, expected.observed, ITERATED);
            near(name, found.observed.lower95, expected.lower, ITERATED);
            near(name, found.observed.upper95, expected.upper, ITERATED);
        }
    }
}

#[test]
fn binary_net_benefit_agrees_with_a_loop_over_patients() {
    let Binary { y, p, thresholds, decision, prevalence, decision_at_prevalence } =
        reference::<Metrics>("survival_metrics.json").binary;
    let y: Vec<bool> = y.iter().map(|&y| y == 1).collect();
    near_points("binary", &decision_curve(&y, &p, &thresholds, None).unwrap(), &decision);
    let found = decision_curve(&y, &p, &thresholds, Some(prevalence)).unwrap();
    near_points("at prevalence", &found, &decision_at_prevalence);
}

#[test]
fn bootstrap_intervals_are_near_those_of_r_and_pair_two_models() {
    let reference: ByR = reference("survival_concordance.json");
    let expected = &reference.simulated[2];
    let event = expected.event.iter().map(|&event| event == 1).collect();
    let data = Survival::new(expected.time.clone(), event).unwrap();
    let n_samples = data.n_samples();
    let c = |risk: &[f64], rows: &[usize]| c_index_value(&data.select(rows)?, &pick(risk, rows));
    let found = bootstrap_estimate(n_samples, 400, 1, |rows| c(&expected.risk, rows)).unwrap();
    let width = (found.upper95 - found.lower95) / (2.0 * regimen::stats::normal::Z95);
    // A bootstrap standard error from 400 resamples is known to about 5 %; n is 120.
    assert!((width / expected.harrell.std_err - 1.0).abs() < 0.25, "{width} {}", expected.harrell.std_err);
    let noise: Vec<f64> = (0..n_samples).map(|row| ((row * 37) % 101) as f64).collect();
    let pair = paired_difference(n_samples, 400, 1, |rows| Ok((c(&expected.risk, rows)?, c(&noise, rows)?))).unwrap();
    // An interval above 0 leaves at most 2.5 % of the resamples below it.
    assert!(pair.difference.lower95 > 0.0 && pair.share_below_zero <= 0.025 && pair.p < 0.06, "{pair:?}");
}
