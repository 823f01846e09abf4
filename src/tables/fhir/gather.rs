use std::collections::{BTreeSet, HashMap};

use super::bundle::Entry;
use super::concept::{Words, shown};
use super::counts::{FhirCounts, count};
use super::date::FhirDate;
use super::json::Json;
use super::map::{Column, FhirMap, Source, ValueKind};
use super::people::People;
use super::resolve::Candidate;
use super::value::{Reading, date_of, field_of, read};
use crate::schema::Violation;

/// Values by patient and column, before any is chosen.
pub(super) struct Gathered<'a> {
    map: &'a FhirMap,
    label: &'a str,
    pub(super) people: People,
    /// Concepts of medication resources; `None` where two of the same name differ.
    medications: HashMap<String, Option<&'a Json>>,
    /// Values, by patient and column.
    pub(super) values: Vec<Vec<Vec<Candidate>>>,
    /// True where a resource of the column's `otherwise` was seen.
    pub(super) others: Vec<Vec<bool>>,
    pub(super) counts: FhirCounts,
    /// Violations with the patient they are about, in the order of the file.
    pub(super) violations: Vec<(Option<usize>, Violation)>,
    said: BTreeSet<(usize, String, String)>,
}

impl<'a> Gathered<'a> {
    pub(super) fn of(entries: &'a [Entry], map: &'a FhirMap, label: &'a str) -> Self {
        let (people, broken) = People::of(entries, &map.patient);
        let n = people.list.len();
        let mut gathered = Self {
            map,
            label,
            people,
            medications: HashMap::new(),
            values: vec![vec![Vec::new(); map.columns.len()]; n],
            others: vec![vec![false; map.columns.len()]; n],
            counts: FhirCounts { resources: entries.len(), ..FhirCounts::default() },
            violations: Vec::new(),
            said: BTreeSet::new(),
        };
        for (entry, path, rule, found) in broken {
            gathered.say(None, entry, path, rule, found);
        }
        for entry in entries.iter().filter(|entry| entry.resource.text_at("resourceType") == Some("Medication")) {
            let Some(code) = entry.resource.get("code") else { continue };
            let local = entry.resource.text_at("id").map(|id| format!("Medication/{id}"));
            for name in [entry.full_url.clone(), local].into_iter().flatten() {
                let known = gathered.medications.entry(name).or_insert(Some(code));
                *known = known.filter(|before| *before == code);
            }
        }
        for entry in entries {
            gathered.add(entry);
        }
        gathered
    }

