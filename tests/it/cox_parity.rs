//! `regimen::stats::cox` against R's survival, from the numbers in `tests/reference/cox.json`.
//!
//! The cohorts are read in place from `$REGIMEN_PEERS/data` (default `../shared/peers`); lung, veteran and ovarian from
//! `$REGIMEN_R_DATA`, to which `cox.R` exports them when `COX_BUILTIN` is set. Absent files are skipped and named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use regimen::stats::Survival;
use regimen::stats::cox::{
    CoxData, CoxFit, CoxOptions, IntervalScale, NewPatients, Ties, TimeTransform, breslow_baseline, cox_fit,
    cox_residuals, proportional_hazards_test,
};
use serde::Deserialize;

/// Both sides iterate to the same maximum; the numbers pass through 13 decimal digits and different orders of summation.
const PARITY: f64 = 1e-8;
/// Coefficients, relative to the larger of the coefficient and its standard error.
const COEFFICIENT: f64 = 1e-9;

#[derive(Deserialize)]
struct Reference {
    versions: BTreeMap<String, Vec<String>>,
    cases: Vec<Case>,
    factor_zph: FactorZph,
    ridge: Ridge,
    simulated: Simulated,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    features: Vec<String>,
    ties: String,
    #[serde(rename = "use")]
    uses: Vec<String>,
    stratum: usize,
    #[serde(default)]
    stratum_column: Option<String>,
    n: usize,
    n_events: usize,
    coef: Vec<f64>,
    var: Vec<f64>,
    robust_var: Option<Vec<f64>>,
    loglik: [f64; 2],
    score: f64,
    wald: f64,
    rscore: Option<f64>,
    means: Vec<f64>,
    times: Vec<f64>,
    hazard_centred: Option<Vec<f64>>,
    hazard_at_zero: Option<Vec<f64>>,
    profiles: Vec<f64>,
    curves: Vec<Curve>,
    zph: Zph,
    squares: Squares,
    #[serde(default)]
    rows: Option<Squares>,
}

#[derive(Deserialize)]
struct Curve {
    surv: Vec<f64>,
    std_err: Vec<f64>,
    log: Option<Bounds>,
    loglog: Option<Bounds>,
    plain: Option<Bounds>,
}

#[derive(Deserialize)]
struct Bounds {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

#[derive(Deserialize)]
struct Zph {
    km: Vec<f64>,
    rank: Vec<f64>,
    identity: Vec<f64>,
    log: Vec<f64>,
}

/// Residuals themselves, or their column sums of squares.
#[derive(Deserialize)]
struct Squares {
    martingale: Vec<f64>,
    deviance: Vec<f64>,
    score: Vec<f64>,
    dfbeta: Vec<f64>,
    schoenfeld: Vec<f64>,
    scaled_schoenfeld: Vec<f64>,
}

#[derive(Deserialize)]
struct FactorZph {
    chisq: Vec<f64>,
    df: Vec<f64>,
    p: Vec<f64>,
}

#[derive(Deserialize)]
struct Ridge {
    theta: f64,
    coef: Vec<f64>,
    var: Vec<f64>,
}

#[derive(Deserialize)]
struct Simulated {
    data: BTreeMap<String, Vec<f64>>,
    cases: Vec<Case>,
    score: Vec<f64>,
    score_baseline: ScoreBaseline,
}

#[derive(Deserialize)]
struct ScoreBaseline {
    time: Vec<f64>,
    cumhaz: Vec<f64>,
}

fn reference() -> Reference {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/cox.json");
    let mut found: Reference = std::fs::read_to_string(path)
        .map(|text| serde_json::from_str(&text).expect("cox.json has the fields of cox.R"))
        .expect("cox.json lies beside cox.R");
    // 13 digits may have rounded an event time down; the next one is further away than this.
    found.cases.iter_mut().flat_map(|case| &mut case.times).for_each(|time| *time *= 1.0 + 1e-11);
    found
}

/// Named columns of one data set, with the option columns that `with_options` of `cox.R` makes.
type Columns = BTreeMap<String, Vec<f64>>;

fn columns(file: &str) -> Option<Columns> {
    let peers = std::env::var_os("REGIMEN_PEERS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/peers"), PathBuf::from);
    let built_in = std::env::var_os("REGIMEN_R_DATA").map(PathBuf::from);
    let name = format!("{file}.csv");
    let text = std::fs::read_to_string(peers.join("data").join(&name))
        .ok()
        .or_else(|| std::fs::read_to_string(built_in?.join(&name)).ok())?;
    let mut lines = text.lines();
    let names: Vec<String> = lines.next()?.split(',').map(|name| name.trim_matches('"').to_owned()).collect();
    let mut found: Columns = names.iter().map(|name| (name.clone(), Vec::new())).collect();
    let time = names.iter().position(|name| name == "time")?;
    for line in lines {
        let values: Vec<f64> = line.split(',').map(|value| value.parse().expect("a number")).collect();
        // metabric has one patient with time 0, whom coxph would count and an entry time would not let in.
        if values[time] > 0.0 {
            names.iter().zip(values).for_each(|(name, value)| found.entry(name.clone()).or_default().push(value));
        }
    }
    Some(found)
}

