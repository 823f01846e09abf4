use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Cursor, Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use polars::prelude::{
    CompatLevel, DataFrame, IpcReader, IpcWriter, NamedFrom, ParquetReader, ParquetWriter, SerReader, SerWriter, Series,
};

use super::{Error, Layout, TextColumn, read_delimited, read_json_rows};

/// Reads a table and its schema metadata by extension; `-` is an Arrow IPC stream on standard input.
///
/// Arrow bytes from outside are decoded and validated by arrow-rs before polars sees them. CSV and TSV columns
/// become numbers or booleans (`true`, `false`) when every non-empty cell is one (`NA` and empty are null), text
/// otherwise. JSON is checked against the dictionary.
///
/// # Errors
/// [`Error::Extension`], [`Error::Read`], [`Error::Format`] when the bytes are not what the extension promises.
pub fn read_table(path: &Path) -> Result<(DataFrame, HashMap<String, String>), Error> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|source| Error::Read { path: path.into(), source })?;
        return from_arrow(path, &bytes, "an Arrow IPC stream", true);
    }
    let read = || std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source });
    match extension {
        "arrow" | "feather" => {
            let bytes = read()?;
            let stream = !bytes.starts_with(b"ARROW1");
            from_arrow(path, &bytes, "an Arrow IPC file", stream)
        }
        "parquet" => {
            let frame = ParquetReader::new(Cursor::new(read()?)).finish().map_err(|error| Error::Format {
                path: path.into(),
                expected: "a Parquet file",
                found: error.to_string(),
            })?;
            Ok((frame, HashMap::new()))
        }
        "csv" | "tsv" => {
            let separator = if extension == "tsv" { '\t' } else { ',' };
            let text = read_delimited(path, &path.display().to_string(), &Layout::plain(separator))?;
            let columns = text.named_columns().map(|(name, cells)| guess(name, cells).into()).collect();
            Ok((DataFrame::new(text.lines.len(), columns)?, HashMap::new()))
        }
        "json" | "ndjson" => Ok((read_json_rows(&read()?, &path.display().to_string())?, HashMap::new())),
        _ => Err(Error::Extension { path: path.into() }),
    }
}

fn guess(name: &str, cells: &TextColumn) -> Series {
    let missing = |cell: &str| cell.is_empty() || cell == "NA";
    let numbers: Option<Vec<Option<f64>>> = cells
        .iter()
        .map(|cell| if missing(cell) { Some(None) } else { cell.trim().parse::<f64>().ok().map(Some) })
        .collect();
    let flags: Option<Vec<Option<bool>>> = cells
        .iter()
        .map(|cell| match cell {
            "true" => Some(Some(true)),
            "false" => Some(Some(false)),
            _ if missing(cell) => Some(None),
            _ => None,
        })
        .collect();
    match (numbers, flags) {
        (Some(numbers), _) => Series::new(name.into(), numbers),
        (None, Some(flags)) => Series::new(name.into(), flags),
        (None, None) => {
            let text: Vec<Option<&str>> = cells.iter().map(|cell| (!missing(cell)).then_some(cell)).collect();
            Series::new(name.into(), text)
        }
    }
}

fn from_arrow(
    path: &Path,
    bytes: &[u8],
    expected: &'static str,
    stream: bool,
) -> Result<(DataFrame, HashMap<String, String>), Error> {
    let broken =
        |error: arrow::error::ArrowError| Error::Format { path: path.into(), expected, found: error.to_string() };
    let mut footer = HashMap::new();
    let (schema, batches) = if stream {
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
        (reader.schema(), reader.collect::<Result<Vec<RecordBatch>, _>>().map_err(broken)?)
    } else {
        let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
        footer.clone_from(reader.custom_metadata());
        (reader.schema(), reader.collect::<Result<Vec<RecordBatch>, _>>().map_err(broken)?)
    };
    let mut checked = Vec::new();
    let mut writer = FileWriter::try_new(&mut checked, &schema).map_err(broken)?;
    for batch in &batches {
        writer.write(batch).map_err(broken)?;
    }
    writer.finish().map_err(broken)?;
    drop(writer);
    let frame = IpcReader::new(Cursor::new(checked)).finish().map_err(|error| Error::Format {
        path: path.into(),
        expected,
        found: error.to_string(),
    })?;
    let metadata = schema.metadata().iter().map(|(key, value)| (key.to_string(), value.to_string()));
    Ok((frame, metadata.chain(footer).collect()))
}

