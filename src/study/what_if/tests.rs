use std::fs;
use std::path::{Path, PathBuf};

use super::{Change, FieldKind};
use crate::schema::{CohortDefinition, Dictionary};
use crate::study::decision::{Assumptions, DecisionEngine};
use crate::study::{AssessRequest, Assessment, InputState, Models, OpenCohort, PseudonymKey, ResponseModel};
use crate::terms::PatientId;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data-schemas")
}

fn open(data: &Path) -> OpenCohort {
    let models = Models::Embedded;
    OpenCohort::read(AssessRequest {
        cohort: CohortDefinition::load("examples").unwrap(),
        data: data.to_owned(),
        embeddings: vec![],
        models: vec![ResponseModel::open(&models, "pcr-ispy2").unwrap()],
        key: PseudonymKey::public(),
        skip_invalid: false,
        only: None,
        engine: Some(DecisionEngine::open(&models, Assumptions::default()).unwrap()),
    })
    .unwrap()
}

fn pseudonym(patient: &str) -> String {
    PseudonymKey::public().pseudonym(&PatientId::new("example", patient).unwrap()).to_string()
}

fn changes(pairs: &[(&str, &str)]) -> Vec<Change> {
    let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    pairs.iter().map(|(column, text)| Change { column: (*column).to_owned(), value: value(text) }).collect()
}

fn what_if(cohort: &OpenCohort, patient: &str, pairs: &[(&str, &str)]) -> Assessment {
    cohort.what_if(&pseudonym(patient), &changes(pairs)).unwrap().unwrap().unwrap()
}

fn on_record(cohort: &OpenCohort, patient: &str) -> Assessment {
    let wanted = PatientId::new("example", patient).unwrap();
    cohort.assess().unwrap().patients.into_iter().find(|(id, _)| *id == wanted).unwrap().1
}

/// The examples with some cells of a patient replaced.
fn rewritten(patient: &str, pairs: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    for name in ["patients.csv", "scores.csv"] {
        let text = fs::read_to_string(examples().join("examples").join(name)).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let mut out = vec![header.join(",")];
        for line in lines {
            let mut cells: Vec<&str> = line.split(',').collect();
            let hers = cells[0] == patient && name == "patients.csv";
            for (column, value) in pairs.iter().copied().filter(|_| hers) {
                cells[header.iter().position(|name| *name == column).unwrap()] = value;
            }
            out.push(cells.join(","));
        }
        fs::write(folder.path().join("examples").join(name), out.join("\n") + "\n").unwrap();
    }
    folder
}

/// An assessment without what only a hypothetical one says of itself.
fn plain(mut assessment: Assessment) -> String {
    assessment.hypothetical = None;
    assessment.inputs.iter_mut().for_each(|input| input.source.clear());
    serde_json::to_string(&assessment).unwrap()
}

#[test]
fn a_what_if_is_the_assessment_of_a_record_that_holds_the_values_to_the_last_bit() {
    let cohort = open(&examples());
    type Values = &'static [(&'static str, &'static str)];
    let cases: [(&str, Values, Values); 4] = [
        ("A", &[("age_years", "61.5"), ("menopause", "post"), ("mammaprint_high2", "false")], &[]),
        ("A", &[("tumour_volume_mm3", ""), ("germline_brca", "brca1")], &[]),
        ("B", &[("tumour_size_mm", "31"), ("nodes_positive", "5"), ("grade", "3"), ("ki67_pct", "40")], &[]),
        // The summaries follow their parts.
        ("C", &[("er", "negative"), ("her2_status", "zero")], &[("hr", "false"), ("her2", "false")]),
    ];
    for (patient, asked, following) in cases {
        let folder = rewritten(patient, &[asked, following].concat());
        let fresh = on_record(&open(folder.path()), patient);
        let made = what_if(&cohort, patient, asked);
        assert_eq!(plain(made.clone()), plain(fresh), "{patient} {asked:?}");
        assert_ne!(plain(made), plain(on_record(&cohort, patient)), "{patient} {asked:?}");
    }
}

#[test]
fn what_was_changed_is_listed_with_both_values_and_marked_at_the_input() {
    let cohort = open(&examples());
    let made = what_if(&cohort, "A", &[("age_years", "60"), ("er", "positive"), ("grade", "3")]);
    let listed: Vec<(String, Option<String>, Option<String>, bool)> =
        made.hypothetical.unwrap().changes.into_iter().map(|one| (one.column, one.from, one.to, one.follows)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        listed,
        [
            ("age_years".to_owned(), text("47"), text("60"), false),
            ("er".to_owned(), text("negative"), text("positive"), false),
            ("hr".to_owned(), text("negative"), text("positive"), true),
        ],
        "grade 3 is on record"
    );
    let age = made.inputs.iter().find(|input| input.column == "age_years").unwrap();
    assert!(age.source.starts_with("hypothetical"));
    assert_eq!(made.decision.unwrap().record.age_years, Some(60.0));
    assert!(on_record(&cohort, "A").hypothetical.is_none(), "the record stays as it is");
    let same = what_if(&cohort, "A", &[("age_years", "47.0")]);
    assert!(same.hypothetical.unwrap().changes.is_empty());
}

