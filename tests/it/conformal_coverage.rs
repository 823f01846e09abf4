//! Do the intervals and sets of `regimen` cover what they promise? Simulated data sets with a known truth, seeded.
//!
//! The quick study (200 data sets or more per method) runs with the tests and prints a line per method with
//! `cargo test --test it conformal_coverage -- --nocapture`. The long one:
//! `cargo test --release --test it conformal_coverage -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "the simulations are plain functions; clippy knows only the tests themselves")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use regimen::learn::DesignMatrix;
use regimen::learn::competing_risks::{CoxCause, HazardSteps, bootstrap_incidence};
use regimen::learn::conformal::{
    CensoringWeights, CrossLabelSets, IntervalRule, IntervalScore, LabelPrediction, LabelSetRule, Smoothing,
    SurvivalBoundRule, Taxonomy,
};
use regimen::stats::cox::CoxOptions;
use regimen::stats::folds::stratified_folds;
use regimen::stats::{
    CompetingRisks, Survival, beta_interval, bootstrap, expit, logistic_fit, normal, roc_auc, roc_auc_value,
};

/// Error rate of the conformal rules.
const ALPHA: f64 = 0.1;
/// Coverage may be off its nominal value by this much.
const TWO_POINTS: f64 = 0.02;
const N_CALIBRATION: usize = 200;
const N_NEW: usize = 200;
const QUICK: u64 = 200;
const LONG: u64 = 2000;

/// Coverage counted over many data sets.
struct Tally {
    method: &'static str,
    nominal: f64,
    covered: Vec<f64>,
    sizes: Vec<f64>,
}

impl Tally {
    fn new(method: &'static str, nominal: f64) -> Self {
        Self { method, nominal, covered: Vec::new(), sizes: Vec::new() }
    }

    /// One data set: the share of new rows covered, and the mean size of their sets.
    fn add(&mut self, covered: impl IntoIterator<Item = (bool, f64)>) {
        let (hits, sizes): (Vec<f64>, Vec<f64>) =
            covered.into_iter().map(|(hit, size)| (f64::from(u8::from(hit)), size)).unzip();
        if !hits.is_empty() {
            self.covered.push(mean(&hits));
            self.sizes.push(mean(&sizes));
        }
    }

    /// Prints the line and returns the coverage.
    fn report(&self) -> f64 {
        let coverage = mean(&self.covered);
        let variance = self.covered.iter().map(|c| (c - coverage).powi(2)).sum::<f64>();
        let n_sets = self.covered.len() as f64;
        println!(
            "{:<52} nominal {:>4.1} %  found {:>6.2} % (± {:.2})  mean size {:>7.3}  {} data sets",
            self.method,
            100.0 * self.nominal,
            100.0 * coverage,
            100.0 * (variance / (n_sets * (n_sets - 1.0))).sqrt(),
            mean(&self.sizes),
            self.covered.len(),
        );
        coverage
    }

    fn assert_near_nominal(&self) {
        let coverage = self.report();
        assert!((coverage - self.nominal).abs() <= TWO_POINTS, "{}: {coverage}", self.method);
    }

    fn assert_at_least_nominal(&self) {
        let coverage = self.report();
        assert!(coverage >= self.nominal - TWO_POINTS, "{}: {coverage}", self.method);
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn rng(study: u64, set: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(20_261_124 + study);
    rng.set_stream(set);
    rng
}

fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    normal::quantile(rng.random_range(1e-12..1.0)).unwrap()
}

fn exponential(rng: &mut ChaCha8Rng, rate: f64) -> f64 {
    -(1.0 - rng.random::<f64>()).ln() / rate
}

/// Rows of a yes-or-no outcome: group (0 common, 2 rare, rates differ), outcome, and a probability that is off.
struct Labels {
    group: Vec<usize>,
    y: Vec<bool>,
    p: Vec<f64>,
}

fn labels(rng: &mut ChaCha8Rng, n: usize) -> Labels {
    let mut rows = Labels { group: Vec::new(), y: Vec::new(), p: Vec::new() };
    for _ in 0..n {
        let group = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][rng.random_range(0..10)];
        let eta = [-1.5, 0.0, 1.2][group] + 1.3 * gauss(rng);
        rows.y.push(rng.random_bool(expit(eta)));
        // The model overstates, does not know the groups' levels, and sees little in the rare one.
        let noise = [0.3, 0.3, 2.5][group] * gauss(rng);
        rows.p.push(expit(1.6 * (eta - [-1.5, 0.0, 1.2][group]) + noise));
        rows.group.push(group);
    }
    rows
}

