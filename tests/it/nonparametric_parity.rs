//! `regimen::stats` survival curves and log-rank tests against R's survival, from `tests/reference/nonparametric.json`.
//!
//! The simulated rows are in the JSON; the cohorts are read in place and skipped when absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regimen::stats::{
    AalenJohansen, CompetingRisks, ConfType, CumulativeHazard, CurveOptions, Error, HazardTies, KaplanMeier,
    LogrankOptions, StateCurve, Survival, Variance, censoring_survival, logrank, numbers_at_risk, rmst,
    rmst_difference,
};
use serde::Deserialize;

/// Relative: R prints 15 digits, and both sides sum thousands of f64 terms in different orders. The worst found is
/// 1e-13, where observed − expected nearly cancels.
const ROUNDING: f64 = 1e-11;
/// Absolute, for values that are 0 on either side.
const ZERO: f64 = 1e-14;
/// A curve that both sides take to 0 through products of fractional weights ends at 0 here and at about 1e-17 in R,
/// which then has bounds where there are none.
const VANISHED: f64 = 1e-12;

#[derive(Deserialize)]
struct Reference {
    versions: BTreeMap<String, String>,
    probabilities: Vec<f64>,
    sets: Vec<Set>,
    dropped_group: Dropped,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    n_samples: usize,
    curves: Vec<Curves>,
    jackknife_rmst_se: f64,
    log_rank: Vec<LogRankRef>,
    censoring: CensoringRef,
    at_risk: AtRisk,
    group_rmst: Vec<RmstRef>,
    rows: Option<Inline>,
}

#[derive(Deserialize)]
struct Inline {
    time: Vec<f64>,
    event: Vec<u32>,
    group: Vec<u32>,
    stratum: Vec<u32>,
}

#[derive(Deserialize)]
struct Curves {
    options: String,
    kaplan_meier: Vec<KmRef>,
    hazard: Vec<HazardRef>,
    rmst: RmstRef,
    incidence: Vec<IncidenceRef>,
}

/// Values at chosen positions, and the sum over all positions where a value exists.
#[derive(Deserialize)]
struct Picked {
    at: Vec<Option<f64>>,
    sum: f64,
}

#[derive(Deserialize)]
struct KmRef {
    conf_type: ConfType,
    level: f64,
    n_times: usize,
    positions: Vec<usize>,
    times: Picked,
    n_at_risk: Picked,
    n_events: Picked,
    n_censored: Picked,
    survival: Picked,
    std_err: Picked,
    lower: Picked,
    upper: Picked,
    quantile: Vec<Option<f64>>,
    quantile_lower: Vec<Option<f64>>,
    quantile_upper: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct HazardRef {
    ctype: u32,
    positions: Vec<usize>,
    cum_hazard: Picked,
    std_err: Picked,
    survival: Picked,
}

#[derive(Deserialize)]
struct RmstRef {
    tau: f64,
    mean: f64,
    std_err: f64,
}

#[derive(Deserialize)]
struct IncidenceRef {
    conf_type: ConfType,
    n_times: usize,
    positions: Vec<usize>,
    times: Picked,
    event_free: StateRef,
    incidence: Vec<StateRef>,
}

#[derive(Deserialize)]
struct StateRef {
    probability: Picked,
    std_err: Picked,
    lower: Picked,
    upper: Picked,
}

#[derive(Deserialize)]
struct LogRankRef {
    rho: f64,
    stratified: bool,
    observed: Vec<f64>,
    expected: Vec<f64>,
    variance: Vec<f64>,
    chi_squared: f64,
    df: usize,
    p: f64,
    trend_z: f64,
}

#[derive(Deserialize)]
struct CensoringRef {
    times: Vec<f64>,
    at: Vec<f64>,
    just_before: Vec<f64>,
    sum: f64,
}

#[derive(Deserialize)]
struct AtRisk {
    times: Vec<f64>,
    n_at_risk: Vec<f64>,
}

#[derive(Deserialize)]
struct Dropped {
    time: Vec<f64>,
    event: Vec<u32>,
    group: Vec<u32>,
    chi_squared: f64,
    df: usize,
}

/// The rows of one data set with what the R script derives from the row number.
struct Rows {
    time: Vec<f64>,
    event: Vec<bool>,
    group: Vec<u32>,
    stratum: Vec<u32>,
    cause: Vec<u32>,
    whole: Vec<f64>,
    fractional: Vec<f64>,
    entry: Vec<f64>,
}

impl Rows {
    fn new(time: Vec<f64>, event: &[bool], group: Vec<u32>, stratum: Vec<u32>, cause: Option<Vec<u32>>) -> Self {
        let n = time.len();
        let derived = || (0..n).map(|row| if event[row] { 1 + (row % 2) as u32 } else { 0 }).collect();
        Self {
            event: event.to_vec(),
            cause: cause.unwrap_or_else(derived),
            whole: (0..n).map(|row| (1 + row % 3) as f64).collect(),
            fractional: (0..n).map(|row| 0.5 + (row % 7) as f64 / 4.0).collect(),
            entry: time.iter().enumerate().map(|(row, time)| time * (row % 4) as f64 / 8.0).collect(),
            time,
            group,
            stratum,
        }
    }

