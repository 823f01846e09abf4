use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::trial::{REAL, Trial, allotted, arms, normal, spec, trial, under};
use crate::learn::hierarchical::{HierarchicalArms, averaged_probability};
use crate::learn::{DesignMatrix, Error, HierarchicalSpec, Margin};
use crate::stats::expit;

/// A trial of which every seventh row lacks its markers and every ninth its age.
fn incomplete() -> Trial {
    let mut trial = trial(1, REAL);
    let width = trial.x.n_features();
    for row in 0..trial.x.n_rows {
        if row % 7 == 0 {
            trial.x.values[row * width + 3..row * width + 9].fill(f32::NAN);
        }
        if row % 9 == 0 {
            trial.x.values[row * width] = f32::NAN;
        }
    }
    trial
}

fn fitted() -> (Trial, HierarchicalArms) {
    let trial = incomplete();
    let model = HierarchicalArms::fit(&trial.x, &trial.y, &spec()).unwrap();
    (trial, model)
}

fn means(margins: &[Margin]) -> Vec<f64> {
    margins.iter().map(|margin| margin.mean).collect()
}

#[test]
fn contributions_add_up_to_the_margin() {
    let (mut trial, model) = fitted();
    trial.x.values[1] = f32::NAN; // hormone receptor of the first row
    for arm in [0, 7, 9] {
        let x = under(&trial.x, arm);
        let margins = model.predict(&x).unwrap();
        for (values, margin) in model.contributions(&x).unwrap().iter().zip(&margins) {
            assert_eq!(values.len(), x.n_features() + 1);
            assert!((values.iter().sum::<f64>() - margin.mean).abs() < 1e-9);
        }
    }
    let nobody = under(&trial.x, 99);
    let margins = model.predict(&nobody).unwrap();
    let sums = model.contributions(&nobody).unwrap();
    assert!(sums.iter().zip(&margins).all(|(values, margin)| (values.iter().sum::<f64>() - margin.mean).abs() < 1e-9));
}

#[test]
fn switching_the_arm_moves_what_the_arm_moves() {
    let (trial, model) = fitted();
    let (with, without) = (under(&trial.x, 7), under(&trial.x, 0));
    let moved = model.difference(&trial.x, "Pembro", "Ctr").unwrap();
    let (a, b) = (model.predict(&with).unwrap(), model.predict(&without).unwrap());
    for ((moved, a), b) in moved.iter().zip(&a).zip(&b) {
        assert!((moved.mean - (a.mean - b.mean)).abs() < 1e-9);
        // Two predictions share most of their uncertainty: their difference is surer than if they did not.
        assert!(moved.std_dev > 0.0 && moved.std_dev < a.std_dev.hypot(b.std_dev));
    }
    // The contribution of a covariate without an interaction is the same under every arm, age for one.
    let (a, b) = (model.contributions(&with).unwrap(), model.contributions(&without).unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a[0] - b[0]).abs() < 1e-12));
    assert!(matches!(model.difference(&trial.x, "Ctr", "none such"), Err(Error::NoColumn { .. })));
}

#[test]
fn a_cell_with_few_patients_is_pulled_and_wide() {
    let (trial, model) = fitted();
    let first = |subtype: usize| trial.subtype.iter().position(|&s| s == subtype).unwrap();
    let row = trial.x.select(&[first(0)]);
    let moved = |arm: &str| model.difference(&row, arm, "Ctr").unwrap()[0];
    // Nobody of HR−/HER2− received pertuzumab: wider than an arm that 46 received.
    assert!(moved("Pertuzumab").std_dev > moved("AMG386").std_dev);
    let unseen = model.predict(&under(&row, 99)).unwrap()[0];
    let received = model.predict(&under(&row, 1)).unwrap()[0];
    assert!(unseen.std_dev > received.std_dev);
    assert_eq!((allotted(9, 0), model.arms()), (0, arms()));
}

