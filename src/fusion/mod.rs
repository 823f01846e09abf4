//! One row per patient and visit, and the numeric matrix that models see.
//!
//! Lives here: the join of a cohort's checked tables, genomic scores and image embeddings, with time windows against the
//! treatment decision ([`fuse`]); the recipe from fused rows to numbers, fitted on training rows and replayed to the
//! bit ([`Design`], [`Preprocessing`]); and the same recipe over embeddings that are too large to hold
//! ([`write_matrix`]). May import F0 to F3; of `learn` only the matrix type and principal components. polars is used
//! here. Deliberately absent: estimators and anything that looks at an outcome to build a feature.

mod design;
mod embeddings;
mod encode;
mod error;
mod fit;
mod genomic;
mod join;
mod report;
mod stream;
mod window;

pub use design::{Design, DesignColumn, Encoding};
pub use error::{Difference, Error};
pub use fit::{Impute, Preprocessing, Scale};
pub use genomic::{check_genomic_files, fit_signature_scaling};
pub use join::{Ages, FuseOptions, Fused, fuse};
pub use report::{Conflict, FileCounts, FusionReport, ScoreCounts};
pub use stream::{Recipe, RecipeSpec, WrittenMatrix, write_matrix};
pub use window::WindowCounts;