    fn survival(&self) -> Survival {
        Survival::new(self.time.clone(), self.event.clone()).expect("times are finite and above 0")
    }

    fn options(&self, name: &str, conf_type: ConfType, level: f64) -> CurveOptions<'_> {
        let (weights, entry_time) = match name {
            "plain_rows" => (None, None),
            "whole_weights" => (Some(&self.whole[..]), None),
            "fractional_weights" => (Some(&self.fractional[..]), None),
            "delayed_entry" => (None, Some(&self.entry[..])),
            "delayed_entry_whole" => (Some(&self.whole[..]), Some(&self.entry[..])),
            "delayed_entry_fractional" => (Some(&self.fractional[..]), Some(&self.entry[..])),
            other => panic!("{other}: no such options"),
        };
        CurveOptions { weights, entry_time, variance: None, conf_type, level }
    }
}

fn root(variable: &str, fallback: &str) -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(fallback);
    std::env::var_os(variable).map_or_else(default, PathBuf::from)
}

fn reference() -> Reference {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/nonparametric.json");
    let text = std::fs::read_to_string(path).expect("the reference is committed");
    serde_json::from_str(&text).expect("the reference has the fields read here")
}

/// Named columns of a CSV without quotes inside its fields.
fn columns<const N: usize>(path: &Path, names: [&str; N]) -> Option<Vec<[String; N]>> {
    let text = std::fs::read_to_string(path).ok()?;
    let fields =
        |line: &str| -> Vec<String> { line.split(',').map(|field| field.trim_matches('"').to_string()).collect() };
    let mut lines = text.lines();
    let header = fields(lines.next()?);
    let at = names.map(|name| header.iter().position(|column| column == name).expect("the cohort has the column"));
    Some(lines.map(|line| at.map(|column| fields(line)[column].clone())).collect())
}

fn number(text: &str) -> f64 {
    text.parse().expect("the cohort holds numbers")
}

fn code(text: &str) -> u32 {
    number(text) as u32
}

