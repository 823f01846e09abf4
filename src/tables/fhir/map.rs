use std::collections::BTreeMap;

use super::concept::{TEXT, Words};
use super::error::FhirError;
use super::json::Path;
use super::raw_map::{Band, RawCode, RawColumn, RawMap, RawSource, RawValue, Several, Unknown};

/// Types of resources that a map may read.
const RESOURCES: [&str; 7] = [
    "Patient",
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationAdministration",
    "MedicationStatement",
    "Procedure",
];

/// How FHIR resources become columns: which codes, which values, which of several, all as data.
///
/// The file form is described at the head of `data-schemas/fhir/mcode.toml`.
#[derive(Debug, Clone)]
pub struct FhirMap {
    /// Short name (`mcode`).
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Version of the map.
    pub version: u32,
    pub(super) patient: PatientRule,
    pub(super) dates: BTreeMap<String, Vec<Path>>,
    pub(super) statuses: Vec<Status>,
    pub(super) columns: Vec<Column>,
}

#[derive(Debug, Clone)]
pub(super) struct PatientRule {
    pub(super) column: String,
    /// System of the identifier that names the patient; `Patient.id` without it.
    pub(super) identifier_system: Option<String>,
    /// Flag column that must be true for a patient to have a record.
    pub(super) only_with: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) resource: String,
    pub(super) path: Path,
    pub(super) accepted: Vec<String>,
    pub(super) required: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) date: Option<String>,
    pub(super) several: Several,
    /// What becomes of values that should agree and do not.
    pub(super) disagreement: Unknown,
    pub(super) bound: Option<Bound>,
    /// Resources whose presence turns an absent flag into `false`.
    pub(super) otherwise: Option<Words>,
    /// Columns of the birth date and of the date, for an age.
    pub(super) age: Option<(usize, usize)>,
    pub(super) sources: Vec<Source>,
}

impl Column {
    pub(super) fn is_flag(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.value, ValueKind::Flag))
    }
}

/// Limits a column's values to one side of another column's date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    pub(super) column: usize,
    pub(super) side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side {
    /// On that day or before; everything passes when there is no such event.
    Until,
    /// Before that day; nothing is known when there is no such event.
    Before,
    /// After that day, likewise.
    After,
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) resource: String,
    /// Codes of the resource; any when empty.
    pub(super) codes: Option<Words>,
    /// Components that must hold one of some codes: code of the component, codes of its value.
    pub(super) only: Vec<(Words, Words)>,
    pub(super) value: ValueKind,
}

#[derive(Debug, Clone)]
pub(super) enum ValueKind {
    Concept { path: Option<Path>, words: Words, unknown: Unknown },
    Code { path: Path, words: Words },
    Quantity { units: BTreeMap<String, f64>, comparator: Unknown, bands: Vec<Band> },
    Integer,
    Text,
    Boolean,
    Date { path: Option<Path> },
    Flag,
}

impl FhirMap {
    /// Reads a map from its TOML text; `path` is its name in messages.
    ///
    /// # Errors
    /// [`FhirError::Map`] with everything that contradicts itself: unknown systems, code lists, words, extensions or
    /// columns, a code with two words, a unit factor that is not positive, a code that names no source by which
    /// it was verified.
    pub fn parse(text: &str, path: &str) -> Result<Self, FhirError> {
        let fail = |wrong| FhirError::Map { path: path.to_owned(), wrong };
        let raw: RawMap = toml::from_str(text).map_err(|error| fail(vec![error.to_string()]))?;
        let mut build = Builder { raw: &raw, lists: BTreeMap::new(), words: BTreeMap::new(), wrong: Vec::new() };
        build.lists = build.tables(&raw.codes);
        build.words = build.tables(&raw.words);
        let map = build.map();
        let wrong = build.wrong;
        if wrong.is_empty() { Ok(map) } else { Err(fail(wrong)) }
    }