fn hits<'a>(sets: &'a [LabelPrediction], y: &'a [bool]) -> impl Iterator<Item = (bool, f64)> + 'a {
    sets.iter().zip(y).map(|(found, &y)| (found.set.contains(y), found.set.n_labels() as f64))
}

fn label_sets(n_sets: u64) {
    let nominal = 1.0 - ALPHA;
    let mut marginal = Tally::new("label sets, marginal", nominal);
    let mut randomised = Tally::new("label sets, marginal, randomised", nominal);
    let mut rare_marginal = Tally::new("  its coverage in the rare group (no promise)", nominal);
    let mut by_group = ["label sets by group: common", "label sets by group: middle", "label sets by group: rare"]
        .map(|name| Tally::new(name, nominal));
    let mut by_class = ["label sets by class: no event", "label sets by class: event"].map(|n| Tally::new(n, nominal));
    for set in 0..n_sets {
        let mut rng = rng(1, set);
        let (old, new) = (labels(&mut rng, N_CALIBRATION), labels(&mut rng, N_NEW));
        let predict = |taxonomy, smoothing| {
            let rule = LabelSetRule::fit(&old.y, &old.p, Some(&old.group), ALPHA, taxonomy).unwrap();
            rule.predict(&new.p, Some(&new.group), smoothing).unwrap()
        };
        let found = predict(Taxonomy::Marginal, Smoothing::Conservative);
        marginal.add(hits(&found, &new.y));
        rare_marginal.add(hits(&found, &new.y).zip(&new.group).filter(|(_, g)| **g == 2).map(|(hit, _)| hit));
        let found = predict(Taxonomy::Marginal, Smoothing::Randomised { seed: set });
        randomised.add(hits(&found, &new.y));
        let found = predict(Taxonomy::Group, Smoothing::Conservative);
        for (group, tally) in by_group.iter_mut().enumerate() {
            tally.add(hits(&found, &new.y).zip(&new.group).filter(|(_, g)| **g == group).map(|(hit, _)| hit));
        }
        let found = predict(Taxonomy::Class, Smoothing::Conservative);
        for (class, tally) in by_class.iter_mut().enumerate() {
            tally.add(hits(&found, &new.y).zip(&new.y).filter(|(_, y)| **y == (class == 1)).map(|(hit, _)| hit));
        }
    }
    marginal.assert_near_nominal();
    rare_marginal.report();
    randomised.assert_near_nominal();
    // A group of 40 rows is conservative by up to 1/41.
    by_group[..2].iter().for_each(Tally::assert_near_nominal);
    let rare = by_group[2].report();
    assert!((nominal - TWO_POINTS..=nominal + 1.0 / 30.0).contains(&rare), "{rare}");
    by_class.iter().for_each(Tally::assert_near_nominal);
}

/// Two features and an outcome that depends on both; a logistic model refitted in every fold.
fn cross_conformal(n_sets: u64) {
    let mut cross = Tally::new("label sets, cross-conformal of refitted models", 1.0 - ALPHA);
    let (n, n_folds) = (150, 5);
    for set in 0..n_sets {
        let mut rng = rng(2, set);
        let mut draw = |n: usize| -> (Vec<f64>, Vec<bool>) {
            let x: Vec<f64> = (0..2 * n).map(|_| gauss(&mut rng)).collect();
            let y = x.chunks_exact(2).map(|x| rng.random_bool(expit(1.5 * x[0] - x[1] + 0.5 * x[0] * x[1]))).collect();
            (x, y)
        };
        let ((x, y), (new_x, new_y)) = (draw(n), draw(N_NEW));
        let fold = stratified_folds(&y, None, n_folds, set).unwrap();
        let (mut oof, mut models) = (vec![0.0; n], Vec::new());
        for held_out in 0..n_folds {
            let rows: Vec<usize> = (0..n).filter(|&row| fold[row] != held_out).collect();
            let train: Vec<f64> = rows.iter().flat_map(|&row| x[2 * row..2 * row + 2].to_vec()).collect();
            let outcome: Vec<bool> = rows.iter().map(|&row| y[row]).collect();
            let fit = logistic_fit(&train, rows.len(), 2, &outcome, 0.1).unwrap();
            let at = |row: &[f64]| expit(fit.linear_predictor(row));
            (0..n).filter(|&row| fold[row] == held_out).for_each(|row| oof[row] = at(&x[2 * row..2 * row + 2]));
            models.push(new_x.chunks_exact(2).map(at).collect::<Vec<f64>>());
        }
        let rule = CrossLabelSets::fit(&y, &oof, &fold, None, ALPHA, Taxonomy::Marginal).unwrap();
        cross.add(hits(&rule.predict(&models, None, Smoothing::Conservative).unwrap(), &new_y));
    }
    cross.assert_near_nominal();
}

