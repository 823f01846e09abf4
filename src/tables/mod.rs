//! Files of rows become checked frames, or are refused with all their violations at once.
//!
//! Lives here: mapped CSV and TSV reading by a cohort definition ([`read_mapped`]), and generic Arrow IPC,
//! Parquet and CSV tables in and out ([`read_table`], [`write_table`]). May import `terms` and `schema`; polars
//! and arrow enter here. Deliberately absent: joins across files (`fusion`) and any statistics.

mod arrow_file;
mod delimited;
mod error;
mod mapped;

pub use arrow_file::{read_table, with_metadata, write_table};
pub use delimited::{Delimited, read_delimited};
pub use error::Error;
pub use mapped::{MappedTable, read_mapped};