#[test]
fn an_input_taken_away_is_missing_for_the_model_and_the_record() {
    let made = what_if(&open(&examples()), "A", &[("age_years", "")]);
    let age = made.inputs.iter().find(|input| input.column == "age_years").unwrap();
    assert_eq!((age.state, &age.value), (InputState::Missing, &None));
    assert_eq!(made.decision.unwrap().record.age_years, None);
}

#[test]
fn every_refused_change_is_listed_at_once_with_column_rule_and_what_was_found() {
    let cohort = open(&examples());
    let asked = [
        ("age_years", "214"),
        ("grade", "high"),
        ("er", "positiv"),
        ("patient_id", "example:B"),
        ("mri_emb", "1"),
        ("pcr", "true"),
        ("arm", "Pembro"),
        ("surgery_type", "mastectomy"),
        ("centre", "1"),
        ("ecog", "1"),
        ("ki67_pct", "20"),
        ("ki67_pct", "30"),
        ("hr", "true"),
    ];
    let refused = cohort.what_if(&pseudonym("A"), &changes(&asked)).unwrap().unwrap().unwrap_err();
    let columns: Vec<&str> = refused.iter().map(|one| one.column.as_str()).collect();
    assert_eq!(
        columns,
        [
            "age_years",
            "grade",
            "er",
            "patient_id",
            "mri_emb",
            "pcr",
            "arm",
            "surgery_type",
            "centre",
            "ecog",
            "ki67_pct",
            "hr"
        ],
        "Ki-67 once, for the second; HR for the ER and PR on record, which say negative"
    );
    assert_eq!(refused[0].to_string(), "column `age_years`: expected a number from 18 to 110 (years), found `214`");
    assert!(refused[11].expected.contains("follows from er, er_pct, pr"), "{}", refused[11]);
    assert!(cohort.what_if("P-000000000000", &[]).unwrap().is_none());
}

#[test]
fn a_summary_may_be_changed_where_nothing_that_it_sums_up_is_on_record() {
    let folder = rewritten("A", &[("er", ""), ("pr", "")]);
    let cohort = open(folder.path());
    let offered = |patient: &str| -> Vec<String> {
        let fields = cohort.what_if_fields(&pseudonym(patient)).unwrap().unwrap();
        fields.into_iter().map(|field| field.column).collect()
    };
    assert!(offered("A").contains(&"hr".to_owned()) && !offered("B").contains(&"hr".to_owned()));
    assert!(what_if(&cohort, "A", &[("hr", "true")]).subtype.unwrap().as_str().starts_with("HR+"));
    let made = what_if(&cohort, "A", &[("er_pct", "5")]);
    assert_eq!(made.subtype, None, "1 to 10 % is neither");
}

#[test]
fn inputs_of_models_and_record_are_offered_and_never_treatments_outcomes_or_dates() {
    let cohort = open(&examples());
    let fields = cohort.what_if_fields(&pseudonym("A")).unwrap().unwrap();
    let offered: Vec<&str> = fields.iter().map(|field| field.column.as_str()).collect();
    for wanted in [
        "age_years",
        "menopause",
        "tumour_size_mm",
        "grade",
        "nodes_positive",
        "er",
        "er_pct",
        "pr",
        "her2_status",
        "her2_ihc",
        "her2_ish_amplified",
        "ki67_pct",
        "mammaprint_high2",
        "mammaprint_risk",
        "germline_brca",
        "yp_t_stage",
        "yp_n_stage",
        "tumour_volume_mm3",
        "ics5",
    ] {
        assert!(offered.contains(&wanted), "{wanted}");
    }
    for field in &fields {
        let table = &Dictionary::compiled().table_of(&field.column).unwrap().name;
        assert!(!["treatment", "outcome"].contains(&table.as_str()), "{}", field.column);
    }
    assert!(!offered.contains(&"enrolment_day") && !offered.contains(&"diagnosis_year"));
    let age = fields.iter().find(|field| field.column == "age_years").unwrap();
    assert_eq!(age.current.as_deref(), Some("47"));
    assert_eq!(age.kind, FieldKind::Number { unit: "years".to_owned(), min: 18.0, max: 110.0 });
    // Sent back as it is offered, the whole form changes nothing.
    let untouched: Vec<Change> =
        fields.iter().map(|field| Change { column: field.column.clone(), value: field.current.clone() }).collect();
    let made = cohort.what_if(&pseudonym("A"), &untouched).unwrap().unwrap().unwrap();
    assert!(made.hypothetical.as_ref().unwrap().changes.is_empty());
    assert_eq!(plain(made), plain(on_record(&cohort, "A")));
}
