//! Impossible and suspicious combinations in a clinical record, all of them at once.
//!
//! The schema refuses single values out of range in tables; records that come as JSON pass here first, so the ranges are
//! judged again. Deliberately absent: repair. A finding names the fields and never the patient.

use serde::{Deserialize, Serialize};

use super::options::{Class, OptionSet, Truth};
use super::record::{ClinicalRecord, Her2, Menopause, Receptor};

/// What to do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The record cannot be true: no estimate is made from it.
    Refuse,
    /// The record may be true and should be looked at.
    Flag,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Refuse or flag.
    pub severity: Severity,
    /// Id of the rule.
    pub rule: String,
    /// Fields of the record that it compares.
    pub fields: Vec<String>,
    /// What the rule expects.
    pub expected: String,
    /// What it found.
    pub found: String,
}

/// Every rule that the record, and the options planned for it, break; refusals first.
///
/// `planned` are ids of `set`; an option whose rules are known not to be met is a finding.
#[must_use]
pub fn review(record: &ClinicalRecord, set: &OptionSet, planned: &[&str]) -> Vec<Finding> {
    let mut findings = Findings(vec![]);
    ranges(record, &mut findings);
    person(record, &mut findings);
    extent(record, &mut findings);
    receptors(record, &mut findings);
    response(record, &mut findings);
    received(record, &mut findings);
    plan(record, set, planned, &mut findings);
    findings.0.sort_by_key(|finding| finding.severity);
    findings.0
}

/// True when a finding forbids an estimate.
#[must_use]
pub fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Refuse)
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, rule: &str, fields: &[&str], expected: &str, found: impl Into<String>) {
        self.0.push(Finding {
            severity,
            rule: rule.to_owned(),
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            expected: expected.to_owned(),
            found: found.into(),
        });
    }

    fn refuse_if(&mut self, broken: bool, rule: &str, fields: &[&str], expected: &str, found: &str) {
        if broken {
            self.add(Severity::Refuse, rule, fields, expected, found);
        }
    }

    fn flag_if(&mut self, suspicious: bool, rule: &str, fields: &[&str], expected: &str, found: &str) {
        if suspicious {
            self.add(Severity::Flag, rule, fields, expected, found);
        }
    }

    fn range(&mut self, field: &str, value: Option<f64>, low: f64, high: f64, unit: &str) {
        // Not finite fails both comparisons.
        if let Some(value) = value.filter(|value| !(*value >= low && *value <= high)) {
            let expected = format!("{low} to {high}{unit}");
            self.add(Severity::Refuse, &format!("{field}_range"), &[field], &expected, format!("{value}{unit}"));
        }
    }
}

fn ranges(record: &ClinicalRecord, findings: &mut Findings) {
    let whole = |value: Option<u8>| value.map(f64::from);
    findings.range("age_years", record.age_years, 18.0, 110.0, " years");
    findings.range("tumour_size_mm", record.tumour_size_mm, 0.0, 200.0, " mm");
    findings.range("grade", whole(record.grade), 1.0, 3.0, "");
    findings.range("nodes_positive", record.nodes_positive, 0.0, 60.0, "");
    findings.range("t_category", whole(record.t_category), 0.0, 4.0, "");
    findings.range("n_category", whole(record.n_category), 0.0, 3.0, "");
    findings.range("stage_group", whole(record.stage_group), 0.0, 4.0, "");
    findings.range("yp_t", whole(record.yp_t), 0.0, 4.0, "");
    findings.range("yp_n", whole(record.yp_n), 0.0, 3.0, "");
    findings.range("er_pct", record.er_pct, 0.0, 100.0, " %");
    findings.range("ki67_pct", record.ki67_pct, 0.0, 100.0, " %");
    findings.range("her2_ihc", whole(record.her2_ihc), 0.0, 3.0, "");
    findings.range("oncotype_rs", record.oncotype_rs, 0.0, 100.0, "");
    findings.range("heart_dose_gy", record.heart_dose_gy, 0.0, 50.0, " Gy");
    let invasive = record.t_category != Some(0) && record.stage_group != Some(0);
    findings.refuse_if(
        record.tumour_size_mm == Some(0.0) && invasive,
        "size_zero",
        &["tumour_size_mm", "t_category"],
        "an invasive size above 0 mm, or category T0 or Tis",
        "0 mm",
    );
    let fraction = |nodes: f64| nodes > 0.0 && nodes.fract() != 0.0 && nodes != 0.5;
    findings.flag_if(
        record.nodes_positive.is_some_and(fraction),
        "nodes_fraction",
        &["nodes_positive"],
        "a whole number of nodes, or 0.5 for a micrometastasis",
        "another fraction",
    );
}

