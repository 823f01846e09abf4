//! `regimen::learn::SurvivalForest` against a tree grown by brute force with R's survdiff and read with survfit
//! (`tests/reference/survival_forest.json`), its promises on simulated rows, and its accuracy on GBSG2.

use std::path::PathBuf;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use regimen::learn::{DesignMatrix, Error, ForestParams, Sample, SplitRule, SurvivalForest};
use regimen::stats::concordance::c_index_value;
use regimen::stats::{self, Survival};
use serde::Deserialize;

const ALL_ROWS: Sample = Sample::Subsample { fraction: 1.0 };

#[derive(Deserialize)]
struct Reference {
    versions: std::collections::BTreeMap<String, Vec<String>>,
    names: Vec<String>,
    x: Vec<Vec<Option<f32>>>,
    time: Vec<f64>,
    event: Vec<u8>,
    new: Vec<Vec<Option<f32>>>,
    grid: Vec<f64>,
    min_leaf_size: usize,
    min_leaf_events: usize,
    n_splits: usize,
    trained: Curves,
    predicted: Curves,
}

#[derive(Deserialize)]
struct Curves {
    survival: Vec<Vec<f64>>,
    hazard: Vec<Vec<f64>>,
}

fn reference() -> Reference {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/survival_forest.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn matrix(names: &[String], rows: &[Vec<Option<f32>>]) -> DesignMatrix {
    let values = rows.iter().flatten().map(|value| value.unwrap_or(f32::NAN)).collect();
    DesignMatrix { names: names.to_vec(), n_rows: rows.len(), values }
}

/// One tree on all rows with every column tried: nothing is left to chance.
fn one_tree(n_features: usize) -> ForestParams {
    ForestParams { n_trees: 1, mtry: Some(n_features), sample: ALL_ROWS, ..ForestParams::default() }
}

/// Patients whose hazard is exp(x₀ − x₁ x₂); the last two of five columns are noise. One value in eight is missing.
fn simulated(n_samples: usize, seed: u64) -> (DesignMatrix, Survival) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut time, mut event) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_samples {
        let row: Vec<f32> = (0..5).map(|_| 3.0 * rng.random::<f32>() - 1.5).collect();
        let hazard = f64::from(row[0] - row[1] * row[2]).exp();
        let failure = (-(1.0 - rng.random::<f64>()).ln() / hazard * 100.0).ceil();
        let censoring = (rng.random::<f64>() * 400.0).ceil();
        time.push(failure.min(censoring));
        event.push(failure <= censoring);
        values.extend(row.into_iter().map(|value| if rng.random::<f32>() < 0.125 { f32::NAN } else { value }));
    }
    let names = (0..5).map(|at| format!("x{at}")).collect();
    (DesignMatrix { names, n_rows: n_samples, values }, Survival::new(time, event).expect("finite times"))
}

fn small() -> ForestParams {
    ForestParams { n_trees: 60, ..ForestParams::default() }
}

