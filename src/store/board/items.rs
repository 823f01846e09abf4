use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::condition::{Answers, Condition, Holds, all};

/// Characters that a free text may hold.
pub const MAX_TEXT: usize = 4000;

/// What a tumour board needs to know, read from `data-schemas/board/items.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemList {
    /// Version of the list.
    pub version: u32,
    /// Where the list comes from.
    pub source: String,
    /// Items in display order.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Stable id.
    pub id: String,
    /// Label for people.
    pub label: String,
    /// Heading under which it is shown.
    pub group: String,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Levels of a level item.
    #[serde(default)]
    pub levels: Vec<String>,
    /// Unit of a number.
    #[serde(default)]
    pub unit: String,
    /// Smallest number.
    #[serde(default)]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(default)]
    pub max: Option<f64>,
    /// Required only when all of these hold; empty = always.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// `when` in words.
    #[serde(default)]
    pub required_text: String,
    /// Labels under which the fused record shows the same thing.
    #[serde(default)]
    pub record: Vec<String>,
    /// Words of the record that mean a level.
    #[serde(default)]
    pub synonyms: BTreeMap<String, String>,
    /// A line of help.
    #[serde(default)]
    pub hint: String,
}

/// What kind of value an item takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of the levels.
    Level,
    /// A number with a unit and a range.
    Number,
    /// Free text.
    Text,
}

static LIST: LazyLock<ItemList> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../data-schemas/board/items.toml"))
        .expect("the list is compiled in and a test reads it")
});

impl ItemList {
    /// The list that is compiled in.
    #[must_use]
    pub fn standard() -> &'static Self {
        &LIST
    }

    /// The item `id`; `None` when there is none.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }
}

impl Item {
    /// Whether the item is required, given the other answers.
    #[must_use]
    pub fn is_required(&self, answers: &Answers) -> bool {
        all(&self.when, answers) == Holds::Yes
    }

    /// `value` in the form in which it is kept: trimmed, a number in its shortest form.
    ///
    /// # Errors
    /// What was expected, as a sentence for the person who typed.
    pub fn check(&self, value: &str) -> Result<String, String> {
        let value = value.trim();
        if value.is_empty() {
            return Err("A value is needed.".to_owned());
        }
        match self.kind {
            Kind::Level if self.levels.iter().any(|level| level == value) => Ok(value.to_owned()),
            Kind::Level => Err(format!("One of: {}.", self.levels.join(", "))),
            Kind::Number => {
                let number = value.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
                let inside = |number: &f64| {
                    self.min.is_none_or(|min| *number >= min) && self.max.is_none_or(|max| *number <= max)
                };
                number.filter(inside).map(|number| number.to_string()).ok_or_else(|| {
                    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
                    format!("A number from {} to {} ({}).", bound(self.min), bound(self.max), self.unit)
                })
            }
            Kind::Text => clean_text(value),
        }
    }

    /// The item's value in `shown`, a value of the fused record; `None` where it does not fit.
    #[must_use]
    pub fn from_record(&self, shown: &str) -> Option<String> {
        let bare = shown.trim().trim_end_matches(self.unit.as_str()).trim_end_matches('%').trim();
        let known = self.synonyms.get(&bare.to_lowercase()).map_or(bare, String::as_str);
        let level = self.levels.iter().find(|level| level.eq_ignore_ascii_case(known));
        self.check(level.map_or(known, String::as_str)).ok()
    }
}

/// Free text without control characters (line breaks stay) and within [`MAX_TEXT`] characters.
///
/// # Errors
/// What was expected, as a sentence for the person who typed.
pub fn clean_text(text: &str) -> Result<String, String> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = unix.chars().filter(|c| *c == '\n' || !(c.is_control() || is_direction(*c))).collect();
    if kept.chars().count() > MAX_TEXT {
        return Err(format!("At most {MAX_TEXT} characters."));
    }
    Ok(kept.trim().to_owned())
}

/// True for the characters that turn the direction of text round and could make a record read otherwise than written.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sound() {
        let list = ItemList::standard();
        for (at, item) in list.items.iter().enumerate() {
            assert!(list.items.iter().skip(at + 1).all(|other| other.id != item.id), "{}", item.id);
            assert_eq!(item.kind == Kind::Level, !item.levels.is_empty(), "{}", item.id);
            assert_eq!(item.kind == Kind::Number, item.min.is_some() && item.max.is_some(), "{}", item.id);
            assert_eq!(item.when.is_empty(), item.required_text.is_empty(), "{}", item.id);
            for level in item.synonyms.values() {
                assert!(item.levels.contains(level), "{}: {level}", item.id);
            }
            for condition in &item.when {
                let other = list.find(&condition.item).unwrap();
                assert!(condition.levels.iter().all(|level| other.levels.contains(level)), "{}", item.id);
            }
        }
    }

    #[test]
    fn ish_is_required_only_where_immunohistochemistry_is_2() {
        let ish = ItemList::standard().find("her2_ish").unwrap();
        let with = |ihc: &str| Answers::from([("her2_ihc".to_owned(), ihc.to_owned())]);
        assert!(ish.is_required(&with("2+")));
        assert!(!ish.is_required(&with("3+")) && !ish.is_required(&Answers::new()));
    }

    #[test]
    fn values_outside_levels_and_ranges_are_refused() {
        let list = ItemList::standard();
        let check = |id: &str, value: &str| list.find(id).unwrap().check(value);
        assert_eq!(check("er_pct", " 80,5 ").as_deref(), Ok("80.5"));
        assert_eq!(check("er_pct", "100").as_deref(), Ok("100"));
        for (id, bad) in [("er_pct", "101"), ("er_pct", "NaN"), ("er_pct", "-1"), ("ct", "T5"), ("comorbidity", " ")] {
            assert!(check(id, bad).is_err(), "{id} {bad}");
        }
        assert!(check("comorbidity", &"x".repeat(MAX_TEXT + 1)).is_err());
        assert_eq!(check("comorbidity", "a\u{202e}b\u{0}c\r\nd").as_deref(), Ok("abc\nd"));
    }

    #[test]
    fn the_record_fills_an_item_only_where_it_fits() {
        let list = ItemList::standard();
        let from = |id: &str, shown: &str| list.find(id).unwrap().from_record(shown);
        assert_eq!(from("her2_ihc", "2").as_deref(), Some("2+"));
        assert_eq!(from("er_pct", "90 %").as_deref(), Some("90"));
        assert_eq!(from("pregnancy", "no").as_deref(), Some("not pregnant"));
        assert_eq!(from("ct", "t2").as_deref(), Some("T2"));
        assert_eq!(from("ct", "\u{2014}"), None);
    }
}
