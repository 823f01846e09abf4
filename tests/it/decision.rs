//! The decision engine through `regimen assess`: seven invented patients, each with its lesson, and the schema of the result.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::json_schema::violations;
use crate::support::{Ran, data, regimen, root, text};

fn assess(folder: &Path, patient: &str, more: &[&str]) -> (Ran, Value) {
    let json = folder.join("assessment.json");
    let (examples, out, whole) = (text(&root().join("data-schemas")), text(&folder.join("report.html")), text(&json));
    let mut arguments = vec!["assess", "--cohort", "examples", "--data", &examples, "--patient", patient];
    arguments.extend(["--out", &out, "--assessment", &whole]);
    arguments.extend(more);
    let ran = regimen(arguments);
    assert_eq!(ran.code, 0, "{patient}: {}", ran.stderr);
    let found = serde_json::from_slice(&fs::read(json).expect("the assessment is written")).expect("it is JSON");
    (ran, found)
}

fn of(patient: &str) -> Value {
    assess(tempfile::tempdir().expect("a temporary folder").path(), patient, &[]).1
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("expected a list, found {value}"))
}

fn option<'a>(branch: &'a Value, id: &str) -> &'a Value {
    list(&branch["options"]).iter().find(|option| option["id"] == id).unwrap_or_else(|| panic!("no option {id}"))
}

/// The gain in survival at ten years by each column that has one.
fn gains(option: &Value, column: &str) -> Vec<f64> {
    gains_at(option, column, 10.0)
}

fn gains_at(option: &Value, column: &str, years: f64) -> Vec<f64> {
    let cells = option["sources"][column]["numbers"].as_array().cloned().unwrap_or_default();
    let death = |cell: &&Value| {
        let measured = &cell["measured"];
        measured["endpoint"] == "death" && measured["as_difference"] == true && measured["at_years"] == years
    };
    cells.iter().filter(death).map(|cell| cell["value"]["estimate"].as_f64().expect("a number")).collect()
}

#[test]
fn before_surgery_response_is_estimated_and_options_for_residual_disease_stay_in_their_branch() {
    let a = of("A");
    let decision = &a["decision"];
    let estimates = list(&a["options"]).iter().filter(|option| !option["estimate"].is_null()).count();
    assert!(estimates > 3, "{estimates}");
    let branches = list(&decision["adjuvant"]);
    let responses: Vec<&Value> = branches.iter().map(|branch| &branch["response"]).collect();
    assert_eq!(responses, ["if_residual_disease", "if_pcr"]);
    assert_eq!(option(&branches[0], "capecitabine")["eligibility"]["overall"], "met");
    assert_eq!(option(&branches[1], "capecitabine")["eligibility"]["overall"], "not_met");
    // Neither METABRIC nor PREDICT is for treatment before surgery: no absolute benefit of any option.
    for branch in branches {
        assert!(branch["survival"]["absent"].is_string());
        assert!(list(&branch["options"]).iter().all(|option| option["benefit"].is_null()));
        assert!(list(&branch["predict"]["outside"]).iter().any(|why| why.as_str().unwrap().contains("before surgery")));
    }
    assert_eq!(decision["chain"]["validated"], false);
    let options = list(&decision["neoadjuvant"]);
    let of = |id: &str| options.iter().find(|option| option["id"] == id).unwrap();
    let pembrolizumab = of("pembrolizumab-chemotherapy");
    assert_eq!(pembrolizumab["nearest_arm"]["id"], "Pembro");
    let arm = list(&a["options"]).iter().find(|option| option["id"] == "Pembro").unwrap();
    let column = &list(&pembrolizumab["sources"]["regimen"]["numbers"])[0];
    assert_eq!(column["value"], arm["estimate"], "the column is the arm's own estimate");
    assert_eq!(pembrolizumab["sources"]["predict"]["empty"]["kind"], "predict_is_adjuvant");
    assert!(list(&pembrolizumab["sources"]["trial"]["numbers"]).iter().any(|cell| cell["value"]["estimate"] == 0.648));
    let tests: Vec<&Value> = list(&decision["missing_tests"]).iter().map(|test| &test["test"]).collect();
    assert_eq!(tests, ["expression"]);
}

