/// One column of text cells in one buffer; an empty cell is the empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextColumn {
    text: String,
    ends: Vec<usize>,
}

impl TextColumn {
    /// Appends a cell.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// The cell of a record; empty past the end.
    #[must_use]
    pub fn get(&self, record: usize) -> &str {
        let start = record.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        self.ends.get(record).and_then(|&end| self.text.get(start..end)).unwrap_or("")
    }

    /// Cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|record| self.get(record))
    }
}

/// Records of text, whatever the file was: what every reader of outside tables returns.
///
/// Cells are kept by column, each column in one buffer: 8 bytes per cell beside the text itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    /// Column names.
    pub header: Vec<String>,
    /// Where each record is in its source, for messages: line of a text file, row of a sheet, entry of a bundle.
    pub lines: Vec<usize>,
    columns: Vec<TextColumn>,
}

impl TextTable {
    /// An empty table with those column names.
    #[must_use]
    pub fn new(header: Vec<String>) -> Self {
        let columns = vec![TextColumn::default(); header.len()];
        Self { header, lines: Vec::new(), columns }
    }

    /// Appends a record; absent cells at the end are empty, cells past the header are left out.
    pub fn push<'a>(&mut self, line: usize, cells: impl IntoIterator<Item = &'a str>) {
        self.lines.push(line);
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            column.push(cells.next().unwrap_or(""));
        }
    }

    /// Appends the records of a table with the same header.
    pub fn append(&mut self, other: &Self) {
        self.lines.extend_from_slice(&other.lines);
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            let start = column.text.len();
            column.text.push_str(&more.text);
            column.ends.extend(more.ends.iter().map(|end| start + end));
        }
    }

    /// Number of records.
    #[must_use]
    pub fn n_records(&self) -> usize {
        self.lines.len()
    }

    /// Index of the column of that name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The column at that index.
    #[must_use]
    pub fn column(&self, index: usize) -> Option<&TextColumn> {
        self.columns.get(index)
    }

    /// Columns with their names, in order.
    pub fn named_columns(&self) -> impl Iterator<Item = (&str, &TextColumn)> {
        self.header.iter().map(String::as_str).zip(&self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_by_column_and_short_records_are_filled() {
        let mut table = TextTable::new(vec!["a".into(), "b".into()]);
        table.push(2, ["x", "ä"]);
        table.push(3, [""]);
        table.push(5, ["z", "w", "ignored"]);
        let cells: Vec<Vec<&str>> = table.named_columns().map(|(_, column)| column.iter().collect()).collect();
        assert_eq!(cells, [["x", "", "z"], ["ä", "", "w"]]);
        assert_eq!((table.lines.clone(), table.n_records()), (vec![2, 3, 5], 3));
        assert_eq!(table.column(0).unwrap().get(9), "");
    }
}