/// The rows of a set, or `None` with a printed line when its cohort is not here.
fn rows(set: &Set) -> Option<Rows> {
    if let Some(inline) = &set.rows {
        let event: Vec<bool> = inline.event.iter().map(|&event| event == 1).collect();
        return Some(Rows::new(inline.time.clone(), &event, inline.group.clone(), inline.stratum.clone(), None));
    }
    let peers = root("REGIMEN_PEERS", "../shared/peers").join("data");
    let read = match set.name.as_str() {
        "gbsg2" => {
            columns(&peers.join("gbsg2.csv"), ["time", "event", "tgrade_II", "tgrade_III", "horTh"]).map(|table| {
                let row = |r: &[String; 5]| {
                    let event = code(&r[1]);
                    (number(&r[0]), event, 1 + code(&r[2]) + 2 * code(&r[3]), code(&r[4]), None)
                };
                table.iter().map(row).collect::<Vec<_>>()
            })
        }
        "metabric" => {
            columns(&peers.join("metabric.csv"), ["time", "event", "chemo", "radio", "hormone"]).map(|table| {
                let row = |r: &[String; 5]| {
                    let event = code(&r[1]);
                    (number(&r[0]), event, 2 * code(&r[2]) + code(&r[3]), code(&r[4]), None)
                };
                table.iter().map(row).collect()
            })
        }
        "rotterdam" => {
            let path = root("REGIMEN_DATA", "../shared/data").join("rotterdam/rotterdam.csv");
            columns(&path, ["rtime", "recur", "dtime", "death", "size", "hormon"]).map(|table| {
                let row = |r: &[String; 6]| {
                    let (recurred, died) = (code(&r[1]) == 1, code(&r[3]) == 1);
                    let cause = if recurred { 1 } else { 2 * u32::from(died) };
                    let group =
                        ["<=20", "20-50", ">50"].iter().position(|&size| size == r[4]).expect("three sizes") as u32 + 1;
                    let time = number(&r[if recurred { 0 } else { 2 }]);
                    (time, u32::from(cause > 0), group, code(&r[5]), Some(cause))
                };
                table.iter().map(row).collect()
            })
        }
        other => panic!("{other}: no such cohort"),
    };
    let Some(table) = read else {
        println!("skipped: {}: no public cohort at $REGIMEN_PEERS, $REGIMEN_DATA or ../shared", set.name);
        return None;
    };
    let table: Vec<_> = table.into_iter().filter(|row| row.0 > 0.0).collect();
    let event: Vec<bool> = table.iter().map(|row| row.1 == 1).collect();
    let rows = Rows::new(
        table.iter().map(|row| row.0).collect(),
        &event,
        table.iter().map(|row| row.2).collect(),
        table.iter().map(|row| row.3).collect(),
        table.iter().map(|row| row.4).collect(),
    );
    assert_eq!(rows.time.len(), set.n_samples, "{}", set.name);
    Some(rows)
}

/// Calls `check` with every set that is here.
fn for_each_set(check: impl Fn(&Reference, &Set, &Rows)) {
    let reference = reference();
    for set in &reference.sets {
        if let Some(rows) = rows(set) {
            check(&reference, set, &rows);
        }
    }
}

fn near(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= ROUNDING * expected.abs() + ZERO, "{what}: {found} {expected}");
}

fn near_some(what: &str, found: Option<f64>, expected: Option<f64>) {
    match (found, expected) {
        (Some(found), Some(expected)) => near(what, found, expected),
        (None, None) => {}
        // R's residue of a curve that has ended.
        (None, Some(expected)) => assert!(expected.abs() < VANISHED, "{what}: none here, {expected} there"),
        (Some(found), None) => panic!("{what}: {found} here, none there"),
    }
}

fn near_picked(what: &str, found: &[Option<f64>], positions: &[usize], expected: &Picked) {
    assert_eq!(positions.len(), expected.at.len(), "{what}");
    for (&position, &expected) in positions.iter().zip(&expected.at) {
        near_some(&format!("{what} at {position}"), found[position], expected);
    }
    near(&format!("{what}, sum"), found.iter().flatten().sum(), expected.sum);
}

fn never_rises(curve: &[Option<f64>]) -> bool {
    let values: Vec<f64> = curve.iter().flatten().copied().collect();
    values.windows(2).all(|pair| pair[0] >= pair[1])
}

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

#[test]
fn the_reference_names_its_programs() {
    let reference = reference();
    assert!(reference.versions.contains_key("R") && reference.versions.contains_key("survival"));
}

