use super::bundle::entries;
use super::counts::{FhirCounts, count};
use super::date::FhirDate;
use super::error::FhirError;
use super::gather::Gathered;
use super::map::{Bound, Column, FhirMap, Side};
use super::resolve::{Candidate, Event, Place, Resolved, place, resolve};
use crate::schema::Violation;
use crate::tables::TextTable;

/// One record per patient, and what was left out on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct FhirTable {
    /// Records in order of the patients' identifiers; `lines` is the entry (or line) of the patient resource.
    pub table: TextTable,
    /// What was read and left out.
    pub counts: FhirCounts,
}

/// Reads FHIR R4 JSON as one record per patient; `label` is the file's name in messages.
///
/// As [`FhirMap::read`], without the counts of what was left out.
///
/// # Errors
/// As [`FhirMap::read`].
pub fn read_fhir(bytes: &[u8], label: &str, map: &FhirMap) -> Result<TextTable, FhirError> {
    Ok(map.read(bytes, label)?.table)
}

impl FhirMap {
    /// Reads a bundle (collection, searchset, transaction, batch, document), a single resource, or resources one by
    /// line (NDJSON of a bulk export), as one record per patient: the baseline.
    ///
    /// The order of entries never changes the cells. Ages are whole months from birth to the other date, divided by
    /// 12 and rounded to two decimals; they are empty unless year and month of both are known. A flag is `true` when a
    /// matching resource is there, `false` when one of its `otherwise` codes is there instead, and empty when neither
    /// is: no record of treatment is not "untreated".
    ///
    /// # Errors
    /// [`FhirError::Json`] with line and column, [`FhirError::Format`], [`FhirError::Violations`] with every unknown
    /// code, refused unit, impossible date, missing status and unresolved contradiction.
    pub fn read(&self, bytes: &[u8], label: &str) -> Result<FhirTable, FhirError> {
        let read = entries(bytes, label)?;
        let mut gathered = Gathered::of(&read.list, self, label);
        gathered.counts.empty_entries = read.empty;
        gathered.counts.more_pages = read.more_pages;
        let mut table = TextTable::new(self.header());
        let mut kept = vec![true; gathered.people.list.len()];
        for (person, keep) in kept.iter_mut().enumerate() {
            let record = Record::of(self, &mut gathered, person);
            *keep = self.patient.only_with.is_none_or(|flag| record.cell(flag) == "true");
            if let (true, Some((identifier, entry))) = (*keep, gathered.people.list.get(person)) {
                table.push(*entry, std::iter::once(identifier.as_str()).chain(record.texts(self)));
            } else {
                gathered.counts.patients_without_diagnosis += 1;
            }
        }
        let about = |person: Option<usize>| person.is_none_or(|person| kept.get(person).copied().unwrap_or(true));
        let mut violations: Vec<Violation> = gathered
            .violations
            .into_iter()
            .filter(|(person, _)| about(*person))
            .map(|(_, violation)| violation)
            .collect();
        violations.sort_by(|a, b| (a.row, &a.column, &a.rule).cmp(&(b.row, &b.column, &b.rule)));
        if violations.is_empty() {
            Ok(FhirTable { table, counts: gathered.counts })
        } else {
            Err(FhirError::Violations(violations))
        }
    }
}

/// The cells of one patient, as they are filled.
struct Record {
    cells: Vec<(String, String)>,
    events: Vec<Event>,
}

