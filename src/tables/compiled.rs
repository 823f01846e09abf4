use std::collections::{BTreeMap, HashMap};

use super::mapped::DayKey;
use super::{Error, TextTable};
use crate::schema::{Case, Column, DateOrder, Dictionary, FileMap, Kind, ValueMap, Violation};

/// A broken rule of one cell.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    pub(super) column: String,
    pub(super) rule: String,
    pub(super) found: String,
}

/// A file's mapping, its column names looked up in the header.
pub(super) struct Plan<'a> {
    pub(super) columns: Vec<CompiledColumn<'a>>,
    pub(super) measured: Option<DayColumn>,
    pub(super) decided: Option<DayColumn>,
    pub(super) unmapped: Vec<String>,
}

/// How one canonical column is read.
pub(super) struct CompiledColumn<'a> {
    pub(super) column: &'static Column,
    /// Column of the file under which its violations are listed.
    pub(super) file_column: String,
    /// True: what cannot be read is missing.
    pub(super) lenient: bool,
    cases: Vec<CompiledCase<'a>>,
    levels: Option<HashMap<&'a str, &'a str>>,
    missing: Missing<'a>,
    factor: f64,
    unit: Option<&'a str>,
    date: Option<DateOrder>,
}

struct CompiledCase<'a> {
    when: Vec<(usize, &'a [String])>,
    given: Vec<usize>,
    gives: Gives<'a>,
}

enum Gives<'a> {
    Column(usize, &'a str),
    Canonical(&'a str),
    Earliest(Vec<usize>, &'a str),
}

/// Texts that mean "not recorded".
#[derive(Clone, Copy)]
struct Missing<'a> {
    texts: &'a [String],
    empty: bool,
}

impl Missing<'_> {
    fn is(self, text: &str) -> bool {
        (self.empty && text.is_empty()) || self.texts.iter().any(|missing| missing == text)
    }
}

/// What a case gives for one record.
enum Raw<'a> {
    /// Text of the file, with the column that it stands in.
    Text(&'a str, &'a str),
    /// A canonical text of the definition.
    Canonical(&'a str),
}

/// A text to be checked by its column.
struct Found<'a> {
    /// After the declared levels.
    text: &'a str,
    /// Column of the file that it stands in; `None` for a canonical text of the definition.
    name: Option<&'a str>,
    /// As in the file.
    raw: &'a str,
}

/// A column of days.
pub(super) struct DayColumn {
    index: usize,
    name: String,
    date: Option<DateOrder>,
    missing: Vec<String>,
}

