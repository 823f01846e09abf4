use serde::{Deserialize, Serialize};

use super::{DesignMatrix, Error};
use crate::stats::spline::{four_knot_basis, four_knots};

/// Columns with fewer distinct values keep their own value only.
const MIN_DISTINCT: usize = 10;
/// Points of the stored empirical distribution: a copy of the training values would be rows of patients in a model.
const N_QUANTILES: usize = 64;

/// The expansion of numeric columns into smooth terms for linear models, fitted on training rows.
///
/// A column with at least 10 distinct values becomes itself and a four-knot restricted cubic spline of its empirical
/// distribution function, so that skewed markers (nodes, receptor concentrations) need no transformation by hand and a
/// value beyond the training range does not run away. Other columns are kept as they are.
///
/// # Source
/// Harrell 2015, *Regression Modeling Strategies*, section 2.4.5 (restricted cubic splines).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplineBasis {
    names: Vec<String>,
    columns: Vec<Expansion>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expansion {
    Itself,
    /// Quantiles of the training values at equal steps of level, ascending, and knots on the level.
    Spline {
        quantiles: Vec<f64>,
        knots: Option<[f64; 4]>,
    },
}

impl SplineBasis {
    /// Fits the expansion on the rows of `x`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with row and column of the first missing value: impute first.
    pub fn fit(x: &DesignMatrix) -> Result<Self, Error> {
        check_finite(x)?;
        let width = x.n_features();
        let columns = (0..width)
            .map(|at| {
                let mut values: Vec<f64> =
                    x.values.iter().skip(at).step_by(width).map(|&value| f64::from(value)).collect();
                values.sort_by(f64::total_cmp);
                let n_distinct = 1 + values.windows(2).filter(|pair| pair[0] < pair[1]).count();
                if n_distinct < MIN_DISTINCT {
                    return Ok(Expansion::Itself);
                }
                let quantiles = (0..N_QUANTILES)
                    .map(|step| crate::stats::quantile(&values, step as f64 / (N_QUANTILES - 1) as f64))
                    .collect::<Result<Vec<f64>, _>>()?;
                let levels: Vec<f64> = values.iter().map(|&value| level(&quantiles, value)).collect();
                Ok(Expansion::Spline { knots: four_knots(&levels)?, quantiles })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { names: x.names.clone(), columns })
    }

    /// The expanded columns of `x`; a spline term is named `nodes~1`.
    ///
    /// # Errors
    /// [`Error::Width`], [`Error::NotFinite`].
    pub fn apply(&self, x: &DesignMatrix) -> Result<DesignMatrix, Error> {
        if x.n_features() != self.columns.len() {
            return Err(Error::Width { expected: self.columns.len(), found: x.n_features() });
        }
        check_finite(x)?;
        let mut values = Vec::new();
        for row in 0..x.n_rows {
            for (&value, expansion) in x.row(row).iter().zip(&self.columns) {
                values.push(value);
                if let Expansion::Spline { quantiles, knots } = expansion {
                    let level = level(quantiles, f64::from(value));
                    match knots {
                        Some(knots) => values.extend(four_knot_basis(level, knots).map(|term| term as f32)),
                        None => values.push(level as f32),
                    }
                }
            }
        }
        Ok(DesignMatrix { names: self.expanded_names(), n_rows: x.n_rows, values })
    }

    /// The column of the unexpanded matrix behind every expanded one.
    #[must_use]
    pub fn sources(&self) -> Vec<usize> {
        let n_terms = |expansion: &Expansion| match expansion {
            Expansion::Itself => 1,
            Expansion::Spline { knots: Some(_), .. } => 4,
            Expansion::Spline { knots: None, .. } => 2,
        };
        self.columns.iter().enumerate().flat_map(|(at, e)| std::iter::repeat_n(at, n_terms(e))).collect()
    }

    fn expanded_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut before = None;
        let mut term = 0;
        for source in self.sources() {
            term = if before == Some(source) { term + 1 } else { 0 };
            before = Some(source);
            let name = self.names.get(source).map_or("", String::as_str);
            names.push(if term == 0 { name.to_owned() } else { format!("{name}~{term}") });
        }
        names
    }
}

/// Every value is finite.
///
/// # Errors
/// [`Error::NotFinite`] for the first that is not.
pub(super) fn check_finite(x: &DesignMatrix) -> Result<(), Error> {
    match x.values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let width = x.n_features().max(1);
            let column = x.names.get(at % width).cloned().unwrap_or_default();
            let found = x.values.get(at).copied().unwrap_or(f32::NAN);
            Err(Error::NotFinite { row: at / width, column, found })
        }
    }
}

/// Share of the training values below `value`, between quantiles linearly; the middle of its ties.
fn level(quantiles: &[f64], value: f64) -> f64 {
    let last = quantiles.len().saturating_sub(1).max(1) as f64;
    let below = quantiles.partition_point(|&q| q < value);
    let upto = quantiles.partition_point(|&q| q <= value);
    if below < upto {
        return (below + upto - 1) as f64 / 2.0 / last;
    }
    match (below.checked_sub(1).and_then(|at| quantiles.get(at)), quantiles.get(below)) {
        (None, _) => 0.0,
        (_, None) => 1.0,
        (Some(&low), Some(&high)) => ((below - 1) as f64 + (value - low) / (high - low)) / last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: &[(&str, Vec<f32>)]) -> DesignMatrix {
        let n_rows = columns[0].1.len();
        let values = (0..n_rows).flat_map(|row| columns.iter().map(move |(_, column)| column[row])).collect();
        DesignMatrix { names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(), n_rows, values }
    }

    #[test]
    fn few_valued_columns_are_kept_and_others_gain_three_terms() {
        let x = matrix(&[
            ("er", (0..40).map(|i| (i % 2) as f32).collect()),
            ("nodes", (0..40).map(|i| (i * i) as f32).collect()),
        ]);
        let basis = SplineBasis::fit(&x).unwrap();
        let wide = basis.apply(&x).unwrap();
        assert_eq!(wide.names, ["er", "nodes", "nodes~1", "nodes~2", "nodes~3"]);
        assert_eq!(basis.sources(), [0, 1, 1, 1, 1]);
        assert_eq!(wide.row(3)[..2], [1.0, 9.0]);
    }

    #[test]
    fn levels_rise_from_zero_to_one_whatever_the_scale_and_ties_share_their_middle() {
        let quantiles = [0.0, 0.0, 0.0, 1.0, 10.0];
        assert_eq!(level(&quantiles, -1.0), 0.0);
        assert_eq!(level(&quantiles, 0.0), 0.25);
        assert_eq!(level(&quantiles, 1.0), 0.75);
        assert_eq!(level(&quantiles, 5.5), 0.875);
        assert_eq!(level(&quantiles, 99.0), 1.0);
    }

    #[test]
    fn a_missing_value_is_refused_with_its_place() {
        let mut x = matrix(&[("a", vec![1.0, 2.0]), ("b", vec![3.0, 4.0])]);
        let basis = SplineBasis::fit(&x).unwrap();
        x.values[3] = f32::NAN;
        let said = basis.apply(&x).unwrap_err().to_string();
        assert!(said.contains("row 1") && said.contains("`b`"), "{said}");
    }
}
