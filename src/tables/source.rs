use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::delimited::BLOCK;
use super::{DelimitedReader, Error, FhirMap, Layout, TextTable, read_workbook};
use crate::schema::{FileMap, Violation, embedded};

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// Any file that a cohort may bring, as blocks of text records.
pub(super) enum Source {
    /// Delimited text.
    Text(DelimitedReader<std::io::Chain<std::io::Cursor<Vec<u8>>, File>>),
    /// Arrow and Parquet record batches.
    Typed { header: Vec<String>, batches: Batches, n_before: usize, expected: &'static str },
    /// Workbooks and bundles, read at once.
    Whole { header: Vec<String>, table: Option<TextTable>, left_out: BTreeMap<String, usize> },
}

impl Source {
    /// Opens the file of `map` by its extension, or by the map's `fhir` key.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Format`], [`Error::Extension`], [`Error::Violations`] for a broken header.
    pub(super) fn open(map: &FileMap, path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.into(), source };
        if let Some(name) = &map.fhir {
            let (place, text) = match embedded(&format!("fhir/{name}.toml")) {
                Some(text) => (format!("data-schemas/fhir/{name}.toml"), text.to_owned()),
                None => (
                    name.clone(),
                    std::fs::read_to_string(name).map_err(|source| Error::Read { path: name.into(), source })?,
                ),
            };
            let map_of = FhirMap::parse(&text, &place)?;
            let bytes = std::fs::read(path).map_err(failed)?;
            let read = map_of.read(&bytes, &map.path)?;
            return Ok(Self::whole(read.table, read.counts.left_out()));
        }
        match path.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => {
                let layout = Layout {
                    separator: map.separator,
                    header_record: map.header_record,
                    skip_records: map.skip_records,
                    repeated_names: map.repeated_names,
                };
                Ok(Self::Text(DelimitedReader::open(path, &map.path, &layout)?))
            }
            "parquet" => {
                let expected = "a Parquet file";
                let broken = |found: String| Error::Format { path: path.into(), expected, found };
                let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).map_err(failed)?)
                    .map_err(|error| broken(error.to_string()))?;
                let header = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
                let reader = builder.with_batch_size(BLOCK).build().map_err(|error| broken(error.to_string()))?;
                Ok(Self::Typed { header, batches: Box::new(reader), n_before: 0, expected })
            }
            "arrow" | "feather" => Self::ipc(path),
            "xlsx" | "xlsm" | "xls" | "xlsb" | "ods" => {
                Ok(Self::whole(read_workbook(path, &map.path, map.sheet.as_deref())?, BTreeMap::new()))
            }
            _ => Err(Error::Extension { path: path.into() }),
        }
    }

    fn ipc(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.into(), source };
        let expected = "an Arrow IPC file or stream";
        let broken = |error: ArrowError| Error::Format { path: path.into(), expected, found: error.to_string() };
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        file.by_ref().take(6).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let (schema, batches): (_, Batches) = if magic == b"ARROW1" {
            let reader = FileReader::try_new(BufReader::new(file), None).map_err(broken)?;
            (reader.schema(), Box::new(reader))
        } else {
            let reader = StreamReader::try_new(BufReader::new(file), None).map_err(broken)?;
            (reader.schema(), Box::new(reader))
        };
        let header = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Self::Typed { header, batches, n_before: 0, expected })
    }

    fn whole(table: TextTable, left_out: BTreeMap<String, usize>) -> Self {
        Self::Whole { header: table.header.clone(), table: Some(table), left_out }
    }

    /// What the reader left out by its own rules, in words with counts.
    pub(super) fn left_out(&self) -> BTreeMap<String, usize> {
        match self {
            Self::Whole { left_out, .. } => left_out.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// The column names.
    pub(super) fn header(&self) -> &[String] {
        match self {
            Self::Text(reader) => reader.header(),
            Self::Typed { header, .. } | Self::Whole { header, .. } => header,
        }
    }

    /// True where the source knows nulls, so that an empty cell needs no declaration to be missing.
    pub(super) fn knows_nulls(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// The next records; broken ones are left out and added to `violations`.
    ///
    /// # Errors
    /// [`Error::Format`] when a batch cannot be decoded.
    pub(super) fn next_block(
        &mut self,
        path: &Path,
        violations: &mut Vec<Violation>,
    ) -> Result<Option<TextTable>, Error> {
        match self {
            Self::Text(reader) => Ok(reader.next_block(violations)),
            Self::Whole { table, .. } => Ok(table.take()),
            Self::Typed { header, batches, n_before, expected } => {
                let Some(batch) = batches.next() else { return Ok(None) };
                let table = batch
                    .and_then(|batch| text_of(&batch, header, *n_before))
                    .map_err(|error| Error::Format { path: path.into(), expected, found: error.to_string() })?;
                *n_before += table.n_records();
                Ok(Some(table))
            }
        }
    }
}

/// A batch as text; nulls and NaN are empty. Rows are numbered from 2, as if the names stood in row 1.
fn text_of(batch: &RecordBatch, header: &[String], n_before: usize) -> Result<TextTable, ArrowError> {
    let options = FormatOptions::default().with_null("");
    let formatters = batch
        .columns()
        .iter()
        .map(|array| ArrayFormatter::try_new(array.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    let mut table = TextTable::new(header.to_vec());
    let mut cells = vec![String::new(); header.len()];
    for row in 0..batch.num_rows() {
        for (cell, formatter) in cells.iter_mut().zip(&formatters) {
            cell.clear();
            formatter.value(row).write(cell)?;
            if cell == "NaN" {
                cell.clear();
            }
        }
        table.push(n_before + row + 2, cells.iter().map(String::as_str));
    }
    Ok(table)
}
