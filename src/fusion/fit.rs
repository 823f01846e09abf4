use std::collections::{BTreeMap, HashSet};

use polars::prelude::{DataFrame, DataType, SortMultipleOptions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::encode::{Raw, embedding_rows, raw};
use super::{Design, DesignColumn, Encoding, Error};
use crate::learn::PrincipalComponents;
use crate::schema::{Dictionary, Kind, Known};
use crate::stats::ExactMoments;

/// What is done to the columns before a model sees them. Nothing by default: trees take missing values as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preprocessing {
    /// What stands in for missing values.
    pub impute: Impute,
    /// Scaling of numbers and components.
    pub scale: Scale,
    /// Principal components to keep, by embedding column (`mri_emb = 16`).
    pub reduce: BTreeMap<String, usize>,
}

impl Preprocessing {
    /// True when the columns are only encoded.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Imputation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Impute {
    /// Missing values stay NaN.
    #[default]
    None,
    /// Numbers: the median; components: the mean; booleans: the more frequent value; levels: no level. A column that
    /// had missing values in training gets an indicator.
    Median,
}

/// Scaling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Values keep their unit.
    #[default]
    None,
    /// Numbers and components: less the mean, by the population standard deviation, both after imputation.
    Standard,
}

impl Design {
    /// Fits encodings only: levels are those that occur, in the dictionary's order.
    ///
    /// `groups` pairs a group's name with its columns of the fused frame.
    ///
    /// # Errors
    /// As [`Design::fit_with`].
    pub fn fit(frame: &DataFrame, groups: &[(String, Vec<String>)]) -> Result<Self, Error> {
        Self::fit_with(frame, groups, &Preprocessing::default())
    }

    /// Fits encodings and the recipe on the same rows.
    ///
    /// # Errors
    /// As [`Design::encodings`] and [`Design::fitted_on`].
    pub fn fit_with(
        frame: &DataFrame,
        groups: &[(String, Vec<String>)],
        preprocessing: &Preprocessing,
    ) -> Result<Self, Error> {
        Self::encodings(frame, groups, preprocessing)?.fitted_on(frame, preprocessing)
    }

    /// The columns of the matrix and how each is encoded, nothing of it estimated from values: levels are those that
    /// occur.
    ///
    /// # Errors
    /// [`Error::Feature`] for a column that is absent or of a type that has no encoding; [`Error::Leak`] for a column
    /// that the dictionary marks as known only after the treatment decision, [`Error::Administrative`] for an order,
    /// a date or a site.
    pub fn encodings(
        frame: &DataFrame,
        groups: &[(String, Vec<String>)],
        preprocessing: &Preprocessing,
    ) -> Result<Self, Error> {
        let mut design = Self::default();
        for (group, sources) in groups {
            for source in sources {
                let encodings = encodings_of(frame, source, preprocessing.reduce.get(source).copied())?;
                design.columns.extend(encodings.into_iter().map(|(name, encoding)| DesignColumn {
                    name,
                    source: source.clone(),
                    group: group.clone(),
                    encoding,
                    fill: None,
                    scale: None,
                }));
            }
        }
        Ok(design)
    }

    /// The same encodings with imputation, scaling and reduction fitted on training rows. The order of the rows
    /// changes no bit of it.
    ///
    /// # Errors
    /// [`Error::Learn`] when an embedding cannot be reduced to the number of components asked for, [`Error::Level`]
    /// for a level that the encodings do not know.
    pub fn fitted_on(&self, frame: &DataFrame, preprocessing: &Preprocessing) -> Result<Self, Error> {
        if preprocessing.is_none() {
            return Ok(self.clone());
        }
        let sources = self.sources();
        let parts: Vec<(Vec<DesignColumn>, Option<PrincipalComponents>)> = sources
            .par_iter()
            .map(|source| self.source_fitted_on(source, frame, preprocessing))
            .collect::<Result<_, Error>>()?;
        let mut fitted = Self::default();
        for (source, (columns, reduction)) in sources.into_iter().zip(parts) {
            fitted.columns.extend(columns);
            fitted.reductions.extend(reduction.map(|reduction| (source.to_owned(), reduction)));
        }
        Ok(fitted)
    }

