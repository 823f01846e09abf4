//! PREDICT Breast for every row of a table.

use std::collections::HashMap;
use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType, NamedFrom, Series};
use rayon::prelude::*;

use super::Error;
pub use crate::decide::predict_breast::Version as PredictVersion;
use crate::decide::predict_breast::{Chosen, Detection, Generation, OPTION_COLUMNS, PredictInputs, survival};
use crate::schema::Violation;
use crate::tables::{self, Layout, read_delimited, read_table, write_table};

/// The input columns of PREDICT's tables, with what each accepts.
const INPUTS: [(&str, &str); 16] = [
    ("age", "a number above 24 to 120 years"),
    ("screen", "0 (symptoms), 1 (screening) or 2 (unknown)"),
    ("size", "a number above 0 to 500 mm"),
    ("grade", "1, 2, 3 or 9 (unknown)"),
    ("nodes", "a number from 0 to 100"),
    ("er", "0 or 1"),
    ("her2", "0, 1 or 9 (unknown)"),
    ("ki67", "0, 1 or 9 (unknown)"),
    ("pr", "0, 1 or 9 (unknown)"),
    ("gen", "0 (no chemotherapy), 2 or 3"),
    ("horm", "0 or 1"),
    ("traz", "0 or 1"),
    ("bis", "0 or 1"),
    ("radio", "0 or 1"),
    ("gy", "a number from 0 to 50 Gy"),
    ("smoker", "0 (never or former) or 1 (now)"),
];
/// The result columns: survival at 5, 10 and 15 years, deaths of breast cancer and of other causes.
const RESULTS: [&str; 6] = ["os5", "os10", "os15", "br10", "ot10", "br15"];

fn accepts(column: &str, value: f64) -> bool {
    let one_of = |codes: &[f64]| codes.contains(&value);
    match column {
        "age" => value > 24.0 && value <= 120.0,
        "size" => value > 0.0 && value <= 500.0,
        "nodes" => (0.0..=100.0).contains(&value),
        "gy" => (0.0..=50.0).contains(&value),
        "screen" => one_of(&[0.0, 1.0, 2.0]),
        "grade" => one_of(&[1.0, 2.0, 3.0, 9.0]),
        "gen" => one_of(&[0.0, 2.0, 3.0]),
        "her2" | "ki67" | "pr" => one_of(&[0.0, 1.0, 9.0]),
        _ => one_of(&[0.0, 1.0]),
    }
}

/// Reads the 16 input columns of PREDICT's tables, computes every option column and writes one line per row and option.
///
/// Output: the inputs, `v` (31, 32 or 3210), `col` (the option column), then fractions: `os5`, `os10`, `os15` alive,
/// `br10`, `br15` dead of breast cancer, `ot10` of other causes; `NA` in text files, null in others, where the landmark
/// variant's curves end before. Returns the number of rows read.
///
/// # Errors
/// [`tables::Error::MissingColumn`]; [`tables::Error::Violations`] with every value that breaks a rule; what reading
/// and writing refuse.
pub fn predict_breast(data: &Path, version: PredictVersion, out: &Path) -> Result<usize, Error> {
    let (frame, _) = read_table(data)?;
    let inputs = checked_inputs(&frame, data)?;
    let n_rows = frame.height();
    let results: Vec<[Option<f64>; 6]> = (0..n_rows)
        .into_par_iter()
        .flat_map_iter(|row| {
            let values: Vec<f64> = inputs.iter().filter_map(|column| column.get(row).copied()).collect();
            let (woman, chosen) = read_row(&values);
            OPTION_COLUMNS.into_iter().map(move |option| {
                let fates = survival(&woman, version, &chosen.under(option));
                let last = fates.years.last().copied().unwrap_or(0.0);
                let at = |curve: &[f64], year: f64| (year <= last).then(|| fates.at(curve, 0.0, year));
                [
                    at(&fates.alive, 5.0),
                    at(&fates.alive, 10.0),
                    at(&fates.alive, 15.0),
                    at(&fates.breast_death, 10.0),
                    at(&fates.other_death, 10.0),
                    at(&fates.breast_death, 15.0),
                ]
            })
        })
        .collect();
    write_table(out, &mut to_frame(&inputs, version, &results, is_text(out))?, &HashMap::new())?;
    Ok(n_rows)
}

fn is_text(path: &Path) -> bool {
    matches!(path.extension().and_then(|extension| extension.to_str()), Some("csv" | "tsv"))
}

