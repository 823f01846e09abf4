/// A table for people: columns aligned, the first to the left, the others to the right.
pub(super) struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(super) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|name| (*name).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, each beginning with `indent`, without one at the end.
    pub(super) fn text(&self, indent: &str) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A number in four significant figures or so, without a tail of zeros.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = match size {
        _ if size >= 1000.0 => 1,
        _ if size >= 10.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number that may not exist.
pub(super) fn maybe(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), short)
}

/// A probability with four decimals, or a dash.
pub(super) fn share(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut grid = Grid::new(&["group", "n"]);
        grid.row(vec!["a".into(), "10".into()]);
        grid.row(vec!["long name".into(), "5".into()]);
        assert_eq!(grid.text("  "), "  group       n\n  a          10\n  long name   5");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [short(100.0), short(0.25), short(1234.56), short(1e-5), short(0.0)],
            ["100", "0.25", "1234.6", "1.000e-5", "0"]
        );
    }
}
