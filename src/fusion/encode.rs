use std::collections::HashMap;

use polars::prelude::{Column, DataFrame, DataType};

use super::{Encoding, Error};
use crate::learn::PrincipalComponents;
use crate::schema::{Dictionary, Kind};

/// The values of one source column before imputation and scaling.
pub(super) enum Raw {
    /// Absent from the frame, or null throughout.
    Absent,
    /// Numbers, and booleans as 1 and 0; missing is NaN.
    Numbers(Vec<f32>),
    /// Index of the level; `None` is missing.
    Levels(Vec<Option<u16>>, Vec<String>),
    /// Rows of `width` components; missing is NaN throughout.
    Rows(Vec<f32>, usize),
}

impl Raw {
    /// The values of one encoding.
    pub(super) fn column(&self, encoding: &Encoding, n_rows: usize) -> Vec<f32> {
        match (self, encoding) {
            (Self::Absent, Encoding::Missing) => vec![1.0; n_rows],
            (Self::Numbers(values), Encoding::Missing) => values.iter().map(|value| flag(value.is_nan())).collect(),
            (Self::Levels(codes, _), Encoding::Missing) => codes.iter().map(|code| flag(code.is_none())).collect(),
            (Self::Rows(values, width), Encoding::Missing) => {
                values.iter().step_by((*width).max(1)).map(|value| flag(value.is_nan())).collect()
            }
            (Self::Numbers(values), Encoding::Number | Encoding::Boolean) => values.clone(),
            (Self::Levels(codes, words), Encoding::Level(level)) => {
                let this = words.iter().position(|word| word == level).and_then(|at| u16::try_from(at).ok());
                codes.iter().map(|code| code.map_or(f32::NAN, |_| flag(*code == this))).collect()
            }
            (Self::Rows(values, width), Encoding::Component(at) | Encoding::Principal(at)) if at < width => {
                values.iter().skip(*at).step_by(*width).copied().collect()
            }
            _ => vec![f32::NAN; n_rows],
        }
    }
}

fn flag(yes: bool) -> f32 {
    if yes { 1.0 } else { 0.0 }
}

/// True for a level that the dictionary knows of a column.
pub(super) fn is_level(column: &str, text: &str) -> bool {
    let kind = Dictionary::compiled().column(column).map(|column| &column.kind);
    matches!(kind, Some(Kind::Level { levels }) if levels.iter().any(|level| level == text))
}

/// Reads a source column of a frame whose types have been checked.
///
/// # Errors
/// [`Error::Level`] for a level that neither training nor the dictionary knows, [`Error::Frame`].
pub(super) fn raw(
    frame: &DataFrame,
    source: &str,
    levels: &[&str],
    reduction: Option<&PrincipalComponents>,
) -> Result<Raw, Error> {
    let Ok(column) = frame.column(source) else { return Ok(Raw::Absent) };
    match column.dtype() {
        DataType::Null => Ok(Raw::Absent),
        DataType::Boolean => Ok(Raw::Numbers(column.bool()?.iter().map(|cell| cell.map_or(f32::NAN, flag)).collect())),
        DataType::String => {
            let code: HashMap<&str, u16> = levels.iter().copied().zip(0..).collect();
            let mut codes = Vec::with_capacity(column.len());
            for (row, cell) in column.str()?.iter().enumerate() {
                codes.push(match cell.map(|text| (text, code.get(text))) {
                    None => None,
                    Some((_, Some(code))) => Some(*code),
                    // A level of the dictionary that training never saw says nothing to the model.
                    Some((text, None)) if is_level(source, text) => None,
                    Some((text, None)) => {
                        return Err(Error::Level {
                            row: row + 1,
                            column: source.to_owned(),
                            expected: levels.join(", "),
                            found: text.to_owned(),
                        });
                    }
                });
            }
            Ok(Raw::Levels(codes, levels.iter().map(|level| (*level).to_owned()).collect()))
        }
        DataType::Array(_, width) => {
            let values = embedding_rows(column, *width)?;
            match reduction {
                None => Ok(Raw::Rows(values, *width)),
                Some(reduction) => {
                    let mut reduced = Vec::with_capacity(column.len() * reduction.n_components());
                    for row in values.chunks(*width) {
                        reduced.extend(reduction.transform(row)?);
                    }
                    Ok(Raw::Rows(reduced, reduction.n_components()))
                }
            }
        }
        _ => {
            let numbers = column.cast(&DataType::Float64)?;
            Ok(Raw::Numbers(numbers.f64()?.iter().map(|cell| cell.map_or(f32::NAN, |cell| cell as f32)).collect()))
        }
    }
}

/// The components of an embedding column, row after row; a missing embedding is NaN throughout.
pub(super) fn embedding_rows(column: &Column, width: usize) -> Result<Vec<f32>, Error> {
    let lists = column.array()?.rechunk();
    let flat = lists.get_inner().cast(&DataType::Float32)?;
    let mut values: Vec<f32> = flat.f32()?.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
    for (row, known) in values.chunks_mut(width.max(1)).zip(column.is_not_null().iter()) {
        if known != Some(true) {
            row.fill(f32::NAN);
        }
    }
    Ok(values)
}