#[test]
fn after_surgery_three_sources_stand_side_by_side() {
    let b = of("B");
    assert_eq!(b["applicability"]["verdict"], "does_not_apply", "18 mm, MammaPrint low: not enrolled in I-SPY2");
    let branch = &list(&b["decision"]["adjuvant"])[0];
    assert!(branch["survival"]["absent"].is_null());
    let at_10 = |outlook: &Value| list(outlook).iter().find(|at| at["years"] == 10.0).cloned().unwrap();
    let (raw, today) = (at_10(&branch["survival"]["raw"]), at_10(&branch["survival"]["recalibrated"]));
    assert!(raw["alive"]["estimate"].as_f64() < today["alive"]["estimate"].as_f64());
    let endocrine = option(branch, "endocrine-5y");
    for column in ["regimen", "predict"] {
        assert!(gains(endocrine, column).iter().all(|gain| (0.0..0.1).contains(gain)), "{column}");
    }
    assert_eq!((gains(endocrine, "regimen").len(), gains(endocrine, "predict").len()), (1, 2));
    assert_eq!([5.0, 10.0, 15.0].map(|years| gains_at(endocrine, "predict", years).len()), [2, 2, 2]);
    // Extended endocrine therapy has a clock of its own, by regimen and by PREDICT's landmark variant alone.
    let extended = option(branch, "endocrine-10y");
    assert_eq!(extended["clock"], "after_5_years_endocrine");
    let found =
        [5.0, 10.0, 15.0].map(|years| [gains_at(extended, "regimen", years), gains_at(extended, "predict", years)]);
    let [[regimen_5, predict_5], [regimen_10, predict_10], [regimen_15, predict_15]] = found;
    assert!((regimen_5[0].abs() < 1e-12) && (predict_5[0].abs() < 1e-12), "no effect before the tenth year");
    assert!((0.0..0.05).contains(&regimen_10[0]) && (0.0..0.05).contains(&predict_10[0]) && predict_10.len() == 1);
    assert!(regimen_15.is_empty() && predict_15.is_empty(), "both curves end fifteen years after diagnosis");
    // The survival model has a gate of its own: nearly all its women had expression measured, she has not.
    let reasons = list(&branch["survival"]["applicability"]["reasons"]);
    assert!(
        reasons.iter().any(|reason| reason["kind"] == "absent_group" && reason["group"] == "expression"),
        "{reasons:?}"
    );
    assert_eq!(branch["survival"]["applicability"]["verdict"], "caution", "{reasons:?}");
    // Chemotherapy's follow-up is ten years: no number at 15 unless an assumption is chosen.
    let at_15 = |assessment: &Value| {
        let option = option(&list(&assessment["decision"]["adjuvant"])[0], "chemotherapy-3rd").clone();
        list(&option["benefit"]["horizons"]).iter().find(|at| at["years"] == 15.0).cloned().unwrap()
    };
    assert_eq!(at_15(&b)["withheld"]["kind"], "beyond_follow_up");
    let folder = tempfile::tempdir().unwrap();
    let (_, chosen) = assess(folder.path(), "B", &["--waning", "until-follow-up"]);
    assert!(at_15(&chosen)["withheld"].is_null());
    // An iDFS ratio never multiplies death.
    let abemaciclib = option(branch, "abemaciclib");
    assert!(gains(abemaciclib, "regimen").is_empty());
    let html = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(html.contains("Options after surgery") && html.contains("PREDICT") && !html.contains("NaN"));
}

