use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use calamine::{Data, ExcelDateTime, Reader, Sheets, open_workbook_auto};
use thiserror::Error;

use super::TextTable;
use crate::schema::Violation;

/// Widest sheet that is read, in columns: a stray cell far to the right is a slip, not a table.
const WIDEST: usize = 4096;

/// A workbook that cannot become a table.
#[derive(Debug, Error)]
pub enum WorkbookError {
    /// The file is not there or not readable.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The bytes are not a workbook, are damaged, or are locked. The cause is named by kind only: the library's own
    /// messages may quote cells.
    #[error("{path}: expected a readable xlsx, xlsm, xls, xlsb or ods workbook, found {found}")]
    Format {
        /// File.
        path: PathBuf,
        /// What is wrong.
        found: &'static str,
    },
    /// The sheet asked for is not there, or none was asked for and there are several.
    #[error("{path}: expected {expected}, found the sheets {found}")]
    Sheet {
        /// File.
        path: PathBuf,
        /// Sheet expected.
        expected: String,
        /// Sheets there are.
        found: String,
    },
    /// The sheet breaks rules: all of them are listed.
    #[error("{} violations of the table's shape", .0.len())]
    Violations(Vec<Violation>),
}

/// Cells that hold something, by row and column, both from 0.
type Grid = BTreeMap<usize, BTreeMap<usize, Data>>;

/// Reads one sheet of a workbook (xlsx, xlsm, xls, xlsb, ods) as text; `label` is its name in violations.
///
/// The first row that holds anything is the header; rows that hold nothing are left out. Numbers are written in the
/// shortest form that reads back to the same value (`3`, `0.1`), dates as `YYYY-MM-DD`, with `THH:MM:SS` when there
/// is a time of day, times alone as `HH:MM:SS`, truth values as `true` and `false`. Texts are kept as they are, dates
/// stored as text too. `lines` of the table are row numbers as the spreadsheet shows them.
///
/// # Errors
/// [`WorkbookError::Read`], [`WorkbookError::Format`], [`WorkbookError::Sheet`] when the sheet is not there or when
/// there are several and none is named, [`WorkbookError::Violations`] with every repeated or empty column name, every
/// error cell (`#N/A`), every value outside the named columns and every date that is none.
pub fn read_workbook(path: &Path, label: &str, sheet: Option<&str>) -> Result<TextTable, WorkbookError> {
    std::fs::metadata(path).map_err(|source| WorkbookError::Read { path: path.into(), source })?;
    let format = |found| WorkbookError::Format { path: path.into(), found };
    // The last resort against the library's own panics on hostile bytes; nothing of it is kept afterwards.
    let read = catch_unwind(AssertUnwindSafe(|| read_grid(path, sheet)));
    table_of(&read.unwrap_or_else(|_| Err(format("bytes that the reader cannot follow")))?, label)
}

fn read_grid(path: &Path, sheet: Option<&str>) -> Result<Grid, WorkbookError> {
    let format = |error: &calamine::Error| WorkbookError::Format { path: path.into(), found: kind(error) };
    let mut book = open_workbook_auto(path).map_err(|error| format(&error))?;
    let names = book.sheet_names();
    let quoted = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let missing = |expected| Err(WorkbookError::Sheet { path: path.into(), expected, found: quoted() });
    let name = match (sheet, names.as_slice()) {
        (Some(asked), _) if names.iter().any(|name| name == asked) => asked,
        (Some(asked), _) => return missing(format!("the sheet `{asked}`")),
        (None, [only]) => only,
        (None, _) => return missing("a sheet to be named".to_owned()),
    };
    cells(&mut book, name).map_err(|error| format(&error))
}

/// The cells of a sheet. Where the library offers a stream of cells it is used: its dense ranges would allocate the
/// whole rectangle up to one stray cell in the last corner.
fn cells(book: &mut Sheets<BufReader<File>>, name: &str) -> Result<Grid, calamine::Error> {
    let mut grid = Grid::new();
    let mut put = |row: usize, column: usize, value: Data| {
        let blank = matches!(&value, Data::Empty) || matches!(&value, Data::String(text) if text.trim().is_empty());
        if !blank {
            grid.entry(row).or_default().insert(column, value);
        }
    };
    match book {
        Sheets::Xlsx(book) => {
            let mut reader = book.worksheet_cells_reader(name)?;
            while let Some(cell) = reader.next_cell()? {
                let (row, column) = cell.get_position();
                put(row as usize, column as usize, Data::from(cell.get_value().clone()));
            }
        }
        Sheets::Xlsb(book) => {
            let mut reader = book.worksheet_cells_reader(name)?;
            while let Some(cell) = reader.next_cell()? {
                let (row, column) = cell.get_position();
                put(row as usize, column as usize, Data::from(cell.get_value().clone()));
            }
        }
        dense => {
            let range = dense.worksheet_range(name)?;
            let (top, left) = range.start().map_or((0, 0), |(row, column)| (row as usize, column as usize));
            for (row, column, value) in range.used_cells() {
                put(top + row, left + column, value.clone());
            }
        }
    }
    Ok(grid)
}

