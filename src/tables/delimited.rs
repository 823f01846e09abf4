use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::lines::{LineReader, Lines};
use super::{Error, TextTable};
use crate::schema::Violation;

/// Records in one block.
pub(super) const BLOCK: usize = 65_536;

/// How a delimited text file is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Field separator.
    pub separator: char,
    /// Record that holds the column names, from 1.
    pub header_record: usize,
    /// Records below the header that hold no data.
    pub skip_records: usize,
    /// True: columns may share a name; the second is called `name#2`.
    pub repeated_names: bool,
}

impl Layout {
    /// A header in the first record, names all different.
    #[must_use]
    pub fn plain(separator: char) -> Self {
        Self { separator, header_record: 1, skip_records: 0, repeated_names: false }
    }
}

/// A delimited text file, read in blocks of records: memory does not grow with the file.
///
/// A leading byte-order mark and Unix, Windows and old Macintosh line ends are accepted. Records with too many or
/// too few fields, text that is not UTF-8 and column names that repeat or are empty are violations.
pub struct DelimitedReader<R: Read> {
    csv: csv::Reader<LineReader<R>>,
    lines: Lines,
    label: String,
    header: Vec<String>,
    record: csv::ByteRecord,
    ended: bool,
}

impl DelimitedReader<std::io::Chain<std::io::Cursor<Vec<u8>>, File>> {
    /// Opens a file; `label` is its name in violations.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Violations`] for a broken header.
    pub fn open(path: &Path, label: &str, layout: &Layout) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.into(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        file.by_ref().take(3).read_to_end(&mut start).map_err(failed)?;
        if matches!(start.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            let found = "UTF-16 (save it as UTF-8)".to_owned();
            return Err(Error::Violations(vec![violation(label, 1, "", "UTF-8 text".into(), found)]));
        }
        let start = start.strip_prefix(b"\xef\xbb\xbf").map_or(start.clone(), <[u8]>::to_vec);
        Self::new(std::io::Cursor::new(start).chain(file), label, layout)
    }
}

impl<R: Read> DelimitedReader<R> {
    /// Reads the header of a file whose byte-order mark, if any, has been taken off.
    ///
    /// # Errors
    /// [`Error::Violations`] for a broken header.
    pub fn new(bytes: R, label: &str, layout: &Layout) -> Result<Self, Error> {
        let separator = u8::try_from(layout.separator).unwrap_or(b',');
        let (bytes, lines) = LineReader::new(bytes);
        let csv = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(1 << 18)
            .from_reader(bytes);
        let mut reader = Self {
            csv,
            lines,
            label: label.to_owned(),
            header: Vec::new(),
            record: csv::ByteRecord::new(),
            ended: false,
        };
        let mut violations = Vec::new();
        for _ in 0..layout.header_record {
            reader.advance(&mut violations);
        }
        if reader.ended {
            violations.push(violation(label, 0, "", "a header line".into(), "an empty file".into()));
            return Err(Error::Violations(violations));
        }
        reader.header = header_of(&reader.record, label, layout.repeated_names, &mut violations);
        for _ in 0..layout.skip_records {
            reader.advance(&mut violations);
        }
        if violations.is_empty() { Ok(reader) } else { Err(Error::Violations(violations)) }
    }

    /// The column names.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The next records, `None` at the end; broken records are left out and added to `violations`.
    pub fn next_block(&mut self, violations: &mut Vec<Violation>) -> Option<TextTable> {
        let mut table = TextTable::new(self.header.clone());
        let width = self.header.len();
        while table.n_records() < BLOCK && self.advance(violations) {
            let line = self.lines.of(self.record.position().map_or(0, csv::Position::byte));
            if self.record.len() != width {
                let found = format!("{} fields", self.record.len());
                violations.push(violation(&self.label, line, "", format!("{width} fields"), found));
                continue;
            }
            match std::str::from_utf8(self.record.as_slice()) {
                Ok(_) => table.push(line, self.record.iter().map(|field| std::str::from_utf8(field).unwrap_or(""))),
                Err(_) => {
                    for (field, name) in self.record.iter().zip(&self.header) {
                        if std::str::from_utf8(field).is_err() {
                            let found = "bytes of another encoding".into();
                            violations.push(violation(&self.label, line, name, "UTF-8 text".into(), found));
                        }
                    }
                }
            }
        }
        (table.n_records() > 0 || !self.ended).then_some(table)
    }

    /// Reads the next record; false at the end.
    fn advance(&mut self, violations: &mut Vec<Violation>) -> bool {
        if self.ended {
            return false;
        }
        match self.csv.read_byte_record(&mut self.record) {
            Ok(true) => true,
            Ok(false) => {
                self.ended = true;
                false
            }
            Err(error) => {
                self.ended = true;
                let found = error.to_string();
                violations.push(violation(&self.label, 0, "", "readable delimited text".into(), found));
                false
            }
        }
    }
}

/// Reads a whole delimited file.
///
/// # Errors
/// [`Error::Read`] when the file cannot be opened, [`Error::Violations`] with everything that is broken in its shape.
pub fn read_delimited(path: &Path, label: &str, layout: &Layout) -> Result<TextTable, Error> {
    let mut reader = DelimitedReader::open(path, label, layout)?;
    let mut violations = Vec::new();
    let mut table = TextTable::new(reader.header().to_vec());
    while let Some(block) = reader.next_block(&mut violations) {
        table.append(&block);
    }
    if violations.is_empty() { Ok(table) } else { Err(Error::Violations(violations)) }
}

