//! FHIR R4 resources become one record of text per patient, by a map that is data.
//!
//! Lives here: the map ([`FhirMap`], read from `data-schemas/fhir/*.toml`), bundles and resources by line, patients and
//! references to them, dates of any precision, codes and their words, and the choice among several values. May import
//! `schema` and the `TextTable` beside it. Deliberately absent: knowledge of a particular code (it is in the map), the
//! checks of ranges and levels (the table schemas do those), searching a server, and writing FHIR (`report` does that).

mod bundle;
mod concept;
mod counts;
mod date;
mod error;
mod gather;
mod json;
mod map;
mod people;
mod raw_map;
mod records;
mod resolve;
mod value;

pub use counts::FhirCounts;
pub use error::FhirError;
pub use map::FhirMap;
pub use records::{FhirTable, read_fhir};

#[cfg(test)]
mod tests;