#[test]
fn a_tree_agrees_with_survdiff_and_its_leaves_with_survfit() {
    let r = reference();
    assert!(r.versions.contains_key("survival"));
    let x = matrix(&r.names, &r.x);
    let survival = Survival::new(r.time, r.event.iter().map(|&e| e == 1).collect()).unwrap();
    let params =
        ForestParams { min_leaf_size: r.min_leaf_size, min_leaf_events: r.min_leaf_events, ..one_tree(r.names.len()) };
    let forest = SurvivalForest::fit(&x, &survival, &params, 7).unwrap();
    assert_eq!(forest.split_counts().iter().sum::<usize>(), r.n_splits);
    assert_eq!(forest.event_times(), r.grid);
    for (rows, expected) in [(&r.x, &r.trained), (&r.new, &r.predicted)] {
        let n_rows = expected.survival.len();
        let x = matrix(&r.names, &rows[..n_rows]);
        let curves = forest.survival_curves(&x, &r.grid).unwrap();
        let hazards = forest.cumulative_hazard(&x, &r.grid).unwrap();
        let risks = forest.risk_score(&x).unwrap();
        for row in 0..n_rows {
            let hazard = &hazards[row * r.grid.len()..(row + 1) * r.grid.len()];
            // Sums and products of at most 160 ratios of small counts: rounding alone.
            for (found, expected) in curves.row(row).iter().zip(&expected.survival[row]) {
                assert!((found - expected).abs() < 1e-12, "row {row}: S {found} {expected}");
            }
            for (found, expected) in hazard.iter().zip(&expected.hazard[row]) {
                assert!((found - expected).abs() < 1e-12, "row {row}: H {found} {expected}");
            }
            let mortality: f64 = expected.hazard[row].iter().sum();
            assert!((risks[row] / mortality - 1.0).abs() < 1e-12, "row {row}: {} {mortality}", risks[row]);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (x, survival) = simulated(200, 1);
    let of_threads = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let forest = SurvivalForest::fit(&x, &survival, &small(), 3).unwrap();
            let out_of_bag = forest.out_of_bag(&x, &[50.0, 150.0]).unwrap();
            (serde_json::to_string(&forest).unwrap(), out_of_bag, forest.risk_score(&x).unwrap())
        })
    };
    let one = of_threads(1);
    assert!(one == of_threads(4));
    let other = SurvivalForest::fit(&x, &survival, &small(), 4).unwrap();
    assert_ne!(one.0, serde_json::to_string(&other).unwrap());
}

#[test]
fn row_order_never_matters_when_nothing_is_drawn() {
    let (x, survival) = simulated(150, 2);
    let reversed: Vec<usize> = (0..150).rev().collect();
    let fit = |x: &DesignMatrix, s: &Survival| SurvivalForest::fit(x, s, &one_tree(5), 0).unwrap();
    let there = fit(&x, &survival).risk_score(&x).unwrap();
    let back = fit(&x.select(&reversed), &survival.select(&reversed).unwrap()).risk_score(&x).unwrap();
    assert_eq!(there, back);
}

#[test]
fn curves_fall_from_one_and_cumulative_hazards_rise_from_zero() {
    let (x, survival) = simulated(150, 3);
    for split in [SplitRule::LogRank, SplitRule::ExtraTrees { n_random_splits: 2 }] {
        let params = ForestParams { split, min_leaf_size: 3, ..small() };
        let forest = SurvivalForest::fit(&x, &survival, &params, 0).unwrap();
        let times: Vec<f64> = (0..50).map(|at| f64::from(at) * 12.5).collect();
        let curves = forest.survival_curves(&x, &times).unwrap();
        let hazards = forest.cumulative_hazard(&x, &times).unwrap();
        for (row, hazard) in hazards.chunks(times.len()).enumerate() {
            let curve = curves.row(row);
            assert!(curve[0] == 1.0 && curve.windows(2).all(|pair| pair[1] <= pair[0]));
            assert!(hazard[0] == 0.0 && hazard.windows(2).all(|pair| pair[1] >= pair[0]));
            // Π (1 − h) ≥ 1 − Σ h in every leaf, and so on average.
            assert!(curve.iter().zip(hazard).all(|(s, h)| *s >= 1.0 - h - 1e-12));
        }
        let risk = forest.risk_score(&x).unwrap();
        let all = forest.cumulative_hazard(&x, forest.event_times()).unwrap();
        for (row, hazard) in all.chunks(forest.event_times().len()).enumerate() {
            assert!((hazard.iter().sum::<f64>() / risk[row] - 1.0).abs() < 1e-10);
        }
    }
}

