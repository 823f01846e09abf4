//! The whole path: the demo on synthetic files, and I-SPY2 on the public ones where they are.

use std::fs;

use regimen::fusion::{FuseOptions, fuse};
use regimen::schema::CohortDefinition;
use regimen::study::{FusedTable, Models, ResponseModel, predict};
use serde_json::Value;

use crate::support::{data, regimen, root, text};

#[test]
fn the_demo_runs_every_stage_and_marks_every_page_synthetic() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let ran = regimen(["demo", "--no-serve", "--out", &text(&out)]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let mut pages = 0;
    for entry in fs::read_dir(out.join("reports")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains("DEMO-0"), "a report names its patient's code");
        if entry.path().extension().is_some_and(|extension| extension == "html") {
            pages += 1;
            assert!(text.contains("SYNTHETIC"), "{}", entry.path().display());
            assert!(entry.path().with_extension("json").is_file());
        } else {
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(report["synthetic"], true);
        }
    }
    assert_eq!(pages, 25, "26 patients, one refused for an age of 214");
    let run: Value = serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
    let stages: Vec<&str> = run["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["simulate", "check", "ingest", "embed", "fuse", "predict", "report"]);
    let refusals = run["refusals"].to_string();
    assert!(
        refusals.contains("column `age_years`: expected a number from 18 to 110 (years), found `214`"),
        "{refusals}"
    );
    assert!(refusals.contains("letter.dcm") && refusals.contains("RMLO.dcm"), "{refusals}");
    let index = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(index.contains("SYNTHETIC") && index.contains("reports/P-"));
    let again = regimen(["demo", "--no-serve", "--out", &text(&out)]);
    assert_eq!(again.code, 2, "a folder in use is refused");
}

#[test]
fn ispy2_fuses_to_its_patients_with_the_documented_conflicts() {
    let Some(data) = data("ispy2_fuses_to_its_patients_with_the_documented_conflicts") else { return };
    let cohort = CohortDefinition::load("ispy2").unwrap();
    let fused = fuse(&cohort, &data, &FuseOptions::default()).unwrap();
    assert_eq!(fused.frame.height(), 880);
    let report = &fused.report;
    assert!(report.violations.is_empty() && report.absent_files.is_empty());
    let breastdcedl = report.files.iter().find(|file| file.path.starts_with("breastdcedl/")).unwrap();
    assert_eq!((breastdcedl.records, breastdcedl.joined, breastdcedl.unmatched), (883, 880, 3));
    let [conflict] = report.conflicts.as_slice() else { panic!("{:?}", report.conflicts) };
    assert_eq!((conflict.column.as_str(), conflict.rows.len()), ("pcr", 4));
    // Counted with pandas on the published files: 282 pCR in Wolf's table, 34 rows without menopausal status.
    let pcr: u32 = fused.frame.column("pcr").unwrap().bool().unwrap().sum().unwrap();
    assert_eq!(pcr, 282);
    assert_eq!(fused.frame.column("menopause").unwrap().null_count(), 34);
    assert_eq!(fused.frame.column("age_years").unwrap().null_count(), 0);
}

#[test]
fn a_model_recognises_every_row_that_it_was_trained_on() {
    let Some(data) = data("a_model_recognises_every_row_that_it_was_trained_on") else { return };
    let folder = tempfile::tempdir().unwrap();
    let fused = folder.path().join("fused.arrow");
    assert_eq!(regimen(["fuse", "ispy2", "--data", &text(&data), "--out", &text(&fused)]).code, 0);
    let ran = regimen(["evaluate", "pcr-ispy2", "--data", &text(&fused)]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stderr.contains("was trained on 880 of the 880 rows"), "{}", ran.stderr);
}