/// A skewed outcome whose spread grows with x; a model with a wrong mean.
fn intervals(n_sets: u64) {
    let mut tallies = ["intervals, absolute residual", "intervals, normalised", "intervals, quantiles (CQR)"]
        .map(|name| Tally::new(name, 1.0 - ALPHA));
    for set in 0..n_sets {
        let mut rng = rng(3, set);
        let mut draw = |n: usize| -> (Vec<f64>, Vec<f64>) {
            let x: Vec<f64> = (0..n).map(|_| rng.random_range(0.0..2.0)).collect();
            let y = x.iter().map(|x| x.sin() + (0.2 + x) * (exponential(&mut rng, 1.0) - 1.0)).collect();
            (x, y)
        };
        let ((x, y), (new_x, new_y)) = (draw(N_CALIBRATION), draw(N_NEW));
        let of = |x: &[f64], f: fn(f64) -> f64| -> Vec<f64> { x.iter().map(|&x| f(x)).collect() };
        let predictions =
            |x: &[f64]| [of(x, |x| 0.8 * x), of(x, |x| 0.3 + 0.8 * x), of(x, |x| x - 0.9), of(x, |x| x + 0.7)];
        let (old, new) = (predictions(&x), predictions(&new_x));
        let score = |kind: usize, [m, s, lower, upper]: &[Vec<f64>; 4], run: &mut dyn FnMut(IntervalScore<'_>)| {
            run(match kind {
                0 => IntervalScore::Absolute { predicted: m },
                1 => IntervalScore::Normalised { predicted: m, scale: s },
                _ => IntervalScore::Quantiles { lower, upper },
            });
        };
        for (kind, tally) in tallies.iter_mut().enumerate() {
            let mut rule = None;
            score(kind, &old, &mut |score| rule = Some(IntervalRule::fit(&y, score, None, ALPHA).unwrap()));
            score(kind, &new, &mut |score| {
                let found = rule.as_ref().unwrap().predict(score, None).unwrap();
                tally.add(found.iter().zip(&new_y).map(|(interval, y)| {
                    let interval = interval.unwrap();
                    (interval.lower <= *y && *y <= interval.upper, interval.upper - interval.lower)
                }));
            });
        }
    }
    tallies.iter().for_each(Tally::assert_near_nominal);
}