#[test]
fn out_of_bag_predictions_are_as_good_as_those_of_new_patients_and_no_better() {
    let ((x, survival), (new, outcomes)) = (simulated(400, 4), simulated(2000, 5));
    let forest = SurvivalForest::fit(&x, &survival, &ForestParams { n_trees: 200, ..small() }, 0).unwrap();
    let out_of_bag = forest.out_of_bag(&x, &[60.0]).unwrap();
    let honest = out_of_bag.c_index(&survival).unwrap();
    let fresh = c_index_value(&outcomes, &forest.risk_score(&new).unwrap()).unwrap();
    let flattered = c_index_value(&survival, &forest.risk_score(&x).unwrap()).unwrap();
    // The standard error of a C-index of 400 patients is about 0.02.
    assert!((honest - fresh).abs() < 0.04 && flattered > honest + 0.05, "{honest} {fresh} {flattered}");
    let share = out_of_bag.n_trees.iter().sum::<usize>() as f64 / (400.0 * 200.0);
    assert!((share - (-1.0_f64).exp()).abs() < 0.01, "{share}");
    assert_eq!((out_of_bag.curves.n_samples(), out_of_bag.curves.times()), (400, [60.0].as_slice()));
}

#[test]
fn a_column_matters_by_what_the_forest_loses_without_it() {
    let (x, survival) = simulated(400, 12);
    let forest = SurvivalForest::fit(&x, &survival, &small(), 0).unwrap();
    let importance = forest.permutation_importance(&x, &survival, 2, 1).unwrap();
    assert_eq!(importance, forest.permutation_importance(&x, &survival, 2, 1).unwrap());
    // Columns 0, 1 and 2 make the hazard, 3 and 4 are noise.
    assert!(importance[0] > 0.05 && importance[0] > importance[1] && importance[0] > importance[2], "{importance:?}");
    assert!(importance[1].min(importance[2]) > importance[3].max(importance[4]), "{importance:?}");
    assert!(forest.permutation_importance(&x, &survival, 0, 1).is_err());
}

#[test]
fn a_value_that_is_missing_because_of_the_outcome_is_learnt_from() {
    let (mut x, survival) = simulated(300, 6);
    let width = x.n_features();
    for row in 0..x.n_rows {
        // Column 4 is noise where present; it is absent for those who fail early.
        let early = survival.event_time()[row] < 40.0 && survival.event()[row];
        x.values[row * width + 4] = if early { f32::NAN } else { x.values[row * width + 4].max(-1.0) };
    }
    let forest = SurvivalForest::fit(&x, &survival, &one_tree(width), 0).unwrap();
    let mut two = x.select(&[0, 0]);
    (two.values[4], two.values[width + 4]) = (f32::NAN, 0.0);
    let risk = forest.risk_score(&two).unwrap();
    assert!(risk[0] > 2.0 * risk[1], "{risk:?}");
}

#[test]
fn few_rows_give_the_kaplan_meier_curve() {
    // Therneau's six rows: S is 5/6 at 1, 5/6 · 3/4 at 6, 0 at 9.
    let survival =
        Survival::new(vec![1.0, 1.0, 6.0, 6.0, 8.0, 9.0], vec![true, false, true, true, false, true]).unwrap();
    let x = DesignMatrix { names: vec!["x".into()], n_rows: 6, values: vec![1.0, 1.0, 1.0, 0.0, 0.0, 0.0] };
    let forest = SurvivalForest::fit(&x, &survival, &one_tree(1), 0).unwrap();
    assert_eq!(forest.mean_leaves(), 1.0);
    let curves = forest.survival_curves(&x, &[0.5, 1.0, 6.0, 9.0]).unwrap();
    let expected = [1.0, 5.0 / 6.0, 5.0 / 6.0 / 2.0, 0.0];
    assert!(curves.row(3).iter().zip(expected).all(|(s, e)| (s - e).abs() < 1e-15), "{:?}", curves.row(3));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (x, survival) = simulated(60, 7);
    let fit = |x: &DesignMatrix, survival: &Survival, params: &ForestParams| {
        SurvivalForest::fit(x, survival, params, 0).unwrap_err()
    };
    let none = Survival::new(survival.event_time().to_vec(), vec![false; 60]).unwrap();
    assert!(matches!(fit(&x, &none, &small()), Error::Stats(stats::Error::NoEvents { n_samples: 60 })));
    let fewer = survival.select(&[0, 1, 2]).unwrap();
    assert!(matches!(fit(&x, &fewer, &small()), Error::LengthMismatch { expected: 60, found: 3 }));
    let mut infinite = x.clone();
    infinite.values[7] = f32::INFINITY;
    assert!(matches!(fit(&infinite, &survival, &small()), Error::NotFinite { row: 1, .. }));
    for value in [0.5, f32::NAN] {
        let constant = DesignMatrix { values: vec![value; 300], ..x.clone() };
        assert!(matches!(fit(&constant, &survival, &small()), Error::NothingVaries { n_features: 5 }));
    }
    let empty = DesignMatrix { names: vec![], n_rows: 60, values: vec![] };
    assert!(matches!(fit(&empty, &survival, &small()), Error::NothingVaries { n_features: 0 }));
    let short = DesignMatrix { values: vec![0.0; 299], ..x.clone() };
    assert!(matches!(fit(&short, &survival, &small()), Error::Stats(stats::Error::LengthMismatch { .. })));
    for params in [
        ForestParams { n_trees: 0, ..small() },
        ForestParams { mtry: Some(0), ..small() },
        ForestParams { min_leaf_size: 0, ..small() },
        ForestParams { min_leaf_size: usize::MAX, ..small() },
        ForestParams { sample: Sample::Subsample { fraction: 0.0 }, ..small() },
        ForestParams { sample: Sample::Subsample { fraction: f64::NAN }, ..small() },
        ForestParams { split: SplitRule::ExtraTrees { n_random_splits: 0 }, ..small() },
    ] {
        assert!(matches!(fit(&x, &survival, &params), Error::Parameter { .. }), "{params:?}");
    }
}

