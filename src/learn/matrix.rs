/// A dense numeric matrix, row-major in `f32`, missing values as NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignMatrix {
    /// Column names; their count is the width.
    pub names: Vec<String>,
    /// Number of rows.
    pub n_rows: usize,
    /// `n_rows * names.len()` values.
    pub values: Vec<f32>,
}

impl DesignMatrix {
    /// Number of columns.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.names.len()
    }

    /// The values of one row; empty when there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        let width = self.n_features();
        self.values.get(row * width..(row + 1) * width).unwrap_or(&[])
    }

    /// A matrix of the given rows, in the given order; a row may repeat.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { names: self.names.clone(), n_rows: rows.len(), values }
    }
}