impl Record {
    fn of(map: &FhirMap, gathered: &mut Gathered<'_>, person: usize) -> Self {
        let n = map.columns.len();
        let mut record = Self { cells: Vec::with_capacity(n), events: Vec::with_capacity(n) };
        for (at, column) in map.columns.iter().enumerate() {
            let taken = gathered.values.get_mut(person).and_then(|row| row.get_mut(at)).map(std::mem::take);
            let (value, event) = match column.age {
                Some((born, then)) => (record.age(born, then, column, gathered, person), Event::None),
                None if column.is_flag() => {
                    let other = gathered.others.get(person).and_then(|row| row.get(at)).copied().unwrap_or(false);
                    record.flag(taken.unwrap_or_default(), other, column, gathered)
                }
                None => record.value(taken.unwrap_or_default(), column, gathered, person),
            };
            let date = if let Event::On(date) = &event { date.text() } else { String::new() };
            record.cells.push((value, date));
            record.events.push(event);
        }
        record
    }

    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |(value, _)| value)
    }

    fn texts<'a>(&'a self, map: &'a FhirMap) -> impl Iterator<Item = &'a str> {
        self.cells.iter().zip(&map.columns).flat_map(|((value, date), column)| {
            std::iter::once(value.as_str()).chain(column.date.is_some().then_some(date.as_str()))
        })
    }

    fn limit(&self, bound: Option<Bound>) -> Option<(&Event, Side)> {
        let bound = bound?;
        Some((self.events.get(bound.column).unwrap_or(&Event::None), bound.side))
    }

    fn age(&self, born: usize, then: usize, column: &Column, gathered: &mut Gathered<'_>, person: usize) -> String {
        let dates = FhirDate::read(self.cell(born)).zip(FhirDate::read(self.cell(then)));
        match dates.and_then(|(born, then)| born.months_to(&then)) {
            None => String::new(),
            Some(months) if months < 0 => {
                let entry = gathered.people.list.get(person).map_or(0, |(_, entry)| *entry);
                let rule = format!("a birth before the date of `{}`", column.name);
                gathered.say(Some(person), entry, "Patient.birthDate", rule, "a later birth");
                String::new()
            }
            #[allow(clippy::cast_precision_loss, reason = "months of at most ten thousand years")]
            Some(months) => ((months as f64 / 12.0 * 100.0).round() / 100.0).to_string(),
        }
    }

    fn flag(&self, all: Vec<Candidate>, other: bool, column: &Column, gathered: &mut Gathered<'_>) -> (String, Event) {
        let limit = self.limit(column.bound);
        let at = |candidate: &Candidate| {
            limit.map_or(Place::Inside, |(event, side)| place(candidate.date.as_ref(), event, side))
        };
        let places: Vec<Place> = all.iter().map(at).collect();
        if places.contains(&Place::Inside) {
            let inside = all.iter().zip(&places).filter(|(_, place)| **place == Place::Inside);
            let dates: Option<Vec<&FhirDate>> = inside.map(|(candidate, _)| candidate.date.as_ref()).collect();
            // With one start unknown the first start is unknown.
            let first = dates.and_then(|dates| dates.into_iter().min_by_key(|date| (date.key(), date.text())));
            return ("true".to_owned(), first.map_or(Event::Undated, |date| Event::On(date.clone())));
        }
        let doubtful = places.contains(&Place::Unsure);
        if doubtful {
            count(&mut gathered.counts.outside_time, &column.name);
        }
        // Beside an event that is absent or undated, absence inside cannot be said.
        let unplaced = limit.is_some_and(|(event, side)| side != Side::Until && !matches!(event, Event::On(_)));
        let absent = !doubtful && !unplaced && (other || !all.is_empty());
        (if absent { "false".to_owned() } else { String::new() }, Event::None)
    }

    fn value(
        &self,
        all: Vec<Candidate>,
        column: &Column,
        gathered: &mut Gathered<'_>,
        person: usize,
    ) -> (String, Event) {
        let mut inside = all;
        if let Some((event, side)) = self.limit(column.bound) {
            let before = inside.len();
            inside.retain(|candidate| place(candidate.date.as_ref(), event, side) == Place::Inside);
            if inside.len() < before {
                *gathered.counts.outside_time.entry(column.name.clone()).or_default() += before - inside.len();
            }
        }
        match resolve(inside, column.several, column.disagreement) {
            Resolved::Nothing => (String::new(), Event::None),
            Resolved::One(chosen) => (chosen.value, chosen.date.map_or(Event::Undated, Event::On)),
            Resolved::Disagree => {
                count(&mut gathered.counts.disagreeing, &column.name);
                (String::new(), Event::None)
            }
            Resolved::Refused(rule, entries) => {
                let listed = entries.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let found = format!("different values in entries {listed}");
                let rule = format!("{rule} per patient (for `{}`)", column.name);
                gathered.say(Some(person), entries.first().copied().unwrap_or(0), "", rule, &found);
                (String::new(), Event::None)
            }
        }
    }
}
