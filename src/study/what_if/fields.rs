use std::collections::BTreeSet;

use polars::prelude::DataFrame;

use super::summary::Summary;
use super::{FieldKind, WhatIfField};
use crate::schema::{Column, Dictionary, Kind, Known, TableSchema, Value};
use crate::study::assess::checked_value;
use crate::study::record::record_columns;
use crate::study::survival_baseline::EXPRESSION_COLUMNS;
use crate::study::{Error, FusedTable, ResponseModel};

/// Tables whose columns are never inputs: what was done, and what came of it.
const NEVER: [&str; 2] = ["treatment", "outcome"];

/// The inputs that may be changed in a row, in the order of the dictionary.
///
/// Every column that a model or the clinical record reads, if the dictionary says that it is neither a treatment, nor an
/// outcome, nor administrative; a summary of columns on record (the hormone receptor of ER and PR) is left out, as it follows
/// from them.
///
/// # Errors
/// [`Error::Table`] never in practice: the table has one row.
pub(in crate::study) fn fields(models: &[ResponseModel], table: &FusedTable) -> Result<Vec<WhatIfField>, Error> {
    let read = read_columns(models);
    let frame = &table.frame;
    let offered = Dictionary::compiled().columns().filter(|(schema, column)| {
        let follows = Summary::of(&column.name).is_some_and(|summary| summary.has_parts(frame));
        may_change(schema, column, &read) && !follows
    });
    Ok(offered
        .filter_map(|(schema, column)| {
            Some(WhatIfField {
                column: column.name.clone(),
                label: column.label.clone(),
                table: schema.name.clone(),
                kind: kind(column)?,
                current: value(frame, &column.name).map(|value| exact(&value)),
                in_cohort: frame.column(&column.name).is_ok(),
            })
        })
        .collect())
}

/// Every column that a model, the survival baseline or the clinical record reads.
pub(super) fn read_columns(models: &[ResponseModel]) -> BTreeSet<&str> {
    let of_models = models.iter().flat_map(|model| model.design.sources());
    of_models.chain(record_columns().iter().copied()).chain(EXPRESSION_COLUMNS).collect()
}

/// True for an input of the person or her tumour.
pub(super) fn may_change(schema: &TableSchema, column: &Column, read: &BTreeSet<&str>) -> bool {
    let known = column.known.unwrap_or(schema.known);
    read.contains(column.name.as_str())
        && !NEVER.contains(&schema.name.as_str())
        && known != Known::Administrative
        && !matches!(column.kind, Kind::Text { .. })
}

fn kind(column: &Column) -> Option<FieldKind> {
    Some(match &column.kind {
        Kind::Number { min, max, unit } => FieldKind::Number { unit: unit.clone(), min: *min, max: *max },
        Kind::Boolean { true_label, false_label } => FieldKind::Choice {
            levels: vec![("true".to_owned(), true_label.clone()), ("false".to_owned(), false_label.clone())],
        },
        Kind::Level { levels } => {
            FieldKind::Choice { levels: levels.iter().map(|level| (level.clone(), level.replace('_', " "))).collect() }
        }
        Kind::Text { .. } => return None,
    })
}

/// The value of the one row of a frame; `None` where it is missing or there is no such column.
pub(super) fn value(frame: &DataFrame, column: &str) -> Option<Value> {
    checked_value(&frame.column(column).ok()?.get(0).ok()?)
}

/// A value as text that reads back as the same value, to the last bit.
pub(super) fn exact(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Level(level) => level.clone(),
    }
}