fn header_of(record: &csv::ByteRecord, label: &str, repeated: bool, violations: &mut Vec<Violation>) -> Vec<String> {
    let mut header: Vec<String> = Vec::with_capacity(record.len());
    for field in record {
        let Ok(name) = std::str::from_utf8(field) else {
            let found = "bytes of another encoding".into();
            violations.push(violation(label, 1, "", "UTF-8 column names".into(), found));
            continue;
        };
        let before = header.iter().filter(|known| *known == name || known.starts_with(&format!("{name}#"))).count();
        match before {
            0 => header.push(name.to_owned()),
            n if repeated => header.push(format!("{name}#{}", n + 1)),
            _ => {
                let rule = "each column name once".into();
                violations.push(violation(label, 1, name, rule, "the name again".into()));
                header.push(name.to_owned());
            }
        }
    }
    header
}

fn violation(label: &str, row: usize, column: &str, rule: String, found: String) -> Violation {
    Violation { file: label.to_owned(), row, column: column.to_owned(), rule, found }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8], layout: &Layout) -> Result<TextTable, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_delimited(file.path(), "x.csv", layout)
    }

    fn plain(bytes: &[u8]) -> Result<TextTable, Error> {
        read(bytes, &Layout::plain(','))
    }

    fn said(result: Result<TextTable, Error>) -> Vec<String> {
        let Err(Error::Violations(found)) = result else { panic!("expected violations, found {result:?}") };
        found.iter().map(ToString::to_string).collect()
    }

    fn column(table: &TextTable, at: usize) -> Vec<&str> {
        table.column(at).unwrap().iter().collect()
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
        let table = plain(b"\xef\xbb\xbfa,b\r\n1,2\r\n").unwrap();
        assert_eq!((table.header.clone(), table.lines.clone()), (vec!["a".to_owned(), "b".to_owned()], vec![2]));
        assert_eq!((column(&table, 0), column(&table, 1)), (vec!["1"], vec!["2"]));
    }

    #[test]
    fn every_ragged_line_is_listed_with_its_number() {
        assert_eq!(
            said(plain(b"a,b\n1\n1,2\n1,2,3\n")),
            ["x.csv, row 2: expected 2 fields, found 1 fields", "x.csv, row 4: expected 2 fields, found 3 fields"]
        );
    }

    #[test]
    fn quoted_line_ends_and_blank_lines_count_as_lines() {
        assert_eq!(plain(b"a,b\r\n\"x\r\ny\",1\r\n\r\nz,2\r\n").unwrap().lines, [2, 5]);
        assert_eq!(plain(b"a,b\n\"x\ny\",1\n\n\nz,2").unwrap().lines, [2, 6]);
        assert_eq!(plain(b"a,b\r1,2\r\r3,4\r").unwrap().lines, [2, 4]);
    }

    #[test]
    fn line_numbers_do_not_depend_on_the_buffers_bounds() {
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let n = buffer.len().min(self.0.len()).min(1);
                buffer[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        for ends in ["\n", "\r\n", "\r"] {
            let text = format!("a,b{ends}1,2{ends}{ends}\"x{ends}y\",3{ends}4,5");
            let mut reader = DelimitedReader::new(Drip(text.as_bytes()), "x", &Layout::plain(',')).unwrap();
            assert_eq!(reader.next_block(&mut Vec::new()).unwrap().lines, [2, 4, 6], "{ends:?}");
        }
    }

    #[test]
    fn an_empty_file_and_other_encodings_are_violations() {
        assert_eq!(said(plain(b"")), ["x.csv: expected a header line, found an empty file"]);
        assert_eq!(
            said(plain(b"a\n\xff\n")),
            ["x.csv, row 2, column `a`: expected UTF-8 text, found bytes of another encoding"]
        );
        assert_eq!(
            said(plain(b"\xff\xfea\0\n\0")),
            ["x.csv, row 1: expected UTF-8 text, found UTF-16 (save it as UTF-8)"]
        );
    }

    #[test]
    fn the_header_may_stand_below_others_and_repeat_names_when_declared() {
        let layout = Layout { separator: ',', header_record: 2, skip_records: 1, repeated_names: true };
        let table = read(b"group,,\na,a,b\n\"0=no\n1=yes\",,\n1,2,3\n", &layout).unwrap();
        assert_eq!((table.header.clone(), table.lines.clone()), (vec!["a".into(), "a#2".into(), "b".into()], vec![5]));
        assert_eq!(
            said(plain(b"a,a\n1,2\n")),
            ["x.csv, row 1, column `a`: expected each column name once, found the name again"]
        );
    }

    #[test]
    fn blocks_join_to_the_whole_file() {
        let mut text = String::from("a\n");
        (0..BLOCK + 10).for_each(|record| text.push_str(&format!("{record}\n")));
        let table = plain(text.as_bytes()).unwrap();
        assert_eq!(
            (table.n_records(), table.lines[BLOCK], table.column(0).unwrap().get(BLOCK)),
            (BLOCK + 10, BLOCK + 2, "65536")
        );
    }
}
