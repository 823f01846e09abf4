use super::{Findings, Severity};
use crate::decide::options::{Class, OptionSet, TreatmentOption, Truth};
use crate::decide::record::ClinicalRecord;

/// Treatments received against the tumour.
pub(super) fn received(record: &ClinicalRecord, findings: &mut Findings) {
    let given = record.received;
    let closed = given.anti_her2 == Some(true) && record.her2_positive() == Some(false);
    let fields = ["received.anti_her2", "her2"];
    findings.flag_if(closed, "received_anti_her2", &fields, "HER2-positive", "received in HER2-negative disease");
    let closed = given.endocrine == Some(true) && record.hormone_receptor() == Some(false);
    let fields = ["received.endocrine", "er", "pr"];
    let expected = "hormone receptor positive";
    findings.flag_if(closed, "received_endocrine", &fields, expected, "received in receptor-negative disease");
}

/// Treatments planned against the record and each other.
pub(super) fn plan(record: &ClinicalRecord, sets: &[&OptionSet], planned: &[&str], findings: &mut Findings) {
    let spread = record.distant_metastasis() == Some(true);
    let fields = ["planned", "stage_group", "metastatic"];
    let expected = "no distant metastasis: the options are curative";
    findings.refuse_if(spread && !planned.is_empty(), "planned_in_stage_four", &fields, expected, "stage IV");
    let find = |id: &str| sets.iter().find_map(|set| set.option(id).map(|option| (*set, option)));
    let options: Vec<(&OptionSet, &TreatmentOption)> = planned.iter().filter_map(|id| find(id)).collect();
    for &id in planned.iter().filter(|id| find(id).is_none()) {
        findings.add(Severity::Refuse, "planned_unknown", &["planned"], "an option of the file", format!("`{id}`"));
    }
    for (set, option) in &options {
        for rule in set.eligibility(option, record).rules.into_iter().filter(|rule| rule.truth == Truth::NotMet) {
            // A drug without its target is impossible to defend; other rules are a trial's criteria.
            let target = matches!(option.class, Class::AntiHer2 | Class::Endocrine | Class::PostNeoadjuvant);
            let severity = if target { Severity::Refuse } else { Severity::Flag };
            let found = format!("{} planned; {}", option.id, rule.found);
            findings.add(severity, "planned_not_eligible", &["planned"], &rule.expected, found);
        }
    }
    for (at, (_, option)) in options.iter().enumerate() {
        let earlier = options.iter().take(at).find(|(_, other)| other.class == option.class && other.id != option.id);
        if let Some((_, other)) = earlier {
            let found = format!("{} and {}", other.id, option.id);
            findings.add(Severity::Refuse, "planned_twice", &["planned"], "one option of a class", found);
        }
    }
}