/// A row without markers against the patients of her subtype who have them: their spread is what hers may be.
#[test]
fn a_missing_value_widens_the_margin_by_what_it_may_be() {
    let (trial, model) = fitted();
    let width = trial.x.n_features();
    let complete = trial.x.select(&[1]);
    let mut blank = complete.clone();
    blank.values[3..9].fill(f32::NAN);
    let (known, unknown) = (model.predict(&complete).unwrap()[0], model.predict(&blank).unwrap()[0]);
    assert!(unknown.std_dev > known.std_dev);
    // Every patient of the subtype of any marker values: the spread of their means is part of the blank row's variance.
    let rows: Vec<usize> =
        (0..trial.x.n_rows).filter(|&r| r % 7 != 0 && trial.subtype[r] == trial.subtype[1]).collect();
    let mut alike = under(&trial.x.select(&rows), trial.arm[1]);
    for row in 0..alike.n_rows {
        alike.values[row * width] = complete.values[0];
    }
    let margins = model.predict(&alike).unwrap();
    let n = margins.len() as f64;
    let mean = means(&margins).iter().sum::<f64>() / n;
    let between = margins.iter().map(|margin| (margin.mean - mean).powi(2)).sum::<f64>() / n;
    let within = margins.iter().map(|margin| margin.std_dev.powi(2)).sum::<f64>() / n;
    // 331 patients give the spread within a tenth; shrunk correlations with age and receptors shift the mean a little.
    assert!((unknown.mean - mean).abs() < 0.3 * (between + within).sqrt(), "{} {mean}", unknown.mean);
    assert!((unknown.std_dev / (between + within).sqrt() - 1.0).abs() < 0.15, "{} {between} {within}", unknown.std_dev);
}

#[test]
fn an_unknown_receptor_lies_between_its_two_values() {
    let (trial, model) = fitted();
    let mut rows = trial.x.select(&[1, 1, 1]);
    let width = rows.n_features();
    for (row, her2) in [0.0, 1.0, f32::NAN].into_iter().enumerate() {
        rows.values[row * width + 2] = her2;
    }
    let margins = model.predict(&rows).unwrap();
    let (low, high) = (margins[0].mean.min(margins[1].mean), margins[0].mean.max(margins[1].mean));
    assert!((low..=high).contains(&margins[2].mean));
    let nothing = DesignMatrix { values: vec![f32::NAN; width], n_rows: 1, names: rows.names.clone() };
    let margin = model.predict(&nothing).unwrap()[0];
    assert!(margin.mean.is_finite() && margin.std_dev.is_finite() && margin.std_dev > margins[0].std_dev);
}

#[test]
fn row_order_does_not_matter_and_every_fit_is_the_same() {
    let trial = incomplete();
    let model = HierarchicalArms::fit(&trial.x, &trial.y, &spec()).unwrap();
    assert_eq!(model.encode().unwrap(), HierarchicalArms::fit(&trial.x, &trial.y, &spec()).unwrap().encode().unwrap());
    let reversed: Vec<usize> = (0..trial.x.n_rows).rev().collect();
    let y: Vec<bool> = reversed.iter().map(|&row| trial.y[row]).collect();
    let other = HierarchicalArms::fit(&trial.x.select(&reversed), &y, &spec()).unwrap();
    let pairs = model.predict(&trial.x).unwrap().into_iter().zip(other.predict(&trial.x).unwrap());
    // The search for the variances ends within a slope of 1e-3.
    assert!(pairs.into_iter().all(|(a, b)| (a.mean - b.mean).abs() < 1e-3));
}

#[test]
fn weights_survive_json_to_the_last_bit_and_hold_no_row() {
    let (trial, model) = fitted();
    let bytes = model.encode().unwrap();
    let again = HierarchicalArms::decode(&bytes).unwrap();
    assert_eq!(model.predict(&trial.x).unwrap(), again.predict(&trial.x).unwrap());
    assert_eq!(bytes, again.encode().unwrap());
    let text = String::from_utf8(bytes).unwrap();
    let age = trial.x.values[trial.x.n_features()];
    assert!(!text.contains(&age.to_string()));
}

