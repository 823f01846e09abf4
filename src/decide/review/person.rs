use super::Findings;
use crate::decide::record::{ClinicalRecord, Menopause};

/// Sex, age, menopause and pregnancy.
pub(super) fn person(record: &ClinicalRecord, findings: &mut Findings) {
    let male = record.male == Some(true);
    let pregnant = record.pregnant == Some(true);
    let older_than = |years: f64| record.age_years.is_some_and(|age| age > years);
    let fields = ["menopause", "age_years"];
    let (pre, post) = (record.menopause == Some(Menopause::Pre), record.menopause == Some(Menopause::Post));
    findings.flag_if(pre && older_than(65.0), "premenopausal_age", &fields, "at most 65 years", "premenopausal, older");
    let young = record.age_years.is_some_and(|age| age < 35.0);
    findings.flag_if(post && young, "postmenopausal_age", &fields, "at least 35 years", "postmenopausal, younger");
    let fields = ["male", "menopause"];
    let state = male && record.menopause.is_some();
    findings.refuse_if(state, "male_menopause", &fields, "no menopausal state for a man", "a menopausal state");
    let fields = ["male", "pregnant"];
    findings.refuse_if(male && pregnant, "male_pregnant", &fields, "no pregnancy for a man", "pregnant");
    let fields = ["menopause", "pregnant"];
    findings.refuse_if(
        post && pregnant,
        "postmenopausal_pregnant",
        &fields,
        "no pregnancy after the menopause",
        "both",
    );
    let fields = ["age_years", "pregnant"];
    findings.flag_if(pregnant && older_than(55.0), "pregnant_age", &fields, "at most 55 years", "pregnant, older");
}

/// The response at surgery.
pub(super) fn response(record: &ClinicalRecord, findings: &mut Findings) {
    let fields = ["pcr", "yp_t", "yp_n"];
    let residual = record.yp_t.is_some_and(|t| t > 0) || record.yp_n.is_some_and(|n| n > 0);
    findings.refuse_if(
        record.pcr == Some(true) && residual,
        "pcr_with_residual_disease",
        &fields,
        "ypT0 or ypTis, and ypN0",
        "complete response with residual disease",
    );
    let none = record.yp_t == Some(0) && record.yp_n == Some(0);
    let undone = record.pcr == Some(false) && none;
    findings.flag_if(undone, "no_pcr_without_residual_disease", &fields, "residual disease", "ypT0/is ypN0");
    let known = record.pcr.is_some() || record.yp_t.is_some() || record.yp_n.is_some();
    findings.refuse_if(
        known && record.neoadjuvant == Some(false),
        "response_without_treatment",
        &["neoadjuvant", "pcr", "yp_t", "yp_n"],
        "a response only after treatment before surgery",
        "a response without it",
    );
}
