//! What if an input were another, past patients like her, and how long both take.

use std::fs;
use std::time::Instant;

use regimen::schema::CohortDefinition;
use regimen::study::decision::{Assumptions, DecisionEngine};
use regimen::study::{AssessRequest, Change, Models, OpenCohort, PseudonymKey, ResponseModel};
use serde_json::Value;

use crate::json_schema::violations;
use crate::support::{Ran, data, regimen, root, text};

fn assess(patient: &str, what_if: &[&str]) -> (Ran, Option<(Value, String)>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (json, html) = (folder.path().join("assessment.json"), folder.path().join("report.html"));
    let (examples, whole, page) = (text(&root().join("data-schemas")), text(&json), text(&html));
    let mut arguments = vec!["assess", "--cohort", "examples", "--data", &examples, "--patient", patient];
    arguments.extend(["--out", &page, "--assessment", &whole]);
    arguments.extend(what_if.iter().flat_map(|change| ["--what-if", change]));
    let ran = regimen(arguments);
    let read = || Some((serde_json::from_slice(&fs::read(&json).ok()?).ok()?, fs::read_to_string(&html).ok()?));
    (ran, read())
}

#[test]
fn a_hypothetical_assessment_is_marked_in_json_and_on_the_page_and_meets_the_schema() {
    let schema = fs::read(root().join("data-schemas/assessment.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let (_, plain) = assess("A", &[]);
    let (ran, made) = assess("A", &["age_years=60", "mammaprint_high2=false", "ki67_pct="]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ((plain, plain_page), (made, page)) = (plain.unwrap(), made.unwrap());
    let wrong = violations(&schema, &made);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let changes = made["hypothetical"]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!((&changes[2]["from"], &changes[2]["to"]), (&Value::from("70"), &Value::Null));
    assert!(page.contains("HYPOTHETICAL") && page.contains("Inputs that differ from the record"));
    assert!(plain["hypothetical"].is_null() && !plain_page.contains("HYPOTHETICAL"));
    assert_ne!(plain["options"], made["options"]);
    assert_eq!(made["decision"]["record"]["age_years"], 60.0);
}

#[test]
fn refused_changes_are_listed_at_once_and_nothing_is_written() {
    let (ran, made) = assess("A", &["age_years=214", "pcr=true", "patient_id=B"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for part in ["age_years", "a number from 18 to 110", "`pcr`", "`patient_id`"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(made.is_none());
}

#[test]
fn past_patients_with_an_outcome_are_shown_and_never_herself() {
    let (_, a) = assess("A", &[]);
    let (a, page) = a.unwrap();
    // F alone has a response on record (ypT1 ypN1), and like A no positive receptor.
    assert_eq!(a["neighbours"]["n_candidates"], 1);
    assert_eq!(a["neighbours"]["nearest"][0]["pcr"], false);
    assert!(page.contains("Past patients most like this one") && page.contains("A look at cases, not an estimate"));
    let (_, f) = assess("F", &[]);
    let (f, page) = f.unwrap();
    assert_eq!(f["neighbours"]["n_candidates"], 0);
    assert!(page.contains("has a recorded outcome."));
}

fn open(cohort: &str, data: std::path::PathBuf, with_engine: bool) -> OpenCohort {
    let models = Models::Folder(root().join("models"));
    OpenCohort::read(AssessRequest {
        cohort: CohortDefinition::load(cohort).expect("the cohort is compiled in"),
        data,
        embeddings: vec![],
        models: vec![ResponseModel::open(&models, "pcr-ispy2").expect("the model is promoted")],
        key: PseudonymKey::public(),
        skip_invalid: false,
        only: None,
        engine: with_engine.then(|| DecisionEngine::open(&models, Assumptions::default()).expect("the engine opens")),
    })
    .expect("the cohort is read")
}

#[test]
fn the_nearest_patients_of_ispy2_are_of_her_subtype_with_a_response_and_never_herself() {
    let Some(data) = data("the_nearest_patients_of_ispy2_are_of_her_subtype_with_a_response_and_never_herself") else {
        return;
    };
    let assessed = open("ispy2", data, false).assess().unwrap();
    assert_eq!(assessed.patients.len(), 880);
    for (_, one) in &assessed.patients {
        let near = one.neighbours.as_ref().unwrap();
        assert_eq!((near.nearest.len(), near.among), (5, one.subtype));
        assert!(near.nearest.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
        assert!(near.nearest.iter().all(|other| other.pseudonym != one.pseudonym && other.pcr.is_some()));
        assert!(near.nearest.iter().all(|other| other.received.is_some()));
    }
}

/// Prints milliseconds: `cargo test --test it -- --ignored --nocapture how_long_a_what_if_takes`.
#[test]
#[ignore = "a measurement, not a test"]
fn how_long_a_what_if_takes() {
    let examples = open("examples", root().join("data-schemas"), true);
    let ispy2 = data("how_long_a_what_if_takes").map(|data| open("ispy2", data, true));
    for (name, cohort) in [("examples", Some(examples)), ("ispy2", ispy2)] {
        let Some(cohort) = cohort else { continue };
        let started = Instant::now();
        let assessed = cohort.assess().unwrap();
        println!("{name}: {} patients assessed in {:?}", assessed.patients.len(), started.elapsed());
        let changes = [Change { column: "age_years".to_owned(), value: Some("58".to_owned()) }];
        let mut took: Vec<f64> = Vec::new();
        for (_, one) in assessed.patients.iter().take(50) {
            let started = Instant::now();
            cohort.what_if(one.pseudonym.as_str(), &changes).unwrap().unwrap().unwrap();
            took.push(1000.0 * started.elapsed().as_secs_f64());
        }
        took.sort_by(f64::total_cmp);
        println!("{name}: what if, ms: median {:.1}, largest {:.1}", took[took.len() / 2], took[took.len() - 1]);
    }
}