/// Looks up every column of a mapping in the header.
///
/// # Errors
/// [`Error::Violations`] with every absent column and every header that names another unit than the declared one.
pub(super) fn compile<'a>(
    map: &'a FileMap,
    header: &[String],
    knows_nulls: bool,
    decision: Option<DayKey<'a>>,
) -> Result<Plan<'a>, Error> {
    let index: BTreeMap<&str, usize> = header.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut used: Vec<&str> = vec![&map.patient.column];
    used.extend(map.visit.iter().map(|visit| visit.0.as_str()));
    used.extend(map.only.iter().map(|only| only.column.as_str()));
    used.extend(map.measured.iter().map(|measured| measured.column.as_str()));
    used.extend(decision.iter().map(|(column, _)| *column));
    used.extend(map.columns.values().flat_map(ValueMap::sources));
    let violation = |column: &str, rule: String, found: String| Violation {
        file: map.path.clone(),
        row: map.header_record,
        column: column.to_owned(),
        rule,
        found,
    };
    let mut wrong: Vec<Violation> = Vec::new();
    for name in &used {
        if !index.contains_key(name) && !wrong.iter().any(|known| known.column == *name) {
            wrong.push(violation(name, "this column in the header".into(), "no such column".into()));
        }
    }
    for value in map.columns.values() {
        for (name, unit) in
            value.cases.iter().flat_map(|case| &case.from).filter_map(|name| Some((name, unit_in(name)?)))
        {
            if value.unit.as_deref().is_some_and(|declared| !declared.starts_with(unit)) {
                let declared = value.unit.clone().unwrap_or_default();
                wrong.push(violation(
                    name,
                    format!("numbers in {declared}, as declared"),
                    format!("a header that says {unit}"),
                ));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Error::Violations(wrong));
    }
    let at = |name: &str| index.get(name).copied().unwrap_or(usize::MAX);
    let day = |name: &str, date: Option<DateOrder>| DayColumn {
        index: at(name),
        name: name.to_owned(),
        date,
        missing: map.missing.iter().cloned().chain(knows_nulls.then(String::new)).collect(),
    };
    let missing = Missing { texts: &map.missing, empty: knows_nulls };
    let columns = Dictionary::compiled()
        .columns()
        .filter_map(|(_, column)| Some((column, map.columns.get(column.name.as_str())?)))
        .map(|(column, value)| CompiledColumn {
            column,
            file_column: value.sources().next().unwrap_or_default().to_owned(),
            lenient: value.unreadable_is_missing,
            cases: value.cases.iter().map(|case| compiled_case(case, &at)).collect(),
            levels: value
                .levels
                .as_ref()
                .map(|levels| levels.iter().map(|(raw, word)| (raw.as_str(), word.as_str())).collect()),
            missing,
            factor: value.factor(column).unwrap_or(1.0),
            unit: value.unit.as_deref().filter(|unit| *unit != column.unit()),
            date: value.date,
        })
        .collect();
    Ok(Plan {
        columns,
        measured: map.measured.as_ref().map(|measured| day(&measured.column, measured.date)),
        decided: decision.map(|(name, date)| day(name, date)),
        unmapped: header.iter().filter(|name| !used.contains(&name.as_str())).cloned().collect(),
    })
}

fn compiled_case<'a>(case: &'a Case, at: &impl Fn(&str) -> usize) -> CompiledCase<'a> {
    let gives = match (&case.from, &case.value) {
        (Some(name), _) => Gives::Column(at(name), name),
        (None, Some(value)) => Gives::Canonical(value),
        (None, None) => {
            let first = case.earliest.first().map_or("", String::as_str);
            Gives::Earliest(case.earliest.iter().map(|name| at(name)).collect(), first)
        }
    };
    CompiledCase {
        when: case.when.iter().map(|(name, texts)| (at(name), texts.as_slice())).collect(),
        given: case.given.iter().map(|name| at(name)).collect(),
        gives,
    }
}

/// The unit that a header names in brackets: `Tumor Size (cm)`.
fn unit_in(header: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 8] = [
        ("cm", "cm"),
        ("mm", "mm"),
        ("days", "days"),
        ("weeks", "weeks"),
        ("months", "months"),
        ("years", "years"),
        ("%", "%"),
        ("kg", "kg"),
    ];
    header.split(['(', '[']).skip(1).find_map(|rest| {
        let inside = rest.split([')', ']']).next()?.trim().to_lowercase();
        WORDS.iter().find(|(word, _)| *word == inside).map(|(_, unit)| *unit)
    })
}

fn cell(block: &TextTable, index: usize, record: usize) -> &str {
    block.column(index).map_or("", |column| column.get(record)).trim()
}

