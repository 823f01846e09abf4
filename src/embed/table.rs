use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::dataset_spec::JoinSpec;

/// A label table in memory: rows as text, columns by name.
#[derive(Debug, Clone)]
pub(super) struct LabelTable {
    pub path: PathBuf,
    columns: BTreeMap<String, usize>,
    pub rows: Vec<LabelRow>,
}

/// One row and its line number in the file, the header being line 1.
#[derive(Debug, Clone)]
pub(super) struct LabelRow {
    pub line: usize,
    fields: Vec<String>,
}

impl LabelTable {
    /// Reads a delimited file with a header line; a ragged row is a violation, all of them reported.
    pub fn read(path: &Path, separator: char) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        let header = lines.next().map_or_else(Vec::new, |(_, line)| split(line, separator));
        let columns: BTreeMap<String, usize> = header.iter().cloned().enumerate().map(|(i, name)| (name, i)).collect();
        let (mut rows, mut violations) = (Vec::new(), Vec::new());
        for (i, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let fields = split(line, separator);
            if fields.len() == header.len() {
                rows.push(LabelRow { line: i + 1, fields });
            } else {
                let (path, expected, found) = (path.display(), header.len(), fields.len());
                violations.push(format!("{path}: row {}: expected {expected} fields, found {found}", i + 1));
            }
        }
        if violations.is_empty() {
            Ok(Self { path: path.to_owned(), columns, rows })
        } else {
            Err(Error::Table { violations })
        }
    }

    /// Adds the columns of a second table that this one lacks, looked up by key; a key without a row is a violation.
    pub fn join(mut self, other: &Self, spec: &JoinSpec) -> Result<Self, Error> {
        let key_here = self.position(&spec.key)?;
        let key_there = other.position(&spec.key)?;
        let by_key: BTreeMap<&str, &LabelRow> =
            other.rows.iter().filter_map(|row| Some((row.fields.get(key_there)?.as_str(), row))).collect();
        let added: Vec<(&String, usize)> =
            other.columns.iter().filter(|(name, _)| !self.columns.contains_key(*name)).map(|(n, &i)| (n, i)).collect();
        let mut violations = Vec::new();
        for row in &mut self.rows {
            let found = row.fields.get(key_here).and_then(|key| by_key.get(key.as_str()));
            match found {
                Some(there) => {
                    let extra = added.iter().map(|(_, i)| there.fields.get(*i).cloned().unwrap_or_default());
                    row.fields.extend(extra.collect::<Vec<String>>());
                }
                None => violations.push(format!(
                    "{}: row {}: column {}: expected a row in {}, found none",
                    self.path.display(),
                    row.line,
                    spec.key,
                    other.path.display()
                )),
            }
        }
        let width = self.columns.len();
        self.columns.extend(added.into_iter().enumerate().map(|(i, (name, _))| (name.clone(), width + i)));
        if violations.is_empty() { Ok(self) } else { Err(Error::Table { violations }) }
    }

    /// The position of a column.
    pub fn position(&self, column: &str) -> Result<usize, Error> {
        self.columns.get(column).copied().ok_or_else(|| Error::Table {
            violations: vec![format!(
                "{}: expected a column {column}, found {}",
                self.path.display(),
                self.columns.keys().cloned().collect::<Vec<_>>().join(", ")
            )],
        })
    }

    /// The value of a row in a column, empty when the column does not exist.
    pub fn value<'a>(&self, row: &'a LabelRow, column: &str) -> &'a str {
        self.columns.get(column).and_then(|&i| row.fields.get(i)).map_or("", String::as_str)
    }

    /// Fills the `{column}` places of a path pattern; `None` when a column is unknown or a brace is left open.
    pub fn fill(&self, row: &LabelRow, pattern: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let (column, tail) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(row.fields.get(*self.columns.get(column)?)?);
            rest = tail;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

/// The fields of one line; a field in double quotes may hold the separator, and two quotes mean one.
fn split(line: &str, separator: char) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(c) = chars.next() {
        if c == '"' && quoted && chars.peek() == Some(&'"') {
            chars.next();
            field.push('"');
        } else if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            fields.push(std::mem::take(&mut field).trim().to_owned());
        } else {
            field.push(c);
        }
    }
    fields.push(field.trim().to_owned());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_field_may_hold_the_separator_and_a_quote() {
        assert_eq!(split("a,\"b, \"\"c\"\"\",,d", ','), ["a", "b, \"c\"", "", "d"]);
    }

    #[test]
    fn every_ragged_row_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, "a,b\n1,2\n3\n4,5,6\n").unwrap();
        let error = LabelTable::read(&path, ',').unwrap_err().to_string();
        assert!(error.contains("row 3") && error.contains("row 4") && !error.contains("row 2"), "{error}");
    }
}
