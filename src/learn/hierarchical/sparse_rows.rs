use crate::learn::Error;

/// A matrix of which each row keeps its non-zero entries, for designs in which most indicators are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows {
    n_columns: usize,
    /// Where each row begins; one more than rows.
    starts: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl SparseRows {
    /// An empty matrix of `n_columns` columns.
    #[must_use]
    pub fn new(n_columns: usize) -> Self {
        Self { n_columns, starts: vec![0], entries: Vec::new() }
    }

    /// The rows of a row-major matrix.
    ///
    /// # Errors
    /// [`Error::Width`] when `values` is not a whole number of rows, [`Error::Stats`] for a value that is not finite.
    pub fn from_dense(values: &[f64], n_columns: usize) -> Result<Self, Error> {
        if n_columns == 0 || !values.len().is_multiple_of(n_columns) {
            return Err(Error::Width { expected: n_columns, found: values.len() });
        }
        let mut rows = Self::new(n_columns);
        for row in values.chunks_exact(n_columns) {
            rows.push(row.iter().copied().enumerate())?;
        }
        Ok(rows)
    }

    /// Appends a row from its (column, value) entries; zeros are dropped.
    ///
    /// # Errors
    /// [`Error::Width`] for a column past the last, [`Error::Stats`] for a value that is not finite.
    pub fn push(&mut self, row: impl IntoIterator<Item = (usize, f64)>) -> Result<(), Error> {
        for (column, value) in row {
            if column >= self.n_columns {
                return Err(Error::Width { expected: self.n_columns, found: column + 1 });
            }
            if !value.is_finite() {
                return Err(crate::stats::Error::NotFinite { index: column }.into());
            }
            if value != 0.0 {
                self.entries.push((column, value));
            }
        }
        self.starts.push(self.entries.len());
        Ok(())
    }

    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The (column, value) entries of each row.
    pub fn rows(&self) -> impl Iterator<Item = &[(usize, f64)]> {
        self.starts.windows(2).map(|range| &self.entries[range[0]..range[1]])
    }

    /// X β, one per row.
    ///
    /// # Panics
    /// When β has fewer elements than columns that are used.
    #[must_use]
    pub fn times(&self, coef: &[f64]) -> Vec<f64> {
        self.rows().map(|row| row.iter().map(|&(column, value)| value * coef[column]).sum()).collect()
    }

    /// Xᵀ v, one per column.
    #[must_use]
    pub fn transposed_times(&self, v: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.n_columns];
        for (row, &weight) in self.rows().zip(v) {
            for &(column, value) in row {
                sums[column] += value * weight;
            }
        }
        sums
    }

    /// The lower triangle of Xᵀ diag(weight) X, row-major; what lies above the diagonal is 0.
    #[must_use]
    pub fn weighted_gram(&self, weight: &[f64]) -> Vec<f64> {
        let size = self.n_columns;
        let mut gram = vec![0.0; size * size];
        for (row, &weight) in self.rows().zip(weight) {
            for &(j, left) in row {
                let line = &mut gram[j * size..(j + 1) * size];
                let scaled = weight * left;
                for &(k, right) in row {
                    if k <= j {
                        line[k] += scaled * right;
                    }
                }
            }
        }
        gram
    }

    /// xᵢᵀ A xᵢ of each row, for a symmetric row-major A.
    ///
    /// # Panics
    /// When A has fewer elements than the square of the columns.
    #[must_use]
    pub fn quadratic(&self, matrix: &[f64]) -> Vec<f64> {
        let size = self.n_columns;
        self.rows()
            .map(|row| {
                row.iter()
                    .map(|&(j, left)| {
                        let line = &matrix[j * size..(j + 1) * size];
                        left * row.iter().map(|&(k, right)| right * line[k]).sum::<f64>()
                    })
                    .sum()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSE: [f64; 6] = [1.0, 0.0, 2.0, 1.0, -3.0, 0.0];

    #[test]
    fn products_equal_those_of_the_dense_matrix() {
        let rows = SparseRows::from_dense(&DENSE, 3).unwrap();
        assert_eq!((rows.n_rows(), rows.n_columns()), (2, 3));
        assert_eq!(rows.times(&[1.0, 2.0, 3.0]), [7.0, -5.0]);
        assert_eq!(rows.transposed_times(&[1.0, 2.0]), [3.0, -6.0, 2.0]);
        // Σ wᵢ xᵢ xᵢᵀ with weights 1 and 2, by pencil.
        assert_eq!(rows.weighted_gram(&[1.0, 2.0]), [3.0, 0.0, 0.0, -6.0, 18.0, 0.0, 2.0, 0.0, 4.0]);
        let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(rows.quadratic(&identity), [5.0, 10.0]);
    }

    #[test]
    fn columns_out_of_range_and_infinities_are_refused() {
        let mut rows = SparseRows::new(2);
        assert!(matches!(rows.push([(2, 1.0)]), Err(Error::Width { expected: 2, found: 3 })));
        assert!(matches!(rows.push([(0, f64::INFINITY)]), Err(Error::Stats(_))));
        assert!(matches!(SparseRows::from_dense(&[1.0; 5], 2), Err(Error::Width { .. })));
    }
}