impl<'a> CompiledColumn<'a> {
    /// The first case that applies and is not missing.
    fn raw(&self, block: &'a TextTable, record: usize) -> Result<Option<Raw<'a>>, Broken> {
        for case in &self.cases {
            let recorded = |index: &usize| !self.missing.is(cell(block, *index, record));
            let equal =
                |(index, texts): &(usize, &[String])| texts.iter().any(|text| text == cell(block, *index, record));
            if !case.when.iter().all(equal) || !case.given.iter().all(recorded) {
                continue;
            }
            match &case.gives {
                Gives::Canonical(value) => return Ok(Some(Raw::Canonical(value))),
                Gives::Column(index, name) => {
                    let text = cell(block, *index, record);
                    if !self.missing.is(text) {
                        return Ok(Some(Raw::Text(text, name)));
                    }
                }
                Gives::Earliest(columns, name) => {
                    let mut least: Option<(f64, &str)> = None;
                    for &index in columns {
                        let text = cell(block, index, record);
                        if self.missing.is(text) {
                            continue;
                        }
                        let number = text.parse::<f64>().map_err(|_| self.broken(text, name))?;
                        if least.is_none_or(|(known, _)| number < known) {
                            least = Some((number, text));
                        }
                    }
                    if let Some((_, text)) = least {
                        return Ok(Some(Raw::Text(text, name)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The text after the declared levels.
    fn text(&self, block: &'a TextTable, record: usize) -> Result<Option<Found<'a>>, Broken> {
        match self.raw(block, record)? {
            None => Ok(None),
            Some(Raw::Canonical(value)) => Ok(Some(Found { text: value, name: None, raw: value })),
            Some(Raw::Text(raw, name)) => match &self.levels {
                None => Ok(Some(Found { text: raw, name: Some(name), raw })),
                Some(levels) => match levels.get(raw) {
                    Some(&"") => Ok(None),
                    Some(word) => Ok(Some(Found { text: word, name: Some(name), raw })),
                    None => {
                        let mut known: Vec<&str> = levels.keys().copied().collect();
                        known.sort_unstable();
                        Err(Broken { rule: format!("one of {}", known.join(", ")), ..self.broken(raw, name) })
                    }
                },
            },
        }
    }

    fn broken(&self, raw: &str, name: &str) -> Broken {
        let found = if raw.is_empty() { "an empty field".to_owned() } else { format!("`{raw}`") };
        let rule = match self.unit {
            Some(unit) => format!("{}, written in {unit}", self.column.rule()),
            None => self.column.rule(),
        };
        Broken { column: name.to_owned(), rule, found }
    }

    pub(super) fn number(&self, block: &'a TextTable, record: usize) -> Result<Option<f64>, Broken> {
        let Some(Found { text, name, raw }) = self.text(block, record)? else { return Ok(None) };
        let broken = || self.broken(raw, name.unwrap_or(&self.file_column));
        let number = match self.date {
            Some(order) => order.parse(text).map(|day| day as f64).map_err(|rule| Broken { rule, ..broken() })?,
            None => {
                let factor = if name.is_some() { self.factor } else { 1.0 };
                text.parse::<f64>().map_err(|_| broken())? * factor
            }
        };
        if self.column.accepts(number) { Ok(Some(number)) } else { Err(broken()) }
    }

    pub(super) fn boolean(&self, block: &'a TextTable, record: usize) -> Result<Option<bool>, Broken> {
        let Some(Found { text, name, raw }) = self.text(block, record)? else { return Ok(None) };
        match text {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(self.broken(raw, name.unwrap_or(&self.file_column))),
        }
    }

    pub(super) fn word(&self, block: &'a TextTable, record: usize) -> Result<Option<&'a str>, Broken> {
        let Some(Found { text, name, raw }) = self.text(block, record)? else { return Ok(None) };
        let known = match &self.column.kind {
            Kind::Level { levels } => levels.iter().any(|level| level == text),
            _ => self.column.parse(text).is_ok(),
        };
        if known { Ok(Some(text)) } else { Err(self.broken(raw, name.unwrap_or(&self.file_column))) }
    }
}

impl DayColumn {
    /// The day of one record; `None` when it is not recorded.
    pub(super) fn read(&self, block: &TextTable, record: usize) -> Result<Option<f64>, Broken> {
        let text = cell(block, self.index, record);
        if self.missing.iter().any(|missing| missing == text) {
            return Ok(None);
        }
        let day = match self.date {
            Some(order) => order.parse(text).map(|day| day as f64),
            None => text.parse::<f64>().ok().filter(|day| day.is_finite()).ok_or_else(|| "a number of days".to_owned()),
        };
        day.map(Some).map_err(|rule| Broken { column: self.name.clone(), rule, found: format!("`{text}`") })
    }
}
