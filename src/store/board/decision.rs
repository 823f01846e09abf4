use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Day, clean_text};

/// What the board decided, as it is signed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// The plan that was chosen.
    pub chosen: PlanName,
    /// Plans that were considered and not chosen, each with its reason.
    pub rejected: Vec<Rejected>,
    /// Why the plan deviates from the options that the guideline or the model supports, or that it does not.
    pub deviation: Deviation,
    /// Who was there.
    pub attendees: Vec<String>,
    /// Under what conditions the plan holds, empty for none.
    pub conditions: String,
    /// The trial that was matched, empty for none.
    pub trial: String,
    /// The day of the next look; `None` where none was set.
    pub follow_up_on: Option<Day>,
    /// What the model expected under the chosen plan when the decision was signed.
    pub expected: Vec<Expected>,
    /// Contraindications and cautions that were on the page.
    pub warnings: Vec<String>,
    /// Required items without an answer when it was signed.
    pub missing: Vec<String>,
    /// Name, version and hash of the models whose numbers were on the page.
    pub models: Vec<String>,
}

/// A plan by its id in the report and its words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanName {
    /// `arm:…`, `before:…` or `after:…`; empty for a plan in the board's own words.
    pub id: String,
    /// The words.
    pub label: String,
}

/// A plan that was not chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The plan.
    pub plan: PlanName,
    /// Coded reason.
    pub code: String,
    /// The reason in words.
    pub text: String,
}

/// The coded reason for a deviation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The code; `none` for no deviation.
    pub code: String,
    /// The reason in words.
    pub text: String,
}

/// A probability that the model gave when the decision was signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `pcr`.
    pub outcome: String,
    /// In 0 to 1.
    pub probability: f64,
    /// Lower end of its 95 % interval.
    pub lower95: f64,
    /// Upper end of its 95 % interval.
    pub upper95: f64,
}

/// One coded word.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodedWord {
    /// Stable code, kept in signed records.
    pub code: String,
    /// Words.
    pub label: String,
}

/// The coded words of a decision, read from `data-schemas/board/decision.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Version of the list.
    pub version: u32,
    /// Reasons for a deviation, `none` first.
    #[serde(rename = "deviation")]
    pub deviations: Vec<CodedWord>,
    /// Reasons for not choosing a plan.
    #[serde(rename = "rejection")]
    pub rejections: Vec<CodedWord>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../data-schemas/board/decision.toml"))
        .expect("the words are compiled in and a test reads them")
});

impl Words {
    /// The words that are compiled in.
    #[must_use]
    pub fn standard() -> &'static Self {
        &WORDS
    }

    /// The label of a reason for a deviation; the code itself where it is not known.
    #[must_use]
    pub fn deviation<'a>(&'a self, code: &'a str) -> &'a str {
        label(&self.deviations, code)
    }

    /// The label of a reason for not choosing a plan; the code itself where it is not known.
    #[must_use]
    pub fn rejection<'a>(&'a self, code: &'a str) -> &'a str {
        label(&self.rejections, code)
    }
}

fn label<'a>(words: &'a [CodedWord], code: &'a str) -> &'a str {
    words.iter().find(|word| word.code == code).map_or(code, |word| word.label.as_str())
}

impl DecisionBody {
    /// The body with every text cleaned.
    ///
    /// # Errors
    /// Every field that is too long, with what was expected.
    pub fn cleaned(mut self) -> Result<Self, Vec<(String, String)>> {
        let mut refused = Vec::new();
        let mut clean = |field: &str, text: &mut String| match clean_text(text) {
            Ok(kept) => *text = kept,
            Err(rule) => refused.push((field.to_owned(), rule)),
        };
        clean("chosen", &mut self.chosen.label);
        for rejected in &mut self.rejected {
            clean("rejected", &mut rejected.plan.label);
            clean("rejected", &mut rejected.text);
        }
        clean("deviation", &mut self.deviation.text);
        clean("conditions", &mut self.conditions);
        clean("trial", &mut self.trial);
        for attendee in &mut self.attendees {
            clean("attendees", attendee);
        }
        self.attendees.retain(|attendee| !attendee.is_empty());
        if refused.is_empty() { Ok(self) } else { Err(refused) }
    }

