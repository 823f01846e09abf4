//! Every form of a report through `regimen assess`: PDF, FHIR bundle, page for the patient, for the seven invented patients.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, regimen, root, text};

fn assess(patient: &str, out: &Path, more: &[&str]) -> Ran {
    let (examples, out) = (text(&root().join("data-schemas")), text(out));
    let mut arguments =
        vec!["assess", "--cohort", "examples", "--data", &examples, "--patient", patient, "--out", &out];
    arguments.extend(more);
    regimen(arguments)
}

fn written(patient: &str, name: &str, more: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join(name);
    let ran = assess(patient, &out, more);
    assert_eq!(ran.code, 0, "{patient} {name}: {}", ran.stderr);
    fs::read(out).expect("the file is written")
}

#[test]
fn every_patient_has_a_pdf_and_a_bundle_with_the_answer_of_the_report() {
    for patient in ["A", "B", "C", "D", "E", "F", "G"] {
        let pdf = written(patient, "r.pdf", &[]);
        assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() < 400_000, "{patient}: {} bytes", pdf.len());
        let report: Value = serde_json::from_slice(&written(patient, "r.json", &[])).expect("the report is JSON");
        let bundle: Value = serde_json::from_slice(&written(patient, "r.fhir.json", &[])).expect("the bundle is JSON");
        assert_eq!(bundle["resourceType"], "Bundle", "{patient}");
        let last = bundle["entry"].as_array().and_then(|entries| entries.last()).expect("a bundle has entries");
        let conclusion = last["resource"]["conclusion"].as_str().expect("the last resource is the report");
        let answer = report["answer"]["sentence"].as_str().expect("every report has a sentence");
        assert!(conclusion.starts_with(answer), "{patient}: {conclusion}");
    }
}

#[test]
fn the_page_for_a_man_never_calls_him_a_woman() {
    let page = String::from_utf8(written("G", "r.html", &["--patient-page", "en"])).expect("the page is UTF-8");
    let body = page.split("<main").nth(1).expect("the page has a main part");
    assert!(body.contains("The program learned from women only."));
    let rest = body.replace("The program learned from women only.", "");
    assert!(!["women", "woman", " she ", " her "].iter().any(|word| rest.contains(word)), "{rest}");
    assert!(!body.contains("<circle"), "and gives no number");
}

#[test]
fn the_page_for_the_patient_counts_women_of_a_hundred_in_german() {
    let page = String::from_utf8(written("A", "r.html", &["--patient-page", "de"])).expect("the page is UTF-8");
    assert!(page.contains("<html lang=\"de\">") && page.contains("Von 100 Frauen wie Ihnen"));
    assert_eq!(page.matches("<circle").count(), 100);
}

#[test]
fn a_language_or_an_ending_that_there_is_none_of_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, more) in
        [("r.docx", vec![]), ("r.html", vec!["--patient-page", "fr"]), ("r.pdf", vec!["--patient-page", "de"])]
    {
        let out = folder.path().join(name);
        let ran = assess("A", &out, &more);
        assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
        assert!(!out.exists());
    }
}
