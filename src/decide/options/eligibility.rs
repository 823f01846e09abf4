use serde::{Deserialize, Serialize};

use crate::decide::record::{ClinicalRecord, Menopause};

/// Kleene's three-valued logic: what a rule is for a record that may not hold the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The record says so.
    Met,
    /// The record says the opposite.
    NotMet,
    /// The record does not say.
    Unknown,
}

/// One fact that a rule asks of a record, as data.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// Oestrogen receptor positive.
    Er(bool),
    /// Oestrogen or progesterone receptor positive.
    HormoneReceptor(bool),
    /// HER2 positive.
    Her2(bool),
    /// Pathogenic germline BRCA1 or BRCA2 variant.
    GermlineBrca(bool),
    /// Lymph nodes involved.
    Nodes(bool),
    /// Residual invasive disease after neoadjuvant treatment.
    ResidualDisease(bool),
    /// Distant metastasis.
    Metastatic(bool),
    /// Treatment before surgery (`true`) or surgery first (`false`).
    Neoadjuvant(bool),
    /// After the menopause.
    Postmenopausal(bool),
    /// Breast-conserving surgery (`true`) or mastectomy (`false`).
    BreastConserving(bool),
    /// A number within limits, both included.
    Within {
        /// Which number.
        quantity: Quantity,
        /// Smallest value accepted.
        #[serde(default)]
        at_least: Option<f64>,
        /// Largest value accepted.
        #[serde(default)]
        at_most: Option<f64>,
    },
    /// At least one holds.
    Any(Vec<Condition>),
    /// All hold.
    All(Vec<Condition>),
    /// A fact that no record holds: always unknown.
    NotRecorded(String),
}

/// A number of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Age at diagnosis, years.
    AgeYears,
    /// Invasive tumour size, mm.
    TumourSizeMm,
    /// Histological grade.
    Grade,
    /// Positive lymph nodes.
    NodesPositive,
    /// Stage group, 0 to 4.
    StageGroup,
    /// Oncotype DX recurrence score.
    OncotypeRs,
}

/// A rule, what it expects, what the record says, and the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct RuleVerdict {
    /// What the rule expects (`HER2-negative`).
    pub expected: String,
    /// What the record says (`HER2 not recorded or equivocal`).
    pub found: String,
    /// Verdict.
    pub truth: Truth,
}

/// Whether an option is open to a patient, rule by rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Eligibility {
    /// Conjunction of all rules.
    pub overall: Truth,
    /// Every rule with its reason; an exclusion appears only where the record meets it.
    pub rules: Vec<RuleVerdict>,
}

impl Truth {
    /// `None` is unknown.
    #[must_use]
    pub fn of(fact: Option<bool>) -> Self {
        match fact {
            Some(true) => Self::Met,
            Some(false) => Self::NotMet,
            None => Self::Unknown,
        }
    }

    /// Conjunction: not met as soon as one is not met.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotMet, _) | (_, Self::NotMet) => Self::NotMet,
            (Self::Met, Self::Met) => Self::Met,
            _ => Self::Unknown,
        }
    }

    /// Disjunction: met as soon as one is met.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Met, _) | (_, Self::Met) => Self::Met,
            (Self::NotMet, Self::NotMet) => Self::NotMet,
            _ => Self::Unknown,
        }
    }
}

impl Condition {
    /// The verdict for a record.
    #[must_use]
    pub fn truth(&self, record: &ClinicalRecord) -> Truth {
        match self {
            Self::Within { quantity, at_least, at_most } => Truth::of(quantity.of(record).map(|value| {
                at_least.is_none_or(|limit| value >= limit) && at_most.is_none_or(|limit| value <= limit)
            })),
            Self::Any(parts) => parts.iter().fold(Truth::NotMet, |so_far, part| so_far.or(part.truth(record))),
            Self::All(parts) => parts.iter().fold(Truth::Met, |so_far, part| so_far.and(part.truth(record))),
            Self::NotRecorded(_) => Truth::Unknown,
            flag => flag
                .flag(record)
                .map_or(Truth::Unknown, |(expected, _, fact)| Truth::of(fact.map(|fact| fact == expected))),
        }
    }

