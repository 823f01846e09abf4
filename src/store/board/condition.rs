use std::collections::BTreeMap;

use serde::Deserialize;

/// The answers of one case: item id to value, as recorded.
pub type Answers = BTreeMap<String, String>;

/// One condition on one item, written in `data-schemas/board`.
///
/// Every bound that is given must hold; a number is compared as a number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Item id.
    pub item: String,
    /// The value is one of these.
    #[serde(default, rename = "is")]
    pub levels: Vec<String>,
    /// The value lies below this number.
    #[serde(default)]
    pub below: Option<f64>,
    /// The value is at least this number.
    #[serde(default)]
    pub at_least: Option<f64>,
}

/// Whether something holds, where an answer may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// An answer that it needs is missing.
    Unknown,
}

impl Condition {
    /// Whether the condition holds for `answers`.
    #[must_use]
    pub fn judge(&self, answers: &Answers) -> Holds {
        let Some(value) = answers.get(&self.item) else { return Holds::Unknown };
        let number = value.parse::<f64>().ok();
        let level = self.levels.is_empty() || self.levels.contains(value);
        let below = self.below.is_none_or(|bound| number.is_some_and(|number| number < bound));
        let at_least = self.at_least.is_none_or(|bound| number.is_some_and(|number| number >= bound));
        if level && below && at_least { Holds::Yes } else { Holds::No }
    }
}

/// Whether every one of `conditions` holds; one that fails decides whatever is missing.
#[must_use]
pub fn all(conditions: &[Condition], answers: &Answers) -> Holds {
    let judged: Vec<Holds> = conditions.iter().map(|condition| condition.judge(answers)).collect();
    if judged.contains(&Holds::No) {
        Holds::No
    } else if judged.contains(&Holds::Unknown) {
        Holds::Unknown
    } else {
        Holds::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pairs: &[(&str, &str)]) -> Answers {
        pairs.iter().map(|(item, value)| ((*item).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_failed_condition_outweighs_a_missing_answer() {
        let both: Vec<Condition> = [("a", Some(50.0)), ("b", Some(1.0))]
            .into_iter()
            .map(|(item, below)| Condition { item: item.to_owned(), levels: Vec::new(), below, at_least: None })
            .collect();
        assert_eq!(all(&both, &answers(&[("a", "60")])), Holds::No);
        assert_eq!(all(&both, &answers(&[("a", "40")])), Holds::Unknown);
        assert_eq!(all(&both, &answers(&[("a", "49.9"), ("b", "0")])), Holds::Yes);
        assert_eq!(all(&both, &answers(&[("a", "50"), ("b", "0")])), Holds::No);
    }
}
