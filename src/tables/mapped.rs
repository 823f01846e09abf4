use std::collections::HashMap;
use std::path::Path;

use polars::prelude::{Column as FrameColumn, DataFrame, NamedFrom, Series};

use super::{Delimited, Error, read_delimited};
use crate::schema::{Column, Dictionary, FileMap, Kind, Value, ValueMap, Violation};
use crate::terms::PatientId;

/// One file of a cohort, read and checked: `patient_id`, `visit` and the mapped columns.
#[derive(Debug, Clone)]
pub struct MappedTable {
    /// Id of the file in the definition.
    pub id: String,
    /// Path relative to the data folder.
    pub path: String,
    /// One row per accepted record.
    pub frame: DataFrame,
    /// Line in the file of each row of `frame`.
    pub lines: Vec<usize>,
    /// Every broken rule; the rows concerned are not in `frame`.
    pub violations: Vec<Violation>,
    /// Columns of the file that the definition does not map.
    pub unmapped: Vec<String>,
}

/// Reads one file of a cohort by its mapping.
///
/// Returns `None` when an optional file is absent. Rows that break a rule are left out of the frame and listed
/// in `violations`, so that the caller chooses between refusing the file and going on without them.
///
/// # Errors
/// [`Error::Read`] for an absent required file, [`Error::Violations`] when the file's shape or header is broken.
pub fn read_mapped(map: &FileMap, namespace: &str, data: &Path) -> Result<Option<MappedTable>, Error> {
    let path = data.join(&map.path);
    if !map.required && !path.exists() {
        return Ok(None);
    }
    let text = read_delimited(&path, &map.path, map.separator)?;
    let needed = [
        Some(&map.patient.column),
        map.visit.as_ref().map(|visit| &visit.0),
        map.only.as_ref().map(|only| &only.column),
    ];
    let absent: Vec<Violation> = needed
        .into_iter()
        .flatten()
        .chain(map.columns.values().map(|value| &value.from))
        .filter(|name| text.position(name).is_none())
        .map(|name| Violation {
            file: map.path.clone(),
            row: 1,
            column: name.clone(),
            rule: "this column in the header".into(),
            found: "no such column".into(),
        })
        .collect();
    if !absent.is_empty() {
        return Err(Error::Violations(absent));
    }
    Ok(Some(Reading { map, text: &text }.run(namespace)?))
}

/// One pass over the text of a file whose needed columns are all there.
struct Reading<'a> {
    map: &'a FileMap,
    text: &'a Delimited,
}

