use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::stats::cox::CoxOptions;
use crate::stats::{AalenJohansen, CurveOptions};

/// Exponential times of two causes that depend on one feature, uniform censoring, times rounded so that ties arise.
fn sample(seed: u64, n: usize, digits: f64) -> (CompetingRisks, DesignMatrix) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    let (mut times, mut causes) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let x = rng.random_range(-1.0_f32..1.0);
        let mut exponential = |rate: f64| -(1.0 - rng.random::<f64>()).ln() / rate;
        let first = exponential(0.5 * f64::from(0.8 * x).exp());
        let second = exponential(0.3 * f64::from(-0.5 * x).exp());
        let censored = exponential(0.25);
        let time = first.min(second).min(censored);
        times.push((time * digits).ceil() / digits);
        causes.push(if time == censored { 0 } else { 1 + u32::from(time == second) });
        values.push(x);
    }
    let x = DesignMatrix { names: vec!["x".into()], n_rows: n, values };
    (CompetingRisks::new(times, causes, 2).unwrap(), x)
}

fn no_columns(n_rows: usize) -> DesignMatrix {
    DesignMatrix { names: Vec::new(), n_rows, values: Vec::new() }
}

fn step(times: &[f64], values: &[f64]) -> StepFunction {
    StepFunction { before: 0.0, times: times.to_vec(), values: values.to_vec() }
}

