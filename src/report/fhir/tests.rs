//! The bundle against the rules of R4 that concern it: elements and their cardinality, value sets, references, invariants.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fhir;
use crate::decide::options::OptionSet;
use crate::report::decision_fixture::decided;
use crate::report::{ReportView, fixtures};

/// An element: (name, least, most); 0 stands for "any number" as most.
type Element = (&'static str, usize, usize);

const RESOURCES: [(&str, &[Element]); 5] = [
    ("Patient", &[("identifier", 0, 0), ("gender", 0, 1)]),
    (
        "Device",
        &[
            ("identifier", 0, 0),
            ("status", 0, 1),
            ("deviceName", 0, 0),
            ("type", 0, 1),
            ("version", 0, 0),
            ("note", 0, 0),
        ],
    ),
    (
        "Observation",
        &[
            ("status", 1, 1),
            ("code", 1, 1),
            ("subject", 0, 1),
            ("valueString", 0, 1),
            ("valueQuantity", 0, 1),
            ("dataAbsentReason", 0, 1),
            ("note", 0, 0),
            ("device", 0, 1),
            ("derivedFrom", 0, 0),
        ],
    ),
    (
        "RiskAssessment",
        &[
            ("status", 1, 1),
            ("method", 0, 1),
            ("code", 0, 1),
            ("subject", 1, 1),
            ("performer", 0, 1),
            ("basis", 0, 0),
            ("prediction", 0, 0),
            ("note", 0, 0),
        ],
    ),
    (
        "DiagnosticReport",
        &[
            ("status", 1, 1),
            ("category", 0, 0),
            ("code", 1, 1),
            ("subject", 0, 1),
            ("result", 0, 0),
            ("conclusion", 0, 1),
        ],
    ),
];

const DOMAIN: [Element; 5] =
    [("resourceType", 1, 1), ("id", 0, 1), ("meta", 0, 1), ("text", 0, 1), ("extension", 0, 0)];

/// Elements that may refer to resources, with the types that R4 allows there (of those in the bundle).
const REFERENCES: [(&str, &str, &[&str]); 8] = [
    ("Observation", "subject", &["Patient", "Device"]),
    ("Observation", "device", &["Device"]),
    ("Observation", "derivedFrom", &["Observation"]),
    ("RiskAssessment", "subject", &["Patient"]),
    ("RiskAssessment", "performer", &["Device"]),
    ("RiskAssessment", "basis", &["Patient", "Device", "Observation", "RiskAssessment", "DiagnosticReport"]),
    ("DiagnosticReport", "subject", &["Patient", "Device"]),
    ("DiagnosticReport", "result", &["Observation"]),
];

fn parsed(view: &ReportView) -> Value {
    serde_json::from_str(&fhir(view)).unwrap()
}

fn resources(bundle: &Value) -> Vec<&Value> {
    bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect()
}

fn of<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    resources(bundle).into_iter().filter(|resource| resource["resourceType"] == kind).collect()
}

fn check(rules: &[Element], resource: &Value, wrong: &mut Vec<String>) {
    let kind = resource["resourceType"].as_str().unwrap();
    let object = resource.as_object().unwrap();
    for (name, value) in object {
        let Some((_, _, most)) = rules.iter().chain(&DOMAIN).find(|(known, _, _)| known == name) else {
            wrong.push(format!("{kind} has no element {name}"));
            continue;
        };
        if value.is_array() != (*most == 0) {
            wrong.push(format!("{kind}.{name}: a list exactly where it may repeat"));
        }
        if value.as_array().is_some_and(Vec::is_empty) || value.as_str().is_some_and(|text| text.trim().is_empty()) {
            wrong.push(format!("{kind}.{name} is present and empty"));
        }
    }
    for (name, least, _) in rules.iter().chain(&DOMAIN) {
        if *least > 0 && !object.contains_key(*name) {
            wrong.push(format!("{kind}.{name} is required"));
        }
    }
}

/// Every object below `value`, itself included.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(map) => {
            found.push(map);
            map.values().for_each(|each| objects(each, found));
        }
        Value::Array(items) => items.iter().for_each(|each| objects(each, found)),
        _ => {}
    }
}