    /// Names of the columns, in order: the patient's, then each column with its date beside it.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        let columns = self.columns.iter().flat_map(|column| [Some(column.name.clone()), column.date.clone()]);
        std::iter::once(self.patient.column.clone()).chain(columns.flatten()).collect()
    }
}

struct Builder<'a> {
    raw: &'a RawMap,
    lists: BTreeMap<String, Words>,
    words: BTreeMap<String, Words>,
    wrong: Vec<String>,
}

impl Builder<'_> {
    fn tables(&mut self, tables: &BTreeMap<String, Vec<RawCode>>) -> BTreeMap<String, Words> {
        let mut built = BTreeMap::new();
        for (name, rows) in tables {
            let mut words = Words::named(name.clone());
            for row in rows {
                let text = [TEXT.to_owned()];
                let systems = if row.system == TEXT {
                    Some(&text[..])
                } else {
                    self.raw.systems.get(&row.system).map(Vec::as_slice)
                };
                if !self.raw.sources.contains_key(&row.verified) {
                    self.wrong.push(format!("`{name}`: code `{}` names no source that verifies it", row.code));
                }
                match systems {
                    None => self.wrong.push(format!("`{name}`: no system `{}`", row.system)),
                    Some(systems) => {
                        if let Err(message) = words.add(&row.system, systems, &row.code, &row.word) {
                            self.wrong.push(format!("`{name}`: {message}"));
                        }
                    }
                }
            }
            built.insert(name.clone(), words);
        }
        built
    }

    fn map(&mut self) -> FhirMap {
        let raw = self.raw;
        let mut columns: Vec<Column> = Vec::new();
        for column in &raw.columns {
            let built = self.column(column, &columns);
            columns.push(built);
        }
        let patient = PatientRule {
            column: raw.patient.column.clone(),
            identifier_system: raw.patient.identifier_system.clone().filter(|system| !system.is_empty()),
            only_with: raw.patient.only_with.as_ref().and_then(|name| {
                let at = columns.iter().position(|column| column.name == *name && column.is_flag());
                at.or_else(|| self.say(format!("patient: no flag `{name}`")))
            }),
        };
        let dates = raw.dates.iter().map(|(resource, paths)| {
            self.resource(resource);
            (resource.clone(), paths.iter().filter_map(|path| self.path(path)).collect())
        });
        let dates = dates.collect();
        let statuses = raw.status.iter().filter_map(|status| {
            self.resource(&status.resource);
            let path = self.path(&status.path)?;
            let (resource, accepted, required) = (status.resource.clone(), status.accepted.clone(), status.required);
            Some(Status { resource, path, accepted, required })
        });
        let statuses = statuses.collect();
        let map = FhirMap {
            name: raw.name.clone(),
            label: raw.label.clone(),
            version: raw.version,
            patient,
            dates,
            statuses,
            columns,
        };
        let header = map.header();
        for (at, name) in header.iter().enumerate() {
            if header.iter().take(at).any(|before| before == name) {
                self.wrong.push(format!("column `{name}` twice"));
            }
        }
        map
    }

    fn column(&mut self, raw: &RawColumn, before: &[Column]) -> Column {
        let name = &raw.name;
        let bounds = [(&raw.until, Side::Until), (&raw.before, Side::Before), (&raw.after, Side::After)];
        let mut bounds = bounds.into_iter().filter_map(|(other, side)| Some((other.as_ref()?, side)));
        let bound = bounds.next().and_then(|(other, side)| {
            let at = before.iter().position(|column| column.date.as_ref() == Some(other));
            at.map(|column| Bound { column, side })
                .or_else(|| self.say(format!("column `{name}`: no date `{other}` above it")))
        });
        if bounds.next().is_some() {
            self.wrong.push(format!("column `{name}`: expected one of until, before and after"));
        }
        let position = |other: &String| before.iter().position(|column| column.name == *other);
        let age = raw.age.as_ref().and_then(|age| {
            let found = position(&age.born).zip(position(&age.at));
            found.or_else(|| self.say(format!("column `{name}`: an age needs two columns above it")))
        });
        if raw.age.is_some() != raw.from.is_empty() {
            self.wrong.push(format!("column `{name}`: expected either `age` or `from`"));
        }
        let sources: Vec<Source> = raw.from.iter().filter_map(|source| self.source(name, source)).collect();
        let otherwise = (!raw.otherwise.is_empty()).then(|| self.joined(name, &raw.otherwise));
        let (several, disagreement) = (raw.several, raw.disagreement);
        let (name, date) = (name.clone(), raw.date.clone());
        let built = Column { name, date, several, disagreement, bound, otherwise, age, sources };
        let flags = built.sources.iter().filter(|source| matches!(source.value, ValueKind::Flag)).count();
        if flags > 0 && flags < built.sources.len() || flags == 0 && built.otherwise.is_some() {
            self.wrong.push(format!("column `{}` mixes a flag with values", raw.name));
        }
        built
    }

    fn source(&mut self, column: &str, raw: &RawSource) -> Option<Source> {
        self.resource(&raw.resource);
        let value = match &raw.value {
            RawValue::Concept { path, words, unknown } => {
                let path = path.as_ref().map(|path| self.path(path));
                if path.is_none() && raw.resource != "Observation" {
                    self.wrong.push(format!("column `{column}`: a concept of {} needs a path", raw.resource));
                }
                ValueKind::Concept { path: path.flatten(), words: self.word_list(column, words)?, unknown: *unknown }
            }
            RawValue::Code { path, words } => {
                ValueKind::Code { path: self.path(path)?, words: self.word_list(column, words)? }
            }
            RawValue::Quantity { units, comparator, bands } => {
                if units.is_empty() || units.values().any(|factor| !factor.is_finite() || *factor <= 0.0) {
                    self.wrong.push(format!("column `{column}`: expected units with positive factors"));
                }
                ValueKind::Quantity { units: units.clone(), comparator: *comparator, bands: bands.clone() }
            }
            RawValue::Integer => ValueKind::Integer,
            RawValue::Text => ValueKind::Text,
            RawValue::Boolean => ValueKind::Boolean,
            RawValue::Date { path } => ValueKind::Date { path: path.as_ref().and_then(|path| self.path(path)) },
            RawValue::Flag => ValueKind::Flag,
        };
        let valued =
            matches!(value, ValueKind::Quantity { .. } | ValueKind::Integer | ValueKind::Text | ValueKind::Boolean);
        if raw.resource != "Observation" && (valued || !raw.only.is_empty()) {
            self.wrong.push(format!("column `{column}`: only observations have values and components"));
        }
        let codes = (!raw.codes.is_empty()).then(|| self.joined(column, &raw.codes));
        let only = raw.only.iter().map(|condition| {
            let lists =
                [&condition.component, &condition.holds].map(|name| self.joined(column, std::slice::from_ref(name)));
            let [component, holds] = lists;
            (component, holds)
        });
        let only = only.collect();
        Some(Source { resource: raw.resource.clone(), codes, only, value })
    }

    fn joined(&mut self, column: &str, names: &[String]) -> Words {
        let mut joined = Words::named(names.join(" or "));
        for name in names {
            match self.lists.get(name) {
                Some(list) => joined.extend(list),
                None => self.wrong.push(format!("column `{column}`: no codes `{name}`")),
            }
        }
        joined
    }

    fn word_list(&mut self, column: &str, name: &str) -> Option<Words> {
        let found = self.words.get(name).cloned();
        found.or_else(|| self.say(format!("column `{column}`: no words `{name}`")))
    }

    fn path(&mut self, text: &str) -> Option<Path> {
        Path::read(text, |name| self.raw.extensions.get(name).cloned()).map_err(|message| self.wrong.push(message)).ok()
    }

    fn resource(&mut self, name: &str) {
        if !RESOURCES.contains(&name) {
            self.wrong.push(format!("no resource type `{name}`: expected one of {}", RESOURCES.join(", ")));
        }
    }

    fn say<T>(&mut self, message: String) -> Option<T> {
        self.wrong.push(message);
        None
    }
}