#[test]
fn predict_sees_the_harm_of_chemotherapy_at_82() {
    let d = of("D");
    let branch = &list(&d["decision"]["adjuvant"])[0];
    assert!(gains(option(branch, "chemotherapy-2nd"), "predict").iter().all(|gain| *gain < 0.0));
    assert_eq!(option(branch, "endocrine-5y")["eligibility"]["overall"], "met");
}

#[test]
fn unclear_receptors_show_every_state_and_no_one_line() {
    let e = of("E");
    assert_eq!(list(&e["decision"]["adjuvant"]).len(), 4);
    assert!(e["decision"]["one_line_answer"]["withheld"].is_array());
    assert!(list(&e["options"]).iter().all(|option| option["estimate"].is_null()));
    let inputs = list(&e["inputs"]);
    let menopause = inputs.iter().find(|input| input["column"] == "menopause").unwrap();
    assert_eq!(menopause["state"], "refused", "no training patient was perimenopausal");
    let eligible = |branch: &Value, id: &str| option(branch, id)["eligibility"]["overall"].clone();
    let trastuzumab: Vec<Value> =
        list(&e["decision"]["adjuvant"]).iter().map(|branch| eligible(branch, "trastuzumab")).collect();
    assert!(trastuzumab.contains(&"met".into()) && trastuzumab.contains(&"not_met".into()));
}

#[test]
fn residual_disease_opens_its_options_and_a_man_gets_no_number() {
    let f = of("F");
    let branches = list(&f["decision"]["adjuvant"]);
    assert_eq!((branches.len(), &branches[0]["response"]), (1, &"as_recorded".into()));
    assert_eq!(option(&branches[0], "capecitabine")["eligibility"]["overall"], "met");
    assert_ne!(option(&branches[0], "olaparib")["eligibility"]["overall"], "not_met");
    let g = of("G");
    assert_eq!(g["applicability"]["verdict"], "does_not_apply");
    for branch in list(&g["decision"]["adjuvant"]) {
        assert!(branch["survival"]["absent"].is_string());
        assert!(list(&branch["options"]).iter().all(|option| option["benefit"].is_null()));
        assert!(list(&branch["options"]).iter().all(|option| gains(option, "predict").is_empty()));
    }
}

#[test]
fn every_assessment_meets_the_schema_and_comes_out_the_same_twice() {
    let schema = fs::read(root().join("data-schemas/assessment.schema.json")).expect("the schema is committed");
    let schema: Value = serde_json::from_slice(&schema).expect("it is JSON");
    for patient in ["A", "B", "C", "D", "E", "F", "G"] {
        let folder = tempfile::tempdir().unwrap();
        let (_, found) = assess(folder.path(), patient, &[]);
        let wrong = violations(&schema, &found);
        assert!(wrong.is_empty(), "{patient}: {}", wrong.join("\n"));
        let first = fs::read(folder.path().join("assessment.json")).unwrap();
        assess(folder.path(), patient, &["--threads", "1"]);
        assert_eq!(first, fs::read(folder.path().join("assessment.json")).unwrap(), "{patient}");
    }
}

/// Takes a minute of computing: `cargo test --test it -- --ignored the_survival_baseline`.
#[test]
#[ignore = "retrains the survival baseline, about a minute"]
fn the_survival_baseline_is_what_its_specification_gives() {
    let Some(data) = data("the_survival_baseline_is_what_its_specification_gives") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (fused, models) = (folder.path().join("metabric.arrow"), folder.path().join("models"));
    assert_eq!(regimen(["fuse", "metabric", "--data", &text(&data), "--out", &text(&fused)]).code, 0);
    let spec = root().join("models/specs/survival-metabric.toml");
    let ran = regimen(["train", &text(&spec), "--data", &text(&fused), "--out", &text(&models)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let made = fs::read(models.join("survival-metabric/0001/baseline.json")).unwrap();
    assert!(made == fs::read(root().join("models/survival-metabric/0002/baseline.json")).unwrap());
}