/// Returns the Arrow IPC file bytes of `frame` with `metadata` in its schema.
///
/// # Errors
/// [`Error::Frame`] or [`Error::Format`] when the frame holds a type that Arrow cannot carry.
pub fn with_metadata(frame: &mut DataFrame, metadata: &HashMap<String, String>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    frame.rechunk_mut();
    IpcWriter::new(&mut bytes).with_compat_level(CompatLevel::oldest()).finish(frame)?;
    if metadata.is_empty() {
        return Ok(bytes);
    }
    let broken = |error: arrow::error::ArrowError| Error::Format {
        path: "-".into(),
        expected: "an Arrow frame",
        found: error.to_string(),
    };
    let reader = FileReader::try_new(Cursor::new(&bytes), None).map_err(broken)?;
    let schema = Arc::new(reader.schema().as_ref().clone().with_metadata(metadata.clone()));
    let mut tagged = Vec::new();
    let mut writer = FileWriter::try_new(&mut tagged, &schema).map_err(broken)?;
    for batch in reader {
        let batch = batch.and_then(|batch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec()));
        writer.write(&batch.map_err(broken)?).map_err(broken)?;
    }
    writer.finish().map_err(broken)?;
    drop(writer);
    Ok(tagged)
}

/// Writes a table by extension, through a temporary file that is renamed when complete; `-` is an Arrow IPC
/// stream on standard output. Metadata is kept by Arrow files only.
///
/// # Errors
/// [`Error::Extension`], [`Error::Write`], or [`Error::Frame`] for a column type that the format cannot hold.
pub fn write_table(path: &Path, frame: &mut DataFrame, metadata: &HashMap<String, String>) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Write { path: path.into(), source };
    if path.as_os_str() == "-" {
        let mut out = BufWriter::new(std::io::stdout().lock());
        polars::prelude::IpcStreamWriter::new(&mut out).with_compat_level(CompatLevel::oldest()).finish(frame)?;
        return out.flush().map_err(failed);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    match extension {
        "arrow" | "feather" => temporary.write_all(&with_metadata(frame, metadata)?).map_err(failed)?,
        "parquet" => {
            ParquetWriter::new(temporary.as_file_mut()).finish(frame)?;
        }
        "csv" | "tsv" => {
            let separator = if extension == "tsv" { b'\t' } else { b',' };
            write_delimited(temporary.as_file_mut(), frame, separator).map_err(failed)?;
        }
        _ => return Err(Error::Extension { path: path.into() }),
    }
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Writes text cells; numbers in the shortest form that reads back to the same value, null as an empty field.
fn write_delimited(file: &mut File, frame: &DataFrame, separator: u8) -> std::io::Result<()> {
    let mut csv = csv::WriterBuilder::new().delimiter(separator).from_writer(BufWriter::new(file));
    csv.write_record(frame.get_column_names().iter().map(|name| name.as_str()))?;
    for row in 0..frame.height() {
        let cells = frame.columns().iter().map(|column| match column.get(row) {
            Ok(polars::prelude::AnyValue::Null) | Err(_) => String::new(),
            Ok(polars::prelude::AnyValue::Float64(number)) => format!("{number}"),
            Ok(value) => value.str_value().into_owned(),
        });
        csv.write_record(cells)?;
    }
    csv.flush()
}