    /// The columns of one source with what was fitted on `frame`, and its reduction.
    fn source_fitted_on(
        &self,
        source: &str,
        frame: &DataFrame,
        preprocessing: &Preprocessing,
    ) -> Result<(Vec<DesignColumn>, Option<PrincipalComponents>), Error> {
        let reduction = match (preprocessing.reduce.get(source), frame.column(source).map(|column| column.dtype())) {
            (Some(&n_components), Ok(DataType::Array(_, width))) => {
                let rows = embedding_rows(in_order(frame)?.column(source)?, *width)?;
                Some(PrincipalComponents::fit(&rows, *width, n_components)?)
            }
            _ => None,
        };
        let raw = raw(frame, source, &self.levels(source), reduction.as_ref())?;
        let mut columns: Vec<DesignColumn> =
            self.columns.iter().filter(|column| column.source == source).cloned().collect();
        columns.par_iter_mut().for_each(|column| fit_column(column, &raw, frame.height(), preprocessing));
        let any_missing = raw.column(&Encoding::Missing, frame.height()).contains(&1.0);
        if preprocessing.impute == Impute::Median && any_missing {
            let group = columns.first().map(|column| column.group.clone()).unwrap_or_default();
            columns.push(DesignColumn {
                name: format!("{source}?"),
                source: source.to_owned(),
                group,
                encoding: Encoding::Missing,
                fill: None,
                scale: None,
            });
        }
        Ok((columns, reduction))
    }

    /// Number of missing cells of `frame` that the design fills, by source column.
    #[must_use]
    pub fn imputed(&self, frame: &DataFrame) -> BTreeMap<String, usize> {
        let filled =
            |source: &&str| self.columns.iter().any(|column| column.source == **source && column.fill.is_some());
        self.sources()
            .into_iter()
            .filter(filled)
            .map(|source| {
                (source.to_owned(), frame.column(source).map_or(frame.height(), |column| column.null_count()))
            })
            .filter(|(_, n)| *n > 0)
            .collect()
    }
}

/// The design columns of one source column, in order.
fn encodings_of(frame: &DataFrame, source: &str, reduce: Option<usize>) -> Result<Vec<(String, Encoding)>, Error> {
    match Dictionary::compiled().known(source) {
        Known::After => return Err(Error::Leak { column: source.to_owned() }),
        Known::Administrative => return Err(Error::Administrative { column: source.to_owned() }),
        Known::Before | Known::Decision => {}
    }
    let Ok(column) = frame.column(source) else {
        return Err(absent(source, "number, boolean, level or embedding"));
    };
    match (column.dtype(), reduce) {
        (DataType::Boolean, _) => Ok(vec![(source.to_owned(), Encoding::Boolean)]),
        (DataType::Array(..), Some(n_components)) => {
            Ok((0..n_components).map(|at| (format!("{source} pc{}", at + 1), Encoding::Principal(at))).collect())
        }
        (DataType::Array(_, width), None) => {
            Ok((0..*width).map(|at| (format!("{source}[{at}]"), Encoding::Component(at))).collect())
        }
        (DataType::String, _) => {
            let Some(Kind::Level { levels }) = Dictionary::compiled().column(source).map(|column| &column.kind) else {
                return Err(absent(source, "a level column of the dictionary"));
            };
            let occurring: HashSet<&str> = column.str()?.iter().flatten().collect();
            let known = levels.iter().filter(|level| occurring.contains(level.as_str()));
            Ok(known.map(|level| (format!("{source}={level}"), Encoding::Level(level.clone()))).collect())
        }
        (kind, _) if kind.is_primitive_numeric() => Ok(vec![(source.to_owned(), Encoding::Number)]),
        _ => Err(absent(source, "number, boolean, level or embedding")),
    }
}

