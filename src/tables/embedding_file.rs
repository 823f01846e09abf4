use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use polars::prelude::{DataFrame, NamedFrom, ReshapeDimension, Series};
use rayon::prelude::*;

use super::Error;
use crate::schema::{EmbeddingMap, Violation};
use crate::terms::PatientId;

/// Rows in one batch: 64 MiB of 512 components.
const ROWS: usize = 32_768;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// A table of embeddings that another program made, read in batches: memory does not grow with its rows.
pub struct EmbeddingReader {
    path: PathBuf,
    map: EmbeddingMap,
    namespace: String,
    /// Readers of the same rows, each of some of the columns, so that columns decode in parallel.
    parts: Vec<Batches>,
    width: usize,
    n_before: usize,
}

/// Rows of an embedding table.
pub struct EmbeddingBatch {
    /// Canonical patient ids.
    pub patients: Vec<String>,
    components: Components,
    width: usize,
}

enum Components {
    /// One array per component.
    Columns(Vec<Float32Array>),
    /// All components of a row side by side.
    Rows(Vec<f32>),
}

impl EmbeddingBatch {
    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.patients.len()
    }

    /// Component `at` of every row, where it lies side by side and nothing is missing.
    #[must_use]
    pub fn component_slice(&self, at: usize) -> Option<&[f32]> {
        let Components::Columns(columns) = &self.components else { return None };
        columns.get(at).filter(|column| column.null_count() == 0).map(|column| column.values().as_ref())
    }

    /// Writes component `at` of every row to `out`; a missing value is NaN.
    pub fn component(&self, at: usize, out: &mut Vec<f32>) {
        out.clear();
        match &self.components {
            Components::Columns(columns) => {
                let Some(column) = columns.get(at) else { return };
                out.extend_from_slice(column.values());
                if column.null_count() > 0 {
                    for (row, value) in out.iter_mut().enumerate() {
                        if column.is_null(row) {
                            *value = f32::NAN;
                        }
                    }
                }
            }
            Components::Rows(values) => out.extend(values.iter().skip(at).step_by(self.width.max(1))),
        }
    }

    /// All components, row after row; a missing value is NaN.
    #[must_use]
    pub fn rows(&self) -> Vec<f32> {
        match &self.components {
            Components::Rows(values) => values.clone(),
            Components::Columns(_) => {
                let mut values = vec![f32::NAN; self.n_rows() * self.width];
                let mut column = Vec::new();
                for at in 0..self.width {
                    self.component(at, &mut column);
                    values
                        .iter_mut()
                        .skip(at)
                        .step_by(self.width)
                        .zip(&column)
                        .for_each(|(slot, value)| *slot = *value);
                }
                values
            }
        }
    }
}

