use std::path::Path;

use super::Error;
use crate::schema::Violation;

/// A delimited text file as text cells, with the line number of every record.
#[derive(Debug, Clone, Default)]
pub struct Delimited {
    /// Column names of the header line.
    pub header: Vec<String>,
    /// Line of each record in the file, from 1; the header is line 1.
    pub lines: Vec<usize>,
    /// Cells by column: `cells[column][record]`.
    pub cells: Vec<Vec<String>>,
}

impl Delimited {
    /// Index of the column of that name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }
}

/// Reads a CSV or TSV file as text; a leading byte-order mark and Windows line ends are accepted.
///
/// `label` is the file's name in violations. Records with too many or too few fields, text that is not
/// UTF-8 and repeated column names are violations, all of them listed.
///
/// # Errors
/// [`Error::Read`] when the file cannot be opened, [`Error::Violations`] when its shape is broken.
pub fn read_delimited(path: &Path, label: &str, separator: char) -> Result<Delimited, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let separator = u8::try_from(separator).unwrap_or(b',');
    let mut csv = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(bytes);
    let violation = |row: usize, column: &str, rule: String, found: String| Violation {
        file: label.to_owned(),
        row,
        column: column.to_owned(),
        rule,
        found,
    };
    let header = match csv.headers() {
        Ok(header) if header.iter().any(|name| !name.trim().is_empty()) => header.clone(),
        Ok(_) => {
            return Err(Error::Violations(vec![violation(0, "", "a header line".into(), "an empty file".into())]));
        }
        Err(error) => {
            return Err(Error::Violations(vec![violation(1, "", "a header line in UTF-8".into(), error.to_string())]));
        }
    };
    let mut table = Delimited {
        header: header.iter().map(|name| name.trim().to_owned()).collect(),
        lines: Vec::new(),
        cells: vec![Vec::new(); header.len()],
    };
    let mut violations = Vec::new();
    for (position, name) in table.header.iter().enumerate() {
        if table.header[..position].contains(name) {
            violations.push(violation(1, name, "each column named once".into(), "the name again".into()));
        }
    }
    let width = header.len();
    let mut record = csv::ByteRecord::new();
    let mut lines = Lines { bytes, at: 0, line: 1 };
    loop {
        match csv.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                violations.push(violation(0, "", "readable delimited text".into(), error.to_string()));
                break;
            }
        }
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if record.len() != width {
            violations.push(violation(line, "", format!("{width} fields"), format!("{} fields", record.len())));
            continue;
        }
        table.lines.push(line);
        for (column, field) in record.iter().enumerate() {
            match std::str::from_utf8(field) {
                Ok(text) => table.cells[column].push(text.to_owned()),
                Err(_) => {
                    violations.push(violation(line, &table.header[column], "UTF-8 text".into(), "other bytes".into()));
                    table.cells[column].push(String::new());
                }
            }
        }
    }
    if violations.is_empty() { Ok(table) } else { Err(Error::Violations(violations)) }
}

/// Line numbers of increasing byte positions. The reader's own count is one short in files with Windows line ends.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the record that starts at `byte`, or after the line ends that stand there.
    fn of(&mut self, byte: u64) -> usize {
        let start = usize::try_from(byte).unwrap_or(self.bytes.len());
        while let Some(next) = self.bytes.get(self.at) {
            if self.at >= start && !matches!(next, b'\r' | b'\n') {
                break;
            }
            self.line += usize::from(*next == b'\n');
            self.at += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
        let table = read_delimited(file(b"\xef\xbb\xbfa,b\r\n1,2\r\n").path(), "x.csv", ',').unwrap();
        assert_eq!(
            (table.header, table.cells, table.lines),
            (vec!["a".into(), "b".into()], vec![vec!["1".to_owned()], vec!["2".to_owned()]], vec![2])
        );
    }

    #[test]
    fn every_ragged_line_is_listed_with_its_number() {
        let Err(Error::Violations(found)) = read_delimited(file(b"a,b\n1\n1,2\n1,2,3\n").path(), "x.csv", ',') else {
            panic!("expected violations");
        };
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["x.csv, row 2: expected 2 fields, found 1 fields", "x.csv, row 4: expected 2 fields, found 3 fields"]
        );
    }

    #[test]
    fn quoted_line_ends_and_blank_lines_count_as_lines() {
        let table = read_delimited(file(b"a,b\r\n\"x\r\ny\",1\r\n\r\nz,2\r\n").path(), "x.csv", ',').unwrap();
        assert_eq!(table.lines, [2, 5]);
    }

    #[test]
    fn an_empty_file_and_other_encodings_are_violations() {
        assert!(matches!(read_delimited(file(b"").path(), "x", ','), Err(Error::Violations(_))));
        let Err(Error::Violations(found)) = read_delimited(file(b"a\n\xff\n").path(), "x", ',') else {
            panic!("expected violations");
        };
        assert_eq!(found[0].to_string(), "x, row 2, column `a`: expected UTF-8 text, found other bytes");
    }
}