fn violations(bundle: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if bundle["resourceType"] != "Bundle" || bundle["type"] != "collection" {
        wrong.push("not a collection".to_owned());
    }
    let urls: Vec<&str> =
        bundle["entry"].as_array().unwrap().iter().filter_map(|entry| entry["fullUrl"].as_str()).collect();
    if urls.iter().collect::<BTreeSet<_>>().len() != urls.len() {
        wrong.push("bdl-7: a fullUrl is used twice".to_owned());
    }
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        let kind = resource["resourceType"].as_str().unwrap();
        match RESOURCES.iter().find(|(known, _)| *known == kind) {
            Some((_, rules)) => check(rules, resource, &mut wrong),
            None => wrong.push(format!("no rules for {kind}")),
        }
        let id = resource["id"].as_str().unwrap();
        if entry["fullUrl"] != format!("urn:uuid:{id}") {
            wrong.push(format!("{kind}: fullUrl and id differ"));
        }
        let status: &[&str] = match kind {
            "Device" => &["active", "inactive", "entered-in-error", "unknown"],
            "Patient" => &[],
            _ => &[
                "registered",
                "preliminary",
                "final",
                "amended",
                "corrected",
                "cancelled",
                "entered-in-error",
                "unknown",
            ],
        };
        if resource.get("status").is_some_and(|found| !status.iter().any(|code| found == code)) {
            wrong.push(format!("{kind}.status is not in its value set"));
        }
        if resource["text"]["status"] != "generated"
            || !resource["text"]["div"].as_str().unwrap().starts_with("<div xmlns=\"http://www.w3.org/1999/xhtml\">")
        {
            wrong.push(format!("{kind}.text is no narrative"));
        }
        for (holder, name, allowed) in REFERENCES.iter().filter(|(holder, _, _)| *holder == kind) {
            let held = resource.get(name);
            for target in
                held.into_iter().flat_map(|held| held.as_array().map_or(vec![held], |list| list.iter().collect()))
            {
                let url = target["reference"].as_str().unwrap();
                let found = bundle["entry"].as_array().unwrap().iter().find(|entry| entry["fullUrl"] == url);
                let kind = found.map(|entry| entry["resource"]["resourceType"].as_str().unwrap());
                if kind.is_none_or(|kind| !allowed.contains(&kind)) {
                    wrong.push(format!("{holder}.{name} leads to {kind:?}"));
                }
            }
        }
        if kind == "Observation" && resource.get("dataAbsentReason").is_some() {
            let has_value = resource.get("valueString").or(resource.get("valueQuantity")).is_some();
            if has_value {
                wrong.push("obs-6: a value and a reason for its absence".to_owned());
            }
        }
        for prediction in resource["prediction"].as_array().into_iter().flatten() {
            let probability = prediction["probabilityDecimal"].as_f64().unwrap();
            if !(0.0..=100.0).contains(&probability) {
                wrong.push("ras-2: a probability over 100".to_owned());
            }
        }
        for name in resource["deviceName"].as_array().into_iter().flatten() {
            let kinds = [
                "udi-label-name",
                "user-friendly-name",
                "patient-reported-name",
                "manufacturer-name",
                "model-name",
                "other",
            ];
            if !kinds.iter().any(|kind| name["type"] == *kind) || name["name"].as_str().is_none() {
                wrong.push("Device.deviceName needs a name and a type".to_owned());
            }
        }
    }
    let mut all = Vec::new();
    objects(bundle, &mut all);
    for object in all {
        if let Some(reference) = object.get("reference").and_then(Value::as_str)
            && !urls.contains(&reference)
        {
            wrong.push(format!("{reference} leads out of the bundle"));
        }
        if let Some(Value::String(url)) = object.get("url") {
            let values = object.keys().filter(|key| key.starts_with("value")).count();
            if !url.starts_with("urn:x-regimen:") || values != 1 {
                wrong.push(format!("ext-1: {url} has {values} values"));
            }
        }
        if let (Some(low), Some(high)) = (object.get("low"), object.get("high"))
            && (low["value"].as_f64() > high["value"].as_f64() || low["code"] != "%")
        {
            wrong.push("rng-2: a range from high to low".to_owned());
        }
        if let Some(code) = object.get("system").and(object.get("code")).and_then(Value::as_str)
            && (code.is_empty() || code.trim() != code || code.contains("  "))
        {
            wrong.push(format!("`{code}` is no code"));
        }
    }
    wrong
}

#[test]
fn every_kind_of_report_is_a_valid_bundle() {
    for (name, assessment) in fixtures::all() {
        let bundle = parsed(&ReportView::new(&assessment));
        let wrong = violations(&bundle);
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
        if let Ok(folder) = std::env::var("REGIMEN_LOOK") {
            std::fs::write(format!("{folder}/{name}.fhir.json"), fhir(&ReportView::new(&assessment))).unwrap();
        }
    }
}

#[test]
fn the_rules_find_what_is_wrong() {
    let good = parsed(&ReportView::new(&fixtures::normal()));
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        violations(&bundle).len()
    };
    let last = good["entry"].as_array().unwrap().len() - 1;
    assert_eq!(broken(&|_| {}), 0);
    assert_eq!(broken(&|bundle| bundle["entry"][last]["resource"]["status"] = "done".into()), 1);
    assert_eq!(broken(&|bundle| bundle["entry"][last]["resource"]["qualitativeRisk"] = "high".into()), 1);
    assert!(broken(&|bundle| bundle["entry"][last]["resource"]["subject"]["reference"] = "urn:uuid:0".into()) > 0);
    assert!(broken(&|bundle| bundle["entry"][0]["fullUrl"] = "urn:uuid:0".into()) > 0);
}

