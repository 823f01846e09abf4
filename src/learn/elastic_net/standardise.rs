//! The design as the solver sees it: standardised f64 columns, and the checks on the way there.

use crate::learn::{DesignMatrix, Error};
use crate::stats;

/// Columns that vary, standardised, column-major; rows in the order that the loss wants.
pub(super) struct Standardised {
    values: Vec<f64>,
    n_rows: usize,
    /// Original position of each standardised column.
    pub varying: Vec<usize>,
    /// Of every original column.
    pub mean: Vec<f64>,
    /// Population standard deviation of every original column, 0 for constant ones.
    pub scale: Vec<f64>,
}

impl Standardised {
    /// Standardises `x` under `weights`, which sum to 1 and follow the rows of `x`; row `i` here is `order[i]` there.
    pub(super) fn new(x: &DesignMatrix, weights: &[f64], order: &[usize]) -> Result<Self, Error> {
        check_finite(x)?;
        let (n_rows, n_features) = (x.n_rows, x.n_features());
        let mut standardised =
            Self { values: Vec::new(), n_rows, varying: Vec::new(), mean: Vec::new(), scale: Vec::new() };
        let mut column = vec![0.0; n_rows];
        for feature in 0..n_features {
            let cells = x.values.iter().skip(feature).step_by(n_features);
            column.iter_mut().zip(cells).for_each(|(to, from)| *to = f64::from(*from));
            let first = column.first().copied().unwrap_or(0.0);
            let constant = column.iter().all(|value| *value == first);
            let mean = if constant { first } else { dot(&column, weights) };
            let variance: f64 = column.iter().zip(weights).map(|(value, weight)| weight * (value - mean).powi(2)).sum();
            let scale = if constant { 0.0 } else { variance.sqrt() };
            if scale > 0.0 {
                standardised.varying.push(feature);
                standardised.values.extend(order.iter().map(|&row| (column[row] - mean) / scale));
            }
            standardised.mean.push(mean);
            standardised.scale.push(scale);
        }
        if standardised.varying.is_empty() {
            return Err(Error::NothingVaries { n_features });
        }
        Ok(standardised)
    }

    /// The standardised columns.
    pub(super) fn columns(&self) -> Vec<&[f64]> {
        self.values.chunks_exact(self.n_rows.max(1)).collect()
    }
}

/// Every row has its width, and every value is finite.
pub(super) fn check_finite(x: &DesignMatrix) -> Result<(), Error> {
    let width = x.n_features();
    if x.values.len() != x.n_rows * width {
        return Err(Error::Width { expected: width, found: x.values.len() / x.n_rows.max(1) });
    }
    match x.values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((at, &found)) => Err(Error::NotFinite { row: at / width, column: x.names[at % width].clone(), found }),
        None => Ok(()),
    }
}

/// Weights of sum 1: equal ones, or the given ones, one per row, finite and above 0.
pub(super) fn unit_weights(weights: Option<&[f64]>, n_rows: usize) -> Result<Vec<f64>, Error> {
    let Some(weights) = weights else { return Ok(vec![1.0 / n_rows as f64; n_rows]) };
    if weights.len() != n_rows {
        let what = "observation weights";
        return Err(stats::Error::LengthMismatch { what, expected: n_rows, found: weights.len() }.into());
    }
    if let Some((index, &found)) = weights.iter().enumerate().find(|(_, w)| !(**w > 0.0 && w.is_finite())) {
        return Err(stats::Error::BadWeight { index, found }.into());
    }
    let total: f64 = weights.iter().sum();
    Ok(weights.iter().map(|weight| weight / total).collect())
}

/// Σ aᵢ·bᵢ in eight interleaved sums, which the compiler turns into vector instructions.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0_f64; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f64>()
}

/// `to` += `share`·`from`.
pub(super) fn add_scaled(to: &mut [f64], share: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += share * from);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(names: &[&str], values: &[f32]) -> DesignMatrix {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        DesignMatrix { n_rows: values.len() / names.len(), names, values: values.to_vec() }
    }

    #[test]
    fn columns_get_mean_zero_and_population_deviation_one_in_the_wanted_order() {
        let x = matrix(&["a", "fixed", "b"], &[1.0, 0.1, 4.0, 3.0, 0.1, 0.0]);
        let fitted = Standardised::new(&x, &[0.5, 0.5], &[1, 0]).unwrap();
        assert_eq!(fitted.columns(), [&[1.0, -1.0], &[-1.0, 1.0]]);
        assert_eq!((fitted.varying, fitted.scale), (vec![0, 2], vec![1.0, 0.0, 2.0]));
        assert_eq!(fitted.mean, [2.0, f64::from(0.1_f32), 2.0]);
    }

    #[test]
    fn weights_count_like_copies() {
        let x = matrix(&["a"], &[1.0, 4.0]);
        let fitted = Standardised::new(&x, &unit_weights(Some(&[2.0, 1.0]), 2).unwrap(), &[0, 1]).unwrap();
        assert!((fitted.mean[0] - 2.0).abs() < 1e-15 && (fitted.scale[0] - 2.0_f64.sqrt()).abs() < 1e-15);
        assert!(unit_weights(Some(&[1.0]), 2).is_err() && unit_weights(Some(&[1.0, 0.0]), 2).is_err());
    }

    #[test]
    fn a_missing_value_is_named_by_row_and_column() {
        let x = matrix(&["a", "b"], &[1.0, 2.0, 3.0, f32::NAN]);
        let error = Standardised::new(&x, &[0.5, 0.5], &[0, 1]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("row 1, column `b`: expected a finite number, found NaN; impute first"));
    }
}
