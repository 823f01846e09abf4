//! Boosted survival trees, their SHAP values and their recalibration against XGBoost, shap, scikit-learn and R's
//! survival, from the numbers in `tests/reference/tree_shap.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use regimen::learn::{
    BoostedAft, BoostedAftParams, BoostedBag, BoostedCox, BoostedSurvivalParams, DesignMatrix, SupportVectorMachine,
    SurvivalModel, SvmKernel, SvmParams,
};
use regimen::stats::Survival;
use serde::Deserialize;

/// Sums of a few dozen f32 leaf values in another order, relative to the largest value.
const SINGLE: f64 = 1e-6;

#[derive(Deserialize)]
struct Reference {
    versions: BTreeMap<String, String>,
    x: Vec<Option<f32>>,
    n_features: usize,
    time: Vec<f64>,
    event: Vec<u8>,
    aft_scale: f64,
    cox: Trees,
    aft: Trees,
    logistic: Trees,
    y: Vec<u8>,
    svm: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Trees {
    model: String,
    margin: Vec<f64>,
    contributions: Vec<f64>,
    shap: Option<Vec<f64>>,
}

fn reference() -> (Reference, DesignMatrix, Survival) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tree_shap.json");
    let text = std::fs::read_to_string(path).expect("tests/reference/tree_shap.json");
    let reference: Reference = serde_json::from_str(&text).expect("what tree_shap.py writes");
    for program in ["xgboost", "shap", "R", "survival"] {
        assert!(reference.versions.contains_key(program));
    }
    let values: Vec<f32> = reference.x.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
    let names = (0..reference.n_features).map(|at| format!("x{at}")).collect();
    let x = DesignMatrix { names, n_rows: reference.time.len(), values };
    let event = reference.event.iter().map(|&event| event == 1).collect();
    let data = Survival::new(reference.time.clone(), event).expect("times that the script drew");
    (reference, x, data)
}

/// Largest difference relative to the largest expected value.
fn gap(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    found.iter().zip(expected).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / scale
}

/// A document of ours around an XGBoost model.
fn cox_document(model: &str) -> Vec<u8> {
    format!(
        r#"{{"calibration_slope":1.0,"centre":0.0,"baseline":{{"before":0.0,"times":[1.0],"values":[0.1]}},"members":[{model}]}}"#
    )
    .into_bytes()
}

#[test]
fn xgboosts_cox_trees_predict_and_explain_the_same_here() {
    let (reference, x, _) = reference();
    let model = BoostedCox::decode(&cox_document(&reference.cox.model)).unwrap();
    let scores = model.risk_scores(&x).unwrap();
    let contributions = model.contributions(&x).unwrap();
    let (margin, flat) = (gap(&scores, &reference.cox.margin), contributions.concat());
    let attributions = gap(&flat, &reference.cox.contributions);
    let without_base: Vec<f64> = contributions.iter().flat_map(|row| &row[..row.len() - 1]).copied().collect();
    let by_shap = gap(&without_base, reference.cox.shap.as_ref().unwrap());
    let sums: Vec<f64> = contributions.iter().map(|row| row.iter().sum()).collect();
    let exactness = gap(&sums, &scores);
    println!("cox: margin {margin:e}, contributions {attributions:e}, shap {by_shap:e}, sum {exactness:e}");
    assert!(margin < SINGLE && attributions < SINGLE && by_shap < SINGLE && exactness < SINGLE);
}

#[test]
fn xgboosts_logistic_and_log_time_trees_predict_and_explain_the_same_here() {
    let (reference, x, _) = reference();
    let bag = BoostedBag::decode(format!("[{}]", reference.logistic.model).as_bytes()).unwrap();
    let logits: Vec<f64> = bag.predict(&x).unwrap().iter().map(|margin| margin.mean).collect();
    let flat = bag.contributions(&x).unwrap().concat();
    let (margin, attributions) =
        (gap(&logits, &reference.logistic.margin), gap(&flat, &reference.logistic.contributions));
    println!("logistic: margin {margin:e}, contributions {attributions:e}");
    assert!(margin < SINGLE && attributions < SINGLE);
    let document = format!(
        r#"{{"distribution":"normal","calibration":{{"intercept":0.0,"slope":1.0,"scale":1.2}},"members":[{}]}}"#,
        reference.aft.model
    );
    let log_times = BoostedAft::decode(document.as_bytes()).unwrap().log_times(&x).unwrap();
    assert!(gap(&log_times, &reference.aft.margin) < SINGLE);
}

/// Without ties Efron's gradient is Breslow's, so the same trees grow. Their leaves are sums of f32 gradients that the
/// two programs round apart: 1e-5.
#[test]
fn the_same_cox_and_log_time_trees_grow_here_as_in_xgboost() {
    let (reference, x, data) = reference();
    let trees = BoostedSurvivalParams {
        max_depth: 3,
        eta: 0.1,
        rounds: 20,
        subsample: 1.0,
        colsample_bynode: 1.0,
        min_child_weight: 1.0,
        ..BoostedSurvivalParams::default()
    };
    let model = BoostedCox::fit(&x, &data, &trees, None, 1).unwrap();
    let scores = model.risk_scores(&x).unwrap();
    let mean = reference.cox.margin.iter().sum::<f64>() / x.n_rows as f64;
    let centred: Vec<f64> = reference.cox.margin.iter().map(|margin| margin - mean).collect();
    let cox = gap(&scores, &centred);
    let params = BoostedAftParams { trees, scale: reference.aft_scale, ..BoostedAftParams::default() };
    let aft = BoostedAft::fit(&x, &data, &params, None, 1).unwrap();
    let log_times = gap(&aft.log_times(&x).unwrap(), &reference.aft.margin);
    println!("trained: cox {cox:e}, log time {log_times:e}");
    assert!(cox < 1e-5 && log_times < 1e-5);
}

/// libsvm solves the same problem to 1e-10; smartcore's solver passes over the rows and stops at its tolerance: 1e-5.
#[test]
fn support_vector_machines_reach_libsvms_optimum() {
    let (reference, mut x, _) = reference();
    x.values.iter_mut().for_each(|value| *value = if value.is_nan() { 0.0 } else { *value });
    let y: Vec<bool> = reference.y.iter().map(|&y| y == 1).collect();
    for (name, kernel) in [("linear", SvmKernel::Linear), ("rbf", SvmKernel::Rbf { gamma: Some(0.2) })] {
        let params = SvmParams { kernel, ..SvmParams::default() };
        let machine = SupportVectorMachine::fit(&x, &y, &params, 1).unwrap();
        let difference = gap(&machine.decision_values(&x).unwrap(), &reference.svm[name]);
        println!("svm {name}: {difference:e}");
        assert!(difference < 1e-5);
    }
}