fn with_options(mut found: Columns, stratum: Option<&str>) -> Columns {
    let time = found["time"].clone();
    let of_row = |f: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..time.len()).map(f).collect() };
    found.insert("w".into(), of_row(&|row| 0.5 + (row % 7) as f64 / 4.0));
    found.insert("entry".into(), of_row(&|row| time[row] * (row % 5) as f64 / 8.0));
    found.insert("cl".into(), of_row(&|row| (row / 4) as f64));
    found.insert("o".into(), of_row(&|row| ((row % 11) as f64 - 5.0) / 10.0));
    found.insert("s".into(), stratum.map_or_else(|| of_row(&|_| 0.0), |name| found[name].clone()));
    found
}

/// The data of one case, owned.
struct Prepared {
    features: Vec<f64>,
    n_features: usize,
    survival: Survival,
    strata: Vec<usize>,
    cluster: Vec<usize>,
    columns: Columns,
    uses: Vec<String>,
}

impl Prepared {
    fn new(columns: Columns, features: &[String], uses: &[String]) -> Self {
        let n_samples = columns["time"].len();
        let labels = |name: &str| columns[name].iter().map(|&value| value as usize).collect();
        Self {
            features: (0..n_samples)
                .flat_map(|row| features.iter().map(|name| columns[name][row]).collect::<Vec<_>>())
                .collect(),
            n_features: features.len(),
            survival: Survival::new(columns["time"].clone(), columns["event"].iter().map(|&e| e == 1.0).collect())
                .expect("times"),
            strata: labels("s"),
            cluster: labels("cl"),
            uses: uses.to_vec(),
            columns,
        }
    }

    fn data(&self) -> CoxData<'_> {
        let uses = |name: &str| self.uses.iter().any(|used| used == name);
        CoxData {
            strata: uses("s").then_some(&self.strata[..]),
            weights: uses("w").then(|| &self.columns["w"][..]),
            entry: uses("entry").then(|| &self.columns["entry"][..]),
            cluster: uses("cl").then_some(&self.cluster[..]),
            offset: uses("o").then(|| &self.columns["o"][..]),
            ..CoxData::new(&self.features, self.n_features, &self.survival)
        }
    }
}

