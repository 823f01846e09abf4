use std::sync::LazyLock;

use serde::Deserialize;

use super::condition::{Answers, Condition, Holds, all};

/// The rules that are compiled in, read from `data-schemas/board/contraindications.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    version: u32,
    #[serde(rename = "treatment")]
    treatments: Vec<Treatment>,
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
}

/// A kind of treatment, recognised by the words of a plan.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// Stable id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Words, lower case, by which a plan's text names it.
    pub words: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Stable id.
    pub id: String,
    /// Id of the treatment that it speaks against.
    pub treatment: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Holds when all of these hold.
    pub when: Vec<Condition>,
    /// The sentence of the page.
    pub says: String,
    /// Where it comes from.
    pub source: String,
    /// True when the statement was read in the source, false when recalled.
    pub verified: bool,
}

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Speaks against the treatment.
    Contraindicated,
    /// Needs care.
    Caution,
}

/// A rule that holds for a case, or that cannot be judged yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Its treatment.
    pub treatment: &'static Treatment,
    /// Ids of the items without an answer; empty when the rule holds.
    pub needs: Vec<String>,
}

static FILE: LazyLock<RuleFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../data-schemas/board/contraindications.toml"))
        .expect("the rules are compiled in and a test reads them")
});

impl Finding {
    /// True when the rule holds, false when an answer is missing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.needs.is_empty()
    }

    /// True when a plan described by `text` names the treatment.
    #[must_use]
    pub fn concerns(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.treatment.words.iter().any(|word| text.contains(word.as_str()))
    }
}

/// Every rule that holds for `answers` or cannot be judged yet: contraindications that hold first.
#[must_use]
pub fn findings(answers: &Answers) -> Vec<Finding> {
    let mut found: Vec<Finding> = FILE
        .rules
        .iter()
        .filter_map(|rule| {
            let treatment = FILE.treatments.iter().find(|treatment| treatment.id == rule.treatment)?;
            let missing = |condition: &&Condition| condition.judge(answers) == Holds::Unknown;
            match all(&rule.when, answers) {
                Holds::Yes => Some(Finding { rule, treatment, needs: Vec::new() }),
                Holds::No => None,
                Holds::Unknown => {
                    let mut needs: Vec<String> =
                        rule.when.iter().filter(missing).map(|condition| condition.item.clone()).collect();
                    needs.dedup();
                    Some(Finding { rule, treatment, needs })
                }
            }
        })
        .collect();
    found.sort_by_key(|finding| (!finding.holds(), finding.rule.severity));
    found
}

#[cfg(test)]
mod tests {
    use super::super::items::ItemList;
    use super::*;

    fn answers(pairs: &[(&str, &str)]) -> Answers {
        pairs.iter().map(|(item, value)| ((*item).to_owned(), (*value).to_owned())).collect()
    }

    fn holding(pairs: &[(&str, &str)]) -> Vec<&'static str> {
        findings(&answers(pairs)).iter().filter(|found| found.holds()).map(|found| found.rule.id.as_str()).collect()
    }

    #[test]
    fn every_rule_names_items_levels_and_a_treatment_that_exist() {
        for rule in &FILE.rules {
            assert!(FILE.treatments.iter().any(|treatment| treatment.id == rule.treatment), "{}", rule.id);
            assert!(!rule.when.is_empty() && !rule.source.is_empty(), "{}", rule.id);
            for condition in &rule.when {
                let item = ItemList::standard().find(&condition.item).unwrap();
                assert!(condition.levels.iter().all(|level| item.levels.contains(level)), "{}", rule.id);
            }
        }
        for treatment in &FILE.treatments {
            assert!(FILE.rules.iter().any(|rule| rule.treatment == treatment.id), "{}", treatment.id);
            assert!(treatment.words.iter().all(|word| *word == word.to_lowercase()), "{}", treatment.id);
        }
    }

    #[test]
    fn a_weak_heart_speaks_against_anti_her2_therapy_and_anthracyclines() {
        assert_eq!(holding(&[("lvef_pct", "45")]), ["lvef_anti_her2", "lvef_anthracycline"]);
        assert_eq!(holding(&[("lvef_pct", "50")]), ["lvef_borderline"]);
        assert!(holding(&[("lvef_pct", "60")]).is_empty());
    }

    #[test]
    fn pregnancy_speaks_against_endocrine_anti_her2_and_radiotherapy() {
        let found = holding(&[("pregnancy", "pregnant")]);
        for rule in ["pregnancy_anti_her2", "pregnancy_endocrine", "pregnancy_radiotherapy"] {
            assert!(found.contains(&rule), "{rule}");
        }
        assert!(holding(&[("pregnancy", "not pregnant")]).is_empty());
    }

    #[test]
    fn a_rule_without_its_answer_says_what_it_needs_and_stands_last() {
        let found = findings(&answers(&[("pregnancy", "pregnant")]));
        let first_open = found.iter().position(|finding| !finding.holds()).unwrap();
        assert!(found[first_open..].iter().all(|finding| !finding.holds()));
        assert!(found.iter().any(|finding| finding.rule.id == "lvef_anti_her2" && finding.needs == ["lvef_pct"]));
    }

    #[test]
    fn a_plan_is_recognised_by_its_words() {
        let found = findings(&answers(&[("lvef_pct", "40")]));
        let anti_her2 = found.iter().find(|finding| finding.rule.id == "lvef_anti_her2").unwrap();
        assert!(anti_her2.concerns("Pertuzumab + Trastuzumab + paclitaxel"));
        assert!(!anti_her2.concerns("Pembrolizumab + paclitaxel"));
    }
}
