use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataFrame, DataType};
use serde::Serialize;

use crate::study::Error;
use crate::tables::{self, Layout, read_delimited, read_table};

/// Rows of the table, and how many of them the estimate rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowCount {
    /// Rows of the table.
    pub read: usize,
    /// Rows used.
    pub used: usize,
    /// Rows left out because a column used has no value there.
    pub left_out: usize,
    /// Rows without a value, for each column used that has any.
    pub missing: BTreeMap<String, usize>,
}

/// What a number has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Finite,
    Time,
    Weight,
    Probability,
}

impl Rule {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Finite => value.is_finite(),
            Self::Time => value.is_finite() && value >= 0.0,
            Self::Weight => value.is_finite() && value > 0.0,
            Self::Probability => (0.0..=1.0).contains(&value),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Finite => "a finite number",
            Self::Time => "a time of at least 0",
            Self::Weight => "a weight above 0",
            Self::Probability => "a probability from 0 to 1",
        }
    }
}

/// A value that names a group; sorted by number, then by text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Level {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl Level {
    pub(super) fn label(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            _ => self.label().cmp(&other.label()),
        }
    }
}

/// The distinct levels of a column in sorted order, and each row's position among them.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) codes: Vec<usize>,
    pub(super) names: Vec<String>,
}

impl Levels {
    pub(super) fn of(cells: &[Level]) -> Self {
        let mut distinct: Vec<&Level> = cells.iter().collect();
        distinct.sort_by(|a, b| a.order(b));
        distinct.dedup();
        let code = |cell: &Level| distinct.partition_point(|known| known.order(cell).is_lt());
        Self { codes: cells.iter().map(code).collect(), names: distinct.iter().map(|level| level.label()).collect() }
    }

    /// One group that holds all `n` rows.
    pub(super) fn one(n: usize) -> Self {
        Self { codes: vec![0; n], names: vec!["all".to_owned()] }
    }

    /// The rows of one level.
    pub(super) fn rows(&self, level: usize) -> Vec<usize> {
        self.codes.iter().enumerate().filter(|&(_, &code)| code == level).map(|(row, _)| row).collect()
    }

    /// The codes as `stats` takes them.
    pub(super) fn small_codes(&self) -> Vec<u32> {
        self.codes.iter().map(|&code| u32::try_from(code).unwrap_or(u32::MAX)).collect()
    }
}

/// One column, a missing value being `None`.
#[derive(Debug, Clone)]
pub(super) struct Cells<T> {
    pub(super) name: String,
    pub(super) cells: Vec<Option<T>>,
}

/// What [`Complete`] needs to know of a column.
pub(super) trait Presence {
    fn name(&self) -> &str;
    fn is_present(&self, row: usize) -> bool;
}

impl<T> Presence for Cells<T> {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_present(&self, row: usize) -> bool {
        self.cells.get(row).is_some_and(Option::is_some)
    }
}