/// Worst relative difference per kind of number, so that one run tells how near the two sides are.
#[derive(Default)]
struct Worst(BTreeMap<&'static str, (f64, String)>);

impl Worst {
    /// Compares two lists relative to `scale(expected)`.
    #[track_caller]
    fn compare(
        &mut self,
        kind: &'static str,
        name: &str,
        found: &[f64],
        expected: &[f64],
        scale: impl Fn(usize) -> f64,
    ) {
        assert_eq!(found.len(), expected.len(), "{name}: {kind}");
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (found - expected).abs() / scale(index);
            assert!(difference.is_finite(), "{name}: {kind} {index}: expected {expected:?}, found {found:?}");
            let worst = self.0.entry(kind).or_insert((0.0, String::new()));
            if difference > worst.0 {
                *worst = (difference, format!("{name} [{index}]: expected {expected:?}, found {found:?}"));
            }
        }
    }

    #[track_caller]
    fn relative(&mut self, kind: &'static str, name: &str, found: &[f64], expected: &[f64]) {
        self.compare(kind, name, found, expected, |index| expected[index].abs().max(1e-300));
    }

    /// Relative to the largest of the list: rows near zero are differences of larger numbers.
    #[track_caller]
    fn against_largest(&mut self, kind: &'static str, name: &str, found: &[f64], expected: &[f64]) {
        let largest = expected.iter().map(|value| value.abs()).fold(1e-300, f64::max);
        self.compare(kind, name, found, expected, |_| largest);
    }

    #[track_caller]
    fn finish(self) {
        for (kind, (difference, place)) in &self.0 {
            println!("{kind:>20} {difference:.1e}  {place}");
        }
        for (kind, (difference, place)) in self.0 {
            let tolerance = if kind == "coef" { COEFFICIENT } else { PARITY };
            assert!(difference <= tolerance, "{kind}: {difference:.2e} at {place}");
        }
    }
}

fn lower(matrix: &[f64], size: usize) -> Vec<f64> {
    (0..size).flat_map(|row| matrix[row * size..=row * size + row].to_vec()).collect()
}

fn column_squares(values: &[f64], size: usize) -> Vec<f64> {
    (0..size).map(|column| values[column..].iter().step_by(size).map(|value| value * value).sum()).collect()
}

fn check(case: &Case, prepared: &Prepared, worst: &mut Worst) {
    let name = &case.name;
    let size = case.features.len();
    let ties = if case.ties == "efron" { Ties::Efron } else { Ties::Breslow };
    let robust = case.uses.iter().any(|used| used == "robust");
    let fit = cox_fit(&prepared.data(), &CoxOptions { ties, robust, ..CoxOptions::default() }).expect("an estimate");
    assert_eq!((fit.n_samples, fit.n_events), (case.n, case.n_events), "{name}");
    let deviation: Vec<f64> = (0..size).map(|j| fit.covariance[j * (size + 1)].sqrt()).collect();
    worst.compare("coef", name, &fit.coef, &case.coef, |j| case.coef[j].abs().max(deviation[j]));
    let by_errors: Vec<f64> =
        (0..size).flat_map(|a| (0..=a).map(|b| deviation[a] * deviation[b]).collect::<Vec<_>>()).collect();
    worst.compare("covariance", name, &lower(&fit.covariance, size), &case.var, |index| by_errors[index]);
    assert_eq!(fit.robust_covariance.is_some(), case.robust_var.is_some(), "{name}");
    if let (Some(found), Some(expected)) = (&fit.robust_covariance, &case.robust_var) {
        worst.compare("robust covariance", name, &lower(found, size), expected, |index| by_errors[index]);
    }
    worst.relative("log-likelihood", name, &fit.log_likelihood, &case.loglik);
    let tests = fit.tests.expect("no ridge");
    worst.relative("score test", name, &[tests.score.statistic], &[case.score]);
    worst.relative("Wald test", name, &[tests.wald.statistic], &[case.wald]);
    worst.relative(
        "likelihood ratio",
        name,
        &[tests.likelihood_ratio.statistic],
        &[2.0 * (case.loglik[1] - case.loglik[0])],
    );
    if let Some(expected) = case.rscore {
        worst.relative("robust score test", name, &[tests.robust_score.expect("robust").statistic], &[expected]);
    }
    worst.compare("means", name, &fit.means, &case.means, |j| case.means[j].abs().max(1.0));
    for (centred, expected) in [(true, &case.hazard_centred), (false, &case.hazard_at_zero)] {
        if let Some(expected) = expected {
            let hazard = fit.baseline_hazard(case.stratum, centred).expect("an estimate");
            let found: Vec<f64> = case.times.iter().map(|&time| hazard.at(time)).collect();
            worst.relative("baseline hazard", name, &found, expected);
        }
    }
    check_curves(case, &fit, worst);
    check_residuals(case, prepared, &fit, worst);
    for (transform, expected) in [
        (TimeTransform::KaplanMeier, &case.zph.km),
        (TimeTransform::Rank, &case.zph.rank),
        (TimeTransform::Identity, &case.zph.identity),
        (TimeTransform::Log, &case.zph.log),
    ] {
        let found = proportional_hazards_test(&prepared.data(), &fit, transform, None).expect("an estimate");
        let found: Vec<f64> = found.terms.iter().chain([&found.global]).map(|test| test.statistic).collect();
        // A statistic near 0 is the square of a small difference.
        worst.compare("zph", name, &found, expected, |index| expected[index].max(1e-2));
    }
}