    fn add(&mut self, entry: &'a Entry) {
        let resource = &entry.resource;
        let kind = resource.text_at("resourceType").unwrap_or("");
        let map = self.map;
        if !map.columns.iter().flat_map(|column| &column.sources).any(|source| source.resource == kind) {
            if kind != "Patient" && kind != "Medication" {
                // A type is a short word; anything else is not repeated.
                let known = kind.len() <= 40 && kind.bytes().all(|byte| byte.is_ascii_alphabetic()) && !kind.is_empty();
                count(&mut self.counts.other_types, if known { kind } else { "unnamed" });
            }
            return;
        }
        let person = if kind == "Patient" { self.people.own(resource) } else { self.people.subject(resource) };
        let Some(person) = person else {
            if kind != "Patient" {
                count(&mut self.counts.unknown_patients, kind);
            }
            return;
        };
        if !self.accepted(entry, kind, person) {
            return;
        }
        let dates = map.dates.get(kind).map_or(&[][..], Vec::as_slice);
        let date = date_of(resource, dates).unwrap_or_else(|path| {
            self.say(Some(person), entry.number, &format!("{kind}.{path}"), "a FHIR date".into(), "another text");
            None
        });
        let carriers = carriers(resource, self.concept(resource, kind));
        let mut matched = kind == "Patient";
        for (at, column) in map.columns.iter().enumerate() {
            if let Some(otherwise) = &column.otherwise
                && column.sources.iter().any(|source| source.resource == kind)
                && carriers.iter().any(|(_, concept)| concept.is_some_and(|concept| otherwise.holds(concept)))
                && let Some(seen) = self.others.get_mut(person).and_then(|row| row.get_mut(at))
            {
                *seen = true;
            }
            for (carrier, concept) in &carriers {
                let fits = |source: &&Source| {
                    source.resource == kind && selected(&source.codes, *concept) && conditions(source, &carriers)
                };
                let sources: Vec<&Source> = column.sources.iter().filter(fits).collect();
                if !sources.is_empty() {
                    matched = true;
                    self.read(person, at, column, &sources, carrier, entry, date.as_ref());
                }
            }
        }
        if !matched {
            count(&mut self.counts.unmapped_codes, kind);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call, one place")]
    fn read(
        &mut self,
        person: usize,
        at: usize,
        column: &Column,
        sources: &[&Source],
        carrier: &Json,
        entry: &Entry,
        date: Option<&FhirDate>,
    ) {
        let dates = self.map.dates.get(sources.first().map_or("", |source| &source.resource));
        let dates = dates.map_or(&[][..], Vec::as_slice);
        let readings: Vec<Reading> =
            sources.iter().map(|source| read(source, carrier, &entry.resource, dates)).collect();
        let other = readings.iter().find_map(|reading| match reading {
            Reading::OtherKind(field) => Some(field.clone()),
            _ => None,
        });
        if let Some(field) = other
            && readings.iter().all(|reading| matches!(reading, Reading::OtherKind(_)))
        {
            let mut expected: Vec<&str> = sources.iter().map(|source| field_of(&source.value)).collect();
            expected.dedup();
            let kind = sources.first().map_or("", |source| &source.resource);
            let field: String = shown(&field);
            self.say(
                Some(person),
                entry.number,
                &format!("{kind}.value"),
                for_column(column, &expected.join(" or ")),
                &field,
            );
            return;
        }
        for (source, reading) in sources.iter().zip(readings) {
            match reading {
                Reading::Value(value) if !value.is_empty() => {
                    // A date column says when the thing itself was: that is its date, not the recording's.
                    let own = matches!(source.value, ValueKind::Date { .. }).then(|| FhirDate::read(&value)).flatten();
                    let candidate = Candidate { value, date: own.or_else(|| date.cloned()), entry: entry.number };
                    if let Some(cell) = self.values.get_mut(person).and_then(|row| row.get_mut(at)) {
                        cell.push(candidate);
                    }
                }
                Reading::Value(_) | Reading::Nothing => count(&mut self.counts.without_value, &column.name),
                Reading::LeftOut(why) => count(&mut self.counts.left_out_values, &format!("{}: {why}", column.name)),
                Reading::Broken(path, rule, found) => {
                    self.say(Some(person), entry.number, &path, for_column(column, &rule), &found);
                }
                Reading::OtherKind(_) => {}
            }
        }
    }

    /// True when every status of the resource is accepted.
    fn accepted(&mut self, entry: &Entry, kind: &str, person: usize) -> bool {
        let map = self.map;
        for status in map.statuses.iter().filter(|status| status.resource == kind) {
            let mut found: Vec<String> = Vec::new();
            for value in status.path.of(&entry.resource) {
                match value {
                    Json::Text(text) => found.push(text.clone()),
                    Json::Bool(flag) => found.push(flag.to_string()),
                    concept => {
                        let codes = concept.each("coding").iter().filter_map(|coding| coding.text_at("code"));
                        found.extend(codes.map(str::to_owned));
                    }
                }
            }
            let path = format!("{kind}.{}", status.path.text);
            match found.first() {
                None if status.required => {
                    let rule = format!("a status ({})", status.accepted.join(", "));
                    self.say(Some(person), entry.number, &path, rule, "none");
                    return false;
                }
                Some(first) if !found.iter().any(|one| status.accepted.contains(one)) => {
                    count(&mut self.counts.left_out_by_status, &format!("{path} {}", shown(first)));
                    return false;
                }
                _ => {}
            }
        }
        true
    }

    /// The concept that says what a resource is about.
    fn concept(&self, resource: &'a Json, kind: &str) -> Option<&'a Json> {
        if !kind.starts_with("Medication") {
            return resource.get("code");
        }
        if let Some(concept) = resource.get("medicationCodeableConcept") {
            return Some(concept);
        }
        let reference = resource.get("medicationReference")?.text_at("reference")?;
        match reference.strip_prefix('#') {
            Some(local) => {
                resource.each("contained").iter().find(|inner| inner.text_at("id") == Some(local))?.get("code")
            }
            None => self.medications.get(reference.split("/_history/").next().unwrap_or(reference)).copied()?,
        }
    }

    /// Adds a violation, once.
    pub(super) fn say(&mut self, person: Option<usize>, row: usize, column: &str, rule: String, found: &str) {
        if self.said.insert((row, column.to_owned(), rule.clone())) {
            let (file, column, found) = (self.label.to_owned(), column.to_owned(), found.to_owned());
            self.violations.push((person, Violation { file, row, column, rule, found }));
        }
    }
}

/// A resource and, of an observation, each component: what holds a value, with the concept that says of what.
fn carriers<'a>(resource: &'a Json, concept: Option<&'a Json>) -> Vec<(&'a Json, Option<&'a Json>)> {
    let components = resource.each("component").iter().map(|component| (component, component.get("code")));
    std::iter::once((resource, concept)).chain(components).collect()
}

fn selected(codes: &Option<Words>, concept: Option<&Json>) -> bool {
    codes.as_ref().is_none_or(|codes| concept.is_some_and(|concept| codes.holds(concept)))
}

/// True when, for each condition, a carrier of the resource has the code and a value that holds one of the codes.
fn conditions(source: &Source, carriers: &[(&Json, Option<&Json>)]) -> bool {
    source.only.iter().all(|(component, values)| {
        carriers.iter().any(|(carrier, concept)| {
            concept.is_some_and(|concept| component.holds(concept))
                && carrier.get("valueCodeableConcept").is_some_and(|value| values.holds(value))
        })
    })
}

fn for_column(column: &Column, rule: &str) -> String {
    format!("{rule} (for `{}`)", column.name)
}
