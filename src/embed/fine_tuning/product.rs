use gemm::Parallelism;

/// A matrix in a slice: element (row, column) lies at `row × row_stride + column × column_stride`.
#[derive(Clone, Copy)]
pub(in crate::embed) struct Matrix<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows × columns` values, row after row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "a matrix of {rows} x {columns}");
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transposed matrix over the same values.
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Writes `left × right` to `out`, row after row, on the calling thread alone: the order of every sum is then the same
/// whatever the number of threads.
pub(in crate::embed) fn product(out: &mut [f32], left: Matrix<'_>, right: Matrix<'_>) {
    assert_eq!(left.columns, right.rows, "inner sides of a product");
    assert_eq!(out.len(), left.rows * right.columns, "size of a product");
    let step = |stride: usize| stride as isize;
    // `Matrix` holds `rows × columns` values exactly, so both operands and the result lie inside their slices, and `out`
    // cannot overlap them because it is borrowed mutably. candle offers the same product only with its own threads.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            step(right.columns),
            false,
            left.values.as_ptr(),
            step(left.column_stride),
            step(left.row_stride),
            right.values.as_ptr(),
            step(right.column_stride),
            step(right.row_stride),
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_matrices_and_their_transposes_are_the_written_out_sums() {
        let (a, b): (Vec<f32>, Vec<f32>) =
            ((0..15).map(|i| i as f32).collect(), (0..20).map(|i| 3.0 - i as f32).collect());
        let mut out = vec![f32::NAN; 12];
        product(&mut out, Matrix::new(&a, 3, 5), Matrix::new(&b, 5, 4));
        let mut turned = vec![f32::NAN; 12];
        product(&mut turned, Matrix::new(&b, 5, 4).transposed(), Matrix::new(&a, 3, 5).transposed());
        for row in 0..3 {
            for column in 0..4 {
                let sum: f32 = (0..5).map(|k| a[row * 5 + k] * b[k * 4 + column]).sum();
                assert_eq!((out[row * 4 + column], turned[column * 3 + row]), (sum, sum));
            }
        }
    }
}