    /// The verdict for a record with what was expected and what was found.
    #[must_use]
    pub fn verdict(&self, record: &ClinicalRecord) -> RuleVerdict {
        RuleVerdict { expected: self.expected(), found: self.found(record), truth: self.truth(record) }
    }

    /// Both wordings of a yes-or-no fact and its value: (expected, (yes, no, subject), fact).
    fn flag(&self, record: &ClinicalRecord) -> Option<(bool, [&'static str; 3], Option<bool>)> {
        Some(match *self {
            Self::Er(expected) => (expected, ["ER-positive", "ER-negative", "ER"], record.er_positive()),
            Self::HormoneReceptor(expected) => (
                expected,
                ["hormone receptor positive", "hormone receptor negative", "hormone receptor"],
                record.hormone_receptor(),
            ),
            Self::Her2(expected) => (expected, ["HER2-positive", "HER2-negative", "HER2"], record.her2_positive()),
            Self::GermlineBrca(expected) => {
                (expected, ["germline BRCA variant", "no germline BRCA variant", "germline BRCA"], record.germline_brca)
            }
            Self::Nodes(expected) => {
                (expected, ["nodes involved", "nodes not involved", "nodes"], record.nodes_involved())
            }
            Self::ResidualDisease(expected) => (
                expected,
                ["residual disease after neoadjuvant treatment", "no residual disease", "response at surgery"],
                record.residual_disease(),
            ),
            Self::Metastatic(expected) => (
                expected,
                ["distant metastasis", "no distant metastasis", "distant metastasis"],
                record.distant_metastasis(),
            ),
            Self::Neoadjuvant(expected) => (
                expected,
                ["treatment before surgery", "surgery first", "what came first"],
                record.treated_before_surgery(),
            ),
            Self::Postmenopausal(expected) => (
                expected,
                ["postmenopausal", "not postmenopausal", "menopause"],
                record.menopause.map(|menopause| menopause == Menopause::Post),
            ),
            Self::BreastConserving(expected) => (
                expected,
                ["breast-conserving surgery", "mastectomy", "type of surgery"],
                record.received.breast_conserving,
            ),
            Self::Within { .. } | Self::Any(_) | Self::All(_) | Self::NotRecorded(_) => return None,
        })
    }

    fn expected(&self) -> String {
        let listed = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| match part {
                    Self::Any(_) | Self::All(_) => format!("({})", part.expected()),
                    _ => part.expected(),
                })
                .collect();
            parts.join(word)
        };
        match self {
            Self::Within { quantity, at_least, at_most } => match (at_least, at_most) {
                (Some(low), Some(high)) => format!("{} {low} to {high}", quantity.as_str()),
                (Some(low), None) => format!("{} at least {low}", quantity.as_str()),
                (None, Some(high)) => format!("{} at most {high}", quantity.as_str()),
                (None, None) => format!("{} recorded", quantity.as_str()),
            },
            Self::Any(parts) => listed(parts, " or "),
            Self::All(parts) => listed(parts, " and "),
            Self::NotRecorded(fact) => fact.clone(),
            flag => flag
                .flag(&ClinicalRecord::default())
                .map_or_else(String::new, |(expected, [yes, no, _], _)| if expected { yes } else { no }.to_owned()),
        }
    }

    fn found(&self, record: &ClinicalRecord) -> String {
        match self {
            Self::Within { quantity, .. } => match quantity.of(record) {
                Some(value) => format!("{} {value}", quantity.as_str()),
                None => format!("{} not recorded", quantity.as_str()),
            },
            Self::Any(parts) | Self::All(parts) => {
                let mut found: Vec<String> = parts.iter().map(|part| part.found(record)).collect();
                found.dedup();
                found.join(", ")
            }
            Self::NotRecorded(_) => "not part of the record".to_owned(),
            flag => flag.flag(record).map_or_else(String::new, |(_, [yes, no, subject], fact)| match fact {
                Some(true) => yes.to_owned(),
                Some(false) => no.to_owned(),
                None => format!("{subject} not recorded or unclear"),
            }),
        }
    }
}