#[test]
fn what_cannot_be_predicted_is_refused() {
    let (x, survival) = simulated(60, 8);
    let forest = SurvivalForest::fit(&x, &survival, &small(), 0).unwrap();
    let narrow = DesignMatrix { names: vec!["x".into()], n_rows: 1, values: vec![0.0] };
    assert!(matches!(forest.risk_score(&narrow), Err(Error::Width { expected: 5, found: 1 })));
    assert!(forest.survival_curves(&x, &[2.0, 1.0]).is_err() && forest.survival_curves(&x, &[f64::NAN]).is_err());
    let (other, _) = simulated(60, 9);
    assert!(matches!(forest.out_of_bag(&other, &[]), Err(Error::OtherMatrix { .. })));
    let all = SurvivalForest::fit(&x, &survival, &one_tree(5), 0).unwrap();
    assert!(matches!(all.out_of_bag(&x, &[]), Err(Error::Parameter { what: "n_trees", .. })));
    // Infinite and missing values have a side at every split.
    let odd = DesignMatrix { values: vec![f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, 0.0], n_rows: 1, ..x };
    assert!(forest.risk_score(&odd).unwrap()[0].is_finite());
}

#[test]
fn a_forest_survives_json_and_damaged_json_is_refused() {
    let (x, survival) = simulated(80, 10);
    let forest = SurvivalForest::fit(&x, &survival, &ForestParams { n_trees: 3, ..small() }, 0).unwrap();
    let text = serde_json::to_string(&forest).unwrap();
    assert_eq!(serde_json::from_str::<SurvivalForest>(&text).unwrap(), forest);
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let damaged = |path: &str, value: serde_json::Value| {
        let mut copy = whole.clone();
        *copy.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        assert!(serde_json::from_value::<SurvivalForest>(copy).is_err(), "{path}");
    };
    let huge = || serde_json::json!(u32::MAX);
    damaged("/trees/0/feature/0", serde_json::json!(-1));
    damaged("/trees/0/feature/0", serde_json::json!(5));
    damaged("/trees/0/feature/0", serde_json::json!(-2));
    damaged("/trees/0/feature/0", serde_json::json!(i64::MAX));
    damaged("/trees/0/feature", serde_json::json!([]));
    damaged("/trees/0/threshold", serde_json::json!([]));
    damaged("/trees/0/threshold/0", serde_json::json!(1e300));
    damaged("/trees/0/missing_left/0", serde_json::json!(2));
    damaged("/trees/0/n_steps/0", serde_json::json!(u64::MAX));
    damaged("/trees/0/n_steps/0", serde_json::json!(0));
    damaged("/trees/0/time/0", huge());
    damaged("/trees/0/n_events/0", serde_json::json!(0));
    damaged("/trees/0/n_events/0", huge());
    damaged("/trees/0/n_at_risk/1", huge());
    damaged("/trees", serde_json::json!([]));
    damaged("/n_features", serde_json::json!(1));
    damaged("/n_features", serde_json::json!(u64::MAX));
    damaged("/event_times", serde_json::json!([]));
    damaged("/event_times/0", serde_json::json!(1e9));
    damaged("/params/min_leaf_size", serde_json::json!(0));
    damaged("/params", serde_json::json!({"trees": 5}));
    for cut in (0..text.len()).step_by(97) {
        assert!(serde_json::from_str::<SurvivalForest>(&text[..cut]).is_err());
    }
}