#[test]
fn weights_that_are_not_such_a_model_are_refused() {
    let (_, model) = fitted();
    let good: serde_json::Value = serde_json::from_slice(&model.encode().unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut bad = good.clone();
        change(&mut bad);
        HierarchicalArms::decode(&serde_json::to_vec(&bad).unwrap()).is_err()
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|json| json["format"] = "other".into()));
    assert!(refused(&|json| json["names"][0] = serde_json::Value::Null));
    assert!(refused(&|json| json["names"] = serde_json::json!(["hr", "her2"])));
    assert!(refused(&|json| json["model"]["coef"].as_array_mut().map(Vec::pop).map_or((), drop)));
    assert!(refused(&|json| json["model"]["covariance"].as_array_mut().map(Vec::pop).map_or((), drop)));
    assert!(refused(&|json| json["model"]["covariance"][0] = (-1.0).into()));
    assert!(refused(&|json| json["model"]["variances"] = serde_json::json!([])));
    assert!(refused(&|json| json["covariates"]["scale"][0] = 0.into()));
    assert!(refused(&|json| json["covariates"]["mean"].as_array_mut().map(Vec::pop).map_or((), drop)));
    assert!(refused(&|json| json["spec"]["clip"] = 0.into()));
    assert!(HierarchicalArms::decode(b"[]").is_err() && HierarchicalArms::decode(b"").is_err());
}

#[test]
fn rows_that_do_not_fit_the_model_are_errors() {
    let (trial, model) = fitted();
    let width = trial.x.n_features();
    let mut two = trial.x.select(&[0]);
    two.values[width - 10..].fill(1.0);
    assert!(matches!(model.predict(&two), Err(Error::SeveralArms { row: 0, found: 10 })));
    let mut renamed = trial.x.select(&[0]);
    renamed.names.swap(0, 1);
    assert!(matches!(model.predict(&renamed), Err(Error::Weights { .. })));
    let narrow = DesignMatrix { names: vec!["age".into()], n_rows: 0, values: Vec::new() };
    assert!(matches!(model.predict(&narrow), Err(Error::Width { .. })));
    let mut unknown = trial.x.clone();
    unknown.values[1] = f32::NAN;
    assert!(matches!(HierarchicalArms::fit(&unknown, &trial.y, &spec()), Err(Error::NotFinite { row: 0, .. })));
    assert!(matches!(HierarchicalArms::fit(&trial.x, &trial.y[1..], &spec()), Err(Error::LengthMismatch { .. })));
    let elsewhere = HierarchicalSpec { arm_prefix: "regimen=".into(), ..spec() };
    assert!(matches!(HierarchicalArms::fit(&trial.x, &trial.y, &elsewhere), Err(Error::NoColumn { .. })));
}

#[test]
fn a_column_that_never_varies_or_is_never_known_has_no_say() {
    let mut trial = incomplete();
    let width = trial.x.n_features();
    trial.x.values.iter_mut().step_by(width).for_each(|age| *age = f32::NAN);
    trial.x.values.iter_mut().skip(3).step_by(width).for_each(|marker| *marker = 2.5);
    let model = HierarchicalArms::fit(&trial.x, &trial.y, &spec()).unwrap();
    assert!(model.predict(&trial.x).unwrap().iter().all(|m| m.mean.is_finite() && m.std_dev.is_finite()));
}

#[test]
fn settings_come_from_toml_with_defaults() {
    let read: HierarchicalSpec = toml::from_str("arm_biomarkers = [\"ics5\"]\n[search]\naveraged = false").unwrap();
    let mut expected = HierarchicalSpec { arm_biomarkers: vec!["ics5".into()], ..HierarchicalSpec::default() };
    expected.search.averaged = false;
    assert_eq!(read, expected);
    assert!(toml::from_str::<HierarchicalSpec>("arm_biomarker = []").is_err());
}

/// 200,000 draws: the standard error of the mean is below 0.001.
#[test]
fn averaged_probability_is_the_mean_over_draws() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for margin in [Margin { mean: 1.5, std_dev: 1.2 }, Margin { mean: -0.4, std_dev: 3.0 }] {
        let n = 200_000;
        let drawn = (0..n).map(|_| expit(margin.mean + margin.std_dev * normal(&mut rng))).sum::<f64>() / f64::from(n);
        assert!((averaged_probability(&margin) - drawn).abs() < 2.5e-3);
    }
}