impl EmbeddingReader {
    /// Opens the file of `map`; `None` when it is optional and absent.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Format`], [`Error::MissingColumn`], [`Error::Extension`].
    pub fn open(map: &EmbeddingMap, namespace: &str, data: &Path) -> Result<Option<Self>, Error> {
        let path = data.join(&map.path);
        if !map.required && !path.exists() {
            return Ok(None);
        }
        let open = || File::open(&path).map_err(|source| Error::Read { path: path.clone(), source });
        let broken = |found: String| Error::Format { path: path.clone(), expected: "a table of embeddings", found };
        let file = open()?;
        let (parts, width) = match path.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
            "parquet" => {
                let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())
                    .map_err(|error| broken(error.to_string()))?;
                let (id, components) = columns_of(metadata.schema(), map, &path)?;
                let groups = if components.len() > 1 { rayon::current_num_threads().max(1) } else { 1 };
                let share = components.len().div_ceil(groups).max(1);
                let mut parts: Vec<Batches> = Vec::new();
                for chunk in std::iter::once([id].as_slice()).chain(components.chunks(share)) {
                    let mask = ProjectionMask::roots(metadata.parquet_schema(), chunk.iter().copied());
                    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(open()?, metadata.clone())
                        .with_projection(mask)
                        .with_batch_size(ROWS)
                        .build()
                        .map_err(|error| broken(error.to_string()))?;
                    parts.push(Box::new(reader));
                }
                let width = width_of(metadata.schema(), &components);
                (parts, width)
            }
            "arrow" | "feather" => {
                let first =
                    FileReader::try_new(BufReader::new(file), None).map_err(|error| broken(error.to_string()))?;
                let (id, components) = columns_of(&first.schema(), map, &path)?;
                let width = width_of(&first.schema(), &components);
                let ids = FileReader::try_new(BufReader::new(open()?), Some(vec![id]))
                    .map_err(|error| broken(error.to_string()))?;
                let rest = FileReader::try_new(BufReader::new(open()?), Some(components))
                    .map_err(|error| broken(error.to_string()))?;
                let parts: Vec<Batches> = vec![Box::new(ids), Box::new(rest)];
                (parts, width)
            }
            _ => return Err(Error::Extension { path: path.clone() }),
        };
        Ok(Some(Self {
            path: path.clone(),
            map: map.clone(),
            namespace: namespace.to_owned(),
            parts,
            width,
            n_before: 0,
        }))
    }

    /// Components per embedding; 0 when the list column has no fixed size and nothing was read yet.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The next rows, `None` at the end.
    ///
    /// # Errors
    /// [`Error::Format`] for undecodable data or a component that is not a number, [`Error::Violations`] for ids that
    /// do not match the definition's pattern.
    pub fn next_batch(&mut self) -> Result<Option<EmbeddingBatch>, Error> {
        let path = self.path.clone();
        let broken = |found: String| Error::Format { path: path.clone(), expected: "a table of embeddings", found };
        let read: Vec<Option<Result<RecordBatch, ArrowError>>> =
            self.parts.par_iter_mut().map(|part| part.next()).collect();
        let mut batches = Vec::new();
        for part in read {
            match part {
                None => return Ok(None),
                Some(batch) => batches.push(batch.map_err(|error| broken(error.to_string()))?),
            }
        }
        let n_rows = batches.first().map_or(0, RecordBatch::num_rows);
        if batches.iter().any(|batch| batch.num_rows() != n_rows) {
            return Err(broken("columns of different lengths".to_owned()));
        }
        let mut arrays = batches.iter().flat_map(|batch| batch.columns().iter().cloned());
        let ids = arrays.next().ok_or_else(|| broken("no id column".to_owned()))?;
        let patients = self.patients(&ids)?;
        let arrays: Vec<ArrayRef> = arrays.collect();
        let components = components_of(&arrays, n_rows).map_err(broken)?;
        let width = match &components {
            Components::Columns(columns) => columns.len(),
            Components::Rows(values) => values.len().checked_div(n_rows).unwrap_or(0),
        };
        if self.width != 0 && width != self.width {
            return Err(broken(format!("{width} components where {} were expected", self.width)));
        }
        self.width = width;
        self.n_before += n_rows;
        Ok(Some(EmbeddingBatch { patients, components, width }))
    }

    fn patients(&self, ids: &ArrayRef) -> Result<Vec<String>, Error> {
        let broken = |error: ArrowError| Error::Format {
            path: self.path.clone(),
            expected: "a table of embeddings",
            found: error.to_string(),
        };
        let options = FormatOptions::default().with_null("");
        let formatter = ArrayFormatter::try_new(ids.as_ref(), &options).map_err(broken)?;
        let words = ids.as_string_opt::<i32>();
        let mut patients = Vec::with_capacity(ids.len());
        let mut violations = Vec::new();
        for row in 0..ids.len() {
            let formatted;
            let text = match words {
                Some(words) if words.is_valid(row) => words.value(row),
                Some(_) => "",
                None => {
                    formatted = formatter.value(row).to_string();
                    &formatted
                }
            };
            let found = self.map.patient.read(text);
            match found.and_then(|(namespace, id)| PatientId::new(namespace.unwrap_or(&self.namespace), id).ok()) {
                Some(id) => patients.push(id.expose().to_owned()),
                None => violations.push(Violation {
                    file: self.map.path.clone(),
                    row: self.n_before + row + 1,
                    column: self.map.patient.column.clone(),
                    rule: self.map.patient.rule(),
                    found: "another text".into(),
                }),
            }
        }
        if violations.is_empty() { Ok(patients) } else { Err(Error::Violations(violations)) }
    }
}