#[test]
fn one_risk_assessment_per_arm_with_a_number_and_the_numbers_of_the_page() {
    let view = ReportView::new(&fixtures::normal());
    let bundle = parsed(&view);
    let risks = of(&bundle, "RiskAssessment");
    let rows: Vec<_> = view.options.iter().filter(|row| row.estimate.is_some()).collect();
    assert_eq!(risks.len(), rows.len());
    for (risk, row) in risks.iter().zip(rows) {
        let estimate = row.estimate.as_ref().unwrap();
        let prediction = &risk["prediction"][0];
        let near = |found: &Value, share: f64| (found.as_f64().unwrap() - 100.0 * share).abs() < 1e-6;
        assert!(near(&prediction["probabilityDecimal"], estimate.estimate));
        assert!(near(&prediction["extension"][0]["valueRange"]["low"]["value"], estimate.lower95));
        assert!(near(&prediction["extension"][0]["valueRange"]["high"]["value"], estimate.upper95));
        assert!(prediction.get("qualitativeRisk").is_none() && risk.get("mitigation").is_none());
        assert!(risk["text"]["div"].as_str().unwrap().contains(&estimate.text));
    }
    let report = of(&bundle, "DiagnosticReport")[0];
    assert!(report["conclusion"].as_str().unwrap().starts_with(&view.answer.sentence));
    assert_eq!(report["extension"].as_array().unwrap().len(), risks.len());
}

#[test]
fn every_gain_in_survival_is_an_observation_in_points() {
    let bundle = parsed(&decided());
    let wrong = violations(&bundle);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let code = |each: &&Value| each["code"]["coding"][0]["code"] == "survival-gain";
    let gains: Vec<&Value> = of(&bundle, "Observation").into_iter().filter(code).collect();
    assert_eq!(gains.len(), 4, "two options with two horizons each; none where the number is withheld");
    assert_eq!(gains[1]["valueQuantity"]["value"], 2.8);
    assert_eq!(gains[1]["valueQuantity"]["unit"], "percentage points");
    assert_eq!(gains[1]["extension"][1]["valueCodeableConcept"]["coding"][0]["code"], "capecitabine");
    assert_eq!(of(&bundle, "Patient")[0]["gender"], "female");
    assert_eq!(of(&bundle, "DiagnosticReport")[0]["result"].as_array().unwrap().len(), 5);
}

#[test]
fn a_withheld_answer_has_no_number_anywhere() {
    for assessment in [fixtures::unknown_her2(), fixtures::out_of_distribution()] {
        let bundle = parsed(&ReportView::new(&assessment));
        assert!(of(&bundle, "RiskAssessment").is_empty());
        let report = of(&bundle, "DiagnosticReport")[0];
        let answer = report["result"][0]["reference"].as_str().unwrap();
        let entry = bundle["entry"].as_array().unwrap().iter().find(|entry| entry["fullUrl"] == answer).unwrap();
        assert!(entry["resource"].get("valueQuantity").is_none());
        assert_eq!(entry["resource"]["dataAbsentReason"]["coding"][0]["code"], "not-applicable");
        assert!(!bundle.to_string().contains("58.4"));
    }
}

#[test]
fn every_resource_says_research_and_a_simulated_patient_is_labelled_as_test() {
    for (name, assessment) in fixtures::all() {
        let bundle = parsed(&ReportView::new(&assessment));
        for resource in resources(&bundle).into_iter().chain([&bundle]) {
            assert_eq!(resource["meta"]["tag"][0]["code"], "research-only", "{name}");
            assert_eq!(resource["meta"]["security"][0]["code"] == "HTEST", assessment.synthetic, "{name}");
        }
        let research = "<p>Research use only";
        assert!(resources(&bundle).iter().all(|each| each["text"]["div"].as_str().unwrap().contains(research)));
    }
}

#[test]
fn only_the_pseudonym_names_the_patient_and_ids_repeat() {
    let view = ReportView::new(&fixtures::normal());
    let (bundle, patient) = (parsed(&view), parsed(&view));
    assert_eq!(bundle, patient);
    let patient = of(&bundle, "Patient")[0];
    assert_eq!(patient["identifier"][0]["value"], view.pseudonym);
    assert!(["name", "birthDate", "address", "telecom"].iter().all(|element| patient.get(element).is_none()));
    let mut changed = fixtures::normal();
    changed.followed_by = "surgery".to_owned();
    let other = parsed(&ReportView::new(&changed));
    assert_eq!(of(&other, "Patient")[0]["id"], patient["id"], "the patient is the same");
    assert_ne!(of(&other, "DiagnosticReport")[0]["id"], of(&bundle, "DiagnosticReport")[0]["id"]);
}

#[test]
fn markup_in_the_record_stays_text() {
    let mut assessment = fixtures::normal();
    assessment.inputs[0].value = Some("<script>alert(1)</script> & co".to_owned());
    let text = fhir(&ReportView::new(&assessment));
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; co"));
    assert!(violations(&serde_json::from_str(&text).unwrap()).is_empty());
}

#[test]
fn option_ids_are_codes() {
    for name in ["ispy2-arms", "neoadjuvant", "adjuvant"] {
        for option in OptionSet::load(name).unwrap().options {
            assert!(!option.id.is_empty() && !option.id.contains(char::is_whitespace), "{}", option.id);
        }
    }
}