/// Exponential times and censoring that may depend on x; a predicted quantile that is off; bounds up to the cut-off.
fn survival_bounds(n_sets: u64) {
    let nominal = 1.0 - ALPHA;
    let mut marginal = Tally::new("survival bound, Kaplan-Meier censoring", nominal);
    let mut supplied = Tally::new("survival bound, censoring that depends on x", nominal);
    let mut type_one = Tally::new("survival bound, type I censoring (Candès)", nominal);
    let mut ignored = Tally::new("  Kaplan-Meier where censoring depends on x (no promise)", nominal);
    let (n, cutoff) = (400, 2.0);
    for set in 0..n_sets {
        for dependent in [false, true] {
            let mut rng = rng(if dependent { 5 } else { 4 }, set);
            let censor_rate = |x: f64| if dependent { 0.25 * (0.9 * x).exp() } else { 0.25 };
            let event_rate = |x: f64| 0.25 * (1.2 * x).exp();
            let predicted = |x: f64| 0.4 * (-0.8 * x).exp();
            let x: Vec<f64> = (0..n).map(|_| rng.random_range(-1.5..1.5)).collect();
            let truth: Vec<f64> = x.iter().map(|&x| exponential(&mut rng, event_rate(x))).collect();
            let censor: Vec<f64> = x.iter().map(|&x| exponential(&mut rng, censor_rate(x))).collect();
            let seen: Vec<f64> = truth.iter().zip(&censor).map(|(t, c)| t.min(*c)).collect();
            let event = truth.iter().zip(&censor).map(|(t, c)| t <= c).collect();
            let data = Survival::new(seen.clone(), event).unwrap();
            let quantiles: Vec<f64> = x.iter().map(|&x| predicted(x)).collect();
            let new_x: Vec<f64> = (0..N_NEW).map(|_| rng.random_range(-1.5..1.5)).collect();
            let new_truth: Vec<f64> = new_x.iter().map(|&x| exponential(&mut rng, event_rate(x))).collect();
            let new_quantiles: Vec<f64> = new_x.iter().map(|&x| predicted(x)).collect();
            let add = |tally: &mut Tally, censoring: CensoringWeights<'_>, weights: Option<&[f64]>| {
                let rule = SurvivalBoundRule::fit(&data, &quantiles, censoring, cutoff, ALPHA).unwrap();
                let bounds = rule.lower_bounds(&new_quantiles, weights).unwrap();
                tally.add(bounds.iter().zip(&new_truth).map(|(bound, truth)| (truth >= bound, *bound)));
            };
            add(if dependent { &mut ignored } else { &mut marginal }, CensoringWeights::KaplanMeier, None);
            if dependent {
                let weights: Vec<f64> =
                    x.iter().zip(&seen).map(|(&x, t)| (censor_rate(x) * t.min(cutoff)).exp()).collect();
                let largest = (censor_rate(1.5) * cutoff).exp();
                add(&mut supplied, CensoringWeights::Supplied { weights: &weights, largest }, None);
                let at_cutoff =
                    |x: &[f64]| -> Vec<f64> { x.iter().map(|&x| (censor_rate(x) * cutoff).exp()).collect() };
                let known: Vec<f64> = censor
                    .iter()
                    .zip(data.event().iter().zip(&seen))
                    .map(|(&censor, (&event, &seen))| if event { censor } else { seen })
                    .collect();
                let censoring = CensoringWeights::TypeOne { censor_time: &known, weights: &at_cutoff(&x) };
                add(&mut type_one, censoring, Some(&at_cutoff(&new_x)));
            }
        }
    }
    for tally in [&marginal, &supplied, &type_one] {
        tally.assert_at_least_nominal();
        assert!(mean(&tally.sizes) > 0.05, "{}: bounds say nothing", tally.method);
    }
    ignored.report();
}

/// DeLong's and the bootstrap's interval of a binormal ROC area, and Jeffreys intervals of a rate.
fn area_and_rate_intervals(n_sets: u64) {
    let mut mean_boot = Tally::new("mean predicted risk, bootstrap percentile interval", 0.95);
    let mut boot = Tally::new("ROC area, bootstrap percentile interval", 0.95);
    let mut delong = Tally::new("ROC area, DeLong interval", 0.95);
    let truth = normal::cdf(1.0 / 2.0_f64.sqrt());
    for set in 0..n_sets {
        let mut rng = rng(6, set);
        let y: Vec<bool> = (0..150).map(|_| rng.random_bool(0.35)).collect();
        let score: Vec<f64> = y.iter().map(|&y| gauss(&mut rng) + if y { 1.0 } else { 0.0 }).collect();
        let area = |drawn: &[usize]| {
            let (y, score): (Vec<bool>, Vec<f64>) = drawn.iter().map(|&row| (y[row], score[row])).unzip();
            roc_auc_value(&y, &score).ok()
        };
        let (lower, upper) = bootstrap(150, 300, set, area).unwrap();
        boot.add([(lower <= truth && truth <= upper, upper - lower)]);
        let found = roc_auc(&y, &score).unwrap();
        delong.add([(found.lower95 <= truth && truth <= found.upper95, found.upper95 - found.lower95)]);
    }
    // One interval per data set: thousands of sets before two points are more than chance (± 0.5).
    for set in 0..n_sets.max(2000) {
        let mut rng = rng(9, set);
        // E expit of a uniform logit on (−2, 2) is ½.
        let p: Vec<f64> = (0..150).map(|_| expit(rng.random_range(-2.0..2.0))).collect();
        let of = |drawn: &[usize]| Some(drawn.iter().map(|&row| p[row]).sum::<f64>() / drawn.len() as f64);
        let (lower, upper) = bootstrap(150, 500, set, of).unwrap();
        mean_boot.add([(lower <= 0.5 && 0.5 <= upper, upper - lower)]);
    }
    let mut jeffreys = Tally::new("rate of 60, Jeffreys interval", 0.95);
    let table: Vec<_> = (0..=60).map(|events| beta_interval(events, 60).unwrap()).collect();
    for set in 0..n_sets {
        let mut rng = rng(7, set);
        jeffreys.add((0..100).map(|_| {
            let rate = rng.random_range(0.05..0.95);
            let found = table[(0..60).filter(|_| rng.random_bool(rate)).count()];
            (found.lower95 <= rate && rate <= found.upper95, found.upper95 - found.lower95)
        }));
    }
    [boot, delong, mean_boot, jeffreys].iter().for_each(Tally::assert_near_nominal);
}