#[test]
fn kaplan_meier_agrees_with_survfit() {
    for_each_set(|reference, set, rows| {
        let data = rows.survival();
        for curves in &set.curves {
            for expected in &curves.kaplan_meier {
                let what = |part: &str| format!("{} {} {:?} {part}", set.name, curves.options, expected.conf_type);
                let options = rows.options(&curves.options, expected.conf_type, expected.level);
                let found = KaplanMeier::fit(&data, &options).unwrap();
                assert_eq!(found.times.len(), expected.n_times, "{}", what("times"));
                let check = |part: &str, found: &[Option<f64>], picked: &Picked| {
                    near_picked(&what(part), found, &expected.positions, picked);
                };
                check("times", &some(&found.times), &expected.times);
                check("n_at_risk", &some(&found.n_at_risk), &expected.n_at_risk);
                check("n_events", &some(&found.n_events), &expected.n_events);
                check("n_censored", &some(&found.n_censored), &expected.n_censored);
                check("survival", &some(&found.survival), &expected.survival);
                check("std_err", &found.std_err, &expected.std_err);
                check("lower", &found.lower, &expected.lower);
                check("upper", &found.upper, &expected.upper);
                for (at, &p) in reference.probabilities.iter().enumerate() {
                    let quantile = found.quantile(p).unwrap();
                    near_some(&what("quantile"), quantile.estimate, expected.quantile[at]);
                    // A jackknife bound may rise again; R sorts it and then answers a later time than the first.
                    for (part, curve, found, there) in [
                        ("quantile lower", &found.lower, quantile.lower, expected.quantile_lower[at]),
                        ("quantile upper", &found.upper, quantile.upper, expected.quantile_upper[at]),
                    ] {
                        if never_rises(curve) {
                            near_some(&what(part), found, there);
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn cumulative_hazards_agree_with_survfit() {
    for_each_set(|_, set, rows| {
        let data = rows.survival();
        for curves in &set.curves {
            let options = rows.options(&curves.options, ConfType::Log, 0.95);
            for expected in &curves.hazard {
                let what = |part: &str| format!("{} {} ctype {} {part}", set.name, curves.options, expected.ctype);
                let ties = if expected.ctype == 1 { HazardTies::NelsonAalen } else { HazardTies::FlemingHarrington };
                let found = CumulativeHazard::fit(&data, &options, ties).unwrap();
                near_picked(&what("H"), &some(&found.cum_hazard), &expected.positions, &expected.cum_hazard);
                near_picked(&what("std_err"), &some(&found.std_err), &expected.positions, &expected.std_err);
                let step = found.survival();
                let survival: Vec<f64> = found.times.iter().map(|&time| step.at(time)).collect();
                near_picked(&what("S"), &some(&survival), &expected.positions, &expected.survival);
            }
        }
    });
}

#[test]
fn restricted_means_agree_with_survfit() {
    for_each_set(|_, set, rows| {
        let data = rows.survival();
        for curves in &set.curves {
            let options = rows.options(&curves.options, ConfType::Log, 0.95);
            let what = format!("{} {}", set.name, curves.options);
            // R's table holds the model-based error whatever the weights.
            let model = CurveOptions { variance: Some(Variance::ModelBased), ..options };
            let found = rmst(&data, &model, curves.rmst.tau).unwrap();
            near(&what, found.mean.estimate, curves.rmst.mean);
            near(&what, found.std_err, curves.rmst.std_err);
            let jackknife = CurveOptions { variance: Some(Variance::InfinitesimalJackknife), ..options };
            let found = rmst(&data, &jackknife, curves.rmst.tau).unwrap();
            near(&what, found.mean.estimate, curves.rmst.mean);
            match curves.options.as_str() {
                "plain_rows" => near(&what, found.std_err, curves.rmst.std_err),
                "fractional_weights" => near(&what, found.std_err, set.jackknife_rmst_se),
                _ => {}
            }
        }
        let mut codes = rows.group.clone();
        codes.sort_unstable();
        codes.dedup();
        let of_group = |code: u32| {
            let members: Vec<usize> = (0..rows.time.len()).filter(|&row| rows.group[row] == code).collect();
            data.select(&members).unwrap()
        };
        let fits: Vec<_> = (0..2)
            .map(|at| rmst(&of_group(codes[at]), &CurveOptions::default(), set.group_rmst[at].tau).unwrap())
            .collect();
        let (a, b) = (&set.group_rmst[0], &set.group_rmst[1]);
        let found = rmst_difference(&fits[0], &fits[1]).unwrap();
        near(&set.name, found.difference.estimate, a.mean - b.mean);
        near(&set.name, found.std_err, (a.std_err.powi(2) + b.std_err.powi(2)).sqrt());
    });
}

#[test]
fn cumulative_incidences_agree_with_multi_state_survfit() {
    for_each_set(|_, set, rows| {
        let data = CompetingRisks::new(rows.time.clone(), rows.cause.clone(), 2).unwrap();
        for curves in &set.curves {
            for expected in &curves.incidence {
                let options = rows.options(&curves.options, expected.conf_type, 0.95);
                let found = AalenJohansen::fit(&data, &options).unwrap();
                assert_eq!(found.times.len(), expected.n_times, "{} {}", set.name, curves.options);
                near_picked("times", &some(&found.times), &expected.positions, &expected.times);
                let states = std::iter::once((&found.event_free, &expected.event_free))
                    .chain(found.incidence.iter().zip(&expected.incidence));
                for (state, (found, expected_state)) in states.enumerate() {
                    let what = |part: &str| {
                        format!("{} {} {:?} state {state} {part}", set.name, curves.options, expected.conf_type)
                    };
                    near_state(what, found, &expected.positions, expected_state);
                }
            }
        }
    });
}

fn near_state(what: impl Fn(&str) -> String, found: &StateCurve, positions: &[usize], expected: &StateRef) {
    near_picked(&what("probability"), &some(&found.probability), positions, &expected.probability);
    near_picked(&what("std_err"), &some(&found.std_err), positions, &expected.std_err);
    near_picked(&what("lower"), &found.lower, positions, &expected.lower);
    near_picked(&what("upper"), &found.upper, positions, &expected.upper);
}

#[test]
fn logrank_agrees_with_survdiff() {
    for_each_set(|_, set, rows| {
        let data = rows.survival();
        for expected in &set.log_rank {
            let what = format!("{} rho {} stratified {}", set.name, expected.rho, expected.stratified);
            let options =
                LogrankOptions { strata: expected.stratified.then_some(&rows.stratum[..]), rho: expected.rho };
            let found = logrank(&data, &rows.group, &options).unwrap();
            for (at, group) in found.groups.iter().enumerate() {
                near(&what, group.observed, expected.observed[at]);
                near(&what, group.expected, expected.expected[at]);
            }
            for (found, &expected) in found.variance.iter().zip(&expected.variance) {
                near(&what, *found, expected);
            }
            assert_eq!(found.df, expected.df, "{what}");
            near(&what, found.chi_squared, expected.chi_squared);
            // The tail's own accuracy is stated as 1e-12; relative, since p reaches 1e-12 and below.
            assert!((found.p / expected.p - 1.0).abs() < 1e-10, "{what}: {} {}", found.p, expected.p);
            let scores: Vec<f64> = (1..=found.groups.len()).map(|score| score as f64).collect();
            near(&what, found.trend(&scores).unwrap().z, expected.trend_z);
        }
    });
}

#[test]
fn a_group_censored_before_the_first_event_leaves_the_test_as_in_survdiff() {
    let expected = reference().dropped_group;
    let event = expected.event.iter().map(|&event| event == 1).collect();
    let data = Survival::new(expected.time, event).unwrap();
    let found = logrank(&data, &expected.group, &LogrankOptions::default()).unwrap();
    assert_eq!((found.df, expected.df), (1, 1));
    near("chi-squared", found.chi_squared, expected.chi_squared);
    assert_eq!(found.groups[2].expected, 0.0);
}

#[test]
fn censoring_curve_agrees_with_survfit_once_events_come_first() {
    for_each_set(|_, set, rows| {
        let data = rows.survival();
        let found = censoring_survival(&data);
        for (at, &time) in set.censoring.times.iter().enumerate() {
            near(&set.name, found.at(time), set.censoring.at[at]);
            near(&set.name, found.just_before(time), set.censoring.just_before[at]);
        }
        let times = KaplanMeier::fit(&data, &CurveOptions::default()).unwrap().times;
        near(&set.name, times.iter().map(|&time| found.at(time)).sum(), set.censoring.sum);
    });
}

#[test]
fn numbers_at_risk_agree_with_summary() {
    for_each_set(|_, set, rows| {
        let found = numbers_at_risk(&rows.survival(), &CurveOptions::default(), &set.at_risk.times).unwrap();
        assert_eq!(found, set.at_risk.n_at_risk, "{}", set.name);
    });
}

#[test]
fn a_horizon_past_the_follow_up_is_an_error_not_an_extrapolation() {
    for_each_set(|_, set, rows| {
        let last = rows.time.iter().copied().fold(0.0, f64::max);
        let beyond = rmst(&rows.survival(), &CurveOptions::default(), last + 1.0);
        let curve = KaplanMeier::fit(&rows.survival(), &CurveOptions::default()).unwrap();
        if curve.survival.last().is_some_and(|&survival| survival > 0.0) {
            assert_eq!(beyond, Err(Error::BeyondFollowUp { time: last + 1.0, last }), "{}", set.name);
        }
    });
}
