//! Files of rows become checked frames, or are refused with all their violations at once.
//!
//! Lives here: readers of delimited text, workbooks, Parquet, Arrow and FHIR bundles, which all give text records
//! ([`TextTable`]); the mapping of records onto the dictionary by a cohort definition ([`read_mapped`]); patients as JSON
//! ([`read_json_rows`]); embedding tables and matrices, batch by batch ([`EmbeddingReader`], [`MatrixWriter`]); and whole
//! tables in and out ([`read_table`], [`write_table`]). May import `terms` and `schema`; polars, arrow, parquet and
//! calamine enter here. Deliberately absent: joins across files (`fusion`) and any statistics.

mod arrow_file;
mod compiled;
mod delimited;
mod embedding_file;
mod error;
mod fhir;
mod json_rows;
mod lines;
mod mapped;
mod matrix_file;
mod source;
mod text;
mod workbook;

pub use arrow_file::{read_table, with_metadata, write_table};
pub use delimited::{DelimitedReader, Layout, read_delimited};
pub use embedding_file::{EmbeddingBatch, EmbeddingReader, read_embedding_map};
pub use error::Error;
pub use fhir::{FhirCounts, FhirError, FhirMap, FhirTable, read_fhir};
pub use json_rows::read_json_rows;
pub use mapped::{DayKey, MappedTable, read_mapped};
pub use matrix_file::MatrixWriter;
pub use text::{TextColumn, TextTable};
pub use workbook::{WorkbookError, read_workbook};