#[test]
fn evaluation_leaves_out_the_seen_rows_counts_them_and_measures_the_others() {
    let Some(data) = data("evaluation_leaves_out_the_seen_rows_counts_them_and_measures_the_others") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (fused, json) = (folder.path().join("fused.csv"), folder.path().join("e.json"));
    assert_eq!(regimen(["fuse", "ispy2", "--data", &text(&data), "--out", &text(&fused)]).code, 0);
    // The model knows these women under another name: a test of the mechanism, not of the model.
    let table = fs::read_to_string(&fused).unwrap().replace("\nispy2:1", "\nother:1");
    let renamed = table.matches("\nother:1").count();
    fs::write(&fused, table).unwrap();
    let ran = regimen(["evaluate", "pcr-ispy2", "--data", &text(&fused), "--json", &text(&json)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(found["n"], renamed);
    assert_eq!(found["excluded_training_rows"], 880 - renamed);
    assert_eq!(found["per_patient"].as_array().unwrap().len(), renamed);
    for key in ["auc", "auprc", "brier", "log_loss"] {
        assert!(found[key]["lower95"].as_f64().unwrap() <= found[key]["estimate"].as_f64().unwrap(), "{key}");
    }
    for key in ["intercept", "slope", "ici"] {
        assert!(found["calibration"][key]["upper95"].is_f64(), "{key}");
    }
}

#[test]
fn fusing_and_predicting_twice_on_any_number_of_threads_gives_the_same_bytes() {
    let Some(data) = data("fusing_and_predicting_twice_on_any_number_of_threads_gives_the_same_bytes") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for threads in ["1", "2"] {
        let (fused, scored) =
            (folder.path().join(format!("f{threads}.arrow")), folder.path().join(format!("p{threads}.arrow")));
        let fuse = regimen(["fuse", "ispy2", "--data", &text(&data), "--out", &text(&fused), "--threads", threads]);
        assert_eq!(fuse.code, 0, "{}", fuse.stderr);
        let score =
            regimen(["predict", "pcr-ispy2", "--data", &text(&fused), "--out", &text(&scored), "--threads", threads]);
        assert_eq!(score.code, 0, "{}", score.stderr);
        seen.push((fs::read(fused).unwrap(), fs::read(scored).unwrap()));
    }
    assert!(seen[0] == seen[1]);
}

#[test]
fn predictions_differ_by_arm_lie_inside_their_intervals_and_are_withheld_without_support() {
    let Some(data) = data("predictions_differ_by_arm_lie_inside_their_intervals_and_are_withheld_without_support")
    else {
        return;
    };
    let cohort = CohortDefinition::load("ispy2").unwrap();
    let fused = fuse(&cohort, &data, &FuseOptions::default()).unwrap();
    let table = FusedTable::new(&cohort, &data, fused).unwrap();
    let model = ResponseModel::open(&Models::Folder(root().join("models")), "pcr-ispy2").unwrap();
    let rows = predict(&model, &table, false).unwrap().predictions;
    assert_eq!(rows.len(), 880 * 10);
    for row in &rows {
        if let Some(estimate) = row.estimate {
            assert!(row.supported && 0.0 < estimate.lower95 && estimate.upper95 < 1.0);
            assert!(estimate.lower95 <= estimate.estimate && estimate.estimate <= estimate.upper95);
        } else {
            assert!(!row.reason.is_empty());
        }
    }
    let her2_negative_arms = ["Pembro", "VC", "Ganitumab", "Ganetespib"];
    let subtypes = table.subtypes().unwrap();
    for row in rows.iter().filter(|row| her2_negative_arms.contains(&row.option.as_str())) {
        let her2 = subtypes[row.row - 1].is_some_and(|subtype| subtype.is_her2_positive());
        assert!(!(her2 && row.estimate.is_some()), "{} in a HER2-positive patient", row.option);
    }
    let first: Vec<f64> =
        rows.iter().filter(|row| row.row == 1).filter_map(|row| Some(row.estimate?.estimate)).collect();
    assert!(first.len() > 2 && first.iter().any(|p| (p - first[0]).abs() > 0.01), "{first:?}");
}

#[test]
fn contributions_and_base_add_up_to_the_logit_of_the_estimate() {
    let Some(data) = data("contributions_and_base_add_up_to_the_logit_of_the_estimate") else { return };
    let cohort = CohortDefinition::load("ispy2").unwrap();
    let models = vec![ResponseModel::open(&Models::Folder(root().join("models")), "pcr-ispy2").unwrap()];
    let request = regimen::study::AssessRequest {
        cohort,
        data,
        embeddings: vec![],
        models,
        key: regimen::study::PseudonymKey::public(),
        skip_invalid: false,
        only: None,
        engine: None,
    };
    let assessed = regimen::study::assess_cohort(&request).unwrap();
    let mut checked = 0;
    for (_, assessment) in assessed.patients.iter().take(60) {
        let Some(base) = assessment.contribution_base else { continue };
        let id = assessment.explained_option.as_ref().unwrap();
        let option = assessment.options.iter().find(|option| &option.id == id).unwrap();
        let total: f64 = base + assessment.contributions.iter().map(|c| c.logit).sum::<f64>();
        // The interval's ends are the mean logit less and plus the same: their middle is what the contributions sum to.
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let estimate = option.estimate.unwrap();
        assert!((total - (logit(estimate.lower95) + logit(estimate.upper95)) / 2.0).abs() < 1e-6);
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
}