fn person(record: &ClinicalRecord, findings: &mut Findings) {
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

fn extent(record: &ClinicalRecord, findings: &mut Findings) {
    if let (Some(t), Some(size)) = (record.t_category, record.tumour_size_mm) {
        let (low, high) = match t {
            0 => (0.0, 0.0),
            1 => (0.0, 20.0),
            2 => (20.0, 50.0),
            3 => (50.0, f64::INFINITY),
            _ => (0.0, f64::INFINITY),
        };
        let agrees = size >= low && size <= high;
        let found = format!("T{t} with {size} mm");
        let expected = "T0 or Tis without invasive size, T1 to 20 mm, T2 20 to 50 mm, T3 over 50 mm";
        findings.flag_if(!agrees, "t_category_size", &["t_category", "tumour_size_mm"], expected, &found);
    }
    if let (Some(n), Some(nodes)) = (record.n_category, record.nodes_positive) {
        let agrees = match n {
            0 => nodes < 1.0,
            1 => nodes > 0.0 && nodes < 4.0,
            2 => (4.0..10.0).contains(&nodes),
            _ => nodes >= 10.0,
        };
        let found = format!("N{n} with {nodes} nodes");
        let expected = "N0 without, N1 1 to 3, N2 4 to 9, N3 10 or more nodes (clinical categories may differ)";
        findings.flag_if(!agrees, "n_category_nodes", &["n_category", "nodes_positive"], expected, &found);
    }
    let counted = record.nodes_positive.map(|nodes| nodes > 0.0);
    findings.refuse_if(
        counted.zip(record.node_positive).is_some_and(|(count, flag)| count != flag),
        "nodes_contradict",
        &["nodes_positive", "node_positive"],
        "a count and a flag that agree",
        "one involved, the other not",
    );
    let stage = record.stage_group;
    let fields = ["stage_group", "metastatic"];
    findings.refuse_if(
        (stage == Some(4) && record.metastatic == Some(false))
            || (stage.is_some_and(|stage| stage < 4) && record.metastatic == Some(true)),
        "stage_metastatic",
        &fields,
        "stage IV exactly with distant metastasis",
        "one without the other",
    );
    let spread = record.nodes_positive.is_some_and(|nodes| nodes >= 1.0) || record.n_category.is_some_and(|n| n > 0);
    let fields = ["stage_group", "nodes_positive", "n_category"];
    findings.flag_if(
        stage == Some(0) && spread,
        "stage_zero_nodes",
        &fields,
        "stage 0 without nodes",
        "nodes involved",
    );
    let large = record.tumour_size_mm.is_some_and(|size| size > 20.0);
    let many = record.nodes_positive.is_some_and(|nodes| nodes >= 1.0);
    findings.flag_if(
        stage == Some(1) && (large || many),
        "stage_one_extent",
        &["stage_group", "tumour_size_mm", "nodes_positive"],
        "stage I with at most 20 mm and no node beyond micrometastasis",
        "more",
    );
}

fn receptors(record: &ClinicalRecord, findings: &mut Findings) {
    if let (Some(er), Some(pct)) = (record.er, record.er_pct) {
        let fields = ["er", "er_pct"];
        let found = format!("{er:?} with {pct} %");
        let expected = "negative under 1 %, low positive 1 to 10 %, positive over 10 %";
        let impossible = match er {
            Receptor::Positive => pct < 1.0,
            Receptor::Negative => pct >= 1.0,
            Receptor::LowPositive => !(1.0..=10.0).contains(&pct),
            Receptor::Equivocal => false,
        };
        findings.refuse_if(impossible, "er_pct_state", &fields, expected, &found);
        let low = er == Receptor::Positive && (1.0..=10.0).contains(&pct);
        findings.flag_if(low, "er_low_called_positive", &fields, "low positive for 1 to 10 %", &found);
    }
    let fields = ["hr_positive", "er", "pr"];
    let positive = record.er == Some(Receptor::Positive) || record.pr == Some(Receptor::Positive);
    let negative = record.er == Some(Receptor::Negative) && record.pr == Some(Receptor::Negative);
    let contradicts = (positive && record.hr_positive == Some(false)) || (negative && record.hr_positive == Some(true));
    findings.refuse_if(
        contradicts,
        "hormone_receptor_contradicts",
        &fields,
        "a flag that follows from ER and PR",
        "another",
    );
    let odd = record.er == Some(Receptor::Negative) && record.pr == Some(Receptor::Positive);
    findings.flag_if(odd, "er_negative_pr_positive", &["er", "pr"], "ER-positive where PR is", "rare: repeat the test");
    let Some(her2) = record.her2 else { return };
    let fields = ["her2", "her2_ihc", "her2_ish_amplified"];
    let amplified = record.her2_ish_amplified;
    let impossible = match (record.her2_ihc, her2) {
        (Some(3), state) => state != Her2::Positive,
        (Some(2), Her2::Positive) => amplified == Some(false),
        (Some(2), Her2::Zero) => true,
        (Some(2), Her2::Low | Her2::Negative) => amplified == Some(true),
        (Some(2), Her2::Equivocal) => amplified.is_some(),
        (Some(1), Her2::Zero) | (Some(0), Her2::Low) => true,
        (Some(0 | 1), Her2::Equivocal) => true,
        (Some(0 | 1), Her2::Positive) => amplified != Some(true),
        _ => false,
    };
    let expected = "positive with 3+ or 2+ and amplified, low with 1+ or 2+ and not amplified, zero with 0";
    let found = format!("{her2:?} with IHC {:?}, amplified {amplified:?}", record.her2_ihc);
    findings.refuse_if(impossible, "her2_ihc_state", &fields, expected, &found);
    let untested = record.her2_ihc == Some(2) && amplified.is_none() && her2 != Her2::Equivocal && her2 != Her2::Zero;
    findings.flag_if(untested, "her2_2_without_ish", &fields, "equivocal for 2+ without in-situ hybridisation", &found);
    let discordant = matches!(record.her2_ihc, Some(0 | 1)) && amplified == Some(true);
    findings.flag_if(discordant, "her2_amplified_low_ihc", &fields, "2+ or 3+ where amplified", &found);
}

fn response(record: &ClinicalRecord, findings: &mut Findings) {
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

fn received(record: &ClinicalRecord, findings: &mut Findings) {
    let given = record.received;
    let closed = given.anti_her2 == Some(true) && record.her2_positive() == Some(false);
    let fields = ["received.anti_her2", "her2"];
    findings.flag_if(closed, "received_anti_her2", &fields, "HER2-positive", "received in HER2-negative disease");
    let closed = given.endocrine == Some(true) && record.hormone_receptor() == Some(false);
    let fields = ["received.endocrine", "er", "pr"];
    let expected = "hormone receptor positive";
    findings.flag_if(closed, "received_endocrine", &fields, expected, "received in receptor-negative disease");
}

fn plan(record: &ClinicalRecord, set: &OptionSet, planned: &[&str], findings: &mut Findings) {
    let spread = record.metastatic == Some(true) || record.stage_group == Some(4);
    let fields = ["planned", "stage_group", "metastatic"];
    let expected = "no distant metastasis: the options are curative";
    findings.refuse_if(spread && !planned.is_empty(), "planned_in_stage_four", &fields, expected, "stage IV");
    let options: Vec<_> = planned.iter().filter_map(|id| set.option(id)).collect();
    for &id in planned.iter().filter(|id| set.option(id).is_none()) {
        findings.add(Severity::Refuse, "planned_unknown", &["planned"], "an option of the file", format!("`{id}`"));
    }
    for option in &options {
        for rule in set.eligibility(option, record).rules.into_iter().filter(|rule| rule.truth == Truth::NotMet) {
            // A drug without its target is impossible to defend; other rules are a trial's criteria.
            let target = matches!(option.class, Class::AntiHer2 | Class::Endocrine | Class::PostNeoadjuvant);
            let severity = if target { Severity::Refuse } else { Severity::Flag };
            let found = format!("{} planned; {}", option.id, rule.found);
            findings.add(severity, "planned_not_eligible", &["planned"], &rule.expected, found);
        }
    }
    for (at, option) in options.iter().enumerate() {
        let earlier = options.iter().take(at).find(|other| other.class == option.class && other.id != option.id);
        if let Some(other) = earlier {
            let found = format!("{} and {}", other.id, option.id);
            findings.add(Severity::Refuse, "planned_twice", &["planned"], "one option of a class", found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(record: &ClinicalRecord, planned: &[&str]) -> Vec<(String, Severity)> {
        let set = OptionSet::load("adjuvant").unwrap();
        review(record, &set, planned).into_iter().map(|finding| (finding.rule, finding.severity)).collect()
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
            (
                ClinicalRecord { pcr: Some(true), yp_t: Some(1), ..base() },
                "pcr_with_residual_disease",
                Severity::Refuse,
            ),
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
}