/// A table from outside, read column by column.
pub(super) struct Table {
    path: PathBuf,
    frame: DataFrame,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), frame: read_table(path)?.0 })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.frame.height()
    }

    fn column(&self, name: &str) -> Result<&Column, Error> {
        self.frame.column(name).map_err(|_| {
            let names: Vec<String> = self.frame.get_column_names().iter().map(|name| format!("`{name}`")).collect();
            let found = format!("the columns {}", names.join(", "));
            tables::Error::MissingColumn { path: self.path.clone(), column: name.to_owned(), found }.into()
        })
    }

    /// Numbers; booleans count as 0 and 1 where the rule is only that they be finite.
    pub(super) fn numbers(&self, name: &str, rule: Rule) -> Result<Cells<f64>, Error> {
        let column = self.column(name)?;
        let cells = match column.dtype() {
            DataType::String => self.parsed(name, column, rule)?,
            DataType::Boolean if rule == Rule::Finite => {
                let flags = column.bool().map_err(tables::Error::from)?;
                flags.iter().map(|flag| flag.map(|flag| f64::from(u8::from(flag)))).collect()
            }
            kind if kind.is_primitive_numeric() || *kind == DataType::Null => as_numbers(column)?,
            _ => return Err(self.wrong_type(column, name, "number")),
        };
        match cells.iter().position(|cell| cell.is_some_and(|value| !rule.holds(value))) {
            Some(row) => {
                let found = cells[row].map_or_else(String::new, |value| value.to_string());
                Err(self.cell(name, row, rule.expected(), &found))
            }
            None => Ok(Cells { name: name.to_owned(), cells }),
        }
    }

    /// Text in which every value reads as a number, or the first that does not as an error.
    fn parsed(&self, name: &str, column: &Column, rule: Rule) -> Result<Vec<Option<f64>>, Error> {
        let text = column.str().map_err(tables::Error::from)?;
        let read = |(row, cell): (usize, Option<&str>)| match cell.map(str::trim) {
            None | Some("") => Ok(None),
            Some(cell) => cell.parse().map(Some).map_err(|_| self.cell(name, row, rule.expected(), cell)),
        };
        text.iter().enumerate().map(read).collect()
    }

    /// Whether the event was observed: a boolean, or the numbers 0 and 1.
    pub(super) fn flags(&self, name: &str) -> Result<Cells<bool>, Error> {
        const EXPECTED: &str = "true or false, or 1 or 0";
        let column = self.column(name)?;
        let cells = match column.dtype() {
            DataType::Boolean => column.bool().map_err(tables::Error::from)?.iter().collect(),
            DataType::String => {
                let read = |(row, cell): (usize, Option<&str>)| match cell.map(|cell| (cell, cell.trim())) {
                    None | Some((_, "")) => Ok(None),
                    Some((_, "1" | "true" | "TRUE" | "True")) => Ok(Some(true)),
                    Some((_, "0" | "false" | "FALSE" | "False")) => Ok(Some(false)),
                    Some((cell, _)) => Err(self.cell(name, row, EXPECTED, cell)),
                };
                column.str().map_err(tables::Error::from)?.iter().enumerate().map(read).collect::<Result<_, _>>()?
            }
            kind if kind.is_primitive_numeric() || *kind == DataType::Null => {
                let read = |(row, cell): (usize, Option<f64>)| match cell {
                    None => Ok(None),
                    Some(0.0) => Ok(Some(false)),
                    Some(1.0) => Ok(Some(true)),
                    Some(other) => Err(self.cell(name, row, EXPECTED, &other.to_string())),
                };
                as_numbers(column)?.into_iter().enumerate().map(read).collect::<Result<_, _>>()?
            }
            _ => return Err(self.wrong_type(column, name, "boolean")),
        };
        Ok(Cells { name: name.to_owned(), cells })
    }

    /// Groups of any kind: text, booleans or numbers.
    pub(super) fn levels(&self, name: &str) -> Result<Cells<Level>, Error> {
        let column = self.column(name)?;
        let cells = match column.dtype() {
            DataType::Boolean => {
                column.bool().map_err(tables::Error::from)?.iter().map(|flag| flag.map(Level::Flag)).collect()
            }
            DataType::String => {
                let text = column.str().map_err(tables::Error::from)?;
                text.iter().map(|cell| cell.map(|cell| Level::Text(cell.to_owned()))).collect()
            }
            kind if kind.is_primitive_numeric() || *kind == DataType::Null => {
                let numbers = self.numbers(name, Rule::Finite)?.cells;
                numbers.into_iter().map(|cell| cell.map(|number| Level::Number(number + 0.0))).collect()
            }
            _ => return Err(self.wrong_type(column, name, "text, boolean or number")),
        };
        Ok(Cells { name: name.to_owned(), cells })
    }

    /// Whether the column holds groups rather than numbers.
    pub(super) fn is_text(&self, name: &str) -> Result<bool, Error> {
        Ok(*self.column(name)?.dtype() == DataType::String)
    }

    /// The first row with a weight, entry time or the like that does not fit another column.
    pub(super) fn cell(&self, column: &str, row: usize, expected: &str, found: &str) -> Error {
        let short: String = found.chars().take(40).collect();
        Error::Cell {
            table: self.path.display().to_string(),
            row: self.line(row),
            column: column.to_owned(),
            expected: expected.to_owned(),
            found: if short.len() < found.len() { format!("{short}\u{2026}") } else { short },
        }
    }

    /// Line of a delimited file, else the number of the row from 1.
    fn line(&self, row: usize) -> usize {
        let separator = match self.path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => ',',
            Some("tsv") => '\t',
            _ => return row + 1,
        };
        // The frame has lost the lines; the file is read again only to say where it is wrong.
        read_delimited(&self.path, "", &Layout::plain(separator))
            .ok()
            .and_then(|text| text.lines.get(row).copied())
            .unwrap_or(row + 1)
    }

    fn wrong_type(&self, column: &Column, name: &str, expected: &'static str) -> Error {
        Error::Column {
            table: self.path.display().to_string(),
            column: name.to_owned(),
            expected,
            found: column.dtype().to_string(),
        }
    }
}

fn as_numbers(column: &Column) -> Result<Vec<Option<f64>>, Error> {
    let cast = column.cast(&DataType::Float64).map_err(tables::Error::from)?;
    Ok(cast.f64().map_err(tables::Error::from)?.iter().collect())
}

/// The rows in which every column used has a value.
pub(super) struct Complete {
    rows: Vec<usize>,
    pub(super) count: RowCount,
}

impl Complete {
    pub(super) fn of(table: &Table, columns: &[&dyn Presence]) -> Result<Self, Error> {
        let read = table.n_rows();
        let rows: Vec<usize> = (0..read).filter(|&row| columns.iter().all(|column| column.is_present(row))).collect();
        let mut missing = BTreeMap::new();
        for column in columns {
            let n = (0..read).filter(|&row| !column.is_present(row)).count();
            if n > 0 {
                missing.insert(column.name().to_owned(), n);
            }
        }
        if rows.is_empty() {
            let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name())).collect();
            let said = format!("none of the {read} rows has a value in every column used: {}", names.join(", "));
            return Err(Error::Unsupported(said));
        }
        let count = RowCount { read, used: rows.len(), left_out: read - rows.len(), missing };
        Ok(Self { rows, count })
    }

    /// The values of a column in the complete rows.
    pub(super) fn pick<T: Clone>(&self, column: &Cells<T>) -> Vec<T> {
        self.rows.iter().filter_map(|&row| column.cells.get(row).cloned().flatten()).collect()
    }

    /// The row of the table that became row `at`.
    pub(super) fn row(&self, at: usize) -> usize {
        self.rows.get(at).copied().unwrap_or(at)
    }
}
