//! The map of `data-schemas/fhir/mcode.toml` on invented patients; expectations are written by hand.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;
use crate::tables::TextTable;

mod refusals;

const TWO: &str = include_str!("../../../tests/fixtures/fhir/two-patients.json");
const LOINC: &str = "http://loinc.org";

fn map() -> FhirMap {
    FhirMap::parse(include_str!("../../../data-schemas/fhir/mcode.toml"), "mcode.toml").unwrap()
}

fn read(json: &str) -> Result<FhirTable, FhirError> {
    map().read(json.as_bytes(), "bundle.json")
}

fn said(json: &str) -> Vec<String> {
    match read(json) {
        Err(FhirError::Violations(found)) => found.iter().map(ToString::to_string).collect(),
        other => panic!("expected violations, found {other:?}"),
    }
}

/// The filled cells of a record.
fn filled(table: &TextTable, record: usize) -> BTreeMap<&str, &str> {
    table
        .named_columns()
        .map(|(name, column)| (name, column.get(record)))
        .filter(|(_, cell)| !cell.is_empty())
        .collect()
}

fn bundle(resources: &[&str]) -> String {
    let entries: Vec<String> = resources.iter().map(|resource| format!("{{\"resource\":{resource}}}")).collect();
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{}]}}", entries.join(","))
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","birthDate":"1960-01-01"}"#;
const CANCER: &str = r#"{"resourceType":"Condition","subject":{"reference":"Patient/p"},"onsetDateTime":"2020-01-01",
  "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"C50.912"}]}}"#;

fn observation(date: &str, code: &str, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","status":"final","subject":{{"reference":"Patient/p"}},"effectiveDateTime":"{date}",
        "code":{{"coding":[{{"system":"{LOINC}","code":"{code}"}}]}},{value}}}"#
    )
}