/// Exponential cause-specific hazards, for which the cumulative incidence has a closed form.
fn incidence_intervals(n_sets: u64) {
    let mut tally = Tally::new("cumulative incidence, bootstrap of refitted Cox models", 0.95);
    let (n, horizon) = (250, 2.0);
    let rates = |x: f64| [0.3 * (0.7 * x).exp(), 0.15 * (-0.4 * x).exp()];
    for set in 0..n_sets {
        let mut rng = rng(8, set);
        let (mut times, mut causes, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let x = rng.random_range(-1.0_f32..1.0);
            let [first, second] = rates(f64::from(x)).map(|rate| exponential(&mut rng, rate));
            let censor = rng.random_range(1.0..6.0);
            times.push(first.min(second).min(censor));
            causes.push(if censor < first.min(second) { 0 } else { 1 + u32::from(second < first) });
            values.push(x);
        }
        let data = CompetingRisks::new(times, causes, 2).unwrap();
        let matrix = |values: Vec<f32>| DesignMatrix { names: vec!["x".into()], n_rows: values.len(), values };
        let new = matrix(vec![-0.5, 0.0, 0.75]);
        let fit = |_: u32, survival: &Survival, x: &DesignMatrix| CoxCause::fit(survival, x, &CoxOptions::default());
        let steps = HazardSteps::ProductIntegral;
        let found = bootstrap_incidence(&data, &matrix(values), &new, &[horizon], steps, fit, 200, set).unwrap();
        let covered = |row: usize, cause: usize| {
            let rates = rates(f64::from(new.values[row]));
            let total = rates[0] + rates[1];
            let truth = rates[cause] / total * (1.0 - (-total * horizon).exp());
            let interval = found.estimates(row, cause as u32 + 1)[0];
            (interval.lower95 <= truth && truth <= interval.upper95, interval.upper95 - interval.lower95)
        };
        tally.add((0..3).flat_map(|row| (0..2).map(move |cause| (row, cause))).map(|(row, cause)| covered(row, cause)));
    }
    tally.assert_near_nominal();
}

#[test]
fn conformal_label_sets_cover_marginally_by_group_and_by_class() {
    label_sets(QUICK);
    cross_conformal(QUICK);
}

#[test]
fn conformal_intervals_cover() {
    intervals(QUICK);
}

#[test]
fn survival_bounds_cover_under_censoring() {
    survival_bounds(QUICK);
}

#[test]
fn intervals_of_areas_and_rates_cover() {
    area_and_rate_intervals(3 * QUICK);
}

/// `cargo test --release --test it conformal_coverage -- --ignored --nocapture`
#[test]
#[ignore = "ten times as many data sets, and refitted Cox models: about a minute in release"]
fn coverage_in_the_long_run() {
    label_sets(LONG);
    cross_conformal(LONG);
    intervals(LONG);
    survival_bounds(LONG);
    area_and_rate_intervals(LONG);
    incidence_intervals(500);
}
