use crate::store::board::{Completeness, ItemStanding, Kind, NewEntry, instant_text};

use super::asked::Asked;
use super::fields::Fields;

/// One item as a form field and as a line of a table.
pub(super) struct ItemField {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) unit: String,
    pub(super) required_text: String,
    pub(super) is_level: bool,
    pub(super) is_number: bool,
    pub(super) min: String,
    pub(super) max: String,
    /// Levels with whether they are chosen.
    pub(super) levels: Vec<(String, bool)>,
    /// What stands in the field.
    pub(super) value: String,
    pub(super) not_obtainable: bool,
    pub(super) note: String,
    /// What the form was made from.
    pub(super) seen: i64,
    pub(super) was: String,
    pub(super) error: String,
    /// The answer in words, for the table.
    pub(super) shown: String,
    /// Who and when, or the file of the record.
    pub(super) origin: String,
    /// Entries that contradict each other, one line each.
    pub(super) conflict: Vec<String>,
    /// What the record says where the board says something else.
    pub(super) record: String,
}

/// Items under one heading.
pub(super) struct ItemGroup {
    pub(super) heading: String,
    pub(super) fields: Vec<ItemField>,
}

/// Every item as a field, in groups, or only those that are missing.
pub(super) fn groups(completeness: &Completeness, asked: &Asked, only_missing: bool) -> Vec<ItemGroup> {
    let mut groups: Vec<ItemGroup> = Vec::new();
    for standing in &completeness.items {
        let missing = standing.required && !standing.is_answered();
        if only_missing && !missing && asked.error(&standing.item.id).is_empty() {
            continue;
        }
        let field = field(standing, asked);
        match groups.iter_mut().find(|group| group.heading == standing.item.group) {
            Some(group) => group.fields.push(field),
            None => groups.push(ItemGroup { heading: standing.item.group.clone(), fields: vec![field] }),
        }
    }
    groups
}

fn field(standing: &ItemStanding, asked: &Asked) -> ItemField {
    let item = standing.item;
    let id = item.id.clone();
    let was = standing.value.clone().unwrap_or_default();
    let value = asked.value(&format!("v.{id}"), &was);
    let with_unit = |value: &str| match item.unit.as_str() {
        "" => value.to_owned(),
        unit => format!("{value} {unit}"),
    };
    let said = |entry: &crate::store::board::Entry| {
        let note = if entry.note.is_empty() { String::new() } else { format!(" \u{2014} {}", entry.note) };
        let value = if entry.not_obtainable { "not obtainable".to_owned() } else { with_unit(&entry.value) };
        (format!("{value}{note}"), format!("{}, {}", entry.who, instant_text(entry.at_ms)))
    };
    let conflict = if standing.in_conflict() {
        standing.heads.iter().map(said).map(|(what, who)| format!("{what} ({who})")).collect()
    } else {
        Vec::new()
    };
    let (shown, origin) = match (standing.in_conflict(), standing.heads.last(), &standing.record) {
        (true, ..) => ("Entries contradict each other".to_owned(), String::new()),
        (false, Some(entry), _) => said(entry),
        (false, None, Some(record)) if record.value.is_some() => {
            (with_unit(&was), format!("from the record ({})", record.source))
        }
        (false, None, Some(record)) => (String::new(), format!("the record says \u{201c}{}\u{201d}", record.shown)),
        (false, None, None) => (String::new(), String::new()),
    };
    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
    ItemField {
        levels: item.levels.iter().map(|level| (level.clone(), *level == value)).collect(),
        label: item.label.clone(),
        hint: item.hint.clone(),
        unit: item.unit.clone(),
        required_text: item.required_text.clone(),
        is_level: item.kind == Kind::Level,
        is_number: item.kind == Kind::Number,
        min: bound(item.min),
        max: bound(item.max),
        not_obtainable: asked.typed.get(&format!("x.{id}")) == "1",
        note: asked.value(&format!("n.{id}"), ""),
        seen: standing.seen,
        was,
        error: asked.error(&id),
        shown,
        origin,
        conflict,
        record: standing
            .record
            .as_ref()
            .filter(|_| standing.differs_from_record())
            .map(|record| record.shown.clone())
            .unwrap_or_default(),
        value,
        id,
    }
}

/// The entries that a form asks for: every field that was changed, and every remark.
pub(super) fn new_entries(form: &Fields) -> Vec<NewEntry> {
    crate::store::board::ItemList::standard()
        .items
        .iter()
        .filter(|item| form.has(&format!("s.{}", item.id)))
        .filter_map(|item| {
            let id = &item.id;
            let value = form.get(&format!("v.{id}")).trim();
            let note = form.get(&format!("n.{id}")).trim();
            let not_obtainable = form.get(&format!("x.{id}")) == "1";
            let changed = !value.is_empty() && value != form.get(&format!("w.{id}"));
            (not_obtainable || changed || !note.is_empty()).then(|| NewEntry {
                item: id.clone(),
                seen: form.version(&format!("s.{id}")).max(0),
                value: value.to_owned(),
                not_obtainable,
                note: note.to_owned(),
            })
        })
        .collect()
}
