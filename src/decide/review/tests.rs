use super::*;
use crate::decide::record::{Her2, Menopause, Receptor};

fn rules(record: &ClinicalRecord, planned: &[&str]) -> Vec<(String, Severity)> {
    let set = OptionSet::load("adjuvant").unwrap();
    review(record, &[&set], planned).into_iter().map(|finding| (finding.rule, finding.severity)).collect()
}

fn has(record: &ClinicalRecord, rule: &str, severity: Severity) -> bool {
    rules(record, &[]).contains(&(rule.to_owned(), severity))
}

#[test]
fn grade_4_300_mm_negative_nodes_and_trastuzumab_in_her2_negative_are_refused_all_at_once() {
    let record = ClinicalRecord {
        grade: Some(4),
        tumour_size_mm: Some(300.0),
        nodes_positive: Some(-1.0),
        her2: Some(Her2::Zero),
        ..ClinicalRecord::default()
    };
    let found = rules(&record, &["chemotherapy-3rd", "trastuzumab"]);
    for rule in ["grade_range", "tumour_size_mm_range", "nodes_positive_range", "planned_not_eligible"] {
        assert!(found.contains(&(rule.to_owned(), Severity::Refuse)), "{rule} in {found:?}");
    }
}

#[test]
fn a_plain_record_has_no_findings() {
    let record = ClinicalRecord {
        male: Some(false),
        age_years: Some(52.0),
        menopause: Some(Menopause::Post),
        tumour_size_mm: Some(22.0),
        grade: Some(2),
        nodes_positive: Some(2.0),
        t_category: Some(2),
        n_category: Some(1),
        stage_group: Some(2),
        metastatic: Some(false),
        er: Some(Receptor::Positive),
        er_pct: Some(90.0),
        her2: Some(Her2::Low),
        her2_ihc: Some(2),
        her2_ish_amplified: Some(false),
        ki67_pct: Some(15.0),
        ..ClinicalRecord::default()
    };
    assert_eq!(rules(&record, &["endocrine-5y", "chemotherapy-3rd", "bisphosphonate"]), []);
    assert_eq!(rules(&ClinicalRecord::default(), &[]), []);
}

#[test]
fn values_that_are_not_numbers_are_refused() {
    let record =
        ClinicalRecord { ki67_pct: Some(f64::NAN), age_years: Some(f64::INFINITY), ..ClinicalRecord::default() };
    assert!(has(&record, "ki67_pct_range", Severity::Refuse) && has(&record, "age_years_range", Severity::Refuse));
}

#[test]
fn each_contradiction_is_named() {
    let base = ClinicalRecord::default;
    let cases: Vec<(ClinicalRecord, &str, Severity)> = vec![
        (
            ClinicalRecord { male: Some(true), menopause: Some(Menopause::Pre), ..base() },
            "male_menopause",
            Severity::Refuse,
        ),
        (
            ClinicalRecord { age_years: Some(70.0), menopause: Some(Menopause::Pre), ..base() },
            "premenopausal_age",
            Severity::Flag,
        ),
        (
            ClinicalRecord { age_years: Some(30.0), menopause: Some(Menopause::Post), ..base() },
            "postmenopausal_age",
            Severity::Flag,
        ),
        (
            ClinicalRecord { t_category: Some(1), tumour_size_mm: Some(40.0), ..base() },
            "t_category_size",
            Severity::Flag,
        ),
        (
            ClinicalRecord { n_category: Some(0), nodes_positive: Some(3.0), ..base() },
            "n_category_nodes",
            Severity::Flag,
        ),
        (
            ClinicalRecord { nodes_positive: Some(3.0), node_positive: Some(false), ..base() },
            "nodes_contradict",
            Severity::Refuse,
        ),
        (
            ClinicalRecord { stage_group: Some(4), metastatic: Some(false), ..base() },
            "stage_metastatic",
            Severity::Refuse,
        ),
        (ClinicalRecord { pcr: Some(true), yp_t: Some(1), ..base() }, "pcr_with_residual_disease", Severity::Refuse),
        (
            ClinicalRecord { pcr: Some(true), neoadjuvant: Some(false), ..base() },
            "response_without_treatment",
            Severity::Refuse,
        ),
        (
            ClinicalRecord { er: Some(Receptor::Negative), er_pct: Some(40.0), ..base() },
            "er_pct_state",
            Severity::Refuse,
        ),
        (
            ClinicalRecord { er: Some(Receptor::Positive), er_pct: Some(5.0), ..base() },
            "er_low_called_positive",
            Severity::Flag,
        ),
        (
            ClinicalRecord { her2: Some(Her2::Negative), her2_ihc: Some(2), ..base() },
            "her2_2_without_ish",
            Severity::Flag,
        ),
        (
            ClinicalRecord { her2: Some(Her2::Negative), her2_ihc: Some(3), ..base() },
            "her2_ihc_state",
            Severity::Refuse,
        ),
        (ClinicalRecord { tumour_size_mm: Some(0.0), ..base() }, "size_zero", Severity::Refuse),
    ];
    for (record, rule, severity) in cases {
        assert!(has(&record, rule, severity), "{rule}: {:?}", rules(&record, &[]));
    }
    let in_situ = ClinicalRecord { tumour_size_mm: Some(0.0), t_category: Some(0), ..base() };
    assert_eq!(rules(&in_situ, &[]), []);
}

#[test]
fn a_plan_is_judged_with_the_record() {
    let metastatic = ClinicalRecord { metastatic: Some(true), ..ClinicalRecord::default() };
    let found = rules(&metastatic, &["endocrine-5y"]);
    assert!(found.contains(&("planned_in_stage_four".to_owned(), Severity::Refuse)));
    let both = rules(&ClinicalRecord::default(), &["chemotherapy-2nd", "chemotherapy-3rd", "magnets"]);
    let expected = [("planned_unknown", Severity::Refuse), ("planned_twice", Severity::Refuse)];
    assert_eq!(both, expected.map(|(rule, severity)| (rule.to_owned(), severity)));
    let premenopausal = ClinicalRecord { menopause: Some(Menopause::Pre), ..ClinicalRecord::default() };
    let found = rules(&premenopausal, &["bisphosphonate"]);
    assert_eq!(found, [("planned_not_eligible".to_owned(), Severity::Flag)]);
}