/// Fits what fills and scales one column, from its raw training values.
fn fit_column(column: &mut DesignColumn, raw: &Raw, n_rows: usize, preprocessing: &Preprocessing) {
    let mut values = raw.column(&column.encoding, n_rows);
    let scaled = matches!(column.encoding, Encoding::Number | Encoding::Component(_) | Encoding::Principal(_));
    if preprocessing.impute == Impute::Median {
        let fill = match column.encoding {
            Encoding::Number => median(&values),
            Encoding::Boolean => majority(&values),
            Encoding::Component(_) | Encoding::Principal(_) => moments(&values).mean() as f32,
            Encoding::Level(_) | Encoding::Missing => 0.0,
        };
        let fill = if fill.is_nan() { 0.0 } else { fill };
        values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = fill);
        column.fill = Some(fill);
    }
    if preprocessing.scale == Scale::Standard && scaled {
        let (mean, sd) = mean_and_sd(&mut values);
        if mean.is_finite() && sd > 0.0 {
            column.scale = Some((mean, sd));
        }
    }
}

/// The median by selection; of an even number the point halfway between the middle two. NaN without values.
fn median(values: &[f32]) -> f32 {
    let mut known: Vec<f32> = values.iter().filter(|value| !value.is_nan()).copied().collect();
    if known.is_empty() {
        return f32::NAN;
    }
    let (middle, even) = (known.len() / 2, known.len().is_multiple_of(2));
    let (below, upper, _) = known.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = f64::from(*upper);
    let lower = below.iter().copied().max_by(f32::total_cmp).filter(|_| even).map_or(upper, f64::from);
    (lower + 0.5 * (upper - lower)) as f32
}

fn majority(values: &[f32]) -> f32 {
    let (yes, no) = values.iter().fold((0, 0), |(yes, no), value| match value {
        value if value.is_nan() => (yes, no),
        1.0 => (yes + 1, no),
        _ => (yes, no + 1),
    });
    if yes > no { 1.0 } else { 0.0 }
}

fn moments(values: &[f32]) -> ExactMoments {
    let mut moments = ExactMoments::default();
    moments.push(values);
    moments
}

/// Mean and population standard deviation of the values that are not NaN, the same in any order of the rows: from
/// exact sums, or, where a value is too large for them, from sums over the sorted values.
fn mean_and_sd(values: &mut Vec<f32>) -> (f64, f64) {
    let exact = moments(values);
    if exact.n_too_large() == 0 {
        return (exact.mean(), exact.population_sd());
    }
    values.retain(|value| !value.is_nan());
    values.sort_by(f32::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The rows in the order of patient and visit, for what sums over rows in their order.
fn in_order(frame: &DataFrame) -> Result<DataFrame, Error> {
    let keys: Vec<&str> = ["patient_id", "visit"].into_iter().filter(|key| frame.column(key).is_ok()).collect();
    if keys.is_empty() {
        return Ok(frame.clone());
    }
    Ok(frame.sort(keys, SortMultipleOptions::default())?)
}

fn absent(column: &str, expected: &'static str) -> Error {
    Error::Feature { column: column.to_owned(), expected, found: "no such column".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::quantile;

    #[test]
    fn the_median_by_selection_is_the_quantile() {
        for values in [vec![3.0], vec![1.0, 4.0], vec![5.0, -1.0, 5.0], vec![2.5, 9.0, -3.0, 0.25, 7.0, 2.5]] {
            let sorted: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            let with_gap: Vec<f32> = values.iter().copied().chain([f32::NAN]).collect();
            assert_eq!(f64::from(median(&with_gap)), quantile(&sorted, 0.5).unwrap());
        }
        assert!(median(&[f32::NAN]).is_nan());
    }

    #[test]
    fn values_too_large_for_exact_sums_are_summed_in_sorted_order() {
        let forward = mean_and_sd(&mut vec![3e6, 1.0, f32::NAN, 2e6]);
        assert_eq!(forward, mean_and_sd(&mut vec![f32::NAN, 2e6, 3e6, 1.0]));
        assert!((forward.0 - 5_000_001.0 / 3.0).abs() < 1e-6);
    }
}