fn check_curves(case: &Case, fit: &CoxFit, worst: &mut Worst) {
    let name = &case.name;
    let n_profiles = case.curves.len();
    let (strata, offset) = (vec![case.stratum; n_profiles], vec![0.3; n_profiles]);
    let uses = |used: &str| case.uses.iter().any(|name| name == used);
    let patients = NewPatients {
        strata: uses("s").then_some(&strata[..]),
        offset: uses("o").then_some(&offset[..]),
        ..NewPatients::new(&case.profiles)
    };
    let curves = fit.survival_curves(&patients).expect("an estimate");
    for (profile, curve) in case.curves.iter().enumerate() {
        let on_grid = curves.on(&case.times).expect("an estimate");
        worst.relative("survival", name, on_grid.row(profile), &curve.surv);
        for (scale, bounds) in [
            (IntervalScale::Log, &curve.log),
            (IntervalScale::LogLog, &curve.loglog),
            (IntervalScale::Plain, &curve.plain),
        ] {
            let prediction = &fit.predict(&patients, scale).expect("an estimate")[profile];
            let at: Vec<usize> =
                case.times.iter().map(|&time| prediction.times.partition_point(|&t| t <= time) - 1).collect();
            let std_err: Vec<f64> =
                at.iter().map(|&at| prediction.survival[at].estimate * prediction.std_err[at]).collect();
            worst.relative("std err of survival", name, &std_err, &curve.std_err);
            if let Some(bounds) = bounds {
                let lower: Vec<f64> = at.iter().map(|&at| prediction.survival[at].lower95).collect();
                let upper: Vec<f64> = at.iter().map(|&at| prediction.survival[at].upper95).collect();
                worst.against_largest("interval", name, &lower, &bounds.lower);
                worst.against_largest("interval", name, &upper, &bounds.upper);
            }
        }
    }
}

fn check_residuals(case: &Case, prepared: &Prepared, fit: &CoxFit, worst: &mut Worst) {
    let (name, size) = (&case.name, case.features.len());
    let found = cox_residuals(&prepared.data(), fit).expect("an estimate");
    let squares = &case.squares;
    for (kind, found, columns, expected, rows) in [
        ("martingale", &found.martingale, 1, &squares.martingale, case.rows.as_ref().map(|rows| &rows.martingale)),
        ("deviance", &found.deviance, 1, &squares.deviance, case.rows.as_ref().map(|rows| &rows.deviance)),
        ("score", &found.score, size, &squares.score, case.rows.as_ref().map(|rows| &rows.score)),
        ("dfbeta", &found.dfbeta, size, &squares.dfbeta, case.rows.as_ref().map(|rows| &rows.dfbeta)),
        ("schoenfeld", &found.schoenfeld, size, &squares.schoenfeld, case.rows.as_ref().map(|rows| &rows.schoenfeld)),
        (
            "scaled schoenfeld",
            &found.scaled_schoenfeld,
            size,
            &squares.scaled_schoenfeld,
            case.rows.as_ref().map(|rows| &rows.scaled_schoenfeld),
        ),
    ] {
        worst.relative(kind, name, &column_squares(found, columns), expected);
        if let Some(rows) = rows {
            worst.against_largest(kind, &format!("{name}, row by row"), found, rows);
        }
    }
}

