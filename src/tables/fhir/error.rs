use thiserror::Error;

use crate::schema::Violation;

/// A FHIR file or map that cannot be read. Messages hold entry numbers, paths and codes, never a patient's identifier.
#[derive(Debug, Error)]
pub enum FhirError {
    /// The map from FHIR to columns contradicts itself or is not TOML.
    #[error("{path}: {}", .wrong.join("; "))]
    Map {
        /// File.
        path: String,
        /// Everything that is wrong.
        wrong: Vec<String>,
    },
    /// The bytes are not JSON.
    #[error("{file}, line {line}, column {column}: expected JSON, found {found}")]
    Json {
        /// File.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1; 0 when the line as a whole is meant.
        column: usize,
        /// What the JSON reader said.
        found: String,
    },
    /// The JSON is no FHIR bundle, no resource and no list of resources by line.
    #[error("{file}: expected {expected}, found {found}")]
    Format {
        /// File.
        file: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The resources break rules of the map: all of them are listed; a violation's row is the entry in the bundle
    /// (from 1), or the line of a file with one resource per line, its column the path in the resource.
    #[error("{} violations of the FHIR map", .0.len())]
    Violations(Vec<Violation>),
}