impl Reading<'_> {
    fn cell(&self, column: &str, record: usize) -> &str {
        self.text.position(column).and_then(|at| self.text.cells.get(at)?.get(record)).map_or("", String::as_str)
    }

    fn violation(&self, record: usize, column: &str, rule: String, found: String) -> Violation {
        let row = self.text.lines.get(record).copied().unwrap_or(0);
        Violation { file: self.map.path.clone(), row, column: column.to_owned(), rule, found }
    }

    fn run(&self, namespace: &str) -> Result<MappedTable, Error> {
        let mut violations = Vec::new();
        let (records, patients, visits) = self.keys(namespace, &mut violations);
        let mut keep = vec![true; records.len()];
        let mut columns: Vec<(&Column, Vec<Option<Value>>)> = Vec::new();
        let mapped = Dictionary::compiled()
            .columns()
            .filter_map(|(_, column)| Some((column, self.map.columns.get(column.name.as_str())?)));
        for (column, source) in mapped {
            let mut values = Vec::with_capacity(records.len());
            for (row, &record) in records.iter().enumerate() {
                match self.value(column, source, record) {
                    Ok(value) => values.push(value),
                    Err(violation) => {
                        violations.push(violation);
                        keep[row] = false;
                        values.push(None);
                    }
                }
            }
            columns.push((column, values));
        }
        let kept: Vec<usize> = (0..records.len()).filter(|&row| keep[row]).collect();
        let mut frame = vec![
            text_column("patient_id", kept.iter().map(|&row| Some(patients[row].clone()))),
            text_column("visit", kept.iter().map(|&row| Some(visits[row].clone()))),
        ];
        frame.extend(columns.iter().map(|(column, values)| typed_column(column, &kept, values)));
        violations.sort_by(|a, b| (a.row, &a.column).cmp(&(b.row, &b.column)));
        let used: Vec<&str> = self
            .map
            .columns
            .values()
            .map(|value| value.from.as_str())
            .chain([self.map.patient.column.as_str()])
            .chain(self.map.visit.iter().map(|visit| visit.0.as_str()))
            .chain(self.map.only.iter().map(|only| only.column.as_str()))
            .collect();
        Ok(MappedTable {
            id: self.map.id.clone(),
            path: self.map.path.clone(),
            frame: DataFrame::new(kept.len(), frame)?,
            lines: kept.iter().map(|&row| self.text.lines.get(records[row]).copied().unwrap_or(0)).collect(),
            violations,
            unmapped: self.text.header.iter().filter(|name| !used.contains(&name.as_str())).cloned().collect(),
        })
    }

    /// Records of this cohort with their canonical patient id and visit; broken or repeated keys are violations.
    fn keys(&self, namespace: &str, violations: &mut Vec<Violation>) -> (Vec<usize>, Vec<String>, Vec<String>) {
        let (mut records, mut patients, mut visits) = (Vec::new(), Vec::new(), Vec::new());
        let mut first_line: HashMap<(String, String), usize> = HashMap::new();
        for record in 0..self.text.lines.len() {
            if let Some(only) = &self.map.only
                && !only.equals.iter().any(|text| text == self.cell(&only.column, record).trim())
            {
                continue;
            }
            let key = &self.map.patient;
            let raw = self.cell(&key.column, record).trim();
            let id = key.pattern.captures(raw).and_then(|found| found.get(1)).map(|group| group.as_str());
            let Some(patient) = id.and_then(|id| PatientId::new(namespace, id).ok()) else {
                let rule = format!("a patient id that matches {}", key.pattern);
                violations.push(self.violation(record, &key.column, rule, "another text".into()));
                continue;
            };
            let visit = match &self.map.visit {
                Some(visit) => self.cell(&visit.0, record).trim().to_owned(),
                None => "baseline".to_owned(),
            };
            let line = self.text.lines.get(record).copied().unwrap_or(0);
            match first_line.insert((patient.expose().to_owned(), visit.clone()), line) {
                None => {
                    records.push(record);
                    patients.push(patient.expose().to_owned());
                    visits.push(visit);
                }
                Some(first) => violations.push(self.violation(
                    record,
                    &key.column,
                    "each patient once per visit".into(),
                    format!("the patient of row {first} again"),
                )),
            }
        }
        (records, patients, visits)
    }

    fn value(&self, column: &Column, source: &ValueMap, record: usize) -> Result<Option<Value>, Violation> {
        let raw = self.cell(&source.from, record).trim();
        if self.map.missing.iter().any(|missing| missing == raw) {
            return Ok(None);
        }
        let broken = |rule: String| {
            let found = if raw.is_empty() { "an empty field".to_owned() } else { format!("`{raw}`") };
            self.violation(record, &source.from, rule, found)
        };
        let text = match &source.levels {
            Some(levels) => match levels.get(raw) {
                Some(canonical) => canonical.as_str(),
                None => {
                    let known: Vec<&str> = levels.keys().map(String::as_str).collect();
                    return Err(broken(format!("one of {}", known.join(", "))));
                }
            },
            None => raw,
        };
        column.parse(text).map(Some).map_err(broken)
    }
}

fn text_column(name: &str, values: impl Iterator<Item = Option<String>>) -> FrameColumn {
    Series::new(name.into(), values.collect::<Vec<_>>()).into()
}

fn typed_column(column: &Column, kept: &[usize], values: &[Option<Value>]) -> FrameColumn {
    let chosen = kept.iter().map(|&row| values.get(row).and_then(Option::as_ref));
    match column.kind {
        Kind::Number { .. } => {
            let numbers: Vec<Option<f64>> = chosen
                .map(|value| if let Some(Value::Number(number)) = value { Some(*number) } else { None })
                .collect();
            Series::new(column.name.as_str().into(), numbers).into()
        }
        Kind::Boolean { .. } => {
            let flags: Vec<Option<bool>> =
                chosen.map(|value| if let Some(Value::Boolean(flag)) = value { Some(*flag) } else { None }).collect();
            Series::new(column.name.as_str().into(), flags).into()
        }
        Kind::Level { .. } => {
            let words =
                chosen.map(|value| if let Some(Value::Level(word)) = value { Some(word.clone()) } else { None });
            text_column(&column.name, words)
        }
    }
}
