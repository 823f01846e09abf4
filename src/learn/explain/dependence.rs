use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{DesignMatrix, Error};
use crate::stats::quantile;

/// The mean prediction as a function of one column, all else as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialDependence {
    /// Column name.
    pub column: String,
    /// Ascending values of the column.
    pub grid: Vec<f64>,
    /// Mean prediction of all rows, the column set to each value.
    pub mean: Vec<f64>,
    /// Lower percentile of the predictions over patients.
    pub lower: Vec<f64>,
    /// Upper percentile of the predictions over patients.
    pub upper: Vec<f64>,
}

/// Returns the partial dependence of `predict` on column `column` at up to `n_points` quantiles of its values.
///
/// Quantiles run from the smallest to the largest value in equal steps, equal ones once; a column of at most
/// `n_points` distinct values has all of them. The band holds the central `band` (0.9, say) of the patients' own
/// curves at each point: it shows how patients differ, not how sure the mean is. Rows where the column is missing
/// take the grid value too. Where columns depend on each other the mean runs over patients who do not exist.
///
/// # Errors
/// [`Error::Width`] for a column that `x` lacks, [`Error::Parameter`] for fewer than two points or a band outside
/// (0, 1), [`Error::NothingVaries`] for a column without two values, [`Error::LengthMismatch`] and [`Error::Stats`] for
/// predictions of the wrong number or not finite, and what `predict` refuses.
///
/// # Source
/// Friedman 2001; Goldstein et al. 2015 (individual curves).
pub fn partial_dependence<P>(
    x: &DesignMatrix,
    column: usize,
    n_points: usize,
    band: f64,
    predict: P,
) -> Result<PartialDependence, Error>
where
    P: Fn(&DesignMatrix) -> Result<Vec<f64>, Error> + Sync,
{
    let Some(name) = x.names.get(column) else {
        return Err(Error::Width { expected: column + 1, found: x.n_features() });
    };
    if n_points < 2 {
        return Err(Error::Parameter { what: "points", expected: "at least 2", found: n_points as f64 });
    }
    if !(band > 0.0 && band < 1.0) {
        return Err(Error::Parameter { what: "band", expected: "a share in (0, 1)", found: band });
    }
    let grid = grid(x, column, n_points)?;
    let points = grid
        .par_iter()
        .map(|&value| {
            let mut moved = x.clone();
            moved.values.iter_mut().skip(column).step_by(x.n_features()).for_each(|slot| *slot = value as f32);
            let predictions = predict(&moved)?;
            if predictions.len() != x.n_rows {
                return Err(Error::LengthMismatch { expected: x.n_rows, found: predictions.len() });
            }
            let tail = (1.0 - band) / 2.0;
            let (lower, upper) = (quantile(&predictions, tail)?, quantile(&predictions, 1.0 - tail)?);
            Ok([predictions.iter().sum::<f64>() / x.n_rows as f64, lower, upper])
        })
        .collect::<Result<Vec<[f64; 3]>, Error>>()?;
    let part = |at: usize| points.iter().filter_map(|point| point.get(at).copied()).collect();
    Ok(PartialDependence { column: name.clone(), grid, mean: part(0), lower: part(1), upper: part(2) })
}

/// Quantiles of the values there are, ascending.
fn grid(x: &DesignMatrix, column: usize, n_points: usize) -> Result<Vec<f64>, Error> {
    let present = (0..x.n_rows).filter_map(|row| x.row(row).get(column)).map(|&value| f64::from(value));
    let mut sorted: Vec<f64> = present.filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() < 2 {
        return Err(Error::NothingVaries { n_features: 1 });
    }
    if distinct.len() <= n_points {
        return Ok(distinct);
    }
    let levels = (0..n_points).map(|at| at as f64 / (n_points - 1) as f64);
    let mut points = levels.map(|level| quantile(&sorted, level)).collect::<Result<Vec<f64>, _>>()?;
    points.dedup();
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> DesignMatrix {
        let values = (0..50).flat_map(|row| [row as f32, (row % 2) as f32]).collect();
        DesignMatrix { names: vec!["age".into(), "er".into()], n_rows: 50, values }
    }

    #[test]
    fn an_additive_model_has_its_own_terms_by_pencil() {
        // 3·age + 10·er: at age v the mean is 3v + 5, half the patients at 3v and half at 3v + 10.
        let predict = |x: &DesignMatrix| {
            Ok((0..x.n_rows).map(|row| f64::from(3.0 * x.row(row)[0] + 10.0 * x.row(row)[1])).collect())
        };
        let found = partial_dependence(&matrix(), 0, 8, 0.9, predict).unwrap();
        assert_eq!((found.grid.len(), found.grid[0], found.grid[7]), (8, 0.0, 49.0));
        for at in 0..8 {
            let base = 3.0 * found.grid[at];
            for (found, expected) in [(found.mean[at], 5.0), (found.lower[at], 0.0), (found.upper[at], 10.0)] {
                assert!((found - base - expected).abs() < 1e-5);
            }
        }
        assert_eq!(partial_dependence(&matrix(), 1, 8, 0.9, predict).unwrap().grid, [0.0, 1.0]);
    }

    #[test]
    fn bad_input_is_refused() {
        let predict = |x: &DesignMatrix| Ok(vec![0.0; x.n_rows]);
        let mut x = matrix();
        assert!(matches!(partial_dependence(&x, 2, 8, 0.9, predict), Err(Error::Width { .. })));
        assert!(matches!(partial_dependence(&x, 0, 1, 0.9, predict), Err(Error::Parameter { .. })));
        assert!(matches!(partial_dependence(&x, 0, 8, 1.0, predict), Err(Error::Parameter { .. })));
        let nan = |x: &DesignMatrix| Ok(vec![f64::NAN; x.n_rows]);
        assert!(matches!(partial_dependence(&x, 0, 8, 0.9, nan), Err(Error::Stats(_))));
        x.values.iter_mut().step_by(2).for_each(|value| *value = f32::NAN);
        assert!(matches!(partial_dependence(&x, 0, 8, 0.9, predict), Err(Error::NothingVaries { .. })));
    }
}
