use std::collections::BTreeSet;

use polars::prelude::{DataFrame, NamedFrom, Series};

use super::fields::{may_change, read_columns, value};
use super::summary::{SUMMARIES, Summary};
use super::{Change, ChangedInput, Hypothetical, RefusedChange};
use crate::schema::{Column, Dictionary, Kind, Value};
use crate::study::{Error, FusedTable, ResponseModel, clinical_records};

/// Longest part of a refused value that is shown.
const SHOWN: usize = 40;

/// A changed row with what was changed.
#[derive(Debug)]
pub(in crate::study) struct Changed {
    pub(in crate::study) table: FusedTable,
    pub(in crate::study) hypothetical: Hypothetical,
}

/// A change whose value follows the rule of its column.
struct Checked {
    column: &'static Column,
    value: Option<Value>,
}

/// The one row of `table` with `changes`, or every change that breaks a rule.
///
/// A change to the value on record is none. Columns that sum up changed ones follow them.
///
/// # Errors
/// [`Error::Table`] when polars refuses a column, [`Error::Column`] for a column of the wrong type.
pub(in crate::study) fn change(
    models: &[ResponseModel],
    table: FusedTable,
    changes: &[Change],
) -> Result<Result<Changed, Vec<RefusedChange>>, Error> {
    let (asked, mut refused) = check(&read_columns(models), changes);
    let mut row = Row { before: table.frame.clone(), table, changes: Vec::new() };
    let (summaries, plain): (Vec<Checked>, Vec<Checked>) =
        asked.into_iter().partition(|asked| Summary::of(&asked.column.name).is_some());
    for asked in plain {
        row.set(asked.column, asked.value, false)?;
    }
    for summary in SUMMARIES {
        let asked = summaries.iter().find(|asked| asked.column.name == summary.column);
        if let Some(refusal) = row.follow(summary, asked)? {
            refused.push(refusal);
        }
    }
    if !refused.is_empty() {
        return Ok(Err(refused));
    }
    Ok(Ok(Changed { table: row.table, hypothetical: Hypothetical { changes: row.changes } }))
}

/// Reads every change by the rule of its column.
fn check(read: &BTreeSet<&str>, changes: &[Change]) -> (Vec<Checked>, Vec<RefusedChange>) {
    let (mut checked, mut refused) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for change in changes {
        let mut refuse = |expected: String, found: String| {
            refused.push(RefusedChange { column: shortened(&change.column), expected, found });
        };
        let found = || change.value.as_deref().map_or_else(|| "not given".to_owned(), quoted);
        if !seen.insert(&change.column) {
            refuse("one change of each column".to_owned(), "a second one".to_owned());
            continue;
        }
        let known = Dictionary::compiled().columns().find(|(_, column)| column.name == change.column);
        let Some((schema, column)) = known else {
            refuse("a column of the table schemas".to_owned(), "no such column".to_owned());
            continue;
        };
        if !may_change(schema, column, read) {
            let what = "a column of the person or the tumour that a model or the clinical record reads; not a treatment, an outcome or an administrative column";
            refuse(what.to_owned(), format!("a column of the table {}", schema.name));
            continue;
        }
        match change.value.as_deref().map(|text| column.parse(text)).transpose() {
            Ok(value) => checked.push(Checked { column, value }),
            Err(rule) => refuse(rule, found()),
        }
    }
    (checked, refused)
}

fn quoted(text: &str) -> String {
    format!("`{}`", shortened(text))
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// The row on its way.
struct Row {
    before: DataFrame,
    table: FusedTable,
    changes: Vec<ChangedInput>,
}

impl Row {
    /// Sets a column and notes the change if it differs from the record.
    fn set(&mut self, column: &Column, to: Option<Value>, follows: bool) -> Result<(), Error> {
        let from = value(&self.before, &column.name);
        if to == value(&self.table.frame, &column.name) {
            return Ok(());
        }
        self.write(column, to.as_ref())?;
        let shown = |value: Option<Value>| value.map(|value| column.display(&value));
        self.changes.push(ChangedInput {
            column: column.name.clone(),
            label: column.label.clone(),
            unit: if column.unit() == "score" { String::new() } else { column.unit().to_owned() },
            from: shown(from),
            to: shown(to),
            follows,
        });
        Ok(())
    }

    fn write(&mut self, column: &Column, to: Option<&Value>) -> Result<(), Error> {
        let name = column.name.as_str().into();
        let cells = match (&column.kind, to) {
            (Kind::Number { .. }, Some(Value::Number(number))) => Series::new(name, vec![Some(*number)]),
            (Kind::Number { .. }, _) => Series::new(name, vec![None::<f64>]),
            (Kind::Boolean { .. }, Some(Value::Boolean(flag))) => Series::new(name, vec![Some(*flag)]),
            (Kind::Boolean { .. }, _) => Series::new(name, vec![None::<bool>]),
            (_, Some(Value::Level(level))) => Series::new(name, vec![Some(level.as_str())]),
            _ => Series::new(name, vec![None::<&str>]),
        };
        self.table.frame.with_column(cells.into()).map_err(crate::tables::Error::from)?;
        Ok(())
    }

    /// Brings a summary into line with its parts; the refusal of a change that contradicts them.
    fn follow(&mut self, summary: Summary, asked: Option<&Checked>) -> Result<Option<RefusedChange>, Error> {
        let Some(column) = Dictionary::compiled().column(summary.column) else { return Ok(None) };
        let moved = self.changes.iter().any(|change| summary.parts.contains(&change.column.as_str()));
        let asked = asked.filter(|asked| asked.value != value(&self.before, summary.column));
        if !moved && asked.is_none() {
            return Ok(None);
        }
        if !summary.has_parts(&self.table.frame) {
            let to = asked.and_then(|asked| asked.value.clone());
            self.follow_to(column, to, asked.is_none())?;
            return Ok(None);
        }
        let on_record = value(&self.table.frame, summary.column);
        self.write(column, None)?;
        let derived = clinical_records(&self.table)?.first().and_then(|record| summary.value(record));
        self.write(column, on_record.as_ref())?;
        if let Some(asked) = asked.filter(|asked| asked.value != derived) {
            let words = |value: &Option<Value>| {
                value.as_ref().map_or_else(|| "not given".to_owned(), |value| format!("`{}`", column.display(value)))
            };
            return Ok(Some(RefusedChange {
                column: column.name.clone(),
                expected: format!("{}, which follows from {}", words(&derived), summary.parts.join(", ")),
                found: words(&asked.value),
            }));
        }
        self.follow_to(column, derived, asked.is_none())?;
        Ok(None)
    }

    /// Sets a summary; one that only follows stays absent where the cohort has no such column.
    fn follow_to(&mut self, column: &Column, to: Option<Value>, follows: bool) -> Result<(), Error> {
        if follows && self.before.column(&column.name).is_err() {
            self.table.frame = self.table.frame.drop(&column.name).unwrap_or_else(|_| self.table.frame.clone());
            return Ok(());
        }
        self.set(column, to, follows)
    }
}