fn table_of(grid: &Grid, label: &str) -> Result<TextTable, WorkbookError> {
    let mut violations = Vec::new();
    let mut say = |row: usize, column: &str, rule: &str, found: &str| {
        let [column, rule, found] = [column, rule, found].map(str::to_owned);
        violations.push(Violation { file: label.to_owned(), row, column, rule, found });
    };
    let mut rows = grid.iter();
    let Some((&top, names)) = rows.next() else {
        say(0, "", "a header row", "an empty sheet");
        return Err(WorkbookError::Violations(violations));
    };
    let first = names.keys().next().copied().unwrap_or(0);
    let end = names.keys().next_back().map_or(0, |last| last + 1);
    if end - first > WIDEST {
        say(top + 1, "", &format!("at most {WIDEST} columns"), &format!("{} columns", end - first));
        return Err(WorkbookError::Violations(violations));
    }
    let mut header: Vec<String> = Vec::with_capacity(end - first);
    for column in first..end {
        let name = match names.get(&column).map(text) {
            Some(Ok(name)) => name.trim().to_owned(),
            Some(Err(found)) => {
                say(top + 1, &letters(column), "a column name", &found);
                String::new()
            }
            None => {
                say(top + 1, &letters(column), "a column name", "an empty cell");
                String::new()
            }
        };
        if !name.is_empty() && header.contains(&name) {
            say(top + 1, &name, "each column name once", "the name again");
        }
        header.push(name);
    }
    let mut table = TextTable::new(header.clone());
    for (&row, values) in rows {
        let mut cells = vec![String::new(); header.len()];
        for (&column, value) in values {
            match column.checked_sub(first).and_then(|at| Some((cells.get_mut(at)?, header.get(at)?))) {
                None => say(row + 1, &letters(column), "values only under a column name", "a value"),
                Some((cell, name)) => match text(value) {
                    Ok(text) => *cell = text,
                    Err(found) => say(row + 1, name, "a text, number, date or truth value", &found),
                },
            }
        }
        table.push(row + 1, cells.iter().map(String::as_str));
    }
    if violations.is_empty() { Ok(table) } else { Err(WorkbookError::Violations(violations)) }
}

/// A cell as text, or what it is instead.
fn text(value: &Data) -> Result<String, String> {
    match value {
        Data::Empty => Ok(String::new()),
        Data::String(text) => Ok(text.clone()),
        Data::Bool(flag) => Ok(flag.to_string()),
        Data::Int(number) => Ok(number.to_string()),
        Data::Float(number) => number_text(*number),
        Data::DateTime(date) => date_text(*date),
        Data::DateTimeIso(text) => Ok(text.strip_suffix("T00:00:00").unwrap_or(text).to_owned()),
        Data::DurationIso(_) => Err("a duration".to_owned()),
        Data::Error(error) => Err(format!("the error {error}")),
    }
}

fn number_text(number: f64) -> Result<String, String> {
    match number {
        _ if !number.is_finite() => Err("a number that is not finite".to_owned()),
        // A spreadsheet keeps 15 digits: past 2^53 neighbouring whole numbers fall together.
        _ if number.fract() == 0.0 && number.abs() > 9_007_199_254_740_992.0 => {
            Err("a whole number of more than 15 digits, which spreadsheets do not keep (store it as text)".to_owned())
        }
        0.0 => Ok("0".to_owned()),
        _ if number.abs() < 1e-5 => Ok(format!("{number:e}")),
        _ => Ok(number.to_string()),
    }
}

fn date_text(date: ExcelDateTime) -> Result<String, String> {
    let serial = date.as_f64();
    if date.is_duration() {
        return Err("a duration".to_owned());
    }
    let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
    let mut time = format!("{hour:02}:{minute:02}:{second:02}");
    if milli > 0 {
        time.push_str(&format!(".{milli:03}"));
    }
    match serial {
        _ if !(0.0..2_958_466.0).contains(&serial) => Err("a date outside the years 1900 to 9999".to_owned()),
        _ if serial < 1.0 => Ok(time),
        // Day 60 of the 1900 system, which Excel took over from Lotus 1-2-3.
        _ if (year, month, day) == (1900, 2, 29) => Err("the date 1900-02-29, which never was".to_owned()),
        _ if (hour, minute, second, milli) == (0, 0, 0, 0) => Ok(format!("{year:04}-{month:02}-{day:02}")),
        _ => Ok(format!("{year:04}-{month:02}-{day:02}T{time}")),
    }
}

/// A column as the spreadsheet shows it: 0 is `A`, 26 is `AA`.
fn letters(column: usize) -> String {
    let mut left = column + 1;
    let mut name = Vec::new();
    while left > 0 {
        name.push(char::from(b'A' + u8::try_from((left - 1) % 26).unwrap_or(0)));
        left = (left - 1) / 26;
    }
    name.iter().rev().collect()
}

fn kind(error: &calamine::Error) -> &'static str {
    use calamine::{Error, OdsError, XlsError, XlsbError, XlsxError};
    match error {
        Error::Xls(XlsError::Password)
        | Error::Xlsx(XlsxError::Password)
        | Error::Xlsb(XlsbError::Password)
        | Error::Ods(OdsError::Password) => "a workbook locked by a password",
        Error::Io(_) => "a file that ends or cannot be read",
        _ => "other bytes, or a damaged workbook",
    }
}

#[cfg(test)]
mod tests;
