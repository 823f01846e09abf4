use std::collections::BTreeMap;

use polars::prelude::{DataFrame, DataType};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::encode::{Raw, raw};
use super::{Difference, Error};
use crate::learn::{DesignMatrix, PrincipalComponents};

/// How one column of the fused frame becomes one column of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The number itself; missing is NaN.
    Number,
    /// 1 for true, 0 for false, NaN for missing.
    Boolean,
    /// 1 where the level is this one, 0 where another, NaN for missing.
    Level(String),
    /// One component of an embedding; missing is NaN.
    Component(usize),
    /// One principal component of an embedding; missing is NaN.
    Principal(usize),
    /// 1 where the value is missing, 0 where it is known.
    Missing,
}

/// One column of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesignColumn {
    /// Name in the matrix (`arm=Pembro`, `mri_emb[3]`, `age_years?` for an indicator of missingness).
    pub name: String,
    /// Column of the fused frame.
    pub source: String,
    /// Feature group of the specification.
    pub group: String,
    /// Encoding.
    pub encoding: Encoding,
    /// What stands in for a missing value; without it the value stays NaN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f32>,
    /// Mean and population standard deviation on the training rows, after imputation; without it no scaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<(f64, f64)>,
}

/// What turns a raw value of a design column into its finished one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish {
    fill: f32,
    mean: f64,
    by: f64,
}

impl Finish {
    pub(super) fn of(column: &DesignColumn) -> Self {
        let (mean, sd) = column.scale.unwrap_or((0.0, 1.0));
        Self { fill: column.fill.unwrap_or(f32::NAN), mean, by: 1.0 / sd }
    }

    /// Imputed, then scaled.
    #[inline]
    pub(super) fn value(self, raw: f32) -> f32 {
        let value = if raw.is_nan() { self.fill } else { raw };
        ((f64::from(value) - self.mean) * self.by) as f32
    }
}

/// The recipe from fused rows to a model's inputs: order, encoding, imputation, scaling and reduction, fitted on the
/// training rows, saved with the model, and replayed to the last bit on any rows, in any order, on any number of threads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Columns of the matrix, in order.
    pub columns: Vec<DesignColumn>,
    /// Principal components by embedding column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reductions: BTreeMap<String, PrincipalComponents>,
}

impl Design {
    /// Levels of a level column, in order; empty for other columns.
    #[must_use]
    pub fn levels(&self, source: &str) -> Vec<&str> {
        self.columns
            .iter()
            .filter(|column| column.source == source)
            .filter_map(
                |column| if let Encoding::Level(level) = &column.encoding { Some(level.as_str()) } else { None },
            )
            .collect()
    }

    /// The distinct frame columns, in order.
    #[must_use]
    pub fn sources(&self) -> Vec<&str> {
        let mut sources: Vec<&str> = Vec::new();
        for column in &self.columns {
            if sources.last() != Some(&column.source.as_str()) {
                sources.push(&column.source);
            }
        }
        sources
    }

    /// The design without the columns of one source.
    #[must_use]
    pub(super) fn without(&self, source: &str) -> Self {
        let kept = |column: &&DesignColumn| column.source != source;
        Self { columns: self.columns.iter().filter(kept).cloned().collect(), reductions: self.reductions.clone() }
    }

    /// What the design was fitted on, in words, for one source column.
    fn expects(&self, source: &str) -> String {
        let columns = || self.columns.iter().filter(|column| column.source == source);
        if let Some(reduction) = self.reductions.get(source) {
            return format!("an embedding of {} components", reduction.n_columns());
        }
        match columns().find(|column| column.encoding != Encoding::Missing).map(|column| &column.encoding) {
            Some(Encoding::Number) => "number".to_owned(),
            Some(Encoding::Boolean) => "boolean".to_owned(),
            Some(Encoding::Level(_)) => "text".to_owned(),
            Some(Encoding::Component(_)) => {
                let width = columns().filter(|column| matches!(column.encoding, Encoding::Component(_))).count();
                format!("an embedding of {width} components")
            }
            _ => "a column".to_owned(),
        }
    }

    /// Every column in which `frame` differs from what the design was fitted on; absent columns included.
    #[must_use]
    pub fn differences(&self, frame: &DataFrame) -> Vec<Difference> {
        self.sources()
            .into_iter()
            .filter_map(|source| {
                let expected = self.expects(source);
                let found = match frame.column(source).map(|column| column.dtype().clone()) {
                    Err(_) => "no such column".to_owned(),
                    Ok(DataType::Null) => return None,
                    Ok(DataType::Boolean) => "boolean".to_owned(),
                    Ok(DataType::String) => "text".to_owned(),
                    Ok(DataType::Array(_, width)) => format!("an embedding of {width} components"),
                    Ok(kind) if kind.is_primitive_numeric() => "number".to_owned(),
                    Ok(other) => other.to_string(),
                };
                (expected != found).then(|| Difference { column: source.to_owned(), expected, found })
            })
            .collect()
    }

    /// The matrix of `frame` by column, rows in its order.
    ///
    /// A source column that is absent from the frame, or present and null, is missing; so is a level of the dictionary that
    /// training never saw.
    ///
    /// # Errors
    /// [`Error::Schema`] with every column of another type, [`Error::Level`] for a level that the dictionary does not know either.
    pub fn apply_columns(&self, frame: &DataFrame) -> Result<Vec<Vec<f32>>, Error> {
        let wrong: Vec<Difference> =
            self.differences(frame).into_iter().filter(|difference| difference.found != "no such column").collect();
        if !wrong.is_empty() {
            return Err(Error::Schema(wrong));
        }
        let sources = self.sources();
        let raws: Vec<Raw> = sources
            .par_iter()
            .map(|source| raw(frame, source, &self.levels(source), self.reductions.get(*source)))
            .collect::<Result<_, Error>>()?;
        let raw_of: BTreeMap<&str, &Raw> = sources.iter().copied().zip(&raws).collect();
        let n_rows = frame.height();
        Ok(self
            .columns
            .par_iter()
            .map(|column| {
                let mut values = match raw_of.get(column.source.as_str()) {
                    Some(raw) => raw.column(&column.encoding, n_rows),
                    None => vec![f32::NAN; n_rows],
                };
                if column.fill.is_some() || column.scale.is_some() {
                    let finish = Finish::of(column);
                    values.iter_mut().for_each(|value| *value = finish.value(*value));
                }
                values
            })
            .collect())
    }

    /// The matrix of `frame`, rows in its order.
    ///
    /// # Errors
    /// As [`Design::apply_columns`].
    pub fn apply(&self, frame: &DataFrame) -> Result<DesignMatrix, Error> {
        let columns = self.apply_columns(frame)?;
        let (n_rows, width) = (frame.height(), columns.len());
        let mut values = vec![f32::NAN; n_rows * width];
        for (at, column) in columns.iter().enumerate() {
            values.iter_mut().skip(at).step_by(width.max(1)).zip(column).for_each(|(slot, value)| *slot = *value);
        }
        let names = self.columns.iter().map(|column| column.name.clone()).collect();
        Ok(DesignMatrix { names, n_rows, values })
    }
}