impl Quantity {
    /// The value in a record; nodes known not to be involved count as 0.
    #[must_use]
    pub fn of(self, record: &ClinicalRecord) -> Option<f64> {
        match self {
            Self::AgeYears => record.age_years,
            Self::TumourSizeMm => record.tumour_size_mm,
            Self::Grade => record.grade.map(f64::from),
            Self::NodesPositive => {
                record.nodes_positive.or_else(|| (record.nodes_involved() == Some(false)).then_some(0.0))
            }
            Self::StageGroup => record.stage_group.map(f64::from),
            Self::OncotypeRs => record.oncotype_rs,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::AgeYears => "age in years",
            Self::TumourSizeMm => "tumour size in mm",
            Self::Grade => "grade",
            Self::NodesPositive => "positive nodes",
            Self::StageGroup => "stage group",
            Self::OncotypeRs => "recurrence score",
        }
    }
}

impl Eligibility {
    /// All of `rules` hold and none of `exclusions` is known to hold.
    #[must_use]
    pub fn of(rules: &[Condition], exclusions: &[Condition], record: &ClinicalRecord) -> Self {
        let mut verdicts: Vec<RuleVerdict> = rules.iter().map(|rule| rule.verdict(record)).collect();
        let excluded = exclusions.iter().filter(|exclusion| exclusion.truth(record) == Truth::Met);
        verdicts.extend(excluded.map(|exclusion| RuleVerdict {
            expected: format!("not: {}", exclusion.expected()),
            found: exclusion.found(record),
            truth: Truth::NotMet,
        }));
        let overall = verdicts.iter().fold(Truth::Met, |so_far, verdict| so_far.and(verdict.truth));
        Self { overall, rules: verdicts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Her2, Receptor};

    #[test]
    fn the_logic_is_kleenes() {
        use Truth::{Met, NotMet, Unknown};
        let table = [
            (Met, Met, Met, Met),
            (Met, NotMet, NotMet, Met),
            (Met, Unknown, Unknown, Met),
            (NotMet, NotMet, NotMet, NotMet),
            (NotMet, Unknown, NotMet, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ];
        for (a, b, and, or) in table {
            assert_eq!((a.and(b), b.and(a), a.or(b), b.or(a)), (and, and, or, or), "{a:?} {b:?}");
        }
    }

    #[test]
    fn an_equivocal_her2_is_unknown_to_both_rules_and_says_so() {
        let record = ClinicalRecord { her2: Some(Her2::Equivocal), ..ClinicalRecord::default() };
        for expected in [true, false] {
            let verdict = Condition::Her2(expected).verdict(&record);
            assert_eq!((verdict.truth, verdict.found.as_str()), (Truth::Unknown, "HER2 not recorded or unclear"));
        }
        let low = ClinicalRecord { er: Some(Receptor::LowPositive), ..record };
        assert_eq!(Condition::Er(true).truth(&low), Truth::Unknown);
    }

    #[test]
    fn limits_are_included_and_unrecorded_numbers_are_unknown() {
        let rule = Condition::Within { quantity: Quantity::NodesPositive, at_least: Some(1.0), at_most: Some(3.0) };
        let with = |nodes_positive, node_positive| ClinicalRecord {
            nodes_positive,
            node_positive,
            ..ClinicalRecord::default()
        };
        let truth = |nodes, flag| rule.truth(&with(nodes, flag));
        assert_eq!(truth(Some(1.0), None), Truth::Met);
        assert_eq!(truth(Some(3.0), None), Truth::Met);
        assert_eq!(truth(Some(4.0), None), Truth::NotMet);
        assert_eq!(truth(None, Some(false)), Truth::NotMet);
        assert_eq!(truth(None, Some(true)), Truth::Unknown);
    }

    #[test]
    fn an_exclusion_counts_only_where_it_is_known() {
        let rules = [Condition::Er(true)];
        let exclusions = [Condition::Metastatic(true)];
        let record =
            |metastatic| ClinicalRecord { er: Some(Receptor::Positive), metastatic, ..ClinicalRecord::default() };
        let overall = |metastatic| Eligibility::of(&rules, &exclusions, &record(metastatic)).overall;
        assert_eq!(overall(None), Truth::Met);
        assert_eq!(overall(Some(false)), Truth::Met);
        assert_eq!(overall(Some(true)), Truth::NotMet);
    }
}
