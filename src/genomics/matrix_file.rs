//! Reads an expression matrix from delimited text.

use std::io;

use super::error::{Error, Rule, Violations};
use super::expression::{DuplicateGenes, Expression, ExpressionScale};

/// Whether genes are the rows or the columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One row per gene: symbol, then a value per sample; the header names the samples.
    GenesInRows,
    /// One row per sample: name, then a value per gene; the header names the genes.
    SamplesInRows,
}

/// How a matrix file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixFormat {
    /// Orientation.
    pub layout: Layout,
    /// Separator byte, `b','` or `b'\t'`.
    pub separator: u8,
    /// What a number means; nothing in a file says so, the caller must.
    pub scale: ExpressionScale,
    /// What to do with several rows of one gene.
    pub duplicates: DuplicateGenes,
}

impl MatrixFormat {
    /// A format in which a gene that comes twice is a violation.
    #[must_use]
    pub fn new(layout: Layout, separator: u8, scale: ExpressionScale) -> Self {
        Self { layout, separator, scale, duplicates: DuplicateGenes::Refuse }
    }
}

/// Spellings of a missing value.
const MISSING: [&str; 5] = ["", "NA", "NaN", "nan", "null"];

/// Header of the annotation column that cBioPortal puts after the symbols; it is skipped.
const ENTREZ: &str = "Entrez_Gene_Id";

impl Expression {
    /// Reads a matrix with a header row and a name column.
    ///
    /// A blank, `NA`, `NaN` or `null` cell is missing, and so is an infinite number. With genes in rows, a second
    /// column headed `Entrez_Gene_Id` (cBioPortal) is skipped. Records are told by their number, the header being 1.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Violations`] with every cell that is no number (row and column), every row of
    /// another length than the header, every blank or repeated gene and every repeated sample.
    pub fn read(reader: impl io::Read, label: &str, format: MatrixFormat) -> Result<Self, Error> {
        let mut violations = Violations::of(label);
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(format.separator)
            .trim(csv::Trim::All)
            .from_reader(reader);
        let mut bytes = csv::ByteRecord::new();
        let mut table = Table::default();
        let mut row = 0;
        loop {
            row += 1;
            match csv.read_byte_record(&mut bytes) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => return Err(Error::Read { label: label.to_owned(), source: error.into() }),
            }
            let record = csv::StringRecord::from_byte_record_lossy(bytes.clone());
            if record.as_byte_record() != &bytes {
                violations.add(Some(row), None, Rule::Text);
            }
            if row == 1 {
                table.header(&record, format.layout);
            } else {
                table.row(&record, row, &mut violations);
            }
        }
        table.into_expression(format, violations)
    }
}

/// The file as it stands: names above, names at the left, values row by row.
#[derive(Debug, Default)]
struct Table {
    above: Vec<String>,
    left: Vec<String>,
    values: Vec<f64>,
    /// Columns before the first value.
    n_names: usize,
}

impl Table {
    fn header(&mut self, record: &csv::StringRecord, layout: Layout) {
        let annotated = layout == Layout::GenesInRows && record.get(1) == Some(ENTREZ);
        self.n_names = if annotated { 2 } else { 1 };
        self.above = record.iter().skip(self.n_names).map(ToOwned::to_owned).collect();
    }

    fn row(&mut self, record: &csv::StringRecord, row: usize, violations: &mut Violations) {
        let expected = self.n_names + self.above.len();
        if record.len() != expected {
            violations.add(Some(row), None, Rule::FieldCount { expected, found: record.len() });
        }
        self.left.push(record.get(0).unwrap_or_default().to_owned());
        for at in self.n_names..expected {
            let cell = record.get(at).unwrap_or_default();
            let value = if MISSING.contains(&cell) { Ok(f64::NAN) } else { cell.parse::<f64>() };
            if value.is_err() {
                violations.add(Some(row), Some(at + 1), Rule::NotNumber);
            }
            self.values.push(value.unwrap_or(f64::NAN));
        }
    }

    fn into_expression(self, format: MatrixFormat, violations: Violations) -> Result<Expression, Error> {
        let rules = (format.scale, format.duplicates);
        match format.layout {
            Layout::GenesInRows => {
                // The first gene stands in row 2.
                Expression::build(&self.left, self.above, self.values, rules, (2, self.n_names + 1), violations)
            }
            Layout::SamplesInRows => {
                let (n_genes, n_samples) = (self.above.len(), self.left.len());
                let cell = |gene, sample| self.values.get(sample * n_genes + gene).copied().unwrap_or(f64::NAN);
                let values = (0..n_genes).flat_map(|g| (0..n_samples).map(move |s| cell(g, s))).collect();
                Expression::build(&self.above, self.left, values, rules, (self.n_names + 1, 2), violations)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG2_CSV: fn(Layout) -> MatrixFormat = |layout| MatrixFormat::new(layout, b',', ExpressionScale::Log2);

    #[test]
    fn both_layouts_give_the_same_matrix() {
        let rows = "Hugo_Symbol,Entrez_Gene_Id,s1,s2\nPGR,5241,1,NA\nESR1,2099,3,inf\n";
        let columns = "sample,PGR,ESR1\ns1,1,3\ns2,,null\n";
        let by_row = Expression::read(rows.as_bytes(), "rows", LOG2_CSV(Layout::GenesInRows)).unwrap();
        let by_column = Expression::read(columns.as_bytes(), "columns", LOG2_CSV(Layout::SamplesInRows)).unwrap();
        assert_eq!(by_row.genes(), by_column.genes());
        assert_eq!(by_row.samples(), ["s1", "s2"]);
        assert_eq!(by_row.gene("PGR").unwrap()[0], 1.0);
        assert!(by_row.gene("ESR1").unwrap()[1].is_nan() && by_column.gene("PGR").unwrap()[1].is_nan());
    }

    #[test]
    fn every_violation_is_listed_with_its_row_and_column_and_no_cell_text() {
        let text = "gene,MB-1,MB-2\nESR1,1,MB-9\n,2,3\nESR1,1\nPGR,x,1\n";
        let error = Expression::read(text.as_bytes(), "m.csv", LOG2_CSV(Layout::GenesInRows)).unwrap_err();
        let Error::Violations(found) = &error else { panic!("{error}") };
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "m.csv, row 2, column 3: expected a number or a blank, NA or NaN",
                "m.csv, row 4: expected 3 fields, found 2",
                "m.csv, row 5, column 2: expected a number or a blank, NA or NaN",
                "m.csv: gene symbols are blank at positions [3]",
                "m.csv: gene ESR1 stands at positions [2, 4]",
            ]
        );
    }

    #[test]
    fn an_empty_file_and_bytes_that_are_no_text_are_violations() {
        for bytes in [b"".as_slice(), b"gene,a\n", b"gene,a\nESR1,\xff\n"] {
            let read = Expression::read(bytes, "m", LOG2_CSV(Layout::GenesInRows));
            assert!(matches!(read, Err(Error::Violations(_))));
        }
    }
}
