use polars::prelude::{DataFrame, DataType};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::learn::DesignMatrix;
use crate::schema::{Dictionary, Kind};

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
}

/// One column of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesignColumn {
    /// Name in the matrix (`arm=Pembro`, `mri_emb[3]`).
    pub name: String,
    /// Column of the fused frame.
    pub source: String,
    /// Feature group of the specification.
    pub group: String,
    /// Encoding.
    pub encoding: Encoding,
}

/// The order and encoding of a model's inputs: fitted on the training rows, saved with the model, replayed.
///
/// Missing values stay NaN: the trees send them down a learnt default branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Columns of the matrix, in order.
    pub columns: Vec<DesignColumn>,
}

impl Design {
    /// Fits the design on training rows: levels are those that occur, in the dictionary's order.
    ///
    /// `groups` pairs a group's name with its columns of the fused frame.
    ///
    /// # Errors
    /// [`Error::Feature`] for a column that is absent or of a type that has no encoding.
    pub fn fit(frame: &DataFrame, groups: &[(String, Vec<String>)]) -> Result<Self, Error> {
        let mut columns = Vec::new();
        for (group, sources) in groups {
            for source in sources {
                let mut push = |name: String, encoding: Encoding| {
                    columns.push(DesignColumn { name, source: source.clone(), group: group.clone(), encoding });
                };
                let Ok(column) = frame.column(source) else {
                    return Err(absent(source, "number, boolean, level or embedding"));
                };
                match column.dtype() {
                    DataType::Boolean => push(source.clone(), Encoding::Boolean),
                    DataType::Array(_, width) => {
                        for component in 0..*width {
                            push(format!("{source}[{component}]"), Encoding::Component(component));
                        }
                    }
                    DataType::String => {
                        let cells = column.str()?;
                        let known = match Dictionary::compiled().column(source).map(|column| &column.kind) {
                            Some(Kind::Level { levels }) => levels.clone(),
                            _ => return Err(absent(source, "a level column of the dictionary")),
                        };
                        for level in known {
                            if cells.iter().any(|cell| cell == Some(level.as_str())) {
                                push(format!("{source}={level}"), Encoding::Level(level));
                            }
                        }
                    }
                    kind if kind.is_primitive_numeric() => push(source.clone(), Encoding::Number),
                    _ => return Err(absent(source, "number, boolean, level or embedding")),
                }
            }
        }
        Ok(Self { columns })
    }

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

    /// The matrix of `frame`, rows in its order.
    ///
    /// A source column that is absent from the frame, or present and null, is missing (NaN).
    ///
    /// # Errors
    /// [`Error::Feature`] for a column of another type, [`Error::Level`] for a level that training never saw.
    pub fn apply(&self, frame: &DataFrame) -> Result<DesignMatrix, Error> {
        let n_rows = frame.height();
        let width = self.columns.len();
        let mut values = vec![f32::NAN; n_rows * width];
        for (at, design) in self.columns.iter().enumerate() {
            let Ok(column) = frame.column(&design.source) else { continue };
            if column.dtype() == &DataType::Null {
                continue;
            }
            let mut put = |row: usize, value: f32| {
                if let Some(cell) = values.get_mut(row * width + at) {
                    *cell = value;
                }
            };
            let mismatch = |expected: &'static str| Error::Feature {
                column: design.source.clone(),
                expected,
                found: column.dtype().to_string(),
            };
            match &design.encoding {
                Encoding::Number => {
                    if !column.dtype().is_primitive_numeric() {
                        return Err(mismatch("number"));
                    }
                    let numbers = column.cast(&DataType::Float64)?;
                    for (row, number) in numbers.f64()?.iter().enumerate() {
                        put(row, number.map_or(f32::NAN, |number| number as f32));
                    }
                }
                Encoding::Boolean => {
                    let flags = column.bool().map_err(|_| mismatch("boolean"))?;
                    for (row, flag) in flags.iter().enumerate() {
                        put(row, flag.map_or(f32::NAN, |flag| f32::from(u8::from(flag))));
                    }
                }
                Encoding::Level(level) => {
                    let cells = column.str().map_err(|_| mismatch("text"))?;
                    let known = self.levels(&design.source);
                    for (row, cell) in cells.iter().enumerate() {
                        let Some(text) = cell else { continue };
                        if !known.contains(&text) {
                            return Err(Error::Level {
                                row: row + 1,
                                column: design.source.clone(),
                                expected: known.join(", "),
                                found: text.to_owned(),
                            });
                        }
                        put(row, f32::from(u8::from(text == level)));
                    }
                }
                Encoding::Component(component) => {
                    let DataType::Array(_, size) = column.dtype() else { return Err(mismatch("embedding")) };
                    let size = *size;
                    let lists = column.array().map_err(|_| mismatch("embedding"))?;
                    let flat = lists.rechunk().get_inner().cast(&DataType::Float32)?;
                    let flat = flat.f32()?;
                    for (row, known) in column.is_not_null().iter().enumerate() {
                        if known != Some(true) {
                            continue;
                        }
                        put(row, flat.get(row * size + component).unwrap_or(f32::NAN));
                    }
                }
            }
        }
        let names = self.columns.iter().map(|column| column.name.clone()).collect();
        Ok(DesignMatrix { names, n_rows, values })
    }
}

fn absent(column: &str, expected: &'static str) -> Error {
    Error::Feature { column: column.to_owned(), expected, found: "no such column".to_owned() }
}