fn answer(code: &str) -> String {
    format!(r#""valueCodeableConcept":{{"coding":[{{"system":"{LOINC}","code":"{code}"}}]}}"#)
}

fn quantity(value: f64, unit: &str) -> String {
    format!(r#""valueQuantity":{{"value":{value},"system":"http://unitsofmeasure.org","code":"{unit}"}}"#)
}

fn one(resources: &[&str]) -> FhirTable {
    let all: Vec<&str> = [PATIENT, CANCER].into_iter().chain(resources.iter().copied()).collect();
    read(&bundle(&all)).unwrap()
}

fn refused(resources: &[&str]) -> Vec<String> {
    let all: Vec<&str> = [PATIENT, CANCER].into_iter().chain(resources.iter().copied()).collect();
    said(&bundle(&all))
}

#[test]
fn two_patients_give_the_records_written_here_by_hand() {
    let read = read(TWO).unwrap();
    let anna = [
        ("patient", "anna"),
        ("sex", "female"),
        ("birth_date", "1970-05-12"),
        ("breast_cancer", "true"),
        ("diagnosis_date", "2024-01-10"),
        ("age_years", "53.58"),
        ("systemic_therapy", "true"),
        ("systemic_therapy_start", "2024-02-01"),
        ("surgery", "true"),
        ("surgery_date", "2024-06-20"),
        ("surgery_type", "conserving"),
        ("histology", "ductal"),
        ("laterality", "left"),
        ("er", "positive"),
        ("er_date", "2024-01-12"),
        ("er_pct", "5"),
        ("er_band", "low_positive"),
        ("pr", "negative"),
        ("pr_date", "2024-01-12"),
        ("her2_ihc", "2+"),
        ("her2_ihc_date", "2024-01-12"),
        ("her2_ish", "positive"),
        ("her2_ish_date", "2024-01-19"),
        ("ki67_pct", "32.5"),
        ("ki67_date", "2024-01-12"),
        ("grade", "3"),
        ("grade_date", "2024-01-12"),
        ("tumour_size_mm", "23"),
        ("tumour_size_date", "2024-01-15"),
        ("clinical_t", "T2"),
        ("clinical_t_date", "2024-01-20"),
        ("clinical_n", "N1"),
        ("clinical_n_date", "2024-01-20"),
        ("clinical_m", "M0"),
        ("clinical_m_date", "2024-01-20"),
        ("clinical_stage", "II"),
        ("clinical_stage_date", "2024-01-20"),
        ("menopause", "pre"),
        ("menopause_date", "2024-01-20"),
        ("ecog", "0"),
        ("ecog_date", "2024-01-20"),
        ("brca_variant", "brca2"),
        ("chemotherapy", "true"),
        ("chemotherapy_start", "2024-02-01"),
        ("taxane", "true"),
        ("taxane_start", "2024-02-01"),
        ("anthracycline", "false"),
        ("carboplatin", "false"),
        ("pembrolizumab", "false"),
        ("trastuzumab", "true"),
        ("trastuzumab_start", "2024-02-01"),
        ("pertuzumab", "true"),
        ("pertuzumab_start", "2024-02-03"),
        ("trastuzumab_emtansine", "false"),
        ("endocrine_therapy", "true"),
        ("endocrine_therapy_start", "2024-07-10"),
        ("anti_her2_therapy", "true"),
        ("anti_her2_therapy_start", "2024-02-01"),
        ("neoadjuvant_chemotherapy", "true"),
        ("neoadjuvant_endocrine", "false"),
        ("neoadjuvant_anti_her2", "true"),
        ("pcr", "false"),
        ("pcr_date", "2024-06-25"),
        ("rcb_class", "I"),
        ("rcb_class_date", "2024-06-25"),
    ];
    // No medication in the file: no flag says false. HER2 2+, read as indeterminate: equivocal, not negative.
    let bea = [
        ("patient", "bea"),
        ("sex", "female"),
        ("birth_date", "1959-11"),
        ("breast_cancer", "true"),
        ("diagnosis_date", "2023-03"),
        ("age_years", "63.33"),
        ("laterality", "right"),
        ("er", "equivocal"),
        ("er_date", "2023-03-08"),
        ("her2_ihc", "2+"),
        ("her2_ihc_date", "2023-03-08"),
        ("her2_overall", "equivocal"),
        ("her2_overall_date", "2023-03-08"),
    ];
    assert_eq!((read.table.n_records(), &read.table.lines), (2, &vec![1, 27]));
    assert_eq!(filled(&read.table, 0), BTreeMap::from(anna));
    assert_eq!(filled(&read.table, 1), BTreeMap::from(bea));
}

#[test]
fn everything_left_out_is_counted() {
    let counts = read(TWO).unwrap().counts;
    let one = |key: &str| BTreeMap::from([(key.to_owned(), 1)]);
    assert_eq!((counts.resources, counts.patients_without_diagnosis), (38, 1));
    assert_eq!((counts.other_types, counts.unknown_patients), (one("Encounter"), one("Observation")));
    let status = [("Condition.verificationStatus refuted", 1), ("Observation.status preliminary", 1)];
    assert_eq!(counts.left_out_by_status, BTreeMap::from(status.map(|(key, n)| (key.to_owned(), n))));
    assert_eq!(counts.unmapped_codes, one("Observation"));
    assert_eq!(counts.outside_time, BTreeMap::from([("er".to_owned(), 1), ("tumour_size_mm".to_owned(), 1)]));
    assert_eq!(counts.left_out_values.get("ki67_pct: numbers with a comparator"), Some(&1));
}

#[test]
fn lines_of_resources_read_as_the_bundle_does() {
    let value: serde_json::Value = serde_json::from_str(TWO).unwrap();
    let mut by_line = String::new();
    for entry in value["entry"].as_array().unwrap() {
        // Resources by line have no full URL: they refer by type and id.
        let line =
            entry["resource"].to_string().replace("urn:uuid:00000000-0000-4000-8000-00000000000a", "Patient/anna");
        writeln!(by_line, "{line}\n").unwrap();
    }
    let (bundle, lines) = (read(TWO).unwrap(), read(&by_line).unwrap());
    assert_eq!(lines.table.lines, [1, 53]);
    assert_eq!(
        (filled(&bundle.table, 0), filled(&bundle.table, 1)),
        (filled(&lines.table, 0), filled(&lines.table, 1))
    );
    assert_eq!(bundle.counts, lines.counts);
}

#[test]
fn the_order_of_entries_never_changes_a_cell() {
    let mut value: serde_json::Value = serde_json::from_str(TWO).unwrap();
    let expected = read(TWO).unwrap();
    let mut state = 7_u64;
    for _ in 0..60 {
        let entries = value["entry"].as_array_mut().unwrap();
        for at in (1..entries.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            entries.swap(at, (state >> 33) as usize % (at + 1));
        }
        let shuffled = read(&value.to_string()).unwrap();
        assert_eq!(shuffled.counts, expected.counts);
        for record in 0..2 {
            assert_eq!(filled(&shuffled.table, record), filled(&expected.table, record));
        }
    }
}

#[test]
fn an_undated_treatment_leaves_nothing_that_is_surely_baseline() {
    let er = observation("2020-01-02", "85337-4", &answer("LA6576-8"));
    let request = |date: &str| {
        format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",{date}"subject":{{"reference":"Patient/p"}},
            "medicationCodeableConcept":{{"coding":[{{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"10324"}}]}}}}"#
        )
    };
    let undated = one(&[&er, &request("")]);
    assert_eq!((filled(&undated.table, 0).get("er"), undated.counts.outside_time["er"]), (None, 1));
    let later = one(&[&er, &request(r#""authoredOn":"2020-02-01","#)]);
    assert_eq!(filled(&later.table, 0)["er"], "positive");
    let cancelled = one(&[&er, &request("").replace("active", "cancelled")]);
    assert_eq!(filled(&cancelled.table, 0).get("systemic_therapy"), None);
    assert_eq!(cancelled.counts.left_out_by_status["MedicationRequest.status cancelled"], 1);
}

#[test]
fn ages_need_months_and_births_come_first() {
    let age = |born: &str| {
        let patient = PATIENT.replace("1960-01-01", born);
        read(&bundle(&[&patient, CANCER]))
            .map(|read| filled(&read.table, 0).get("age_years").map(|age| (*age).to_owned()))
    };
    assert_eq!(age("1960-01-02").unwrap().unwrap(), "59.92");
    assert_eq!(age("1960-01").unwrap().unwrap(), "60");
    assert_eq!(age("1960").unwrap(), None);
    assert!(age("2021-03-04").is_err() && age("1960-02-30").is_err());
}

#[test]
fn a_diagnosis_day_is_its_own_date_whatever_the_side_it_is_read_from() {
    let entered = CANCER.replace("\"onsetDateTime\":\"2020-01-01\"", "\"recordedDate\":\"2022-05-05\"");
    let read = read(&bundle(&[PATIENT, &entered])).unwrap();
    assert_eq!((filled(&read.table, 0).get("diagnosis_date"), filled(&read.table, 0)["laterality"]), (None, "left"));
}

#[test]
fn references_are_resolved_by_url_id_identifier_and_version() {
    let system = "http://hospital.example/mrn";
    let text = include_str!("../../../data-schemas/fhir/mcode.toml");
    let map =
        FhirMap::parse(&text.replace("identifier_system = \"\"", &format!("identifier_system = \"{system}\"")), "m")
            .unwrap();
    let patient = format!(
        r#"{{"fullUrl":"http://a.example/fhir/Patient/p","resource":{{"resourceType":"Patient","id":"p",
        "identifier":[{{"system":"{system}","value":"77"}},{{"system":"other","value":"1"}}]}}}}"#
    );
    let reference = |name: &str| format!(r#""subject":{{"reference":"{name}"}}"#);
    let known = [
        reference("Patient/p"),
        reference("Patient/p/_history/3"),
        reference("http://a.example/fhir/Patient/p"),
        reference(&format!("Patient?identifier={system}|77")),
        format!(r#""subject":{{"identifier":{{"system":"{system}","value":"77"}}}}"#),
        format!(
            r##""contained":[{{"resourceType":"Patient","id":"c","identifier":[{{"system":"{system}","value":"77"}}]}}],"subject":{{"reference":"#c"}}"##
        ),
    ];
    let unknown =
        [reference("http://b.example/fhir/Patient/p"), reference("#c"), reference("Group/p"), "\"x\":1".to_owned()];
    for (subject, found) in known.iter().map(|s| (s, true)).chain(unknown.iter().map(|s| (s, false))) {
        let cancer = CANCER.replace(r#""subject":{"reference":"Patient/p"}"#, subject);
        let json =
            format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{patient},{{"resource":{cancer}}}]}}"#);
        let read = map.read(json.as_bytes(), "b").unwrap();
        assert_eq!(read.table.n_records() == 1, found, "{subject}");
        assert_eq!(
            read.counts.unknown_patients.get("Condition").copied().unwrap_or(0),
            usize::from(!found),
            "{subject}"
        );
        if found {
            assert_eq!(filled(&read.table, 0)["patient"], "77");
        }
    }
}

#[test]
fn a_thousand_patients_take_seconds_at_most() {
    let mut lines = String::new();
    for patient in 0..1000 {
        let id = format!("Patient/p{patient}");
        writeln!(lines, "{}", PATIENT.replace("\"p\"", &format!("\"p{patient}\""))).unwrap();
        let mut resources = vec![CANCER.to_owned()];
        for visit in 1..=12 {
            let date = format!("2020-{visit:02}-02");
            resources.push(observation(&date, "85337-4", &answer("LA6576-8")));
            resources.push(observation(&date, "33728-7", &quantity(2.3, "cm")));
            resources.push(observation(&date, "718-7", &quantity(13.0, "g/dL")));
        }
        for resource in resources {
            writeln!(lines, "{}", resource.replace("Patient/p", &id).replace('\n', "")).unwrap();
        }
    }
    let start = std::time::Instant::now();
    let read = read(&lines).unwrap();
    println!("1000 patients, {} resources, {} bytes: {:?}", read.counts.resources, lines.len(), start.elapsed());
    assert_eq!((read.table.n_records(), read.counts.resources), (1000, 38_000));
}
