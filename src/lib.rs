//! regimen: how would this patient respond to each treatment option?
//!
//! Research software for breast cancer, not a medical device. The floors, bottom to top; each may import only those
//! listed in its own front page:
//!
//! - [`terms`]: the words of the field
//! - [`stats`]: estimates on slices · [`schema`]: the data dictionary and cohort definitions
//! - [`learn`]: estimators · [`imaging`]: bytes to images · [`tables`]: files to checked frames · [`genomics`]
//! - [`embed`]: images to embeddings
//! - [`fusion`]: one row per patient and visit, and the matrix that models see
//! - [`decide`]: options, evidence, applicability · [`study`]: every stage as a function
//! - [`report`]: an assessment as a page · [`store`]
//! - [`web`] and [`cli`]: talk
//!
//! ```no_run
//! use std::path::Path;
//! use regimen::fusion::{FuseOptions, fuse};
//! use regimen::schema::CohortDefinition;
//! use regimen::study::{FusedTable, Models, ResponseModel, predict};
//!
//! # fn main() -> Result<(), regimen::study::Error> {
//! let (cohort, data) = (CohortDefinition::load("ispy2")?, Path::new("../shared/data"));
//! let fused = fuse(&cohort, data, &FuseOptions::default())?;
//! let table = FusedTable::new(&cohort, data, fused)?;
//! let model = ResponseModel::open(&Models::Embedded, "pcr-ispy2")?;
//! let rows = predict(&model, &table, false)?;
//! println!("{} estimates", rows.predictions.len());
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod decide;
pub mod embed;
pub mod fusion;
pub mod genomics;
pub mod imaging;
pub mod learn;
pub mod report;
pub mod schema;
pub mod stats;
pub mod store;
pub mod study;
pub mod tables;
pub mod terms;
pub mod web;
