//! One row per patient and visit, and the numeric matrix that models see.
//!
//! Lives here: the join of a cohort's checked tables with image embeddings ([`fuse`]) and the design, fitted
//! once and replayed at prediction ([`Design`]). May import F0 to F3; of `learn` only the matrix type. polars is
//! used here. Deliberately absent: estimators and anything that looks at an outcome to build a feature.

mod design;
mod error;
mod join;

pub use design::{Design, DesignColumn, Encoding};
pub use error::Error;
pub use join::{Conflict, FuseOptions, Fused, FusionReport, fuse};
