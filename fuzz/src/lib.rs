//! The readers of outside files, mounted from `../src` without the rest of the crate (polars, candle, dicom).
//!
//! Run one with `cargo fuzz run fhir --sanitizer none -- -dict=fhir.dict`; see README.md. A reader that gains a new
//! import from the crate has it mounted here.
#![allow(dead_code, unused_imports, missing_docs)]

pub mod genomics;
#[cfg(feature = "imaging")]
#[path = "../../src/imaging/mod.rs"]
pub mod imaging;
pub mod schema;
pub mod tables;
#[cfg(feature = "imaging")]
#[path = "../../src/terms/mod.rs"]
pub mod terms;