#[test]
fn cox_regression_on_simulated_rows_agrees_with_r_row_by_row() {
    let reference = reference();
    assert!(reference.versions.contains_key("survival"));
    let simulated = reference.simulated;
    let mut worst = Worst::default();
    assert_eq!(simulated.cases.len(), 12);
    for case in &simulated.cases {
        check(case, &Prepared::new(simulated.data.clone(), &case.features, &case.uses), &mut worst);
    }
    worst.finish();
}

#[test]
fn cox_regression_on_public_cohorts_agrees_with_r() {
    let mut worst = Worst::default();
    let mut absent = BTreeSet::new();
    for case in reference().cases {
        let Some(columns) = columns(&case.file) else {
            absent.insert(case.file);
            continue;
        };
        let columns = with_options(columns, case.stratum_column.as_deref());
        check(&case, &Prepared::new(columns, &case.features, &case.uses), &mut worst);
    }
    for file in &absent {
        println!("skipped: {file}.csv is neither in $REGIMEN_PEERS/data nor in $REGIMEN_R_DATA");
    }
    worst.finish();
}

#[test]
fn ridge_and_factor_terms_agree_with_r() {
    let Some(columns) = columns("gbsg2") else {
        println!("skipped: gbsg2.csv is not in $REGIMEN_PEERS/data");
        return;
    };
    let reference = reference();
    let columns = with_options(columns, None);
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let prepared = Prepared::new(columns.clone(), &named(&["horTh", "age", "pnodes", "progrec"]), &[]);
    let options = CoxOptions { ridge: reference.ridge.theta, ..CoxOptions::default() };
    let fit = cox_fit(&prepared.data(), &options).unwrap();
    let mut worst = Worst::default();
    // R's outer loop for penalised terms ends earlier than coxph itself.
    worst.relative("ridge coef", "gbsg2", &fit.coef, &reference.ridge.coef);
    worst.against_largest("ridge covariance", "gbsg2", &fit.covariance, &reference.ridge.var);
    let prepared = Prepared::new(columns, &named(&["age", "tgrade_II", "tgrade_III", "progrec"]), &[]);
    let fit = cox_fit(&prepared.data(), &CoxOptions::default()).unwrap();
    let terms: [&[usize]; 3] = [&[0], &[1, 2], &[3]];
    let test = proportional_hazards_test(&prepared.data(), &fit, TimeTransform::KaplanMeier, Some(&terms)).unwrap();
    let all: Vec<_> = test.terms.iter().chain([&test.global]).collect();
    let expected = reference.factor_zph;
    worst.relative("zph", "factor", &all.iter().map(|test| test.statistic).collect::<Vec<_>>(), &expected.chisq);
    worst.relative("df", "factor", &all.iter().map(|test| test.df).collect::<Vec<_>>(), &expected.df);
    worst.relative("p", "factor", &all.iter().map(|test| test.p).collect::<Vec<_>>(), &expected.p);
    worst.finish();
}

#[test]
fn baseline_of_a_given_score_agrees_with_r() {
    let simulated = reference().simulated;
    let event = simulated.data["event"].iter().map(|&event| event == 1.0).collect();
    let survival = Survival::new(simulated.data["time"].clone(), event).unwrap();
    let found = breslow_baseline(&survival, &simulated.score).unwrap();
    assert_eq!(found.times, simulated.score_baseline.time);
    let mut worst = Worst::default();
    worst.relative("hazard", "given score", &found.values, &simulated.score_baseline.cumhaz);
    worst.finish();
}