#[test]
fn without_features_the_model_is_aalen_johansen() {
    for (seed, digits) in [(1, 4.0), (2, 1000.0)] {
        let (data, _) = sample(seed, 300, digits);
        let model = CauseSpecificCox::fit_cox(&data, &no_columns(300), &CoxOptions::default()).unwrap();
        let curve = AalenJohansen::fit(&data, &CurveOptions::default()).unwrap();
        let found = model.predict(&no_columns(1), &curve.times, HazardSteps::ProductIntegral).unwrap();
        for (cause, expected) in curve.incidence.iter().enumerate() {
            for (value, expected) in found.incidence(0, cause as u32 + 1).iter().zip(&expected.probability) {
                assert!((value - expected).abs() < 1e-12);
            }
        }
        for (value, expected) in found.event_free(0).iter().zip(&curve.event_free.probability) {
            assert!((value - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn incidences_and_event_free_survival_sum_to_one_and_never_fall() {
    let (data, x) = sample(3, 200, 8.0);
    let model = CauseSpecificCox::fit_cox(&data, &x, &CoxOptions::default()).unwrap();
    let last = data.event_time().iter().copied().fold(0.0, f64::max);
    let times: Vec<f64> = (1..=50).map(|k| last * f64::from(k) / 50.0).collect();
    // Far outside the data too, where jumps exceed 1.
    let new = DesignMatrix { names: vec!["x".into()], n_rows: 5, values: vec![-40.0, -1.0, 0.0, 1.0, 40.0] };
    for steps in [HazardSteps::ProductIntegral, HazardSteps::Exponential] {
        let found = model.predict(&new, &times, steps).unwrap();
        for row in 0..5 {
            let (a, b, free) = (found.incidence(row, 1), found.incidence(row, 2), found.event_free(row));
            for at in 0..times.len() {
                assert!((a[at] + b[at] + free[at] - 1.0).abs() <= f64::EPSILON);
                assert!(a[at] >= 0.0 && b[at] >= 0.0 && free[at] > -1e-15);
            }
            for curve in [a, b] {
                assert!(curve.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15));
            }
        }
    }
}

#[test]
fn jumps_above_one_take_all_in_proportion() {
    let cause = |hazard: f64| CoxCause::new(vec![1.0], vec![0.0], step(&[1.0, 2.0], &[hazard, 2.0 * hazard])).unwrap();
    let model = CauseSpecific::new(vec![cause(0.3), cause(0.1)], 2.0).unwrap();
    let new = DesignMatrix { names: vec!["x".into()], n_rows: 2, values: vec![0.0, 10.0_f32.ln()] };
    let found = model.predict(&new, &[1.0, 2.0], HazardSteps::ProductIntegral).unwrap();
    // η = 0: S 1, 0.6, 0.36; incidence of cause 1 0.3, 0.48. η = ln 10: 4 > 1, shares ¾ and ¼ of everybody.
    for (value, expected) in found.incidence(0, 1).iter().zip([0.3, 0.48]) {
        assert!((value - expected).abs() < 1e-15);
    }
    for (cause, expected) in [(1, 0.75), (2, 0.25)] {
        assert!(found.incidence(1, cause).iter().all(|value| (value - expected).abs() < 1e-7));
    }
    let smooth = model.predict(&new, &[1.0, 2.0], HazardSteps::Exponential).unwrap();
    assert!((smooth.event_free(0)[1] - (-0.8_f64).exp()).abs() < 1e-15);
}

#[test]
fn one_cause_is_plain_survival() {
    let (data, x) = sample(5, 150, 100.0);
    let any = data.any_event().unwrap();
    let one = CompetingRisks::new(any.event_time().to_vec(), any.event().iter().map(|&e| u32::from(e)).collect(), 1);
    let model = CauseSpecificCox::fit_cox(&one.unwrap(), &x, &CoxOptions::default()).unwrap();
    let times = [0.5, 1.0, 2.0];
    let found = model.predict(&x, &times, HazardSteps::Exponential).unwrap();
    let features: Vec<f64> = x.values.iter().map(|&value| f64::from(value)).collect();
    let cox = stats::cox::cox_fit(&stats::cox::CoxData::new(&features, 1, &any), &CoxOptions::default()).unwrap();
    let curves = cox.survival_curves(&stats::cox::NewPatients::new(&features)).unwrap();
    for (at, &time) in times.iter().enumerate() {
        for (row, expected) in curves.at(time).iter().enumerate() {
            assert!((found.event_free(row)[at] - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn intervals_are_the_same_on_any_number_of_threads_and_hold_the_estimate() {
    let (data, x) = sample(7, 120, 100.0);
    let new = DesignMatrix { names: vec!["x".into()], n_rows: 2, values: vec![-0.5, 0.5] };
    let fit = |_: u32, survival: &Survival, x: &DesignMatrix| CoxCause::fit(survival, x, &CoxOptions::default());
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let times = [0.5, 1.5];
        pool.install(|| {
            bootstrap_incidence(&data, &x, &new, &times, HazardSteps::ProductIntegral, fit, 60, 11).unwrap()
        })
    };
    let found = run(1);
    assert_eq!(found, run(3));
    for row in 0..2 {
        for cause in 1..=2 {
            let estimates = found.estimates(row, cause);
            assert_eq!(estimates.len(), 2);
            assert!(estimates.iter().all(|e| e.lower95 < e.estimate && e.estimate < e.upper95));
        }
    }
    assert!(found.estimates(0, 3).is_empty() && found.estimates(2, 1).is_empty());
    let failing = |cause: u32, survival: &Survival, x: &DesignMatrix| {
        if survival.n_events() == data.n_events(cause) { fit(cause, survival, x) } else { Err(Error::Interrupted) }
    };
    let found = bootstrap_incidence(&data, &x, &new, &[1.0], HazardSteps::ProductIntegral, failing, 60, 11);
    assert!(matches!(found, Err(Error::Stats(stats::Error::TooFew { what: "bootstrap refits", .. }))));
}

#[test]
fn models_survive_json() {
    let (data, x) = sample(9, 80, 100.0);
    let model = CauseSpecificCox::fit_cox(&data, &x, &CoxOptions::default()).unwrap();
    let again: CauseSpecificCox = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!(model, again);
}

#[test]
fn bad_input_is_refused() {
    let (data, x) = sample(10, 60, 100.0);
    let model = CauseSpecificCox::fit_cox(&data, &x, &CoxOptions::default()).unwrap();
    let steps = HazardSteps::ProductIntegral;
    assert!(matches!(model.predict(&x, &[1e9], steps), Err(Error::Stats(stats::Error::BeyondFollowUp { .. }))));
    assert!(matches!(model.predict(&x, &[1.0, 1.0], steps), Err(Error::Stats(stats::Error::TimesNotAscending { .. }))));
    assert!(matches!(model.predict(&no_columns(3), &[1.0], steps), Err(Error::Width { expected: 1, found: 0 })));
    let missing = DesignMatrix { names: vec!["x".into()], n_rows: 1, values: vec![f32::NAN] };
    assert!(matches!(model.predict(&missing, &[1.0], steps), Err(Error::NotFinite { row: 0, .. })));
    assert!(CauseSpecificCox::fit_cox(&data, &no_columns(3), &CoxOptions::default()).is_err());
    for baseline in
        [step(&[1.0, 2.0], &[0.2, 0.1]), step(&[1.0], &[-0.1]), step(&[2.0, 1.0], &[0.1, 0.2]), step(&[1.0], &[])]
    {
        assert!(CoxCause::new(Vec::new(), Vec::new(), baseline).is_err());
    }
    let none: Vec<CoxCause> = Vec::new();
    assert!(CauseSpecific::new(none, 1.0).is_err());
    let only_one = CompetingRisks::new(vec![1.0, 2.0, 3.0], vec![1, 0, 1], 2).unwrap();
    let found = CauseSpecificCox::fit_cox(&only_one, &no_columns(3), &CoxOptions::default());
    assert!(matches!(found, Err(Error::Stats(stats::Error::NoEvents { .. }))));
}