    /// What is missing or wrong before it may be signed: field and sentence.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let words = Words::standard();
        let known = |list: &[CodedWord], code: &str| list.iter().any(|word| word.code == code);
        let mut found = Vec::new();
        let mut say = |field: &str, text: &str| found.push((field.to_owned(), text.to_owned()));
        if self.chosen.label.is_empty() {
            say("chosen", "Choose a plan or write one.");
        }
        if self.rejected.is_empty() {
            say("rejected", "Write down at least one plan that was considered and not chosen, and why.");
        }
        for rejected in &self.rejected {
            if rejected.plan.label.is_empty() {
                say("rejected", "Name the plan that was not chosen.");
            }
            if !known(&words.rejections, &rejected.code) {
                say("rejected", "Give every plan that was not chosen a coded reason.");
            }
            if rejected.plan.label == self.chosen.label {
                say("rejected", "A plan cannot be chosen and not chosen.");
            }
        }
        let deviates = self.deviation.code != "none";
        if !known(&words.deviations, &self.deviation.code) {
            say("deviation", "Say whether the plan deviates, and why.");
        } else if deviates && self.deviation.text.is_empty() {
            say("deviation", "Give the reason for the deviation in words as well.");
        } else if !deviates && self.chosen.id.is_empty() {
            say("deviation", "A plan that is not among the options deviates from them: choose the reason.");
        } else if !deviates && self.warnings.iter().any(|warning| warning.starts_with("Contraindicated")) {
            say("deviation", "The chosen plan has a contraindication: choose the reason for it.");
        }
        if self.attendees.is_empty() {
            say("attendees", "Name who was there, one per line.");
        }
        found
    }
}

/// `value` as one text: keys sorted, no white space, numbers as serde_json writes them.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(&map[key], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn sound() -> DecisionBody {
        DecisionBody {
            chosen: PlanName { id: "arm:Ctr".to_owned(), label: "Control".to_owned() },
            rejected: vec![Rejected {
                plan: PlanName { id: "arm:Pembro".to_owned(), label: "Pembrolizumab".to_owned() },
                code: "harm".to_owned(),
                text: String::new(),
            }],
            deviation: Deviation { code: "none".to_owned(), text: String::new() },
            attendees: vec!["A".to_owned()],
            ..DecisionBody::default()
        }
    }

    #[test]
    fn canonical_json_has_sorted_keys_whatever_their_order_was() {
        let value: Value =
            serde_json::from_str("{\"b\": [1, {\"d\": null, \"c\": \"\\u00e4\\n\"}], \"a\": 0.25}").unwrap();
        assert_eq!(canonical(&value), "{\"a\":0.25,\"b\":[1,{\"c\":\"ä\\n\",\"d\":null}]}");
        let again: Value = serde_json::from_str(&canonical(&value)).unwrap();
        assert_eq!(canonical(&again), canonical(&value));
        assert_eq!(canonical(&json!({"z": 1, "a": 2})), "{\"a\":2,\"z\":1}");
    }

    #[test]
    fn a_decision_without_alternative_deviation_or_attendees_is_not_signed() {
        assert!(sound().problems().is_empty());
        let fields =
            |body: &DecisionBody| -> Vec<String> { body.problems().into_iter().map(|(field, _)| field).collect() };
        assert_eq!(fields(&DecisionBody { rejected: Vec::new(), ..sound() }), ["rejected"]);
        assert_eq!(fields(&DecisionBody { attendees: Vec::new(), ..sound() }), ["attendees"]);
        assert_eq!(fields(&DecisionBody { deviation: Deviation::default(), ..sound() }), ["deviation"]);
        assert_eq!(fields(&DecisionBody::default()), ["chosen", "rejected", "deviation", "attendees"]);
    }

    #[test]
    fn a_plan_outside_the_options_or_against_a_contraindication_is_a_deviation() {
        let own = PlanName { id: String::new(), label: "something else".to_owned() };
        assert_eq!(DecisionBody { chosen: own.clone(), ..sound() }.problems().len(), 1);
        let against = vec!["Contraindicated: anti-HER2".to_owned()];
        assert_eq!(DecisionBody { warnings: against, ..sound() }.problems().len(), 1);
        let said = Deviation { code: "preference".to_owned(), text: "she asked for it".to_owned() };
        assert!(DecisionBody { chosen: own, deviation: said.clone(), ..sound() }.problems().is_empty());
        let unsaid = Deviation { text: String::new(), ..said };
        assert_eq!(DecisionBody { deviation: unsaid, ..sound() }.problems().len(), 1);
    }

    #[test]
    fn no_code_stands_twice_and_none_is_first() {
        let words = Words::standard();
        assert_eq!(words.deviations[0].code, "none");
        for list in [&words.deviations, &words.rejections] {
            for (at, word) in list.iter().enumerate() {
                assert!(list[at + 1..].iter().all(|other| other.code != word.code), "{}", word.code);
            }
        }
        assert_eq!(words.rejection("nonsense"), "nonsense");
    }
}
