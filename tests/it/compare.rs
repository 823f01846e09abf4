//! `regimen evaluate --cv` on comparisons: the artifact, its keys, determinism and refusals, on simulated tables.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::support::{regimen, text};

const SURVIVAL: &str = r#"
name = "simulated"
population = "nobody"
seed = 7
id = "id"
[endpoint]
kind = "survival"
time = "time"
event = "event"
definition = "days to an event"
[features]
clinical = ["age", "grade"]
markers = ["noise"]
[monotone]
grade = 1
[[models]]
name = "average"
family = "average"
members = ["net", "boosted", "forest"]
[[models]]
name = "stack"
family = "stack"
members = ["net", "boosted", "forest"]
[[models]]
name = "markers"
family = "net"
features = ["markers"]
[search]
candidates = 2
n_folds = 3
[evaluation]
n_folds = 3
n_repeats = 1
n_resamples = 60
"#;

/// 150 patients whose hazard rises with age and grade; one grade is missing.
fn table(folder: &Path) -> String {
    let mut csv = "id,time,event,age,grade,noise,pcr\n".to_owned();
    let mut state = 5_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
    };
    for id in 0..150 {
        let (age, grade, noise) = (30.0 + 50.0 * uniform(), (3.0 * uniform()).floor(), uniform());
        let hazard = (0.04 * (age - 55.0) + 0.8 * (grade - 1.0)).exp() / 1000.0;
        let (event, censored) = (-uniform().ln() / hazard, 3000.0 * uniform());
        let pcr = uniform() < 1.0 / (1.0 + (-1.5 * (grade - 1.0)).exp());
        let grade = if id == 3 { String::new() } else { grade.to_string() };
        let _ = writeln!(
            csv,
            "p{id},{:.1},{},{age:.1},{grade},{noise:.3},{pcr}",
            event.min(censored) + 1.0,
            u8::from(event <= censored)
        );
    }
    let path = folder.join("table.csv");
    std::fs::write(&path, csv).expect("the temporary folder is writable");
    text(&path)
}

fn spec(folder: &Path, content: &str) -> String {
    let path = folder.join("spec.toml");
    std::fs::write(&path, content).expect("the temporary folder is writable");
    text(&path)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the result was written")).expect("it is JSON")
}

#[test]
fn a_survival_comparison_is_an_artifact_that_any_number_of_threads_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let (data, spec) = (table(folder.path()), spec(folder.path(), SURVIVAL));
    let mut bytes = Vec::new();
    for threads in ["1", "2"] {
        let json = folder.path().join(format!("{threads}.json"));
        let oof = folder.path().join(format!("oof{threads}"));
        let args = ["evaluate", &spec, "--cv", "--data", &data, "--json", &text(&json), "--threads", threads];
        let ran = regimen(args.into_iter().chain(["--predictions", &text(&oof)]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        bytes.push((std::fs::read(&json).unwrap(), std::fs::read(oof.join("average.csv")).unwrap()));
        let found = read(&json);
        for key in ["n", "n_events", "excluded_training_rows", "c_index", "c_index_ipcw", "auc_t", "ibs", "calibration"]
        {
            assert!(!found[key].is_null(), "{key}");
        }
        assert_eq!(found["per_patient"].as_array().unwrap().len(), 150);
        let names: Vec<&str> =
            found["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["average", "stack", "markers", "cox"], "the baseline is added");
        // The signal is found, and noise is not taken for one.
        assert!(found["c_index"]["estimate"].as_f64().unwrap() > 0.6);
        let noise = found["models"][2]["c_index"]["estimate"].as_f64().unwrap();
        assert!((0.4..0.6).contains(&noise), "{noise}");
        let weights = found["models"][1]["folds"][0]["chosen"].as_str().unwrap();
        assert!(weights.contains("net ") && weights.contains("forest "), "{weights}");
    }
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn predictions_of_other_software_are_judged_on_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (data, spec) = (table(folder.path()), spec(folder.path(), SURVIVAL));
    let oof = text(&folder.path().join("oof"));
    assert_eq!(regimen(["evaluate", &spec, "--cv", "--data", &data, "--predictions", &oof]).code, 0);
    let json = folder.path().join("r.json");
    let external = format!("again={oof}/average.csv");
    let ran = regimen(["evaluate", &spec, "--cv", "--data", &data, "--external", &external, "--json", &text(&json)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = read(&json);
    let difference = found["differences"].as_array().unwrap().last().unwrap();
    assert_eq!(difference["against"], "again");
    for figure in ["c_index", "ibs"] {
        for end in ["estimate", "lower95", "upper95"] {
            assert!(difference[figure][end].as_f64().unwrap().abs() < 1e-12, "{difference}");
        }
    }
}

#[test]
fn a_binary_comparison_has_the_keys_of_an_evaluation_once() {
    let folder = tempfile::tempdir().unwrap();
    let binary = SURVIVAL
        .replace("kind = \"survival\"\ntime = \"time\"\nevent = \"event\"", "kind = \"binary\"\noutcome = \"pcr\"");
    let (data, spec) = (table(folder.path()), spec(folder.path(), &binary));
    let json = folder.path().join("r.json");
    let ran = regimen(["evaluate", &spec, "--cv", "--data", &data, "--json", &text(&json)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = read(&json);
    assert!(found["auc"]["estimate"].as_f64().unwrap() > 0.6);
    assert!(found["models"].as_array().unwrap().iter().any(|model| model["family"] == "logistic"));
    let written = std::fs::read_to_string(&json).unwrap();
    for key in ["method", "spec_sha256", "data_sha256"] {
        assert_eq!(written.matches(&format!("\n  \"{key}\":")).count(), 1, "{key}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let data = table(folder.path());
    let refused = |content: &str, code: i32, said: &str| {
        let ran = regimen(["evaluate", &spec(folder.path(), content), "--cv", "--data", &data]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    refused(&SURVIVAL.replace("\"age\"", "\"agee\""), 1, "agee");
    refused(
        &SURVIVAL.replace("event = \"event\"", "event = \"grade\""),
        1,
        "of type boolean, or 1 and 0, found 2 in row",
    );
    refused(&SURVIVAL.replace("seed = 7", "sed = 7"), 1, "sed");
    refused(&SURVIVAL.replace("n_folds = 3\nn_repeats", "folds = \"nowhere.csv\"\nn_repeats"), 1, "nowhere.csv");
    let ran = regimen(["evaluate", &spec(folder.path(), SURVIVAL), "--cv", "--data", &data, "--external", "x"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[test]
fn an_embedding_is_refused_because_its_encoder_has_seen_the_patients() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    assert_eq!(regimen(["demo", "--no-serve", "--out", &text(&out)]).code, 0);
    let content = SURVIVAL
        .replace("kind = \"survival\"\ntime = \"time\"\nevent = \"event\"", "kind = \"binary\"\noutcome = \"hr\"")
        .replace("id = \"id\"\n", "")
        .replace("[monotone]\ngrade = 1\n", "")
        .replace("[\"age\", \"grade\"]", "[\"age_years\"]")
        .replace("[\"noise\"]", "[\"mri_emb\"]");
    let fused = text(&out.join("fused.arrow"));
    let ran = regimen(["evaluate", &spec(folder.path(), &content), "--cv", "--data", &fused]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("`mri_emb` is an embedding"), "{}", ran.stderr);
}
