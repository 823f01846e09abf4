use super::condition::Answers;
use super::entries::Entry;
use super::items::{Item, ItemList};

/// A value of the fused record that bears on an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromRecord {
    /// The item's value, where the record's text fits it.
    pub value: Option<String>,
    /// The text of the record.
    pub shown: String,
    /// File of origin.
    pub source: String,
}

/// One item of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemStanding {
    /// The item.
    pub item: &'static Item,
    /// Whether it is required here.
    pub required: bool,
    /// The value that counts; `None` without one, and where editors disagree.
    pub value: Option<String>,
    /// The entries that nobody has superseded, oldest first: one, or several where editors disagree.
    pub heads: Vec<Entry>,
    /// What the record says.
    pub record: Option<FromRecord>,
    /// Highest sequence number of the item's entries, 0 without any: what a form was made from.
    pub seen: i64,
}

impl ItemStanding {
    /// True when two people wrote different things without seeing each other's.
    #[must_use]
    pub fn in_conflict(&self) -> bool {
        self.heads.iter().skip(1).any(|head| !head.says_the_same(&self.heads[0]))
    }

    /// True when the item has an answer: a value, or the reason why there is none.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        !self.in_conflict() && (self.value.is_some() || self.heads.iter().any(|head| head.not_obtainable))
    }

    /// True when the answer of the board differs from the record.
    #[must_use]
    pub fn differs_from_record(&self) -> bool {
        let record = self.record.as_ref().and_then(|record| record.value.as_ref());
        !self.heads.is_empty() && record.is_some() && self.value.as_ref() != record
    }
}

/// All items of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Completeness {
    /// Every item, in the order of the list.
    pub items: Vec<ItemStanding>,
    /// The values that count.
    pub answers: Answers,
}

impl Completeness {
    /// Judges `entries` and what `record` holds for an item.
    #[must_use]
    pub fn judge(entries: &[Entry], record: impl Fn(&Item) -> Option<FromRecord>) -> Self {
        let mut items: Vec<ItemStanding> = ItemList::standard()
            .items
            .iter()
            .map(|item| {
                let of_item: Vec<&Entry> = entries.iter().filter(|entry| entry.item == item.id).collect();
                let heads = heads(&of_item);
                let record = record(item);
                let value = match heads.as_slice() {
                    [] => record.as_ref().and_then(|record| record.value.clone()),
                    [first, rest @ ..] if rest.iter().all(|head| head.says_the_same(first)) => {
                        (!first.not_obtainable).then(|| first.value.clone())
                    }
                    _ => None,
                };
                let seen = of_item.iter().map(|entry| entry.seq).max().unwrap_or(0);
                ItemStanding { item, required: false, value, heads, record, seen }
            })
            .collect();
        let answers: Answers =
            items.iter().filter_map(|standing| Some((standing.item.id.clone(), standing.value.clone()?))).collect();
        for standing in &mut items {
            standing.required = standing.item.is_required(&answers);
        }
        Self { items, answers }
    }

    /// Required items.
    #[must_use]
    pub fn n_required(&self) -> usize {
        self.items.iter().filter(|standing| standing.required).count()
    }

    /// Required items with an answer.
    #[must_use]
    pub fn n_answered(&self) -> usize {
        self.items.iter().filter(|standing| standing.required && standing.is_answered()).count()
    }

    /// Required items without an answer.
    pub fn missing(&self) -> impl Iterator<Item = &ItemStanding> {
        self.items.iter().filter(|standing| standing.required && !standing.is_answered())
    }

    /// True when nothing that is required is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing().next().is_none()
    }
}

/// The entries that no later entry was written in sight of, oldest first.
fn heads(of_item: &[&Entry]) -> Vec<Entry> {
    let superseded = |entry: &Entry| of_item.iter().any(|other| other.seq > entry.seq && other.seen >= entry.seq);
    of_item.iter().filter(|entry| !superseded(entry)).map(|entry| (*entry).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(item: &str, seq: i64, seen: i64, value: &str) -> Entry {
        Entry {
            item: item.to_owned(),
            seq,
            seen,
            value: value.to_owned(),
            not_obtainable: value.is_empty(),
            note: String::new(),
            who_id: "1".to_owned(),
            who: "A".to_owned(),
            at_ms: 0,
        }
    }

    fn judge(entries: &[Entry]) -> Completeness {
        Completeness::judge(entries, |_| None)
    }

    fn of<'a>(found: &'a Completeness, id: &str) -> &'a ItemStanding {
        found.items.iter().find(|standing| standing.item.id == id).unwrap()
    }

    #[test]
    fn the_latest_entry_counts_where_its_writer_saw_the_one_before() {
        let found = judge(&[entry("ct", 1, 0, "T1"), entry("ct", 2, 1, "T2")]);
        assert_eq!(of(&found, "ct").value.as_deref(), Some("T2"));
        assert!(!of(&found, "ct").in_conflict());
    }

    #[test]
    fn two_editors_who_did_not_see_each_other_conflict_until_somebody_settles_it() {
        let mut entries = vec![entry("ct", 1, 0, "T1"), entry("ct", 2, 0, "T2")];
        let found = judge(&entries);
        assert!(of(&found, "ct").in_conflict() && of(&found, "ct").value.is_none());
        assert_eq!(of(&found, "ct").heads.len(), 2);
        assert!(found.missing().any(|standing| standing.item.id == "ct"));
        entries.push(entry("ct", 3, 2, "T2"));
        assert_eq!(of(&judge(&entries), "ct").value.as_deref(), Some("T2"));
    }

    #[test]
    fn the_same_value_twice_is_no_conflict() {
        let found = judge(&[entry("ct", 1, 0, "T2"), entry("ct", 2, 0, "T2")]);
        assert!(!of(&found, "ct").in_conflict());
        assert_eq!(of(&found, "ct").value.as_deref(), Some("T2"));
    }

    #[test]
    fn an_item_that_cannot_be_obtained_counts_as_answered_and_as_no_value() {
        let found = judge(&[entry("gbrca", 1, 0, "")]);
        assert!(of(&found, "gbrca").is_answered() && of(&found, "gbrca").value.is_none());
    }

    #[test]
    fn the_score_counts_only_what_this_case_needs() {
        let none = judge(&[]);
        let with_ihc_2 = judge(&[entry("her2_ihc", 1, 0, "2+")]);
        assert_eq!(none.n_answered(), 0);
        assert_eq!(with_ihc_2.n_answered(), 1);
        assert_eq!(with_ihc_2.n_required(), none.n_required() + 1);
        assert!(with_ihc_2.missing().any(|standing| standing.item.id == "her2_ish"));
        assert!(!none.missing().any(|standing| standing.item.id == "her2_ish"));
    }

    #[test]
    fn the_record_fills_what_nobody_entered_and_a_difference_is_marked() {
        let record = |item: &Item| {
            (item.id == "ct").then(|| FromRecord {
                value: Some("T3".to_owned()),
                shown: "T3".to_owned(),
                source: "clinical.csv".to_owned(),
            })
        };
        let found = Completeness::judge(&[], record);
        assert!(of(&found, "ct").is_answered() && !of(&found, "ct").differs_from_record());
        let found = Completeness::judge(&[entry("ct", 1, 0, "T2")], record);
        assert_eq!(of(&found, "ct").value.as_deref(), Some("T2"));
        assert!(of(&found, "ct").differs_from_record());
    }
}
