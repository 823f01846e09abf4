use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use tempfile::NamedTempFile;

use super::Error;

/// Writes a numeric matrix with its row keys to an Arrow IPC file, batch by batch, under a temporary name until it is
/// complete.
pub struct MatrixWriter {
    writer: FileWriter<BufWriter<NamedTempFile>>,
    schema: Arc<Schema>,
    path: PathBuf,
}

impl MatrixWriter {
    /// Starts a file with the columns `patient_id`, `visit` and `names` (float32).
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::Format`] for a path that does not end in `.arrow` or `.feather`.
    pub fn create(path: &Path, names: &[String]) -> Result<Self, Error> {
        if !path.extension().is_some_and(|extension| extension == "arrow" || extension == "feather") {
            let (expected, found) = ("a path that ends in .arrow or .feather for a matrix", "another".to_owned());
            return Err(Error::Format { path: path.into(), expected, found });
        }
        let failed = |source| Error::Write { path: path.into(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(folder).map_err(failed)?;
        let text = ["patient_id", "visit"].map(|name| Field::new(name, DataType::Utf8, false));
        let numbers = names.iter().map(|name| Field::new(name, DataType::Float32, false));
        let schema = Arc::new(Schema::new(text.into_iter().chain(numbers).collect::<Vec<_>>()));
        let writer = FileWriter::try_new(BufWriter::with_capacity(1 << 20, temporary), &schema)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Self { writer, schema, path: path.into() })
    }

    /// Appends rows; `columns` are in the order of the names, one value per row.
    ///
    /// # Errors
    /// [`Error::Write`], also when a column has another length than the keys.
    pub fn write(&mut self, patients: &[&str], visits: &[&str], columns: Vec<Vec<f32>>) -> Result<(), Error> {
        let text: [ArrayRef; 2] =
            [patients, visits].map(|keys| Arc::new(StringArray::from_iter_values(keys.iter())) as ArrayRef);
        let numbers = columns.into_iter().map(|column| Arc::new(Float32Array::from(column)) as ArrayRef);
        let batch = RecordBatch::try_new(self.schema.clone(), text.into_iter().chain(numbers).collect());
        batch.and_then(|batch| self.writer.write(&batch)).map_err(|error| self.failed(error))
    }

    /// Completes the file with `metadata` in its footer and gives it its name.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, metadata: &[(String, String)]) -> Result<(), Error> {
        for (key, value) in metadata {
            self.writer.write_metadata(key, value);
        }
        let path = self.path.clone();
        let failed = |error: ArrowError| Error::Write { path: path.clone(), source: std::io::Error::other(error) };
        let buffered = self.writer.into_inner().map_err(failed)?;
        let failed = |source| Error::Write { path: path.clone(), source };
        let temporary = buffered.into_inner().map_err(|error| failed(error.into_error()))?;
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn failed(&self, error: ArrowError) -> Error {
        Error::Write { path: self.path.clone(), source: std::io::Error::other(error) }
    }
}
