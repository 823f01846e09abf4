//! Impossible and suspicious combinations in a clinical record, all of them at once.
//!
//! The schema refuses single values out of range in tables; records that come as JSON pass here first, so the ranges are
//! judged again. Deliberately absent: repair. A finding names the fields and never the patient.

mod person;
#[cfg(test)]
mod tests;
mod treatment;
mod tumour;

use serde::{Deserialize, Serialize};

use crate::decide::options::OptionSet;
use crate::decide::record::ClinicalRecord;

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
/// `planned` are ids of options in any of `sets`; an option whose rules are known not to be met is a finding.
#[must_use]
pub fn review(record: &ClinicalRecord, sets: &[&OptionSet], planned: &[&str]) -> Vec<Finding> {
    let mut findings = Findings(vec![]);
    tumour::ranges(record, &mut findings);
    person::person(record, &mut findings);
    tumour::extent(record, &mut findings);
    tumour::receptors(record, &mut findings);
    person::response(record, &mut findings);
    treatment::received(record, &mut findings);
    treatment::plan(record, sets, planned, &mut findings);
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