/// Index of the id column and of the component columns.
fn columns_of(schema: &Schema, map: &EmbeddingMap, path: &Path) -> Result<(usize, Vec<usize>), Error> {
    let absent = |column: &str| Error::MissingColumn {
        path: path.into(),
        column: column.to_owned(),
        found: schema.fields().iter().take(8).map(|field| field.name().as_str()).collect::<Vec<_>>().join(", "),
    };
    let id = schema.index_of(&map.patient.column).map_err(|_| absent(&map.patient.column))?;
    if let Ok(one) = schema.index_of(&map.column) {
        return Ok((id, vec![one]));
    }
    let components: Vec<usize> =
        (0..schema.fields().len()).map_while(|at| schema.index_of(&format!("{}{at}", map.column)).ok()).collect();
    if components.is_empty() { Err(absent(&map.column)) } else { Ok((id, components)) }
}

fn width_of(schema: &Schema, components: &[usize]) -> usize {
    match components {
        [one] => match schema.field(*one).data_type() {
            DataType::FixedSizeList(_, width) => usize::try_from(*width).unwrap_or(0),
            DataType::List(_) | DataType::LargeList(_) => 0,
            _ => 1,
        },
        several => several.len(),
    }
}

fn numbers(array: &ArrayRef) -> Result<Float32Array, String> {
    match array.data_type() {
        DataType::Float32 => Ok(array.as_primitive::<Float32Type>().clone()),
        DataType::Float64 => Ok(array.as_primitive::<Float64Type>().unary::<_, Float32Type>(|value| value as f32)),
        other => Err(format!("components of type {other}: expected float32 or float64")),
    }
}

fn components_of(arrays: &[ArrayRef], n_rows: usize) -> Result<Components, String> {
    let inner = match arrays {
        [one] => match one.data_type() {
            DataType::FixedSizeList(..) => Some((one.as_fixed_size_list().values().clone(), one)),
            DataType::List(_) => {
                let list = one.as_list::<i32>();
                let lengths: Vec<i32> = (0..n_rows).map(|row| list.value_length(row)).collect();
                if lengths.windows(2).any(|pair| pair.first() != pair.last()) {
                    return Err("lists of different lengths".to_owned());
                }
                Some((list.values().clone(), one))
            }
            _ => None,
        },
        _ => None,
    };
    let Some((values, lists)) = inner else {
        return Ok(Components::Columns(arrays.iter().map(numbers).collect::<Result<_, _>>()?));
    };
    let values = numbers(&values)?;
    let width = values.len().checked_div(n_rows).unwrap_or(0);
    let mut rows: Vec<f32> = values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
    for (row, chunk) in rows.chunks_mut(width.max(1)).enumerate() {
        if lists.is_null(row) {
            chunk.fill(f32::NAN);
        }
    }
    Ok(Components::Rows(rows))
}

/// Reads a whole embedding table into the columns of `regimen embed`.
///
/// # Errors
/// As [`EmbeddingReader::open`] and [`EmbeddingReader::next_batch`].
pub fn read_embedding_map(map: &EmbeddingMap, namespace: &str, data: &Path) -> Result<Option<DataFrame>, Error> {
    let Some(mut reader) = EmbeddingReader::open(map, namespace, data)? else { return Ok(None) };
    let (mut patients, mut values) = (Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch()? {
        values.extend(batch.rows());
        patients.extend(batch.patients);
    }
    let n_rows = patients.len();
    let constant = |name: &str, text: &str| Series::new(name.into(), vec![text; n_rows]).into();
    let width = ReshapeDimension::new(i64::try_from(reader.width()).unwrap_or(0));
    let embedding = Series::new("embedding".into(), values).reshape_array(&[ReshapeDimension::Infer, width])?;
    let columns = vec![
        Series::new("patient_id".into(), patients).into(),
        constant("visit", "baseline"),
        constant("study", &map.path),
        constant("modality", map.modality.as_str()),
        constant("encoder", &map.encoder),
        constant("weights_sha256", "not recorded"),
        embedding.into(),
    ];
    Ok(Some(DataFrame::new(n_rows, columns)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::FixedSizeListArray;

    use super::*;

    #[test]
    fn a_null_component_of_a_list_is_missing_and_not_zero() {
        let lists = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
            [Some(vec![Some(1.0), None]), None, Some(vec![Some(3.0), Some(4.0)])],
            2,
        );
        let Ok(Components::Rows(rows)) = components_of(&[Arc::new(lists)], 3) else { panic!("rows") };
        let known: Vec<Option<f32>> = rows.iter().map(|value| (!value.is_nan()).then_some(*value)).collect();
        assert_eq!(known, [Some(1.0), None, None, None, Some(3.0), Some(4.0)]);
    }
}
