//! Chosen eigenvalues of a symmetric matrix: Householder's tridiagonal form, then bisection on the count of negative pivots.

/// A symmetric tridiagonal matrix with the eigenvalues of the matrix it was made from.
pub(super) struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Squares of the entries beside the diagonal.
    beside: Vec<f64>,
    reach: f64,
}

impl Tridiagonal {
    /// The tridiagonal form of a symmetric `n × n` matrix, row by row.
    pub fn of(mut a: Vec<f64>, n: usize) -> Self {
        let mut beside = Vec::with_capacity(n);
        for k in 0..n.saturating_sub(1) {
            let mut v: Vec<f64> = (k + 1..n).map(|i| a[i * n + k]).collect();
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            beside.push(norm * norm);
            // The reflection sends the column to a multiple of its first entry; its sign avoids cancellation.
            v[0] += norm.copysign(v[0]);
            let half = v.iter().map(|x| x * x).sum::<f64>() / 2.0;
            if half <= f64::MIN_POSITIVE {
                continue;
            }
            let m = v.len();
            let at = |i: usize, j: usize| (i + k + 1) * n + j + k + 1;
            let mut w: Vec<f64> = (0..m).map(|i| (0..m).map(|j| a[at(i, j)] * v[j]).sum::<f64>() / half).collect();
            let share = w.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>() / (2.0 * half);
            w.iter_mut().zip(&v).for_each(|(w, v)| *w -= share * v);
            for i in 0..m {
                for j in 0..m {
                    a[at(i, j)] -= v[i] * w[j] + w[i] * v[j];
                }
            }
        }
        let diagonal: Vec<f64> = (0..n).map(|i| a[i * n + i]).collect();
        let widest = diagonal.iter().map(|d| d.abs()).fold(0.0, f64::max);
        let reach = widest + 2.0 * beside.iter().map(|b| b.sqrt()).fold(0.0, f64::max);
        Self { diagonal, beside, reach }
    }

    /// How many eigenvalues lie below `x` (Sylvester's law of inertia).
    fn below(&self, x: f64) -> usize {
        let (mut count, mut pivot) = (0, 1.0f64);
        for (i, d) in self.diagonal.iter().enumerate() {
            let taken = if i == 0 { 0.0 } else { self.beside[i - 1] / pivot };
            pivot = d - x - taken;
            if pivot == 0.0 {
                pivot = f64::MIN_POSITIVE.sqrt();
            }
            count += usize::from(pivot < 0.0);
        }
        count
    }

    /// The eigenvalue number `k` from the smallest, to the last bits of the largest.
    pub fn eigenvalue(&self, k: usize) -> f64 {
        let (mut low, mut high) = (-self.reach, self.reach);
        for _ in 0..64 {
            let middle = low + (high - low) / 2.0;
            if self.below(middle) > k { high = middle } else { low = middle }
        }
        low + (high - low) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_with_known_eigenvalues_gives_them() {
        // By hand: 2 on the diagonal, 1 beside it, n = 3: 2 − √2, 2, 2 + √2.
        let known = Tridiagonal::of(vec![2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 2.0], 3);
        for (k, expected) in [2.0 - 2f64.sqrt(), 2.0, 2.0 + 2f64.sqrt()].into_iter().enumerate() {
            assert!((known.eigenvalue(k) - expected).abs() < 1e-14, "{k}");
        }
        // u uᵀ with |u|² = 30 has rank one.
        let u = [1.0, 2.0, 3.0, 4.0];
        let outer = Tridiagonal::of(u.iter().flat_map(|a| u.map(|b| a * b)).collect(), 4);
        for (k, expected) in [0.0, 0.0, 0.0, 30.0].into_iter().enumerate() {
            assert!((outer.eigenvalue(k) - expected).abs() < 1e-13, "{k}");
        }
    }

    #[test]
    fn eigenvalues_keep_trace_and_squares_of_a_full_matrix() {
        let n = 9;
        let entry = |i: usize, j: usize| ((i * j + 3 * (i + j)) % 11) as f64 - 4.0;
        let a: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let (trace, squares) = ((0..n).map(|i| a[i * n + i]).sum::<f64>(), a.iter().map(|x| x * x).sum::<f64>());
        let form = Tridiagonal::of(a, n);
        let values: Vec<f64> = (0..n).map(|k| form.eigenvalue(k)).collect();
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-11);
        assert!((values.iter().map(|x| x * x).sum::<f64>() - squares).abs() < 1e-10);
    }
}
