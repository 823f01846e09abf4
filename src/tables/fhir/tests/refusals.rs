//! What is refused, and how it is said.

use super::*;

#[test]
fn lengths_are_converted_only_from_declared_units() {
    let size = |value, unit| one(&[&observation("2020-01-02", "33728-7", &quantity(value, unit))]);
    assert_eq!(filled(&size(2.3, "cm").table, 0)["tumour_size_mm"], "23");
    assert_eq!(filled(&size(0.7, "cm").table, 0)["tumour_size_mm"], "7");
    assert_eq!(filled(&size(23.0, "mm").table, 0)["tumour_size_mm"], "23");
    let bad = refused(&[
        &observation("2020-01-02", "33728-7", &quantity(1.0, "[in_i]")),
        &observation("2020-01-02", "33728-7", r#""valueQuantity":{"value":12}"#),
        &observation("2020-01-02", "33728-7", r#""valueString":"12 mm, Jane Doe""#),
        &observation("2020-01-02", "33728-7", r#""valueQuantity":{"value":2,"unit":"cm","comparator":">"}"#),
    ]);
    let rule = "expected a quantity in cm or mm (UCUM) (for `tumour_size_mm`)";
    assert_eq!(
        bad,
        [
            format!("bundle.json, row 3, column `Observation.valueQuantity`: {rule}, found the unit `[in_i]`"),
            format!("bundle.json, row 4, column `Observation.valueQuantity`: {rule}, found no unit"),
            "bundle.json, row 5, column `Observation.value`: expected valueQuantity (for `tumour_size_mm`), found valueString"
                .to_owned(),
            "bundle.json, row 6, column `Observation.valueQuantity`: expected a number without a comparator (for \
             `tumour_size_mm`), found a comparator"
                .to_owned(),
        ]
    );
}

#[test]
fn every_unknown_code_is_listed_with_those_that_are_known() {
    let found = refused(&[
        &observation("2020-01-02", "85337-4", &answer("LA0-0")),
        &observation("2020-01-02", "44648-4", r#""valueCodeableConcept":{"text":"Jane Doe, grade 2"}"#),
    ]);
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with(
        "bundle.json, row 3, column `Observation.valueCodeableConcept`: expected a code of `receptor`: loinc|LA6576-8"
    ));
    assert!(found[0].ends_with("(for `er`), found http://loinc.org|LA0-0"), "{}", found[0]);
    assert!(found[1].ends_with("(for `grade`), found a text without a code"), "{}", found[1]);
}

#[test]
fn contradictions_of_one_day_are_refused_and_dates_decide_otherwise() {
    let (positive, negative) = (answer("LA6576-8"), answer("LA6577-6"));
    let first = observation("2020-01-02", "85337-4", &positive);
    let read = one(&[&observation("2020-01-09", "85337-4", &negative), &first]);
    assert_eq!(filled(&read.table, 0)["er"], "positive");
    assert_eq!(
        refused(&[&first, &observation("2020-01-02", "85337-4", &negative)]),
        [
            "bundle.json, row 3: expected one earliest value per patient (for `er`), found different values in entries 3, 4"
        ]
    );
    let size = [
        observation("2020-01-02", "33728-7", &quantity(20.0, "mm")),
        observation("2020-01", "33728-7", &quantity(21.0, "mm")),
    ];
    let read = one(&[&size[0], &size[1]]);
    assert_eq!((filled(&read.table, 0).get("tumour_size_mm"), read.counts.disagreeing["tumour_size_mm"]), (None, 1));
}

#[test]
fn two_patients_never_share_an_id() {
    let entry = |url: &str| format!(r#"{{"fullUrl":"{url}","resource":{PATIENT}}}"#);
    let json = format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{},{}]}}"#,
        entry("http://a.example/Patient/p"),
        entry("http://b.example/Patient/p")
    );
    assert_eq!(
        said(&json),
        [
            "bundle.json, row 2, column `Patient.id`: expected each id and full URL for one patient, found an id that another patient has"
        ]
    );
}

#[test]
fn broken_json_has_a_place_and_deep_nesting_is_an_error() {
    let error = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        error("{\"resourceType\":\"Bundle\",\n\"entry\":["),
        "bundle.json, line 2, column 9: expected JSON, found EOF while parsing a list"
    );
    let lines = format!("{}\n{{\"resourceType\":\n", PATIENT);
    assert_eq!(error(&lines), "bundle.json, line 2, column 16: expected JSON, found EOF while parsing a value");
    let deep = format!("{{\"resourceType\":{}", "[".repeat(100_000));
    assert!(error(&deep).contains("recursion limit exceeded"));
    for cut in 0..TWO.len() {
        if TWO.is_char_boundary(cut) && cut % 61 == 0 {
            assert!(matches!(read(&TWO[..cut]), Err(FhirError::Json { .. })), "cut at {cut}");
        }
    }
    assert!(error("[]").contains("expected a resource with a `resourceType`, found a list"));
    assert!(error(r#"{"resourceType":"Bundle","type":"history"}"#).contains("found type `history`"));
    assert!(error(r#"{"resourceType":"Patient","id":"a","id":"b"}"#).contains("a key twice in one object"));
}

#[test]
fn no_message_repeats_a_name_or_number_of_a_patient() {
    let named = r#"{"resourceType":"Patient","id":"secret-77","gender":"Jane Doe","birthDate":"Jane 1960"}"#;
    let text = observation("12.05.1970 Jane", "85337-4", &answer("LA6576-8")).replace("Patient/p", "Patient/secret-77");
    let cancer = CANCER.replace("Patient/p", "Patient/secret-77");
    for message in said(&bundle(&[named, &cancer, &text])) {
        assert!(!message.contains("77") && !message.contains("Jane"), "{message}");
    }
}

#[test]
fn a_map_that_contradicts_itself_lists_everything() {
    let text = include_str!("../../../../data-schemas/fhir/mcode.toml");
    let broken = text
        .replacen("system = \"loinc\", code = \"85337-4\"", "system = \"nope\", code = \"85337-4\"", 1)
        .replacen("\nuntil = \"systemic_therapy_start\"", "\nuntil = \"surgery\"", 1)
        .replacen("verified = \"mii\"", "verified = \"hearsay\"", 1);
    let message = FhirMap::parse(&broken, "m.toml").unwrap_err().to_string();
    for part in ["no system `nope`", "no date `surgery` above it", "names no source that verifies it"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(FhirMap::parse("name = 3", "m.toml").is_err());
}