fn to_frame(
    inputs: &[Vec<f64>],
    version: PredictVersion,
    results: &[[Option<f64>; 6]],
    as_text: bool,
) -> Result<DataFrame, Error> {
    let n_options = OPTION_COLUMNS.len();
    let mut columns: Vec<Column> = Vec::new();
    for ((name, _), values) in INPUTS.iter().zip(inputs) {
        let repeated: Vec<f64> = values.iter().flat_map(|&value| std::iter::repeat_n(value, n_options)).collect();
        columns.push(Series::new((*name).into(), repeated).into());
    }
    columns.push(Series::new("v".into(), vec![version.code(); results.len()]).into());
    let options: Vec<&str> = OPTION_COLUMNS.iter().copied().cycle().take(results.len()).collect();
    columns.push(Series::new("col".into(), options).into());
    for (at, name) in RESULTS.iter().enumerate() {
        let values: Vec<Option<f64>> = results.iter().map(|row| row.get(at).copied().flatten()).collect();
        let empty = values.iter().any(Option::is_none);
        columns.push(if as_text && empty {
            let words: Vec<String> =
                values.iter().map(|value| value.map_or_else(|| "NA".to_owned(), |number| number.to_string())).collect();
            Series::new((*name).into(), words).into()
        } else {
            Series::new((*name).into(), values).into()
        });
    }
    Ok(DataFrame::new(results.len(), columns).map_err(tables::Error::from)?)
}

/// The input columns as numbers, or every value that is none or breaks its rule.
fn checked_inputs(frame: &DataFrame, path: &Path) -> Result<Vec<Vec<f64>>, Error> {
    let label = path.display().to_string();
    let mut violations = Vec::new();
    let mut inputs = Vec::new();
    for (name, rule) in INPUTS {
        let Ok(column) = frame.column(name) else {
            violations.push(Violation {
                file: label.clone(),
                row: 0,
                column: name.to_owned(),
                rule: format!("a column with {rule}"),
                found: "no such column".to_owned(),
            });
            continue;
        };
        let cells = cells(column)?;
        let mut broken = |row: usize, found: String| {
            violations.push(Violation {
                file: label.clone(),
                row,
                column: name.to_owned(),
                rule: rule.to_owned(),
                found,
            });
        };
        let mut values = Vec::with_capacity(cells.len());
        for (row, cell) in cells.into_iter().enumerate() {
            match cell {
                Ok(value) if accepts(name, value) => values.push(value),
                Ok(value) => broken(row + 1, format!("`{value}`")),
                Err(found) => broken(row + 1, found),
            }
        }
        inputs.push(values);
    }
    if violations.is_empty() {
        return Ok(inputs);
    }
    let lines = lines_of(path);
    for violation in &mut violations {
        if let Some(line) = violation.row.checked_sub(1).and_then(|row| lines.get(row)) {
            violation.row = *line;
        }
    }
    Err(tables::Error::Violations(violations).into())
}

/// Each cell as a number, else what is there.
fn cells(column: &Column) -> Result<Vec<Result<f64, String>>, Error> {
    let missing = || "no value".to_owned();
    if *column.dtype() == DataType::String {
        let text = column.str().map_err(tables::Error::from)?;
        let read = |cell: Option<&str>| match cell.map(str::trim) {
            None | Some("" | "NA") => Err(missing()),
            Some(cell) => cell.parse().map_err(|_| format!("`{}`", cell.chars().take(40).collect::<String>())),
        };
        return Ok(text.iter().map(read).collect());
    }
    let numbers = column.cast(&DataType::Float64).map_err(tables::Error::from)?;
    let numbers = numbers.f64().map_err(tables::Error::from)?;
    Ok(numbers.iter().map(|cell| cell.ok_or_else(missing)).collect())
}

/// Line of each record of a text file; empty for other formats, whose rows are counted from 1.
fn lines_of(path: &Path) -> Vec<usize> {
    let separator = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => ',',
        Some("tsv") => '\t',
        _ => return Vec::new(),
    };
    read_delimited(path, "", &Layout::plain(separator)).map(|text| text.lines).unwrap_or_default()
}

/// One row of checked values in the order of [`INPUTS`].
fn read_row(values: &[f64]) -> (PredictInputs, Chosen) {
    let value = |at: usize| values.get(at).copied().unwrap_or(0.0);
    let is = |at: usize| value(at) == 1.0;
    let known = |at: usize| (value(at) != 9.0).then(|| is(at));
    let woman = PredictInputs {
        age_years: value(0),
        detection: match value(1) {
            0.0 => Detection::Symptoms,
            1.0 => Detection::Screening,
            _ => Detection::Unknown,
        },
        tumour_size_mm: value(2),
        grade: (value(3) != 9.0).then_some(value(3) as u8),
        nodes_positive: value(4),
        er_positive: is(5),
        her2_positive: known(6),
        ki67_positive: known(7),
        pr_positive: known(8),
        heart_dose_gy: value(14),
        current_smoker: is(15),
    };
    let chosen = Chosen {
        generation: match value(9) {
            2.0 => Some(Generation::Second),
            3.0 => Some(Generation::Third),
            _ => None,
        },
        endocrine: is(10),
        trastuzumab: is(11),
        bisphosphonate: is(12),
        radiotherapy: is(13),
    };
    (woman, chosen)
}