#[test]
fn settings_have_defaults_and_no_others() {
    assert_eq!(serde_json::from_str::<ForestParams>("{}").unwrap(), ForestParams::default());
    let given = r#"{"split":{"extra_trees":{"n_random_splits":3}},"sample":{"subsample":{"fraction":0.5}}}"#;
    let params: ForestParams = serde_json::from_str(given).unwrap();
    assert_eq!(params.split, SplitRule::ExtraTrees { n_random_splits: 3 });
    assert!(serde_json::from_str::<ForestParams>(r#"{"trees":3}"#).is_err());
}

#[test]
fn depth_and_leaf_limits_hold() {
    let (x, survival) = simulated(120, 11);
    let leaves = |params| SurvivalForest::fit(&x, &survival, &params, 0).unwrap().mean_leaves();
    assert_eq!(leaves(ForestParams { max_depth: Some(0), ..small() }), 1.0);
    assert_eq!(leaves(ForestParams { max_depth: Some(1), ..small() }), 2.0);
    assert!(leaves(ForestParams { min_leaf_size: 40, ..small() }) <= 3.0);
    assert!(leaves(ForestParams { min_leaf_events: 30, ..small() }) < leaves(small()));
}

#[test]
fn gbsg2_is_ranked_as_well_as_by_ranger_and_scikit_survival() {
    let root = std::env::var_os("REGIMEN_PEERS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/peers"), PathBuf::from);
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    let Some((cohort, folds)) = read("data/gbsg2.csv").zip(read("folds/gbsg2_folds.csv")) else {
        println!("skipped: gbsg2: no peers' data at $REGIMEN_PEERS or ../shared/peers");
        return;
    };
    let header: Vec<&str> = cohort.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..3], ["id", "time", "event"]);
    let rows: Vec<Vec<f64>> =
        cohort.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let x = DesignMatrix {
        names: header[3..].iter().map(|name| (*name).to_string()).collect(),
        n_rows: rows.len(),
        values: rows.iter().flat_map(|row| row[3..].iter().map(|&value| value as f32)).collect(),
    };
    let survival =
        Survival::new(rows.iter().map(|row| row[1]).collect(), rows.iter().map(|row| row[2] == 1.0).collect()).unwrap();
    let rep0 = folds.lines().next().unwrap().split(',').position(|name| name == "rep0").unwrap();
    let fold: Vec<usize> =
        folds.lines().skip(1).map(|line| line.split(',').nth(rep0).unwrap().parse().unwrap()).collect();
    let mut c_indices = Vec::new();
    for held_out in 0..5 {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|&row| fold[row] == held_out);
        let forest = SurvivalForest::fit(
            &x.select(&train),
            &survival.select(&train).unwrap(),
            &ForestParams { n_trees: 300, ..ForestParams::default() },
            held_out as u64,
        );
        let risk = forest.unwrap().risk_score(&x.select(&test)).unwrap();
        c_indices.push(c_index_value(&survival.select(&test).unwrap(), &risk).unwrap());
    }
    let mean = c_indices.iter().sum::<f64>() / 5.0;
    // ranger 0.6942, scikit-survival 0.6939 on these folds; the seed moves the mean by about 0.001.
    assert!(mean > 0.689, "{mean}");
}
