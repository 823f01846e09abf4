//! Dense linear algebra for the handful of coefficients of a small regression.

use super::Error;
use super::inputs::{check_finite, check_length};

/// A pivot below this share of its diagonal element means that the column is a combination of earlier ones.
const PIVOT_TOLERANCE: f64 = 1e-12;

/// The lower-triangular factor L of a symmetric positive-definite matrix A = L Lᵀ.
///
/// ```
/// use regimen::stats::linalg::Cholesky;
/// let factor = Cholesky::new(&[4.0, 2.0, 2.0, 3.0], 2).unwrap();
/// assert_eq!(factor.solve(&[4.0, 2.0]), Ok(vec![1.0, 0.0]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    /// Row-major `size` × `size`; entries above the diagonal are zero.
    lower: Vec<f64>,
    size: usize,
}

impl Cholesky {
    /// Factors a row-major `size` × `size` matrix, of which only the lower triangle is read.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::NotFinite`], and [`Error::Singular`] when a pivot is not above
    /// 1e-12 of its diagonal element.
    pub fn new(matrix: &[f64], size: usize) -> Result<Self, Error> {
        check_length("matrix", size * size, matrix.len())?;
        check_finite(matrix)?;
        let mut lower = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| lower[row * size + k] * lower[column * size + k]).sum();
                let rest = matrix[row * size + column] - dot;
                lower[row * size + column] = if row > column {
                    rest / lower[column * size + column]
                } else if rest > PIVOT_TOLERANCE * matrix[row * size + row] && rest > 0.0 {
                    rest.sqrt()
                } else {
                    return Err(Error::Singular { column });
                };
            }
        }
        Ok(Self { lower, size })
    }

    /// Returns L⁻¹ `b`, whose squared length is `b`ᵀ A⁻¹ `b`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless `b` has one element per row.
    pub fn half_solve(&self, b: &[f64]) -> Result<Vec<f64>, Error> {
        check_length("right-hand side", self.size, b.len())?;
        let (lower, size) = (&self.lower, self.size);
        let mut x = b.to_vec();
        for row in 0..size {
            let dot: f64 = (0..row).map(|k| lower[row * size + k] * x[k]).sum();
            x[row] = (x[row] - dot) / lower[row * size + row];
        }
        Ok(x)
    }

    /// Returns the `x` with A x = `b`.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless `b` has one element per row.
    pub fn solve(&self, b: &[f64]) -> Result<Vec<f64>, Error> {
        let (lower, size) = (&self.lower, self.size);
        let mut x = self.half_solve(b)?;
        for row in (0..size).rev() {
            let dot: f64 = (row + 1..size).map(|k| lower[k * size + row] * x[k]).sum();
            x[row] = (x[row] - dot) / lower[row * size + row];
        }
        Ok(x)
    }

    /// Returns A⁻¹, row-major, symmetric to the last bit.
    #[must_use]
    pub fn inverse(&self) -> Vec<f64> {
        let size = self.size;
        // Columns of L⁻¹, then A⁻¹ = L⁻ᵀ L⁻¹.
        let mut inverse_lower = vec![0.0; size * size];
        for column in 0..size {
            for row in column..size {
                let unit = if row == column { 1.0 } else { 0.0 };
                let dot: f64 =
                    (column..row).map(|k| self.lower[row * size + k] * inverse_lower[k * size + column]).sum();
                inverse_lower[row * size + column] = (unit - dot) / self.lower[row * size + row];
            }
        }
        let mut inverse = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let value = (row..size).map(|k| inverse_lower[k * size + row] * inverse_lower[k * size + column]).sum();
                inverse[row * size + column] = value;
                inverse[column * size + row] = value;
            }
        }
        inverse
    }

    /// Returns ln det A.
    #[must_use]
    pub fn log_determinant(&self) -> f64 {
        (0..self.size).map(|k| 2.0 * self.lower[k * self.size + k].ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A = [[4, 2, 0.6], [2, 3, 0.4], [0.6, 0.4, 2]].
    const MATRIX: [f64; 9] = [4.0, 2.0, 0.6, 2.0, 3.0, 0.4, 0.6, 0.4, 2.0];

    #[test]
    fn solution_reproduces_the_right_hand_side() {
        let b = [1.0, -2.0, 3.0];
        let x = Cholesky::new(&MATRIX, 3).unwrap().solve(&b).unwrap();
        for (row, &target) in b.iter().enumerate() {
            let value: f64 = (0..3).map(|k| MATRIX[row * 3 + k] * x[k]).sum();
            assert!((value - target).abs() < 1e-14);
        }
    }

    #[test]
    fn inverse_times_matrix_is_the_identity() {
        let inverse = Cholesky::new(&MATRIX, 3).unwrap().inverse();
        for row in 0..3 {
            for column in 0..3 {
                let value: f64 = (0..3).map(|k| inverse[row * 3 + k] * MATRIX[k * 3 + column]).sum();
                let unit = if row == column { 1.0 } else { 0.0 };
                assert!((value - unit).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn log_determinant_of_a_two_by_two_solved_by_hand() {
        let factor = Cholesky::new(&[4.0, 2.0, 2.0, 3.0], 2).unwrap();
        assert!((factor.log_determinant() - 8.0_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn a_repeated_column_is_singular_whatever_its_scale() {
        for scale in [1e-9, 1.0, 1e9] {
            let matrix: Vec<f64> = [1.0, 1.0, 1.0, 1.0].iter().map(|value| value * scale).collect();
            assert_eq!(Cholesky::new(&matrix, 2), Err(Error::Singular { column: 1 }));
        }
        assert_eq!(Cholesky::new(&[0.0], 1), Err(Error::Singular { column: 0 }));
        assert_eq!(Cholesky::new(&[-1.0], 1), Err(Error::Singular { column: 0 }));
    }

    #[test]
    fn shapes_and_nan_are_refused() {
        assert!(matches!(Cholesky::new(&[1.0, 2.0], 2), Err(Error::LengthMismatch { .. })));
        assert_eq!(Cholesky::new(&[f64::NAN], 1), Err(Error::NotFinite { index: 0 }));
        assert!(matches!(Cholesky::new(&[1.0], 1).unwrap().solve(&[]), Err(Error::LengthMismatch { .. })));
    }
}
